"""Legs of calls: an offer becomes a leg whose media lines have ports and keys of their own.

The counterpart of `media.legs`, for peers without BUNDLE (RFC 3264), few of which speak ICE. A further offer
changes where the peer is, what it sends with and in which direction; one that changes the media themselves gets a
new leg. `now` is a monotonic time in seconds.
"""

import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Final

from media.api import (
    Engine,
    EngineError,
    Event,
    LineConnected,
    LineDtls,
    RoomFailed,
    ShardStopped,
)
from media.call_keys import LineKeys, changed_channel, handshake, new_keys, own_key, protection
from media.description import CONTENT, MIC, Encoding, IceParams, Kind, Slot, SlotPlace, Source
from media.errands import Errands
from media.legs import LegDelayed, LegEvent, LegFailed, LegSecured, new_credentials
from media.lines import (
    AddLines,
    Keys,
    Line,
    LinePorts,
    SendLineDtls,
    SetLineKeys,
    SetRemote,
    WantKeyFrame,
)
from media.sdp.calls import (
    CallOffer,
    CallPolicy,
    LineAgreement,
    LocalLine,
    Written,
    agree_lines,
    answer,
    offer,
    read,
)
from media.sdp.calls.crypto import Crypto
from media.sdp.calls.h235 import ChannelKeys
from media.sdp.calls.offer import LINES, SOUND
from media.sdp.errors import SdpError
from media.transport import DtlsCertificate, DtlsServer

CNAME_BYTES: Final = 12


@dataclass(frozen=True, slots=True)
class CallDescription:
    """What was settled for a call; `sources` and `slots` are those in use now, as far as the planner cares."""

    sources: tuple[Source, ...]
    slots: tuple[Slot, ...]
    places: tuple[SlotPlace, ...]

    def mid_of(self, slot: int) -> str | None:
        """Return the number of the m-line of a slot, as text."""
        return next((place.mid for place in self.places if place.slot == slot), None)

    @property
    def content_slots(self) -> tuple[int, ...]:
        """Those in use that are on an m-line of content."""
        active = {slot.slot for slot in self.slots}
        return tuple(place.slot for place in self.places if place.content and place.slot in active)


@dataclass(slots=True)
class _Line:
    """One media line: what was agreed last, our end of it, and the handshake if there is one."""

    agreement: LineAgreement
    local: LocalLine
    slot: Slot
    dtls: DtlsServer | None = None
    secured: bool = False
    failed: bool = False


@dataclass(slots=True)
class _Call:
    room: int
    lines: list[_Line]
    session: int
    policy: CallPolicy
    version: int = 1
    written: str = field(default="", repr=False)
    """What we described last."""

    @property
    def description(self) -> CallDescription:
        return CallDescription(
            sources=tuple(_source(line.agreement) for line in self.lines if line.agreement.sends),
            slots=tuple(line.slot for line in self.lines if line.agreement.receives),
            places=tuple(_place(line) for line in self.lines),
        )


@dataclass(frozen=True, slots=True)
class _Offered:
    """What we have offered for a leg that the engine does not know yet."""

    room: int
    ports: tuple[int, ...]
    keys: tuple[LineKeys, ...] = field(repr=False)
    session: int
    policy: CallPolicy


NOTHING_YET: Final = CallDescription((), (), ())


