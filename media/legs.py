"""Legs of browsers: an offer becomes a leg in the engine, its handshake is driven, its keys are handed over.

The one place where SDP, DTLS and the engine meet. What a leg may do once it is up is none of its business: gates
and feeds are asked for by the admission code. `now` is a monotonic time in seconds.
"""

import secrets
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Final

from media.api import (
    AddLeg,
    Dtls,
    Engine,
    Event,
    IceConnected,
    RestartIce,
    RoomFailed,
    SendDtls,
    SetKeys,
    ShardStopped,
)
from media.description import IceParams, LegDescription
from media.errands import Errands
from media.sdp import (
    Answer,
    Capabilities,
    LocalTransport,
    OfferRoles,
    RemoteTransport,
    SdpError,
    answer_offer,
)
from media.transport import DtlsCertificate, DtlsServer, TransportError

# RFC 8445 section 5.3 asks for at least 24 bits in a user name fragment and 128 in a password.
UFRAG_BYTES: Final = 6
PASSWORD_BYTES: Final = 18
CNAME_BYTES: Final = 12


@dataclass(frozen=True, slots=True)
class LegSecured:
    """The handshake is complete and the engine has the keys."""

    leg: int


@dataclass(frozen=True, slots=True)
class LegDelayed:
    """The engine did not take a command of this leg just now; `code` says why. It is asked again or repeated."""

    leg: int
    code: str


@dataclass(frozen=True, slots=True)
class LegFailed:
    """The leg will not carry media; `code` is a stable word of `TransportError`."""

    leg: int
    code: str


LegEvent = Event | LegSecured | LegDelayed | LegFailed


@dataclass(slots=True)
class _Leg:
    room: int
    description: LegDescription
    remote: RemoteTransport
    dtls: DtlsServer
    secured: bool = False
    failed: bool = False


@dataclass(slots=True)
class LegPolicy:
    """What every leg is offered: candidates by shard, codecs and rates."""

    candidates: Callable[[int], tuple[tuple[str, int], ...]]
    capabilities: Capabilities = field(default_factory=Capabilities)


