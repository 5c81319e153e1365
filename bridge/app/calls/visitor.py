"""One call: first at the desk, where it is asked for a PIN, then a participant's connection."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

from bridge.app.allowance import Allowance
from bridge.app.announcing.prompts import Prompt
from bridge.app.calls.desk import Desk
from bridge.app.calls.holding import Hold, Turn, WhoWaits
from bridge.app.calls.keys import Act, Keys
from bridge.app.calls.presenting import Presenting
from bridge.app.calls.reception import GiveUp, Reception, Say, Step, Try
from bridge.app.ids import new_connection, new_id
from bridge.app.live import LiveRoom, MediaLeg, Seated
from bridge.rooms import commands as c
from bridge.rooms import events as ev
from bridge.rooms.model import ByParticipant, Line, ParticipantId, PinDigest, Place, ResumeHash
from media.description import CONTENT, MIC
from signalling import messages as m
from signalling.errors import Code, Rejected
from signalling.gateways.guard import network
from signalling.gateways.interface import Call, Caller, Ending, Floor, MediaRefused, Miss

RETRY_S: Final = 8.0
# So long is listened to why a call ends, at the most, before it does.
FAREWELL_S: Final = 12.0
# Each may take new ports, of which there are few, and which rest afterwards: also of who has entered no PIN.
CHANGES_OF_A_CALL: Final = (10, 4.0)
# Each may begin or end a conversion, or is put on record.
ACTS_OF_A_CALL: Final = (6, 2.0)

_ENDINGS: Final = {
    Code.LINK_USED: Ending.NO_PLACE,
    Code.LINK_EXPIRED: Ending.TURNED_AWAY,
    Code.LINK_BLOCKED: Ending.TURNED_AWAY,
    Code.ROOM_LOCKED: Ending.NO_PLACE,
    Code.ROOM_FULL: Ending.NO_PLACE,
    Code.ROOM_ENDED: Ending.ROOM_ENDED,
    Code.REMOVED: Ending.REMOVED,
    Code.REFUSED: Ending.TURNED_AWAY,
    Code.CANCELLED: Ending.TURNED_AWAY,
    Code.ENDED: Ending.ROOM_ENDED,
    Code.REPLACED: Ending.REPLACED,
    Code.RESTARTING: Ending.STOPPING,
    Code.TOO_MANY: Ending.TOO_MANY,
}
_FAREWELLS: Final = {
    Code.REMOVED: Prompt.REMOVED,
    Code.REFUSED: Prompt.REFUSED,
    Code.CANCELLED: Prompt.CANCELLED,
    Code.ENDED: Prompt.ENDED,
}


class Visitor:
    """A `Visit` for the gateway, and from the right PIN on a `Connection` for the room."""

    def __init__(
        self, desk: Desk, live: LiveRoom, caller: Caller, call: Call | None, forget: Callable[["Visitor"], None]
    ) -> None:
        """Take a call of somebody's; without one it is `bridge.app.calls.called`'s to come by one."""
        self.live = live
        self.leg: int | None = None
        self._desk = desk
        self._caller = caller
        self._call = call
        self._forget = forget
        self._room = live.number
        self._id = new_connection()
        self._who: ParticipantId | None = None
        self._place: m.Place | None = None
        self._reception = Reception()
        self._keys = Keys()
        self._together = desk.policy.together
        self._presenting = Presenting(self._tell_floor, self._share, desk.later)
        self._changes = Allowance(*CHANGES_OF_A_CALL)
        self._acts = Allowance(*ACTS_OF_A_CALL)
        self._parting = False
        self._microphone = True
        """Whether it was open when the room was last told."""
        self._hold = Hold(desk.later, self._waits, lambda: self._say(self._turn_prompt()))
        self._turn = Turn()
        self._who_waits = WhoWaits()
        self._informed = False
        self._over = False

    @property
    def at_the_desk(self) -> bool:
        """Whether nobody knows yet who this is."""
        return self._who is None

    # As a visit.

    def describe(self, offer: str | None) -> str:
        """Settle media, on the leg that there is or on a first one. Raises MediaRefused."""
        if self._over or self._parting:
            raise MediaRefused("the call is over")
        if not self._changes.take("", self._desk.now()):
            raise MediaRefused("offers follow each other too fast")
        leg, description = self._desk.media.describe(
            self.leg,
            self._room,
            offer,
            self._caller.source,
            plain=self.live.room.plain_calls,
            line=self._caller.line,
        )
        self._use(leg)
        return description

    def answered(self, description: str) -> None:
        """Take the answer to an offer of ours. Raises MediaRefused."""
        if self.leg is not None and not self._over:
            self._desk.media.answered(self.leg, description, self._caller.source)
            self._bring_in_line()

    def want_key_frame(self) -> None:
        """Ask the peer, in its protocol's own way."""
        if not self._over and self._call is not None:
            self._call.want_key_frame()

    def silent(self) -> None:
        """Hang up: nothing comes from the peer any more, whatever its signalling says."""
        if self._over:
            return
        self.ended(lost=True)
        if self._call is not None:
            self._call.hang_up(Ending.FAILED)

    def declined(self) -> None:
        """Keep what was agreed before."""
        self._desk.count("offer_declined")

    def ringing(self) -> None:
        """Nothing rings for somebody who calls."""

    def reached(self, source: str, *, private: bool) -> None:
        """Take note where the peer is."""
        self._caller = replace(self._caller, source=source, private=private)

    def missed(self, why: Miss) -> None:
        """Take it for a goodbye: somebody who calls is not missed."""
        del why
        self.ended(lost=False)

    def established(self) -> None:
        """Ask for the PIN."""
        if self.at_the_desk and not self._over:
            self._go(self._reception.greet(self._desk.now()))

    def pressed(self, key: str) -> None:
        """Take a key: of the PIN at the desk, of an act in the room."""
        if self._over:
            return
        if self.at_the_desk:
            self._go(self._reception.press(key, self._desk.now()))
            return
        act = self._keys.press(key, self._desk.now())
        if act is not None and not self._acts.take("", self._desk.now()):
            self._desk.count(Code.TOO_MANY.value)
        elif act is Act.PICTURES:
            self._see_otherwise()
        elif act is not None and self.live.room.host == self._who:
            self._desk.later(0, lambda: self._do(act))

    def held(self, *, held: bool) -> None:
        """Count it: what the peer then wants to be sent, which is nothing, stands in its description."""
        self._desk.count("held" if held else "resumed")

    def wants_key_frame(self) -> None:
        """Pass it on."""
        if self.leg is not None and not self._over:
            self._desk.media.want_key_frame(self.leg)

    def wants_floor(self, *, wanted: bool) -> None:
        """Share content, or no more; the room's rules are those for pages."""
        if not self._over:
            self._presenting.wants(wanted=wanted)

    def ended(self, *, lost: bool) -> None:
        """Leave the room, or be away from it."""
        if self._finish() and self._who is not None:
            self._desk.later(0, lambda: self._go_out(lost=lost))

    # As a participant's connection.

    def send(self, message: m.ServerMessage) -> None:
        """Tell the caller what has changed for them; a call has no page for the rest."""
        if not isinstance(message, m.Roster) or self._over:
            return
        self._presenting.hears(message)
        place = next((person.place for person in message.people if person.you), None)
        put_off = self._turn.is_put_off(message)
        if place is not None and place is not self._place:
            before, self._place = self._place, place
            self._say(self._news(before, place), self._inform)
            if place is not m.Place.ADMITTED:
                self._hold.begin()
        elif put_off and self._waits():
            self._say(self._turn_prompt())
        self._note_microphone()
        if self._who_waits.is_news(message):
            self._say(Prompt.SOMEBODY_WAITS)

    def _news(self, before: m.Place | None, place: m.Place) -> Prompt:
        """What to say of a new place."""
        if place is m.Place.ADMITTED:
            return Prompt.ADMITTED
        return self._turn_prompt(Prompt.WAITING_AGAIN if before is m.Place.ADMITTED else Prompt.WAITING)

    def _turn_prompt(self, otherwise: Prompt = Prompt.STILL_WAITING) -> Prompt:
        return self._turn.prompt(self._desk.service.outside.clock.now(), otherwise)

    def _inform(self) -> None:
        """Tell who waits, once, what pages show beside their button."""
        if self._waits() and not self._informed:
            self._informed = True
            self._say(Prompt.NOTICE)

    def close(self, code: Code, message: str | None = None) -> None:
        """Hang up."""
        del message
        why = _ENDINGS.get(code, Ending.FAILED)
        if code not in _FAREWELLS:
            self._hang_up(why)
            if code is Code.REPLACED and self._who is not None and self.leg is not None:
                # Whoever is at its end must not come or stay in by the right of who has the place now.
                self._desk.service.drop_leg(self.live, self._who, self.leg)
            if code is Code.RESTARTING:
                # A page would come back to its place, or be missed; a call that was cut off is on no record yet.
                self._desk.later(0, lambda: self._go_out(lost=True))
        else:
            self._part(why, _FAREWELLS[code])

    # At the desk.

    def _go(self, steps: Sequence[Step]) -> None:
        for step in steps:
            match step:
                case Say(prompt):
                    self._say(prompt)
                case Try(pin):
                    self._desk.later(0, lambda pin=pin: self._try(pin))  # type: ignore[misc]
                case GiveUp(why, prompt):
                    self._part(why, prompt)
        self._wait()

    def _wait(self) -> None:
        """Look again when the caller's time is up; of two that look, the earlier one finds nothing to do."""
        due = self._reception.next_timeout()
        if due is not None and not self._over:
            self._desk.later(max(0.0, due - self._desk.now()), self._look)

    async def _look(self) -> None:
        if not self._over:
            self._go(self._reception.timeout(self._desk.now()))

    async def _try(self, pin: str) -> None:
        try:
            right = await self._enter(pin)
        except Rejected as error:
            self._desk.count(error.code.value)
            why = Prompt.CANCELLED if error.code is Code.CANCELLED else Prompt.NO_ENTRY
            self._part(_ENDINGS.get(error.code, Ending.FAILED), why)
            return
        except Exception:
            self._hang_up(Ending.FAILED)
            raise
        self._go(self._reception.told(right=right, now=self._desk.now()))

    async def _enter(self, pin: str) -> bool:
        """Come to the door; whether the PIN was right. Raises Rejected where that is not the question."""
        if self._room != self.live.number:
            # The room's media began anew, and this call's leg went with the old ones.
            raise Rejected(Code.RESTARTING)
        now, room, source = self._desk.now(), self.live.room.id, network(self._caller.source)
        if not self._desk.wrong_at_room.has(room, now):
            raise Rejected(Code.TOO_MANY)
        # Taken for a wrong one until it has turned out to be right, or many could be tried at once.
        if not self._desk.wrong_of_source.take(source, now):
            raise Rejected(Code.TOO_MANY)
        policy = self._desk.policy
        command = c.Call(
            pins=frozenset(PinDigest(digest) for digest in policy.pins.digests(room, pin)),
            line=self._line(),
            connection=self._id,
            new_participant=ParticipantId(new_id("p")),
            # Nobody has the secret: no page can come back to the place of who called first.
            new_resume_hash=ResumeHash(policy.hash_secret(policy.new_secret())),
        )
        try:
            await self._desk.service.act(self.live, command, self._sit_down)
        except Rejected as error:
            if error.code is not Code.PIN_WRONG:
                self._desk.wrong_of_source.give_back(source)
                raise
            self._desk.wrong_at_room.take(room, now)
            self._desk.count(error.code.value)
            return False
        self._desk.wrong_of_source.give_back(source)
        return True

    def _line(self) -> Line:
        """By what they have come: one who is not seen is a telephone to everybody, whatever the network says."""
        described = (
            None if self.leg is None or self._over else self._desk.service.outside.legs.description(self.leg)
        )
        if described is not None and all(source.kind == "audio" for source in described.sources):
            return Line.TELEPHONE
        return Line(self._caller.line.value)

    def _sit_down(self, live: LiveRoom, events: Sequence[ev.Event]) -> None:
        """Take the place, before the roster goes out."""
        entered = (ev.Arrived, ev.HostEntered, ev.Reconnected)
        self._who = next(event.participant for event in events if isinstance(event, entered))
        before = live.seats.get(self._who)
        live.seats[self._who] = Seated(self._id, self)
        live.numbers[self._who] = self._caller.address
        if before is not None and before.connection is not self:
            before.connection.close(Code.REPLACED)
        if self.leg is not None:
            self._use(self.leg)
        if self._over:
            # Hung up while the PIN was looked at.
            self._desk.later(0, lambda: self._go_out(lost=False))

    def _use(self, leg: int) -> None:
        """Let the participant's media be on this leg."""
        before, self.leg = self.leg, leg
        if before is not None and before != leg:
            self._desk.later(0, self._say_again)
        if self._who is None or self._over:
            if before is not None and before != leg:
                self._desk.media.close(before)
            return
        known = self.live.legs.get(self._who)
        if known is None or known.leg != leg:
            self.live.legs[self._who] = MediaLeg(
                leg, lingers=True, signalled_openly=not self._caller.private, together=self._together
            )
            if known is not None:
                # A page's of before the call, or the call's own of before its media changed.
                self._desk.service.outside.legs.close(known.leg)
        self._bring_in_line()

    def _bring_in_line(self) -> None:
        self._note_microphone()
        if self._who is not None:
            self._desk.service.bring_in_line(self.live)
            self._desk.service.tell(self.live)

    def _see_otherwise(self) -> None:
        """See one person instead of everybody together, or the other way round; the picture itself says so."""
        self._together = not self._together
        if self._who is not None and (media := self.live.legs.get(self._who)) is not None:
            media.together = self._together
            self._bring_in_line()

    # As a host.

    async def _do(self, act: Act) -> None:
        """Do what the host has keyed in, and say what came of it; the room's rules are those for pages."""
        who, room = self._who, self.live.room
        if who is None or self._over:
            return
        by = ByParticipant(who)
        if act is Act.LOCK:
            command: c.Command = c.Lock(by=by, locked=not room.locked)
            said = Prompt.UNLOCKED if room.locked else Prompt.LOCKED
        else:
            waiting = next((person for person in room.at(Place.WAITING) if person.connected), None)
            if waiting is None:
                self._say(Prompt.NOBODY_WAITS)
                return
            command, said = c.Admit(by=by, participant=waiting.id), Prompt.LET_IN
        try:
            await self._desk.service.act(self.live, command)
        except Rejected as error:
            self._desk.count(error.code.value)
            said = Prompt.NOT_DONE
        self._say(said)

    def _note_microphone(self) -> None:
        """Have the room know that the peer has closed its microphone, or opened it, as its description says.

        Who waits may not say so, nor who opens what the host keeps closed: with each roster it is looked at again.
        """
        if self._over or self.leg is None or self._who is None or self._place is not m.Place.ADMITTED:
            return
        sources = self._desk.service.outside.legs.description(self.leg).sources
        is_open = any(source.source == MIC for source in sources)
        person = self.live.room.participants[self._who]
        is_kept_closed = person.muted_by_host and not person.may_unmute
        if is_open is not self._microphone and not (is_open and is_kept_closed):
            self._microphone = is_open
            self._desk.later(0, lambda: self._mute(muted=not is_open))

    async def _mute(self, *, muted: bool) -> None:
        if self._who is None or self._over:
            return
        try:
            await self._desk.service.act(self.live, c.SelfMute(by=ByParticipant(self._who), muted=muted))
        except Rejected as error:
            self._desk.count(error.code.value)

    # As one who shows content.

    def _tell_floor(self, floor: Floor) -> None:
        if not self._over and self._call is not None:
            self._call.floor(floor)

    async def _share(self, *, on: bool) -> None:
        """Share, or share no more, as far as the room allows it; not without a line for content."""
        if self._who is None or self._over or (on and not self._has_content()):
            return
        try:
            await self._desk.service.act(self.live, c.Sharing(by=ByParticipant(self._who), on=on))
        except Rejected as error:
            self._desk.count(error.code.value)

    def _has_content(self) -> bool:
        leg = None if self.leg is None else self._desk.service.outside.legs.description(self.leg)
        return leg is not None and any(source.source == CONTENT for source in leg.sources)

    # Going.

    def _say(self, prompt: Prompt, then: Callable[[], None] | None = None) -> None:
        if self.leg is not None and not self._over:
            self._desk.media.say(self.live, self.leg, prompt, then)

    def _waits(self) -> bool:
        return self._place is m.Place.WAITING and not self._parting and not self._over

    async def _say_again(self) -> None:
        """Tell what was told on a leg that is no more, to somebody who is not in."""
        if self.at_the_desk:
            self._say(Prompt.ENTER_PIN)
        elif self._waits():
            self._say(self._turn_prompt())

    def _part(self, why: Ending, prompt: Prompt) -> None:
        """Hang up when the caller has been told why, or could have been."""
        if self._parting:
            return
        self._parting = True
        if self.leg is None:
            self._hang_up(why)
            return
        self._say(prompt, lambda: self._hang_up(why))
        self._desk.later(FAREWELL_S, lambda: self._hang_up_later(why))

    def _hang_up(self, why: Ending) -> None:
        if self._finish():
            self._desk.count(why.value)
            if self._call is not None:
                self._call.hang_up(why)

    async def _hang_up_later(self, why: Ending) -> None:
        self._hang_up(why)

    def _finish(self) -> bool:
        """Be over; whether it was not before. The leg of one who has a place goes with it."""
        if self._over:
            return False
        self._over = True
        self._forget(self)
        if self.leg is not None:
            owner = self.live.owner_of(self.leg)
            if owner is None:
                self._desk.media.close(self.leg)
            else:
                self.live.legs[owner].lingers = False
        return True

    async def _go_out(self, *, lost: bool) -> None:
        """Put on record that the call is over; until that has worked, the gate stays as it is."""
        who = self._who
        if who is None or self.live.room.ended:
            return
        command: c.Command = (
            c.Disconnect(participant=who, connection=self._id)
            if lost
            else c.Leave(by=ByParticipant(who), connection=self._id)
        )
        try:
            await self._desk.service.act(self.live, command)
        except Exception:
            self._desk.later(RETRY_S, lambda: self._go_out(lost=lost))
            raise
        # Not before: an empty seat is taken for a lost connection, and would keep the place of who has left.
        seated = self.live.seats.get(who)
        if seated is not None and seated.id == self._id:
            del self.live.seats[who]