class Calls:
    """All legs of calls on one engine."""

    def __init__(
        self,
        engine: Engine,
        certificate: DtlsCertificate,
        policy: CallPolicy,
        host: str,
        on_event: Callable[[LegEvent], None],
    ) -> None:
        """Take the engine; `host` is the address that peers are told."""
        self._engine = engine
        self._certificate = certificate
        self._policy = policy
        self._host = host
        self._on_event = on_event
        self._calls: dict[int, _Call] = {}
        self._offered: dict[int, _Offered] = {}
        self._errands = Errands(engine, lambda leg, code: self._on_event(LegDelayed(leg, code)))
        self._numbers = count(secrets.randbits(31) << 32)

    def __contains__(self, leg: int) -> bool:
        """Whether a leg is one of a call."""
        return leg in self._calls or leg in self._offered

    def __len__(self) -> int:
        """How many there are."""
        return len(self._calls) + len(self._offered)

    def describe(
        self, leg: int | None, room: int, offer: str, seen_at: str, now: float, *, plain: bool, h235: bool = False
    ) -> tuple[int, str]:
        """Answer an offer on a leg, or on a new one with its gate closed. Raises SdpError, EngineError.

        `seen_at` is the address from which the peer's signalling comes. Media that nothing encrypts are taken
        where the room (`plain`) and the policy of all calls allow it, H.235.6 where H.323 brings them (`h235`).
        """
        wanted, policy = read(offer), self._policy_of(plain=plain, h235=h235)
        agreed = agree_lines(wanted, policy, seen_at)
        known = None if leg is None else self._calls.get(leg)
        if leg is not None and known is not None and _same_media(known, agreed):
            self._change(leg, known, agreed)
            return leg, self._write(wanted, known)
        leg = next(self._numbers)
        made = self._calls[leg] = _Call(
            room, self._open(leg, room, agreed, now, policy=policy), secrets.randbits(62), policy
        )
        if known is not None:
            # To the peer it is the same session all the same (RFC 3264 section 8).
            made.session, made.version = known.session, known.version + 1
        return leg, self._write(wanted, made)

    def offer(
        self, leg: int | None, room: int, *, plain: bool, sound_only: bool = False, h235: bool = False
    ) -> tuple[int, str]:
        """Make an offer, to which `answered` follows: what stands on a leg that there is, else all that we take.

        With `sound_only` that is what a telephone takes. Raises EngineError.
        """
        if leg is not None and (known := self._calls.get(leg)) is not None:
            before, known.version = known.version, known.version + 1
            now, then = (f" {known.session} {version} " for version in (known.version, before))
            known.written = known.written.replace(then, now, 1)
            return leg, known.written
        leg, ports = next(self._numbers), self._ports(room, SOUND if sound_only else LINES)
        policy = self._policy_of(plain=plain, h235=h235)
        own = tuple(new_keys(h235=h235) for _ in ports)
        made = self._offered[leg] = _Offered(room, ports, own, secrets.randbits(62), policy)
        written = Written(made.session, 1, self._host)
        capabilities = self._policy.capabilities
        return leg, offer(ports, own, written, capabilities, best_effort=policy.allow_plain, h323=h235)

    def answered(self, leg: int, description: str, seen_at: str, now: float) -> None:
        """Take the answer to an offer of ours. Raises SdpError, EngineError."""
        answer, standing, offered = read(description), self._calls.get(leg), self._offered.get(leg)
        policy = next((one.policy for one in (offered, standing) if one is not None), self._policy)
        agreed = agree_lines(answer, policy, seen_at, is_answer=True)
        if offered is not None:
            del self._offered[leg]
            try:
                lines = self._open(leg, offered.room, agreed, now, policy=policy, offered=offered)
            except (EngineError, SdpError):
                self._close_ports(offered.room, offered.ports)
                raise
            known = self._calls[leg] = _Call(offered.room, lines, offered.session, policy)
            self._close_ports(offered.room, tuple(set(offered.ports) - {line.local.port for line in lines}))
            self._write(answer, known)
            return
        if standing is None or not _same_media(standing, agreed):
            raise SdpError("sdp_unusable", "The answer fits no offer.")
        self._change(leg, standing, agreed, by_answer=True)

    def want_key_frame(self, leg: int) -> None:
        """Pass on a wish for a key frame that did not come by RTCP."""
        known = self._calls.get(leg)
        for slot in known.description.slots if known is not None else ():
            if slot.kind == "video":
                self._errands.submit(leg, WantKeyFrame(leg=leg, slot=slot.slot))

    def description(self, leg: int) -> CallDescription:
        """What was settled for a leg; nothing while an offer of ours has no answer."""
        return NOTHING_YET if leg in self._offered else self._calls[leg].description

    def close(self, leg: int) -> None:
        """Forget a leg. Of no effect on an unknown one."""
        if (offered := self._offered.pop(leg, None)) is not None:
            self._close_ports(offered.room, offered.ports)
        known = self._calls.pop(leg, None)
        if known is None:
            return
        for number, line in enumerate(known.lines):
            if line.dtls is not None:
                line.dtls.close()
                self._flush(leg, number, line.dtls)
        self._errands.remove(leg)

    def handle_event(self, event: Event, now: float) -> None:
        """Take one event of the engine."""
        match event:
            case LineDtls(leg=leg, line=number, data=data) if leg in self._calls:
                line = self._calls[leg].lines[number]
                if line.dtls is not None:
                    line.dtls.handle_datagram(data, now)
                    self._advance(leg, number, line, line.dtls)
            case LineConnected(leg=leg, line=number) if leg in self._calls:
                dtls = self._calls[leg].lines[number].dtls
                if dtls is not None:
                    self._flush(leg, number, dtls)
            case RoomFailed(legs=legs):
                self._forget(legs)
            case ShardStopped(shard=shard):
                rooms = {leg: known.room for leg, known in self._calls.items()}
                self._forget([leg for leg, room in rooms.items() if self._engine.shard_of(room) == shard])

    def handle_timeout(self, now: float) -> None:
        """Send again what handshakes have lost or the engine has not taken; to be called every 50 ms or so."""
        self._errands.repeat()
        for leg, known in list(self._calls.items()):
            for number, line in enumerate(known.lines):
                if line.dtls is None:
                    continue
                due = line.dtls.next_timeout(now)
                if due is not None and due <= now:
                    line.dtls.handle_timeout(now)
                self._advance(leg, number, line, line.dtls)

    def _policy_of(self, *, plain: bool, h235: bool) -> CallPolicy:
        return replace(self._policy, allow_plain=self._policy.allow_plain and plain, h235=h235)

    def _ports(self, room: int, number: int) -> tuple[int, ...]:
        """Open so many pairs of ports, or none. Raises EngineError."""
        ports: list[int] = []
        try:
            while len(ports) < number:
                ports.append(self._engine.open_ports(room))
        except EngineError:
            self._close_ports(room, tuple(ports))
            raise
        return tuple(ports)

    def _close_ports(self, room: int, ports: tuple[int, ...]) -> None:
        for port in ports:
            self._engine.close_ports(room, port)

    def _open(
        self,
        leg: int,
        room: int,
        agreed: tuple[LineAgreement, ...],
        now: float,
        *,
        policy: CallPolicy,
        offered: _Offered | None = None,
    ) -> list[_Line]:
        """Give the engine a leg, on the ports of an offer of ours or on new ones."""
        handshakes = [handshake(agreement, self._certificate, now) for agreement in agreed]
        own = [own_key(agreement, None if offered is None else offered.keys) for agreement in agreed]
        if offered is None:
            ports = self._ports(room, len(agreed))
        else:
            ports = tuple(offered.ports[agreement.number] for agreement in agreed)
        parts = zip(agreed, ports, own, handshakes, strict=True)
        lines = [
            _Line(agreement, LocalLine(port, key, _ice(agreement)), _slot(number, agreement), dtls)
            for number, (agreement, port, key, dtls) in enumerate(parts)
        ]
        command = AddLines(
            leg=leg,
            room=room,
            lines=tuple(_command(line) for line in lines),
            cname=secrets.token_urlsafe(CNAME_BYTES),
            allow_plain=policy.allow_plain,
        )
        try:
            self._engine.submit(command)
        except EngineError:
            if offered is None:
                self._close_ports(room, ports)
            raise
        return lines

    def _change(
        self, leg: int, known: _Call, agreed: tuple[LineAgreement, ...], *, by_answer: bool = False
    ) -> None:
        """Take over where the peer is now, what it sends with, and whether it wants to be sent anything."""
        for number, (line, agreement) in enumerate(zip(known.lines, agreed, strict=True)):
            before, keys, ice = line.agreement, None, None
            if isinstance(agreement.protection, Crypto):
                if agreement.protection != before.protection:
                    keys = Keys(profile=agreement.protection.suite, master=agreement.protection.master)
                own = line.local.key
                if isinstance(own, Crypto):
                    key = Crypto(agreement.protection.tag, own.suite, own.master)
                    line.local = replace(line.local, key=key)
            if isinstance(agreement.protection, ChannelKeys):
                changed = changed_channel(leg, number, before.protection, agreement.protection)
                if changed is not None:
                    self._engine.submit(changed)
                line.local = replace(line.local, key=agreement.protection)
            if agreement.has_ice and _names(agreement) != _names(before):
                ice = new_credentials()
                line.local = replace(line.local, ice=ice)
            remote, most = agreement.remote, _most(agreement)
            if keys is not None or ice is not None or (remote, most) != (before.remote, _most(before)):
                command = SetRemote(leg=leg, line=number, remote=remote, keys=keys, ice=ice, max_bitrate=most)
                self._engine.submit(command)
            line.agreement = agreement
        known.version += not by_answer

    def _write(self, wanted: CallOffer, known: _Call) -> str:
        local = {line.agreement.number: line.local for line in known.lines}
        written = Written(known.session, known.version, self._host, self._certificate.fingerprint)
        agreed = tuple(line.agreement for line in known.lines)
        known.written = answer(wanted, agreed, local, written, self._policy.capabilities.camera_max_bitrate)
        return known.written

    def _advance(self, leg: int, number: int, line: _Line, dtls: DtlsServer) -> None:
        self._flush(leg, number, dtls)
        keys = dtls.result
        if keys is not None and not line.secured:
            local, remote = (Keys(profile=keys.profile, master=master) for master in (keys.local, keys.remote))
            line.secured = self._errands.submit(leg, SetLineKeys(leg=leg, line=number, local=local, remote=remote))
            if line.secured:
                self._on_event(LegSecured(leg))
        if dtls.error is not None and not line.failed:
            line.failed = True
            self._on_event(LegFailed(leg, dtls.error.code))

    def _flush(self, leg: int, number: int, dtls: DtlsServer) -> None:
        # What the engine does not take is as if lost on the way: the handshake sends it again.
        if datagrams := dtls.datagrams_to_send():
            self._errands.submit(leg, SendLineDtls(leg=leg, line=number, datagrams=datagrams))

    def _forget(self, legs: Iterable[int]) -> None:
        lost = list(legs)
        for leg in lost:
            self._calls.pop(leg, None)
        self._errands.forget(lost)


