"""The types of the recommendations, out of the tables of the library that compiled their ASN.1.

`pycrate` comes with the extra `h323` and is loaded at first use. Its own coder is not used: the objects that code
a message keep its values, belong to everybody and are in disorder after a failure, a type inside itself overwrites
its own values, and what is written of additions is aligned as if they began elsewhere. Its tables are read once,
into types without state.
"""

import functools
import importlib
import importlib.metadata
import importlib.util
import threading
from collections.abc import Callable
from typing import Any, Final

from signalling.gateways.h323.errors import UnavailableError
from signalling.gateways.h323.wire.strings import IA5, NUMERIC, PRINTABLE, CharacterString, OtherString, WideString
from signalling.gateways.h323.wire.structures import Choice, Member, Sequence
from signalling.gateways.h323.wire.types import (
    BitString,
    Boolean,
    Enumerated,
    Integer,
    ListOf,
    Null,
    ObjectIdentifier,
    OctetString,
    OpenType,
    Size,
    Type,
)

SERIES: Final = "0.8."
"""Versions of the library whose tables are understood."""
_PACKAGE: Final = "pycrate_asn1dir"
_LOADING: Final = threading.Lock()
"""Gateways load in a thread, and nobody may see a type that is not complete."""
_ALPHABETS: Final = {"IA5String": IA5, "NumericString": NUMERIC, "PrintableString": PRINTABLE}


def available() -> bool:
    """Whether the library is there; loads nothing."""
    return importlib.util.find_spec(_PACKAGE) is not None


@functools.cache
def load(recommendation: str, module: str, name: str) -> Type:
    """One type with all that is in it. Raises UnavailableError."""
    if not available():
        raise UnavailableError("H.323 needs the extra: pip install 'brotjeneste[h323]'")
    version = importlib.metadata.version("pycrate")
    if not version.startswith(SERIES):
        raise UnavailableError(f"H.323 was made for pycrate {SERIES}x, not for {version}")
    found = importlib.import_module(f"{_PACKAGE}.{recommendation}")
    with _LOADING:
        return _type(getattr(getattr(found, module), name))


_TYPES: Final[dict[int, Type]] = {}
"""By the identity of the library's objects, which live as long as it does; so one may contain itself."""


def _type(table: Any) -> Type:
    known = _TYPES.get(id(table))
    return known if known is not None else _STRUCTURES.get(table.TYPE, _simple)(table)


def _simple(table: Any) -> Type:
    made = _TYPES[id(table)] = _SIMPLE[table.TYPE](table)
    return made


def _integer(table: Any) -> Type:
    bounds = table._const_val  # noqa: SLF001
    return Integer(bounds.lb, bounds.ub, bounds.ext is not None) if bounds else Integer()


def _enumerated(table: Any) -> Type:
    return Enumerated(tuple(table._root), None if table._ext is None else tuple(table._ext))  # noqa: SLF001


def _size(table: Any) -> Size:
    bounds = table._const_sz  # noqa: SLF001
    if bounds and bounds.ext is not None:
        raise UnavailableError("a size in the tables of pycrate is not understood")
    return Size(bounds.lb or 0, bounds.ub) if bounds else Size()


def _characters(table: Any) -> Type:
    allowed = table._const_alpha  # noqa: SLF001
    return CharacterString(_size(table), "".join(sorted(allowed.root)) if allowed else _ALPHABETS[table.TYPE])


def _list(table: Any) -> Type:
    made = ListOf(_size(table), Null())
    _TYPES[id(table)] = made
    made.element = _type(table._cont)  # noqa: SLF001
    return made


def _sequence(table: Any) -> Type:
    made = Sequence()
    _TYPES[id(table)] = made
    made.root = [Member(name, _type(table._cont[name]), name in table._root_opt) for name in table._root]  # noqa: SLF001
    made.additions = _additions(table)
    return made


def _choice(table: Any) -> Type:
    made = Choice()
    _TYPES[id(table)] = made
    made.root = [Member(name, _type(table._cont[name])) for name in table._root]  # noqa: SLF001
    made.additions = _additions(table)
    return made


def _additions(table: Any) -> list[Member] | None:
    if table._ext is None:  # noqa: SLF001
        return None
    return [Member(name, _type(table._cont[name])) for name in table._ext]  # noqa: SLF001


_STRUCTURES: Final[dict[str, Callable[[Any], Type]]] = {
    "SEQUENCE": _sequence,
    "CHOICE": _choice,
    "SEQUENCE OF": _list,
    "SET OF": _list,
}
_SIMPLE: Final[dict[str, Callable[[Any], Type]]] = {
    "NULL": lambda _: Null(),
    "BOOLEAN": lambda _: Boolean(),
    "INTEGER": _integer,
    "ENUMERATED": _enumerated,
    "BIT STRING": lambda table: BitString(_size(table)),
    "OCTET STRING": lambda table: OctetString(_size(table)),
    "OBJECT IDENTIFIER": lambda _: ObjectIdentifier(),
    "OPEN_TYPE": lambda _: OpenType(),
    "IA5String": _characters,
    "NumericString": _characters,
    "PrintableString": _characters,
    "BMPString": lambda table: WideString(_size(table)),
    "GeneralString": lambda _: OtherString(),
}
