"""Discovery and registration: being known to one gatekeeper, or to another in its place (H.323 7.2.1, 7.2.2)."""

from enum import Enum, auto

from signalling.gateways.h323.messages import read_place
from signalling.gateways.h323.ras.events import NotRegistered, Place, Registered, Unregistered
from signalling.gateways.h323.ras.messages import Body, alternates, discovery, leaving, reason, registration
from signalling.gateways.h323.ras.station import Station

_AT_ONCE = frozenset({"reregistrationRequired", "ttlExpired"})
_MOST_TRIES = 8
"""Gatekeepers that are asked before there is a rest: they may name each other for ever."""
_MOST_DOUBLINGS = 10


class State(Enum):
    """Where it stands."""

    OFF = auto()
    RESTING = auto()
    """Until it is tried again."""
    ASKING = auto()
    """For a gatekeeper, or to be registered."""
    ON = auto()
    LEAVING = auto()


class Registration:
    """The one registration of a station."""

    def __init__(self, station: Station) -> None:
        self.state = State.OFF
        self.granted: Body = {}
        """What the gatekeeper lets us do unasked."""
        self.signalling: Place | None = None
        """Where the gatekeeper takes call signalling."""
        self._station = station
        self._next: list[Place] = []
        self._alternates: list[Place] = []
        self._tried = 0
        self._failures = 0
        self._renewing = False
        self._due: float | None = None
        self._seconds = station.membership.seconds

    # Commands.

    def register(self, now: float) -> None:
        """Register, if that is not done or under way."""
        if self.state in (State.OFF, State.RESTING):
            self._begin([self._station.membership.gatekeeper, *self._alternates], now)

    def unregister(self, now: float) -> None:
        """Leave; ends with `Unregistered`, whatever the gatekeeper says."""
        station = self._station
        station.requests.forget()
        self._due, self._renewing = None, False
        known = station.known_as
        self.state = State.LEAVING
        body = leaving(station.membership, station.identifier, known) if known else {}
        if not known or not station.requests.ask(
            "unregistrationRequest", body, station.gatekeeper, self._left, now
        ):
            self._left("", {}, station.gatekeeper, now)

    def renew(self, now: float) -> None:
        """See whether the gatekeeper still knows us."""
        station = self._station
        if self.state is State.ON and not self._renewing:
            body = registration(station.membership, station.identifier, station.known_as)
            self._renewing = station.requests.ask(
                "registrationRequest", body, station.gatekeeper, self._renewed, now
            )
            self._due = None if self._renewing else now + station.membership.timers.answer

    def forgotten(self, body: Body, now: float) -> None:
        """The gatekeeper unregisters us."""
        if self.state is State.ON:
            self._keep_alternates(body)
            why = reason(body, "undefinedReason")
            soon = self._station.rng.uniform(*self._station.membership.timers.soon)
            self._rest(why, soon if why in _AT_ONCE else None, now)

    # Time.

    def next_timeout(self) -> float | None:
        """When there is something to do."""
        return self._due

    def timeout(self, now: float) -> None:
        """Renew, or try again."""
        if self._due is None or now < self._due:
            return
        self._due = None
        if self.state is State.ON:
            self.renew(now)
        else:
            self.register(now)

    # Discovery.

    def _begin(self, places: list[Place], now: float) -> None:
        self._next = list(dict.fromkeys(places))
        self._tried = 0
        self.state, self._due = State.ASKING, None
        self._try("noAnswer", now)

    def _try(self, why: str, now: float) -> None:
        """Ask the next gatekeeper; without one `why` was the last word."""
        station = self._station
        if not self._next or self._tried == _MOST_TRIES:
            self._rest(why, None, now)
            return
        self._tried += 1
        place = self._next.pop(0)
        station.identifier = ""
        station.gatekeeper = place
        station.requests.ask("gatekeeperRequest", discovery(station.membership), place, self._discovered, now)

    def _discovered(self, name: str, body: Body, place: Place, now: float) -> None:
        if name != "gatekeeperConfirm":
            self._turned_away(body, now)
            return
        station = self._station
        station.gatekeeper = read_place(body["rasAddress"]) or place
        station.identifier = str(body.get("gatekeeperIdentifier", ""))
        self._keep_alternates(body)
        self._register(now)

    # Registration.

    def _register(self, now: float) -> None:
        station = self._station
        body = registration(station.membership, station.identifier, "")
        station.requests.ask("registrationRequest", body, station.gatekeeper, self._registered, now)

    def _registered(self, name: str, body: Body, place: Place, now: float) -> None:
        del place
        if name != "registrationConfirm":
            self._turned_away(body, now)
            return
        station = self._station
        station.known_as = str(body["endpointIdentifier"])
        station.identifier = str(body.get("gatekeeperIdentifier", station.identifier))
        self.granted = body.get("preGrantedARQ", {})
        places = map(read_place, body["callSignalAddress"])
        self.signalling = next((place for place in places if place is not None), None)
        self._failures = 0
        self.state = State.ON
        self._kept(body, now)

    def _kept(self, body: Body, now: float) -> None:
        """Renewed before its time is over, and not by everybody at one moment."""
        self._keep_alternates(body)
        self._seconds = int(body.get("timeToLive", self._station.membership.seconds))
        lasts = min(self._seconds, self._station.membership.seconds)
        self._due = now + max(1.0, lasts * self._station.rng.uniform(0.55, 0.7))
        self._station.tell(Registered(self._seconds))

    def _renewed(self, name: str, body: Body, place: Place, now: float) -> None:
        self._renewing = False
        if self.state is not State.ON:
            return
        if name == "registrationConfirm":
            self._kept(body, now)
            return
        self._keep_alternates(body)
        self._lose(reason(body), 0.0)
        if name and reason(body) == "fullRegistrationRequired":
            self.state, self._next, self._tried = State.ASKING, [], 0
            self._register(now)
        else:
            # Whoever knows us no more may still be the one; who does not answer may not.
            first = [place] if name else []
            self._begin([*first, *self._alternates, self._station.membership.gatekeeper], now)

    def _turned_away(self, body: Body, now: float) -> None:
        """Refused, or not answered: others may be named, else others are known."""
        if self.state is State.ASKING:
            self._next = list(dict.fromkeys([*alternates(body), *self._next]))
            self._try(reason(body), now)

    def _keep_alternates(self, body: Body) -> None:
        self._alternates = alternates(body) or self._alternates

    # Its end.

    def _lose(self, why: str, after: float) -> None:
        self._station.forget()
        self.granted, self.signalling = {}, None
        self._station.tell(NotRegistered(why, after))

    def _rest(self, why: str, after: float | None, now: float) -> None:
        """Try again, later each time where nothing worked."""
        timers = self._station.membership.timers
        if after is None:
            longest = min(timers.retry_limit, timers.retry * 2 ** min(self._failures, _MOST_DOUBLINGS))
            after = longest * self._station.rng.uniform(0.5, 1.0)
            self._failures += 1
        self.state, self._renewing, self._due = State.RESTING, False, now + after
        self._lose(why, after)

    def _left(self, name: str, body: Body, place: Place, now: float) -> None:
        del name, body, place, now
        self.state, self._failures = State.OFF, 0
        self._station.forget()
        self.granted, self.signalling = {}, None
        self._station.tell(Unregistered())
