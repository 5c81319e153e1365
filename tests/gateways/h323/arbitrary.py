"""Any value of a type, by chance: small, and not too deep."""
# ruff: noqa: ARG001 - what dispatches on its first argument has the same others everywhere

import random
from functools import singledispatch
from typing import Any

from signalling.gateways.h323.wire import strings, structures, types

_SHALLOW, _DEEP = 6, 12
_LONG = 6


@singledispatch
def arbitrary(kind: types.Type, chance: random.Random, depth: int = 0) -> Any:
    """A value of a type that stands at a depth in others."""
    raise NotImplementedError(type(kind))


@arbitrary.register
def _(kind: types.Null, chance: random.Random, depth: int = 0) -> Any:
    return 0


@arbitrary.register
def _(kind: types.Boolean, chance: random.Random, depth: int = 0) -> Any:
    return chance.random() < 0.5


@arbitrary.register
def _(kind: types.Integer, chance: random.Random, depth: int = 0) -> Any:
    low = -(2**40) if kind.low is None else kind.low
    high = low + 2**41 if kind.high is None else kind.high
    return chance.choice((low, high, chance.randint(low, high), min(high, low + chance.randrange(300))))


@arbitrary.register
def _(kind: types.Enumerated, chance: random.Random, depth: int = 0) -> Any:
    return chance.choice(kind.root + (kind.more or ()))


@arbitrary.register
def _(kind: types.BitString, chance: random.Random, depth: int = 0) -> Any:
    count = _count(kind.size, chance)
    return chance.getrandbits(count) if count else 0, count


@arbitrary.register
def _(kind: types.OctetString, chance: random.Random, depth: int = 0) -> Any:
    return chance.randbytes(_count(kind.size, chance))


@arbitrary.register
def _(kind: types.ObjectIdentifier, chance: random.Random, depth: int = 0) -> Any:
    arcs = (chance.choice((0, 5, 127, 128, 300, 2**31)) for _ in range(chance.randrange(6)))
    return chance.randrange(2), chance.randrange(40), *arcs


@arbitrary.register
def _(kind: types.OpenType, chance: random.Random, depth: int = 0) -> Any:
    return "_unk_004", chance.randbytes(chance.randrange(1, 9))


@arbitrary.register
def _(kind: strings.CharacterString, chance: random.Random, depth: int = 0) -> Any:
    return "".join(chance.choices(kind.alphabet, k=_count(kind.size, chance)))


@arbitrary.register
def _(kind: strings.WideString, chance: random.Random, depth: int = 0) -> Any:
    return "".join(chance.choices("aå漢", k=_count(kind.size, chance)))


@arbitrary.register
def _(kind: strings.OtherString, chance: random.Random, depth: int = 0) -> Any:
    return "other"


@arbitrary.register
def _(kind: types.ListOf, chance: random.Random, depth: int = 0) -> Any:
    count = _count(kind.size, chance) if depth < _DEEP else kind.size.low
    return [arbitrary(kind.element, chance, depth + 1) for _ in range(min(count, kind.size.low + 3))]


@arbitrary.register
def _(kind: structures.Sequence, chance: random.Random, depth: int = 0) -> Any:
    likely = 0.5 if depth < _SHALLOW else 0.2 if depth < _DEEP else 0.02
    members = [member for member in kind.root if not member.optional or chance.random() < likely]
    members += [member for member in kind.additions or () if chance.random() < likely / 3]
    return {member.name: arbitrary(member.kind, chance, depth + 1) for member in members}


@arbitrary.register
def _(kind: structures.Choice, chance: random.Random, depth: int = 0) -> Any:
    members = [*kind.root, *(kind.additions or ())]
    if depth > _DEEP:
        # The simple ones first, so that it ends.
        members.sort(
            key=lambda member: isinstance(member.kind, structures.Sequence | structures.Choice | types.ListOf)
        )
        del members[2:]
    member = chance.choice(members)
    return member.name, arbitrary(member.kind, chance, depth + 1)


def _count(size: types.Size, chance: random.Random) -> int:
    most = size.low + _LONG if size.high is None else min(size.high, size.low + _LONG)
    return chance.randint(size.low, most)
