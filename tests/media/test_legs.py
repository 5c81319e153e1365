"""Legs on a real engine, with a peer that checks by STUN and shakes hands by DTLS over loopback."""

import asyncio

import pytest

from media.api import EngineError, IceConnected, LegRemoved, RemoveLeg, SetGate
from media.legs import LegDelayed, LegFailed, LegPolicy, Legs, LegSecured
from media.sdp import OfferRoles, SdpError
from tests.media.engine_peer import ROLES, ROOM, connected_peer, offer_of, running_legs
from tests.media.transport_network import certificate


def now() -> float:
    """The loop's time."""
    return asyncio.get_running_loop().time()


async def test_a_peer_with_the_offered_certificate_is_secured() -> None:
    """After checks and handshake the engine has the keys, the gate is closed, and the peer has the same keys."""
    async with running_legs() as (legs, engine, ears):
        leg, answer = legs.open(ROOM, offer_of("client"), ROLES, content_slots=1, now=now())
        async with connected_peer(engine, "client", answer.sdp) as peer:
            assert await ears.of(LegSecured) == LegSecured(leg)
            assert IceConnected(leg=leg) in ears.events
            assert peer.dtls is not None
            row = engine.snapshot().legs[0]
            assert (row["leg"], row["connected"], row["secured"], row["gate_open"]) == (leg, 1, 1, 0)


async def test_a_peer_with_another_certificate_fails() -> None:
    """Whoever answers the checks without the certificate of the offer gets no keys."""
    async with running_legs() as (legs, engine, ears):
        leg, answer = legs.open(ROOM, offer_of("client"), ROLES, content_slots=1, now=now())
        async with connected_peer(engine, "thief", answer.sdp):
            assert await ears.of(LegFailed) == LegFailed(leg, "dtls_fingerprint")
            assert engine.snapshot().legs["secured"].tolist() == [0]


async def test_an_ice_restart_keeps_leg_slots_and_keys() -> None:
    """A further offer with the same certificate is answered on the leg, whose new credentials then work."""
    async with running_legs() as (legs, engine, ears):
        leg, answer = legs.open(ROOM, offer_of("client"), ROLES, content_slots=1, now=now())
        before = legs.description(leg)
        async with connected_peer(engine, "client", answer.sdp) as peer:
            await ears.of(LegSecured)
            again = legs.restart(leg, offer_of("client"), ROLES, content_slots=1)
            assert again is not None
            after = legs.description(leg)
            assert (after.slots, after.places, after.cname) == (before.slots, before.places, before.cname)
            assert after.version == before.version + 1
            assert after.ice.local_ufrag != before.ice.local_ufrag
            peer.checked.clear()
            peer.check(again.sdp)
            await asyncio.wait_for(peer.checked.wait(), 60)
            assert engine.snapshot().legs["secured"].tolist() == [1]


async def test_an_offer_with_another_certificate_is_another_connection() -> None:
    """A page that was loaded anew gets None here, and so a new leg; the old one is as it was."""
    async with running_legs() as (legs, _engine, _ears):
        leg, _answer = legs.open(ROOM, offer_of("client"), ROLES, content_slots=1, now=now())
        before = legs.description(leg)
        assert legs.restart(leg, offer_of("other"), ROLES, content_slots=1) is None
        assert legs.description(leg) == before


async def test_media_cannot_change_in_a_further_offer() -> None:
    """Naming other sources on the same connection is refused with a reason."""
    async with running_legs() as (legs, _engine, _ears):
        leg, _answer = legs.open(ROOM, offer_of("client"), ROLES, content_slots=1, now=now())
        with pytest.raises(SdpError) as caught:
            legs.restart(leg, offer_of("client"), OfferRoles(mic="0"), content_slots=1)
        assert caught.value.code == "sdp_unusable"


async def test_closing_tells_the_peer_and_the_engine() -> None:
    """The peer hears that the association is closed; closing again changes nothing."""
    async with running_legs() as (legs, engine, ears):
        leg, answer = legs.open(ROOM, offer_of("client"), ROLES, content_slots=1, now=now())
        async with connected_peer(engine, "client", answer.sdp) as peer:
            await ears.of(LegSecured)
            legs.close(leg)
            legs.close(leg)
            removed = await ears.of(LegRemoved)
            assert isinstance(removed, LegRemoved)
            assert removed.leg == leg
            assert len(legs) == 0
            assert engine.snapshot().legs.tolist() == []
            async with asyncio.timeout(60):
                while peer.dtls is None or peer.dtls.error is None:  # noqa: ASYNC110 - a datagram has no event
                    await asyncio.sleep(0.005)
            assert peer.dtls.error.code == "dtls_closed"


class BusyEngine:
    """An engine that takes nothing for a while."""

    def __init__(self) -> None:
        self.busy = False
        self.taken: list[object] = []

    def shard_of(self, _room: int) -> int:
        """One shard."""
        return 0

    def submit(self, command: object) -> None:
        """Take it, or not."""
        if self.busy:
            raise EngineError("busy", "the shard's queue is full")
        self.taken.append(command)


def test_a_leg_that_the_engine_was_too_busy_to_forget_is_forgotten_later() -> None:
    """A removal that finds a full queue is tried again with the timers until it is taken, once."""
    engine, told = BusyEngine(), []
    legs = Legs(engine, certificate("server"), LegPolicy(lambda _shard: (("127.0.0.1", 1),)), told.append)
    leg, _answer = legs.open(ROOM, offer_of("client"), ROLES, content_slots=1, now=0.0)
    engine.busy = True
    legs.close(leg)
    legs.handle_timeout(0.05)
    assert told == [LegDelayed(leg, "engine_busy")] * 2
    engine.busy = False
    legs.handle_timeout(0.1)
    legs.handle_timeout(0.15)
    assert engine.taken[1:] == [RemoveLeg(leg=leg)]


async def test_keys_that_the_engine_could_not_take_are_handed_over_later() -> None:
    """A handshake that ends while the engine is busy secures the leg as soon as it is not."""
    async with running_legs() as (legs, engine, ears):
        leg, answer = legs.open(ROOM, offer_of("client"), ROLES, content_slots=1, now=now())
        submit, refused = engine.submit, []

        def busy_for_keys(command: object) -> None:
            if type(command).__name__ == "SetKeys" and not refused:
                refused.append(command)
                raise EngineError("busy", "the shard's queue is full")
            submit(command)

        engine.submit = busy_for_keys
        async with connected_peer(engine, "client", answer.sdp):
            assert await ears.of(LegDelayed) == LegDelayed(leg, "engine_busy")
            assert LegSecured(leg) not in ears.events
            legs.handle_timeout(now())
            assert LegSecured(leg) in ears.events
            engine.submit(SetGate(leg=leg, open=True))
            assert engine.snapshot().legs[["secured", "gate_open"]].tolist() == [(1, 1)]
