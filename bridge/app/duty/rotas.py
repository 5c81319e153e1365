"""Who takes turns on duty, by the number under which the register of health personnel (HPR) has them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from bridge.rooms.model import Assurance, Identity, Pii, RotaName, SubjectDigest


@dataclass(frozen=True, slots=True)
class Rota:
    """A list of health personnel, by digests of their numbers, with the names by which others on it know them.

    Whoever comes by it has logged in as surely as `least`, for one of `organisations`.
    """

    name: RotaName
    title: str
    least: Assurance
    organisations: frozenset[str]
    people: Mapping[SubjectDigest, Pii] = field(default_factory=dict, repr=False)

    def has(self, identity: Identity) -> bool:
        """Whether a login is that of one of them, as surely, and for where they work."""
        return (
            identity.hpr in self.people
            and identity.organisation in self.organisations
            and identity.assurance.reaches(self.least)
        )


class Rotas(Protocol):
    """All rotas of a bridge, as they are now."""

    def of(self, identity: Identity) -> list[Rota]:
        """Those that somebody is on, by their login."""

    def refresh(self) -> None:
        """Take over what has changed since. Blocks, and never raises."""


@dataclass(frozen=True, slots=True)
class Doctor:
    """Somebody on duty, as their login proves them: on one rota at least."""

    identity: Identity
    rotas: tuple[Rota, ...]

    @property
    def name(self) -> Pii:
        """What those on their first rota call them."""
        return self._name_on(self.rotas[0])

    def on(self, rota: RotaName | None) -> tuple[Rota, Pii] | None:
        """That rota and what they are called on it, if they are."""
        return next(((one, self._name_on(one)) for one in self.rotas if one.name == rota), None)

    def _name_on(self, rota: Rota) -> Pii:
        return next(name for hpr, name in rota.people.items() if hpr == self.identity.hpr)