def _same_media(known: _Call, agreed: tuple[LineAgreement, ...]) -> bool:
    """Whether the engine's lines serve what a further offer agrees on."""
    if len(known.lines) != len(agreed):
        return False
    return all(_identity(line.agreement) == _identity(new) for line, new in zip(known.lines, agreed, strict=True))


def _identity(agreement: LineAgreement) -> tuple[object, ...]:
    protection = agreement.protection
    # The suite is that of both directions; a certificate that changes is another handshake.
    kept = protection.suite if isinstance(protection, Crypto | ChannelKeys) else protection
    formats = tuple(item.format for item in agreement.agreed)
    return agreement.number, agreement.source, formats, kept, agreement.line.rtcp_mux, agreement.has_ice


def _names(agreement: LineAgreement) -> tuple[str, str]:
    """What changes when the peer restarts ICE (RFC 8839 section 4.4.1)."""
    return agreement.line.ice.ufrag, agreement.line.ice.pwd


def _ice(agreement: LineAgreement) -> IceParams | None:
    return new_credentials() if agreement.has_ice else None


def _command(line: _Line) -> Line:
    agreement, local = line.agreement, line.local
    return Line(
        ports=LinePorts(rtp=local.port, rtcp=None if agreement.line.rtcp_mux else local.port + 1),
        remote=agreement.remote,
        protection=protection(agreement, local),
        ice=local.ice,
        sources=(_source(agreement),),
        slots=(line.slot,),
        parameter_sets=agreement.parameter_sets,
        feedback=agreement.feedback,
        max_bitrate=_most(agreement),
    )


