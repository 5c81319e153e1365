"""The operator's `[rotas.NAME]`, and the files of who is on them, which a roster system may write at any time."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Final

import msgspec
import structlog
from msgspec import Meta

from bridge.app.duty.rotas import Rota
from bridge.auth.oidc.levels import Digest, hpr_digest
from bridge.integration.errors import SettingsError
from bridge.rooms.model import Assurance, Identity, Pii, RotaName
from signalling.messages import Name
from signalling.messages import Rota as RotaWord

LOG: Final = structlog.get_logger("bridge.rotas")
MAX_BYTES: Final = 1024 * 1024
_Stamp = tuple[int, int, int]


class _Person(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One of a rota: the number in the register of health personnel, and the name that the others read."""

    name: Name
    hpr: Annotated[str, Meta(min_length=1, max_length=9, pattern=r"^[0-9]+$(?!\n)")]


class _Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    title: Name
    people_file: str
    organisations: list[Annotated[str, Meta(pattern=r"^[0-9]{9}$(?!\n)")]]
    least: Assurance = Assurance.HIGH


@dataclass(slots=True)
class _Kept:
    """A rota, and the file of its people as it was read last."""

    rota: Rota
    file: Path
    stamp: _Stamp | None = None


class RotaBook:
    """The `Rotas` of the duty desk. A file that cannot be read later on changes nothing."""

    def __init__(self, sections: Mapping[str, Mapping[str, object]], digest: Digest) -> None:
        """Read `[rotas.NAME]` and the files. Raises SettingsError."""
        self._digest = digest
        self._kept = [_read(name, table) for name, table in sections.items()]
        for one in self._kept:
            self._take_over(one)

    @property
    def names(self) -> frozenset[str]:
        """The words for them."""
        return frozenset(one.rota.name for one in self._kept)

    def of(self, identity: Identity) -> list[Rota]:
        """Those that somebody is on, by their login."""
        return [one.rota for one in self._kept if one.rota.has(identity)]

    def refresh(self) -> None:
        """Read the files that have changed. Blocks, and never raises."""
        for one in self._kept:
            try:
                self._take_over(one)
            except SettingsError as error:
                LOG.warning("rota_unreadable", rota=one.rota.name, why=str(error))

    def _take_over(self, one: _Kept) -> None:
        where = f"[rotas.{one.rota.name}] people_file"
        try:
            stat = one.file.stat()
            stamp = (stat.st_ino, stat.st_mtime_ns, stat.st_size)
            if stamp == one.stamp:
                return
            if stat.st_size > MAX_BYTES:
                raise SettingsError(f"{where} is larger than {MAX_BYTES} bytes")
            people = msgspec.json.decode(one.file.read_bytes(), type=list[_Person])
        except OSError as error:
            raise SettingsError(f"{where} cannot be read") from error
        except (msgspec.MsgspecError, UnicodeDecodeError):
            # The cause is cut off: it may quote the file, which holds names.
            raise SettingsError(f"{where} holds no list of people with a name and an hpr each") from None
        if len({person.hpr for person in people}) < len(people):
            raise SettingsError(f"{where} has somebody twice")
        digests = {hpr_digest(person.hpr, self._digest): Pii(person.name) for person in people}
        one.rota, one.stamp = replace(one.rota, people=digests), stamp


def check(sections: Mapping[str, Mapping[str, object]]) -> None:
    """See whether all of it can be used. Raises SettingsError."""
    RotaBook(sections, lambda text: text)


def _read(name: str, table: Mapping[str, object]) -> _Kept:
    where = f"[rotas.{name}]"
    try:
        word = msgspec.convert(name, RotaWord)
    except msgspec.ValidationError:
        raise SettingsError(f"{where} is not named by a short word in lower case") from None
    try:
        settings = msgspec.convert(dict(table), _Settings)
    except msgspec.ValidationError as error:
        raise SettingsError(f"{where} {error}") from error
    if not settings.organisations:
        raise SettingsError(f"{where} organisations must name at least one, by nine digits")
    if settings.least is Assurance.NONE:
        raise SettingsError(f"{where} least must be low, substantial or high")
    rota = Rota(RotaName(word), settings.title, settings.least, frozenset(settings.organisations))
    return _Kept(rota, Path(settings.people_file))
