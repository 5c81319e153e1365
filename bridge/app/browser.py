"""Browsers: the `Consultations` of signalling, in terms of rooms, legs and commands."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from bridge.app import receiving, telling
from bridge.app.allowance import Allowance
from bridge.app.calling_instead import CallingInstead
from bridge.app.duty.desk import DutyDesk, Watch
from bridge.app.ids import new_connection, new_id
from bridge.app.live import LiveRoom, MediaLeg, Seated
from bridge.app.new_pins import new_pin
from bridge.app.ports import Links, Pins
from bridge.app.service import RoomService
from bridge.app.stills.desk import Stills
from bridge.app.talking import Talking
from bridge.app.texts import Text
from bridge.app.trial import Trial, Trials
from bridge.rooms import commands as c
from bridge.rooms import events as ev
from bridge.rooms.model import (
    ByParticipant,
    ConnectionId,
    Ground,
    Identity,
    InvitationId,
    Matter,
    NoticeVersion,
    Participant,
    ParticipantId,
    Pii,
    ResumeHash,
    Role,
    RoomId,
)
from bridge.rooms.views import visible_to
from media.api import EngineError
from media.sdp import Answer, OfferRoles, SdpError
from signalling import messages as m
from signalling.errors import Code, Rejected
from signalling.ports import Connection, Line, Seat

# Of one person, at once and then every so many seconds: each is kept for years.
CHANGES_OF_MIND: Final = (10, 8.0)
Handed = m.Dial | m.Write | m.Consent | m.SuggestCall | m.AskStill | m.AnswerStill | m.EndStill

# A client that makes its own secret must not make one that could be guessed: 32 of base64url are 192 bits.
MIN_OWN_SECRET_CHARS: Final = 32


@dataclass(frozen=True, slots=True)
class BrowserPolicy:
    """What is the same for every browser."""

    slots: m.SlotCounts
    link_valid: timedelta
    grace_seconds: float
    """How long a lost connection may be away before its owner counts as gone. Media goes on meanwhile."""
    new_secret: Callable[[], str]
    hash_secret: Callable[[str], str]
    notice: str | None = None
    """The version of the notice that pages show; None where there is none, and nobody consents to anything."""


class BrowserDoor:
    """Seats people who come with a link, and turns what their pages say into commands."""

    def __init__(
        self,
        service: RoomService,
        links: Links,
        policy: BrowserPolicy,
        later: Callable[[float, Callable[[], Awaitable[object]]], None],
        trials: Trials,
        *,
        stills: Stills,
        calls: CallingInstead,
        duties: DutyDesk,
        pins: Pins | None = None,
        identities: Callable[[str | None], Identity | None] = lambda _: None,
    ) -> None:
        """Take the use cases; `later(seconds, make)` runs the awaitable that `make` gives after that time.

        Without `pins` rooms cannot be called. `identities` reads what browsers keep of logins.
        """
        self._service = service
        self._links = links
        self._policy = policy
        self._later = later
        self._trials = trials
        self._stills = stills
        self._calls = calls
        self._duties = duties
        self._pins = pins
        self._identities = identities
        self._talking = Talking(service)
        self._changes_of_mind = Allowance(*CHANGES_OF_MIND)

    async def join(self, join: m.Join, connection: Line, identity: str | None = None) -> Seat:
        """Seat somebody who holds a link, as whom a login in their browser says. Raises Rejected."""
        room_id, invitation = self._links.read(join.token)
        live = await self._service.find(room_id)
        if live is None:
            raise Rejected(Code.LINK_INVALID)
        secret = self._secret_for(join)
        knock = c.Knock(
            invitation=invitation,
            connection=new_connection(),
            resume_hash=None if join.resume is None else ResumeHash(self._policy.hash_secret(join.resume)),
            new_participant=ParticipantId(new_id("p")),
            new_resume_hash=ResumeHash(self._policy.hash_secret(secret)),
            identity=self._identities(identity),
            name=None if join.name is None else Pii(join.name),
            notice=self._shown(join.notice),
        )
        seated = Seated(knock.connection, connection, connection)
        seats: list[Participant] = []

        def seat(live: LiveRoom, events: Sequence[ev.Event]) -> None:
            seats.append(self._seat(live, events, seated, (secret, join.resume or secret)))

        await self._service.act(live, knock, seat)
        return Seat(room_id, seats[0].id, knock.connection)

    def _shown(self, notice: str | None) -> NoticeVersion | None:
        """The notice that a page has shown, if it is ours: of another one nobody knows what it says."""
        return NoticeVersion(notice) if notice is not None and notice == self._policy.notice else None

    def _secret_for(self, join: m.Join) -> str:
        """The secret that ties a link to this client at its first use.

        It is the client's own, so that one whose `welcome` was lost can still say that it was here before.
        """
        own = join.resume
        return own if own is not None and len(own) >= MIN_OWN_SECRET_CHARS else self._policy.new_secret()

    def _seat(
        self, live: LiveRoom, events: Sequence[ev.Event], seated: Seated, known: tuple[str, str]
    ) -> Participant:
        """Give the connection its place, before the roster goes out: `welcome` is the first message.

        One of the `known` secrets is the one in force; the client is told which.
        """
        who = next(
            event.participant
            for event in events
            if isinstance(event, ev.Arrived | ev.HostEntered | ev.Reconnected)
        )
        person = live.room.participants[who]
        before = live.seats.get(who)
        live.seats[who] = seated
        live.numbers.pop(who, None)
        if before is not None:
            before.connection.close(Code.REPLACED)
        resume = next(one for one in known if self._policy.hash_secret(one) == person.resume_hash)
        leg = live.legs.get(who)
        seated.connection.send(telling.welcome(live.room, person, resume, self._policy.slots, leg))
        wishes: list[m.ServerMessage] = [] if leg is None else [*leg.demands.values(), *leg.codecs.values()]
        for wish in wishes:
            seated.connection.send(wish)
        return person

    async def test(self, test: m.Test) -> Trial:
        """Begin a test of the way to the bridge. Raises Rejected."""
        return await self._trials.begin(test)

    async def duty(self, duty: m.Duty, connection: Connection, identity: str | None = None) -> Watch:
        """Let somebody on a rota be told of who waits. Raises Rejected."""
        return await self._duties.begin(duty, connection, identity)

    async def lost(self, seat: Seat) -> None:
        """Note that a socket is gone. Its owner has some time to come back before anybody is told."""
        self._later(self._policy.grace_seconds, lambda: self._gone(seat))

    def silent(self, seat: Seat) -> None:
        """Note that nothing has come of somebody for so long that they count as gone."""
        self._later(0, lambda: self._gone(seat))

    async def _gone(self, seat: Seat) -> None:
        live = await self._service.find(RoomId(seat.room))
        who = ParticipantId(seat.participant)
        if live is None or live.room.ended:
            return
        if (seated := live.seats.get(who)) is not None and seated.id == seat.connection_id:
            del live.seats[who]
        lost = c.Disconnect(participant=who, connection=ConnectionId(seat.connection_id))
        try:
            await self._service.act(live, lost)
        except Exception:
            if live.room.ended:
                # It ended meanwhile, and took everybody's place and leg with it.
                return
            # Until it is on record their gate stays open, so this must not be the last attempt.
            self._later(self._policy.grace_seconds, lambda: self._gone(seat))
            raise

    async def handle(self, seat: Seat, message: m.ClientMessage) -> m.ServerMessage | None:
        """Do what a page asks. Raises Rejected."""
        live = await self._service.find(RoomId(seat.room))
        who = ParticipantId(seat.participant)
        if live is None or live.room.ended:
            raise Rejected(Code.ROOM_ENDED)
        _hold_seat(live, seat)
        match message:
            case m.Offer():
                return await self._offer(live, seat, message)
            case m.Invite():
                return await self._invite(live, who, message)
            case m.CallInstead():
                return await self._calls.by_page(live, who, message)
            case (
                m.Dial()
                | m.Write()
                | m.Consent()
                | m.SuggestCall()
                | m.AskStill()
                | m.AnswerStill()
                | m.EndStill()
            ):
                await self._hand_on(live, who, message)
            case m.Pin() | m.Viewport() | m.Report():
                return self._look(live, who, message)
            case m.Leave():
                by = ByParticipant(who)
                await self._service.act(live, c.Leave(by=by, connection=ConnectionId(seat.connection_id)))
                return None
            case m.Join() | m.Test() | m.TestReport() | m.Duty() | m.Take() | m.Ping():
                raise Rejected(Code.WRONG_STATE)
            case _:
                await self._service.act(live, _command(who, message))
        return m.Ok(ref=message.ref)

    async def _hand_on(self, live: LiveRoom, who: ParticipantId, message: Handed) -> None:
        """Give what has rules of its own to whoever knows them."""
        match message:
            case m.Dial():
                await self._service.outside.dialling.dial(live, who, message)
            case m.Write():
                self._talking.write(live, who, message)
            case m.Consent():
                await self._consent(live, who, message)
            case m.SuggestCall():
                self._calls.suggest(live, who, message)
            case m.AskStill() | m.AnswerStill() | m.EndStill():
                await self._stills.handle(live, who, message)

    async def _offer(self, live: LiveRoom, seat: Seat, offer: m.Offer) -> m.Answer:
        who = ParticipantId(seat.participant)
        roles = OfferRoles(mic=offer.sources.mic, camera=offer.sources.camera, content=offer.sources.content)
        async with live.lock:
            # Somebody may have been put out, or have come back on another page, while this one waited its turn.
            _hold_seat(live, seat)
            try:
                answer = self._answer(live, who, offer, roles)
            except SdpError as error:
                raise Rejected(Code(error.code), error.message) from error
            except EngineError as error:
                self._service.outside.counts.inc("engine_errors", error.code)
                raise Rejected(Code.INTERNAL) from error
            self._service.bring_in_line(live)
            self._service.tell(live)
        return m.Answer(ref=offer.ref, sdp=answer.sdp, leg=telling.leg_name(live.legs[who].leg))

    def _answer(self, live: LiveRoom, who: ParticipantId, offer: m.Offer, roles: OfferRoles) -> Answer:
        """Answer on the leg that the person has if the offer is its own, else on a new one."""
        legs, content_slots = self._service.outside.legs, self._policy.slots.content
        known = live.legs.get(who)
        if known is not None:
            further = legs.restart(known.leg, offer.sdp, roles, content_slots=content_slots)
            if further is not None:
                return further
        now = self._service.outside.clock.monotonic()
        leg, answer = legs.open(live.number, offer.sdp, roles, content_slots=content_slots, now=now)
        if known is not None:
            legs.close(known.leg)
        live.legs[who] = MediaLeg(leg, returns=True, switches=offer.switches)
        return answer

    async def _invite(self, live: LiveRoom, who: ParticipantId, request: m.Invite) -> m.Invited:
        outside = self._service.outside
        if request.text_to is not None:
            # Whoever is not the host is turned down by the room as well, and has nothing sent before.
            _hold_host(live, who)
            outside.texting.check(live, request.text_to)
        pin, digest = new_pin(self._pins, live.room, host=False) if request.pin else (None, None)
        command = c.Invite(
            by=ByParticipant(who),
            invitation=InvitationId(new_id("i")),
            role=Role(request.role.value),
            name=Pii(request.name),
            expires_at=outside.clock.now() + self._policy.link_valid,
            pin=digest,
            requires=outside.usual.proof(request.role, request.requires),
            many=request.many,
            substitute=request.substitute,
            ground=None if request.ground is None else Ground(request.ground.value),
            reference=None if request.reference is None else Pii(request.reference),
        )
        await self._service.act(live, command)
        number = None if pin is None else live.room.number
        link = self._links.make(live.room.id, command.invitation, command.expires_at)
        if request.text_to is not None:
            text = Text(command.invitation, link, request.language, number, pin)
            outside.texting.send_later(live, request.text_to, text)
        return m.Invited(ref=request.ref, link=link, expires_at=command.expires_at, number=number, pin=pin)

    async def _consent(self, live: LiveRoom, who: ParticipantId, consent: m.Consent) -> None:
        if not self._changes_of_mind.take(who, self._service.outside.clock.monotonic()):
            raise Rejected(Code.TOO_MANY)
        by, matter, notice = ByParticipant(who), Matter(consent.matter.value), self._shown(consent.notice)
        if not consent.given:
            await self._service.act(live, c.WithdrawConsent(by=by, matter=matter))
        elif notice is None:
            raise Rejected(Code.WRONG_STATE, "That is not the notice that this bridge shows now.")
        else:
            await self._service.act(live, c.Consent(by=by, matter=matter, notice=notice))

    def _look(self, live: LiveRoom, who: ParticipantId, message: m.Pin | m.Viewport | m.Report) -> m.Ok | None:
        """What one page sees, or wants to: nothing of it is on record."""
        match message:
            case m.Pin():
                return self._pin(live, who, message)
            case m.Viewport():
                return self._view(live, who, message)
            case m.Report():
                if (seated := live.seats.get(who)) is not None:
                    seated.shows_details = message.details
                if (media := live.legs.get(who)) is not None:
                    media.hints.take(self._service.outside.clock.monotonic(), message)
                return None

    def _pin(self, live: LiveRoom, who: ParticipantId, pin: m.Pin) -> m.Ok:
        if pin.participant is None:
            live.pins.pop(who, None)
        elif all(pin.participant != person.id for person in visible_to(live.room, who)):
            raise Rejected(Code.UNKNOWN_PARTICIPANT)
        else:
            live.pins[who] = ParticipantId(pin.participant)
        self._service.bring_in_line(live)
        self._service.tell(live)
        return m.Ok(ref=pin.ref)

    def _view(self, live: LiveRoom, who: ParticipantId, view: m.Viewport) -> m.Ok:
        live.viewports[who] = {slot.mid: slot.height for slot in view.slots}
        self._service.bring_in_line(live)
        return m.Ok(ref=view.ref)


def _hold_host(live: LiveRoom, who: ParticipantId) -> None:
    """Raise Rejected unless this is the present host."""
    host = live.room.present_host
    if host is None or host.id != who:
        raise Rejected(Code.NOT_HOST)


def _hold_seat(live: LiveRoom, seat: Seat) -> None:
    """Raise Rejected unless the connection is still the one on which its owner sits."""
    seated = live.seats.get(ParticipantId(seat.participant))
    if seated is None or seated.id != seat.connection_id:
        raise Rejected(Code.REPLACED)


Act = (
    m.Admit
    | m.AdmitAll
    | m.Refuse
    | m.Remove
    | m.ToWaiting
    | m.Lock
    | m.Mute
    | m.ConfirmIdentity
    | m.SelfMute
    | m.Camera
    | m.Sharing
    | m.HandOver
    | m.End
    | receiving.Request
)


def _command(who: ParticipantId, message: Act) -> c.Command:  # noqa: C901, PLR0911 - one a message
    """The domain's command for what a page asks."""
    by = ByParticipant(who)
    match message:
        case m.Admit(participant=other, reason=reason):
            return c.Admit(by=by, participant=ParticipantId(other), reason=Pii(reason) if reason else None)
        case m.AdmitAll():
            return c.AdmitAll(by=by)
        case m.Refuse(participant=other, reason=reason):
            return c.Refuse(by=by, participant=ParticipantId(other), reason=Pii(reason) if reason else None)
        case m.Remove(participant=other):
            return c.Remove(by=by, participant=ParticipantId(other))
        case m.ToWaiting(participant=other):
            return c.SendToWaiting(by=by, participant=ParticipantId(other))
        case m.Lock(locked=locked):
            return c.Lock(by=by, locked=locked)
        case m.Mute(participant=other, muted=muted, may_unmute=may_unmute):
            return c.Mute(by=by, participant=ParticipantId(other), muted=muted, may_unmute=may_unmute)
        case m.ConfirmIdentity(participant=other, confirmed=confirmed):
            return c.ConfirmIdentity(by=by, participant=ParticipantId(other), confirmed=confirmed)
        case m.HandOver(participant=other):
            return c.HandOver(by=by, participant=ParticipantId(other))
        case m.End():
            return c.End(by=by)
        case m.SelfMute() | m.Camera() | m.Sharing():
            return _own_command(by, message)
    return receiving.command(by, message)


def _own_command(by: ByParticipant, message: m.SelfMute | m.Camera | m.Sharing) -> c.Command:
    match message:
        case m.SelfMute(muted=muted):
            return c.SelfMute(by=by, muted=muted)
        case m.Camera(on=on):
            return c.Camera(by=by, on=on)
        case m.Sharing(on=on):
            return c.Sharing(by=by, on=on)
