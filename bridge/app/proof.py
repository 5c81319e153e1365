"""How sure it has to be who comes, where whoever invites them does not say so. Pure."""

from dataclasses import dataclass
from typing import Final

from bridge.rooms.model import Assurance, Role


@dataclass(frozen=True, slots=True)
class Usual:
    """What is asked here of everybody in a role."""

    of_patients: Assurance = Assurance.NONE

    def proof(self, role: str, said: str | None) -> Assurance:
        """What an invitation asks for: what was said, in words of the wire, else what is usual of the role."""
        if said is not None:
            return Assurance(said)
        return self.of_patients if role == Role.PATIENT else Assurance.NONE


NOTHING_USUAL: Final = Usual()
