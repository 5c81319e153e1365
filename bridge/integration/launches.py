"""Launches from record systems: who comes, to which room, by which link."""

import hmac
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, Final, Protocol

import msgspec
import structlog

from bridge.auth.links import LinkKey
from bridge.auth.oidc.attempts import LASTS, Attempt, begin
from bridge.auth.oidc.errors import LoginError, LoginRefused, LoginStale, ProviderError
from bridge.auth.oidc.levels import identify
from bridge.auth.oidc.once import Once
from bridge.auth.oidc.provider import Provider
from bridge.auth.oidc.seals import Seal, derived
from bridge.auth.secrets import hash_secret
from bridge.auth.smart.client import RecordSystem
from bridge.auth.smart.context import Launched, relative
from bridge.integration.appointments.desk import Appointments
from bridge.rooms.model import Identity, InvitationId
from signalling.errors import Code, Rejected
from signalling.fhir import resources as fhir
from signalling.ports import Kept, Launch

LOG: Final = structlog.get_logger("bridge.launches")
MAX_LAUNCH_CHARS: Final = 2048
UNPLANNED: Final = timedelta(hours=1)
"""How long a consultation without an appointment is taken to last."""


class Clock(Protocol):
    """The time of day."""

    def now(self) -> datetime:
        """Now, aware."""


class Counters(Protocol):
    """Where launches are counted, with the logins."""

    def inc(self, name: str, code: str) -> None:
        """Count one."""


class _Encounter(msgspec.Struct, frozen=True):
    """What of an encounter leads to its appointment."""

    appointment: list[fhir.Reference] = []


@dataclass(frozen=True, slots=True)
class Keeping:
    """How logins are kept: `keep` seals who is at a browser, `digest` makes a name to know them again."""

    keep: Callable[[Identity], Kept]
    digest: Callable[[str], str]


class Launches:
    """The `LaunchDesk` of signalling."""

    def __init__(
        self,
        systems: Sequence[RecordSystem],
        appointments: Appointments,
        keys: Sequence[LinkKey],
        keeping: Keeping,
        *,
        clock: Clock,
        counters: Counters,
    ) -> None:
        self._systems = {system.iss: system for system in systems}
        self._appointments = appointments
        self._attempts = Seal(keys, "launch", Attempt)
        self._secret = derived(keys[0], "launch resume")
        self._keeping = keeping
        self._clock = clock
        self._counters = counters
        self._answered = Once()

    async def begin(self, iss: str, launch: str) -> tuple[str, Kept]:
        """Begin one: where the browser goes, and what it keeps meanwhile. Raises Rejected.

        No address is asked for anything that the operator has not named.
        """
        system = self._systems.get(iss.rstrip("/"))
        if system is None or not 0 < len(launch) <= MAX_LAUNCH_CHARS:
            self._counters.inc("logins", Code.LOGIN_REFUSED.value)
            raise Rejected(Code.LOGIN_REFUSED)
        attempt = begin(system.provider.name, self._clock.now())
        try:
            address = await system.begin(attempt, launch)
        except LoginError as error:
            raise self._failed(system.provider, error) from error
        sealed = self._attempts.close(attempt, self._clock.now() + LASTS)
        return address, Kept(sealed, int(LASTS.total_seconds()))

    async def finish(self, attempt: str | None, answer: Mapping[str, str]) -> Launch:
        """Finish one, by the answer with which the browser came back: the doctor's link. Raises Rejected."""
        now = self._clock.now()
        begun = None if attempt is None else self._attempts.open(attempt, now)
        system = None if begun is None else self._by_name(begun.provider)
        try:
            if begun is None or system is None:
                raise LoginStale("no launch of this browser is under way")
            begun.check(answer.get("state", ""), now)
            if not self._answered.take(begun.state, begun.begun_at + LASTS, now):
                raise LoginStale("the answer has been used")
            launched = await system.finish(begun, answer)
            identity = identify(system.provider, launched.claims, self._keeping.digest)
            link = await self._enter(system, launched)
        except LoginError as error:
            raise self._failed(None if system is None else system.provider, error) from error
        self._counters.inc("logins", "ok")
        return Launch(link=link, identity=self._keeping.keep(identity))

    async def _enter(self, system: RecordSystem, launched: Launched) -> str:
        """The link by which the doctor comes into the room of what they were launched for."""
        resource, name = await self._wanted(system, launched)
        invitation, link = await self._appointments.enter(
            (system.iss, name), resource, launched.user, self._digest_of_resume
        )
        return f"{link}&resume={self._resume(invitation)}"

    def _digest_of_resume(self, invitation: InvitationId) -> str:
        return hash_secret(self._resume(invitation))

    def _resume(self, invitation: InvitationId) -> str:
        """The secret with which a link that a launch gives is used: the same in whichever browser they come."""
        return hmac.new(self._secret, invitation.encode(), sha256).hexdigest()

    async def _wanted(self, system: RecordSystem, launched: Launched) -> tuple[fhir.Appointment, str]:
        """The appointment as the record system has it, and the name by which it is known here."""
        reference = launched.appointment
        if reference is None and launched.encounter is not None:
            encounter = _read(await system.resource(launched.encounter, launched.access), _Encounter)
            found = (relative(system.iss, one.reference or "") for one in encounter.appointment)
            reference = next((one for one in found if one is not None and one.startswith("Appointment/")), None)
        if reference is not None:
            document = await system.resource(reference, launched.access)
            return _read(document, fhir.Appointment), reference
        if launched.encounter is None:
            raise LoginRefused("the launch is for no appointment and no encounter")
        return self._unplanned(launched.user), launched.encounter

    def _unplanned(self, user: str) -> fhir.Appointment:
        """An appointment for an encounter that has none."""
        now = self._clock.now()
        doctor = fhir.Participant(actor=fhir.Reference(reference=user), status="accepted")
        return fhir.Appointment(
            resource_type="Appointment", status="booked", start=now, end=now + UNPLANNED, participant=[doctor]
        )

    def _by_name(self, name: str) -> RecordSystem | None:
        return next((one for one in self._systems.values() if one.provider.name == name), None)

    def _failed(self, provider: Provider | None, error: LoginError) -> Rejected:
        self._counters.inc("logins", error.code)
        if not isinstance(error, LoginStale):
            name = "" if provider is None else provider.name
            LOG.warning("launch_failed", provider=name, code=error.code, why=str(error))
        return Rejected(Code(error.code))


def _read(document: bytes, kind: type[Any]) -> Any:
    try:
        return msgspec.json.decode(document, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ProviderError("the record system's resource cannot be read") from error
