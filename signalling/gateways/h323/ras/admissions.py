"""Calls by a gatekeeper's leave (H.323 8.1.2, 8.4.1, 8.5), and what it asks about them."""

from dataclasses import dataclass, field

from signalling.gateways.alarms import Alarms
from signalling.gateways.h323.errors import CommandError
from signalling.gateways.h323.messages import read_place
from signalling.gateways.h323.ras.events import Admitted, Dropped, NotAdmitted, Place
from signalling.gateways.h323.ras.messages import UNIT, Body, admission, disengagement, mapped, reason, report
from signalling.gateways.h323.ras.registration import Registration, State
from signalling.gateways.h323.ras.settings import Admission
from signalling.gateways.h323.ras.station import Station

MOST_REPORTED = 64
"""Calls in one report; more would not fit a datagram."""
LEAST_SECONDS = 5
"""Between two reports that nobody asked for."""
_UNKNOWN_TO_IT = frozenset({"callerNotRegistered", "invalidEndpointIdentifier", "noAnswer"})


@dataclass(slots=True)
class Held:
    """A call that was admitted, or is asked for."""

    asked: Admission = field(repr=False)
    admitted: bool = False
    granted: bool = False
    """Without being asked for, so that nobody waits for its end."""
    model: str = "direct"
    seconds: int = 0
    """Between reports; 0 for none."""