def _kind(agreement: LineAgreement) -> Kind:
    return "audio" if agreement.source == MIC else "video"


def _most(agreement: LineAgreement) -> int | None:
    """How much the peer takes of pictures, in bit/s."""
    return agreement.line.max_bitrate if _kind(agreement) == "video" else None


def _source(agreement: LineAgreement) -> Source:
    return Source(
        source=agreement.source,
        kind=_kind(agreement),
        mid=str(agreement.number),
        encodings=(Encoding(),),
        formats=tuple(item.format for item in agreement.agreed),
    )


def _slot(number: int, agreement: LineAgreement) -> Slot:
    formats = tuple(item.format for item in agreement.agreed)
    repaired = any(one.rtx_pt is not None for one in formats)
    ssrc, rtx_ssrc = secrets.SystemRandom().sample(range(1, 2**32), 2)
    return Slot(
        slot=number,
        kind=_kind(agreement),
        ssrc=ssrc,
        rtx_ssrc=rtx_ssrc if repaired else None,
        formats=formats,
        max_ptime_ms=agreement.line.max_ptime_ms,
    )


def _place(line: _Line) -> SlotPlace:
    agreement, slot = line.agreement, line.slot
    return SlotPlace(
        slot=slot.slot,
        mid=str(agreement.number),
        kind=slot.kind,
        stream="",
        track="",
        content=agreement.source == CONTENT,
        ssrc=slot.ssrc,
        rtx_ssrc=slot.rtx_ssrc,
    )