class Legs:
    """All legs of browsers on one engine."""

    def __init__(
        self,
        engine: Engine,
        certificate: DtlsCertificate,
        policy: LegPolicy,
        on_event: Callable[[LegEvent], None],
    ) -> None:
        self._engine = engine
        self._certificate = certificate
        self._policy = policy
        self._on_event = on_event
        self._legs: dict[int, _Leg] = {}
        # Those of whose handshake something may be due: of hundreds, the few who are just coming in.
        self._shaking: set[int] = set()
        self._errands = Errands(engine, lambda leg, code: self._on_event(LegDelayed(leg, code)))
        # Unique across nodes without asking anybody: 31 random bits for this process, then a count.
        self._numbers = count(secrets.randbits(31) << 32)

    def __len__(self) -> int:
        """How many there are."""
        return len(self._legs)

    def open(
        self, room: int, offer: str, roles: OfferRoles, *, content_slots: int, now: float
    ) -> tuple[int, Answer]:
        """Answer an offer with a new leg, its gate closed. Raises SdpError, EngineError."""
        answer = self._answer(room, offer, roles, content_slots, None)
        _check_ssrcs(answer.leg)
        try:
            dtls = DtlsServer(self._certificate, _fingerprints(answer.remote), now)
        except TransportError as error:
            raise SdpError("sdp_unusable", error.message) from error
        leg = next(self._numbers)
        described = answer.leg
        self._engine.submit(
            AddLeg(
                leg=leg,
                room=room,
                ice=described.ice,
                sources=described.sources,
                slots=described.slots,
                extensions=described.extensions,
                cname=described.cname,
            )
        )
        self._legs[leg] = _Leg(room, described, answer.remote, dtls)
        return leg, answer

    def restart(self, leg: int, offer: str, roles: OfferRoles, *, content_slots: int) -> Answer | None:
        """Answer a further offer of the same peer connection, or give None when it is another one.

        The fingerprint tells: a page that made a new RTCPeerConnection has a new certificate, and gets a new leg.
        Raises SdpError for a change of the media, which no client of this protocol needs.
        """
        known = self._legs[leg]
        answer = self._answer(known.room, offer, roles, content_slots, known.description)
        if answer.remote.fingerprints != known.remote.fingerprints:
            return None
        if _media_of(answer.leg) != _media_of(known.description):
            raise SdpError("sdp_unusable", "The media of a connection are settled by its first offer.")
        self._engine.submit(RestartIce(leg=leg, ice=answer.leg.ice))
        known.description, known.remote = answer.leg, answer.remote
        return answer

    def shard_of(self, room: int) -> int:
        """The shard on which a room of this number lives."""
        return self._engine.shard_of(room)

    def description(self, leg: int) -> LegDescription:
        """What was settled for a leg."""
        return self._legs[leg].description

    def close(self, leg: int) -> None:
        """Forget a leg, telling its peer where the handshake allows it. Of no effect on an unknown one."""
        known = self._legs.pop(leg, None)
        if known is None:
            return
        self._shaking.discard(leg)
        known.dtls.close()
        self._flush(leg, known)
        self._errands.remove(leg)

    def handle_event(self, event: Event, now: float) -> None:
        """Take one event of the engine: handshakes are served here, everything is passed on but DTLS itself."""
        if isinstance(event, Dtls):
            known = self._legs.get(event.leg)
            if known is not None:
                self._shaking.add(event.leg)
                known.dtls.handle_datagram(event.data, now)
                self._advance(event.leg, known)
            return
        if isinstance(event, IceConnected) and (known := self._legs.get(event.leg)) is not None:
            self._flush(event.leg, known)
        if isinstance(event, RoomFailed):
            self._forget(event.legs)
        if isinstance(event, ShardStopped):
            self._forget([leg for leg, known in self._legs.items() if self.shard_of(known.room) == event.shard])
        self._on_event(event)

    def _forget(self, legs: Iterable[int]) -> None:
        """Know nothing more of legs that the engine has lost; their peers find out by themselves."""
        lost = list(legs)
        for leg in lost:
            self._legs.pop(leg, None)
        self._shaking.difference_update(lost)
        self._errands.forget(lost)

    def handle_timeout(self, now: float) -> None:
        """Send again what handshakes have lost or the engine has not taken; to be called every 50 ms or so."""
        self._errands.repeat()
        for leg in list(self._shaking):
            # What is told of one may end others.
            known = self._legs.get(leg)
            if known is not None and not self._serve(leg, known, now):
                self._shaking.discard(leg)

    def _serve(self, leg: int, known: _Leg, now: float) -> bool:
        """Do what is due for a handshake; tell whether anything may be yet."""
        if known.dtls.result is not None and not known.secured:
            self._advance(leg, known)
        due = known.dtls.next_timeout(now)
        if due is not None and due <= now:
            known.dtls.handle_timeout(now)
            self._advance(leg, known)
        return due is not None or (known.dtls.result is not None and not known.secured)

    def _answer(
        self, room: int, offer: str, roles: OfferRoles, content_slots: int, previous: LegDescription | None
    ) -> Answer:
        ice = new_credentials()
        local = LocalTransport(
            ice_ufrag=ice.local_ufrag,
            ice_pwd=ice.local_pwd,
            fingerprint=self._certificate.fingerprint,
            candidates=self._policy.candidates(self.shard_of(room)),
            cname=secrets.token_urlsafe(CNAME_BYTES) if previous is None else previous.cname,
        )
        return answer_offer(
            offer,
            roles,
            local,
            _ssrcs(),
            self._policy.capabilities,
            content_slots=content_slots,
            previous=previous,
        )

    def _advance(self, leg: int, known: _Leg) -> None:
        self._flush(leg, known)
        keys = known.dtls.result
        if keys is not None and not known.secured:
            command = SetKeys(leg=leg, profile=keys.profile, local=keys.local, remote=keys.remote)
            known.secured = self._errands.submit(leg, command)
            if known.secured:
                self._on_event(LegSecured(leg))
        if known.dtls.error is not None and not known.failed:
            known.failed = True
            self._on_event(LegFailed(leg, known.dtls.error.code))

    def _flush(self, leg: int, known: _Leg) -> None:
        # What the engine does not take is as if lost on the way: the handshake sends it again.
        if datagrams := known.dtls.datagrams_to_send():
            self._errands.submit(leg, SendDtls(leg=leg, datagrams=datagrams))


def _fingerprints(remote: RemoteTransport) -> list[tuple[str, str]]:
    return [(fingerprint.algorithm, fingerprint.value) for fingerprint in remote.fingerprints]


def _check_ssrcs(description: LegDescription) -> None:
    """Raise SdpError for an offer that names a stream twice: the engine tells streams apart by their SSRC."""
    encodings = [encoding for source in description.sources for encoding in source.encodings]
    named = [ssrc for one in encodings for ssrc in (one.ssrc, one.rtx_ssrc) if ssrc is not None]
    if len(named) != len(set(named)):
        raise SdpError("sdp_unusable", "Two streams of the offer have the same SSRC.")


def _media_of(description: LegDescription) -> tuple[object, ...]:
    return description.sources, description.slots, description.extensions


def new_credentials() -> IceParams:
    """What a client's checks have to know, by chance."""
    return IceParams(
        # No slash: what a client puts after one is its own (PROTOCOL.md, 7).
        local_ufrag=secrets.token_hex(UFRAG_BYTES),
        local_pwd=secrets.token_urlsafe(PASSWORD_BYTES).replace("-", "+").replace("_", "/"),
    )


def _ssrcs() -> Iterator[int]:
    while True:
        yield secrets.randbelow(2**32 - 1) + 1