class Admissions:
    """All calls of a station."""

    def __init__(self, station: Station, registration: Registration) -> None:
        self._station = station
        self._registration = registration
        self._held: dict[bytes, Held] = {}
        self._alarms: Alarms[bytes] = Alarms()

    def __len__(self) -> int:
        return len(self._held)

    def __contains__(self, call: bytes) -> bool:
        return call in self._held

    # Commands.

    def admit(self, asked: Admission, now: float) -> None:
        """Ask for a call; `Admitted` or `NotAdmitted` follows, perhaps at once. Raises CommandError."""
        station, call = self._station, asked.identity.call
        if call in self._held:
            raise CommandError("two calls have one identifier")
        if self._registration.state is not State.ON:
            station.tell(NotAdmitted(call, "notRegistered"))
            return
        held = self._held[call] = Held(asked)
        if self._is_granted(held, now):
            return

        def hear(name: str, body: Body, place: Place, now: float) -> None:
            del place
            self._hear(held, name, body, now)

        body = admission(station.membership, station.identifier, station.known_as, asked)
        try:
            asking = station.requests.ask("admissionRequest", body, station.gatekeeper, hear, now)
        except Exception:
            del self._held[call]
            raise
        if not asking:
            self._refuse(held, "resourceUnavailable")

    def disengage(self, call: bytes, now: float) -> None:
        """Say that a call is over; of one that is not admitted yet nothing more is told."""
        held = self._forget(call)
        if held is not None and held.admitted and not held.granted:
            self._give_back(held, now)

    def forget(self) -> None:
        """Hold no call any more; those that are up stay so, those that are asked for will not be."""
        for held in list(self._held.values()):
            if held.admitted:
                self._forget(held.asked.identity.call)
            else:
                self._refuse(held, "notRegistered")

    # What the gatekeeper asks.

    def drop(self, body: Body) -> tuple[str, Body]:
        """Answer a DisengageRequest."""
        number = body["requestSeqNum"]
        held = self._named(body)
        if held is None:
            return "disengageReject", {"requestSeqNum": number, "rejectReason": ("requestToDropOther", 0)}
        self._forget(held.asked.identity.call)
        self._station.tell(Dropped(held.asked.identity.call))
        return "disengageConfirm", {"requestSeqNum": number}

    def widen(self, body: Body) -> tuple[str, Body]:
        """Answer a BandwidthRequest: more is fine; less is not, since nothing here would keep to it."""
        number, held = body["requestSeqNum"], self._named(body)
        if held is not None and body["bandWidth"] * UNIT >= held.asked.bits:
            return "bandwidthConfirm", {"requestSeqNum": number, "bandWidth": body["bandWidth"]}
        why = "invalidConferenceID" if held is None else "invalidPermission"
        allowed = 0 if held is None else max(1, held.asked.bits // UNIT)
        return "bandwidthReject", {
            "requestSeqNum": number,
            "rejectReason": (why, 0),
            "allowedBandWidth": allowed,
        }

    def inform(self, body: Body) -> tuple[str, Body]:
        """Answer an InfoRequest: on one call, or on all where its reference is 0 (7.15.1)."""
        wants_all = not body["callReferenceValue"] and "callIdentifier" not in body
        one = None if wants_all else self._named(body)
        calls = [held for held in self._held.values() if held.admitted] if wants_all else [one] if one else []
        status = "invalidCall" if not wants_all and one is None else "complete"
        if len(calls) > MOST_REPORTED:
            calls, status = calls[:MOST_REPORTED], "incomplete"
        told = self._report(calls, status)
        return "infoRequestResponse", told | {"requestSeqNum": body["requestSeqNum"], "needResponse": False}

    # Time.

    def next_timeout(self) -> float | None:
        """When there is something to do."""
        return self._alarms.next()

    def timeout(self, now: float) -> None:
        """Report on calls as often as the gatekeeper wants."""
        while (call := self._alarms.pop(now)) is not None:
            held = self._held[call]
            self._alarms.set(call, now + held.seconds)
            if self._registration.state is State.ON:
                number = self._station.requests.number()
                told = self._report([held], "complete") | {"requestSeqNum": number, "unsolicited": True}
                told["needResponse"] = False
                self._station.say("infoRequestResponse", told, self._station.gatekeeper)

    # Inside.

    def _is_granted(self, held: Held, now: float) -> bool:
        """Whether the registration lets the call be without asking (preGrantedARQ), or says no by that."""
        granted, asked = self._registration.granted, held.asked
        by_it, peer = self._registration.signalling, asked.peer
        if asked.answers and granted.get("answerCall"):
            if granted["useGKCallSignalAddressToAnswer"] and (
                by_it is None or peer is None or peer[0] != by_it[0]
            ):
                self._refuse(held, "routeCallToGatekeeper")
                return True
            place = None
        elif not asked.answers and granted.get("makeCall"):
            place = by_it if granted["useGKCallSignalAddressToMakeCall"] else peer
            if place is None:
                return False
        else:
            return False
        held.admitted = held.granted = True
        self._report_every(held, int(granted.get("irrFrequencyInCall", 0)), now)
        self._station.tell(Admitted(asked.identity.call, place, "", self._station.known_as))
        return True

    def _hear(self, held: Held, name: str, body: Body, now: float) -> None:
        call = held.asked.identity.call
        if self._held.get(call) is not held:
            # It was given up meanwhile, which the gatekeeper cannot know.
            if name == "admissionConfirm":
                self._give_back(held, now)
            return
        if name != "admissionConfirm":
            self._refuse(held, reason(body))
            if reason(body) in _UNKNOWN_TO_IT:
                self._registration.renew(now)
            return
        place = None if held.asked.answers else read_place(body["destCallSignalAddress"])
        if place is None and not held.asked.answers:
            self._give_back(held, now)
            self._refuse(held, "noRouteToDestination")
            return
        held.admitted = True
        held.model = body["callModel"][0] if body["callModel"][0] in ("direct", "gatekeeperRouted") else "direct"
        self._report_every(held, int(body.get("irrFrequency", 0)), now)
        tokens = tuple(body.get("tokens", ()))
        self._station.tell(Admitted(call, place, mapped(body), self._station.known_as, tokens))

    def _give_back(self, held: Held, now: float) -> None:
        """Have the gatekeeper count a call no more."""
        station = self._station
        if self._registration.state is State.ON:
            body = disengagement(station.identifier, station.known_as, held.asked)
            station.requests.ask("disengageRequest", body, station.gatekeeper, lambda *_: None, now)

    def _report_every(self, held: Held, seconds: int, now: float) -> None:
        if seconds:
            held.seconds = max(seconds, LEAST_SECONDS)
            self._alarms.set(held.asked.identity.call, now + held.seconds)

    def _refuse(self, held: Held, why: str) -> None:
        self._forget(held.asked.identity.call)
        self._station.tell(NotAdmitted(held.asked.identity.call, why))

    def _report(self, calls: list[Held], status: str) -> Body:
        station = self._station
        told = [(held.asked, held.model) for held in calls]
        return report(station.membership, station.known_as or station.membership.name, told, status)

    def _named(self, body: Body) -> Held | None:
        """The call that a message is about: by its identifier, or by its reference where it gives none."""
        if "callIdentifier" in body:
            held = self._held.get(body["callIdentifier"]["guid"])
        else:
            number = body["callReferenceValue"]
            of_number = (held for held in self._held.values() if held.asked.identity.reference == number)
            held = next(of_number, None)
        return held if held is not None and held.admitted else None

    def _forget(self, call: bytes) -> Held | None:
        self._alarms.set(call, None)
        return self._held.pop(call, None)
