"""What an engine that is busy or refuses leaves behind: asked again where that helps, and never asked for ever."""

import pytest

from bridge.rooms.model import Place
from media.api import CommandRefused, ConsentLost, IceConnected, Speakers
from media.description import CAMERA, MIC
from media.legs import LegDelayed, LegFailed, LegSecured
from signalling import messages as m
from signalling.errors import Code
from tests.app.rig import Rig, code_of, offer_of


@pytest.fixture
def rig() -> Rig:
    """A bridge."""
    return Rig()


async def test_a_busy_engine_delays_an_admission_until_repair(rig: Rig) -> None:
    """The admission is recorded, the gate stays shut, and the next repair opens it."""
    room, doctor, patient = await rig.consultation()
    rig.engine.dead = True
    await rig.let_in(doctor, patient)
    assert rig.recorded(room).participants[patient.participant].place is Place.ADMITTED
    rig.engine.dead = False
    assert rig.sees(room, patient) == set()
    await rig.service.repair()
    assert rig.sees(room, patient) == {(doctor.participant, MIC), (doctor.participant, CAMERA)}


async def test_a_removal_that_the_engine_could_not_take_is_made_good(rig: Rig) -> None:
    """Neither gate nor leg of the removed outlives the engine's trouble."""
    room, doctor, patient = await rig.consultation()
    await rig.let_in(doctor, patient)
    leg = rig.leg(room, patient)
    rig.engine.dead = True
    await rig.say(doctor, m.Remove(participant=patient.participant, ref=1))
    assert patient.connection.bye is Code.REMOVED
    rig.engine.dead = False
    await rig.service.repair()
    assert rig.sees(room, doctor) == set()
    rig.deliver()
    assert leg not in rig.engine.legs


@pytest.mark.parametrize("command", ["AddLeg", "AddLines"])
async def test_a_refused_leg_is_dropped_once(rig: Rig, command: str) -> None:
    """When the engine refuses a leg, nothing more is asked of it, second after second."""
    room, doctor, patient = await rig.consultation()
    leg = rig.leg(room, patient)
    del rig.engine.legs[leg]
    rig.engine.events.append(CommandRefused(command=command, leg=leg, code="bad_description"))
    rig.deliver()
    rig.deliver()
    asked = len(rig.log)
    await rig.service.repair()
    assert len(rig.log) == asked
    assert patient.participant not in rig.live(room).legs
    assert doctor.connection.bye is None


async def test_a_refused_command_of_a_known_leg_is_asked_again(rig: Rig) -> None:
    """Any other refusal puts the room out of line until the next repair."""
    room, doctor, _patient = await rig.consultation()
    leg = rig.leg(room, doctor)
    rig.engine.legs[leg].gate = False
    rig.engine.events.append(CommandRefused(command="SetGate", leg=leg, code="unknown_leg"))
    rig.deliver()
    await rig.service.repair()
    assert leg in rig.engine.open_legs()


async def test_a_page_without_a_microphone_disturbs_nothing(rig: Rig) -> None:
    """Nothing is asked of a source that is not there, so the engine refuses nothing."""
    room = await rig.open_room()
    page = await rig.page(room, m.Role.DOCTOR, host=True)
    await rig.join(page)
    silent = m.Sources(camera="1")
    await rig.say(page, m.Offer(sdp=offer_of(page.number), sources=silent, ref=1))
    assert not [event for event in rig.engine.events if isinstance(event, CommandRefused)]
    assert rig.leg(room, page) in rig.engine.open_legs()


async def test_an_offer_that_names_a_stream_twice_is_refused_with_a_reason(rig: Rig) -> None:
    """Two sources with one SSRC are the client's fault, told as `sdp_unusable`, and no leg is made."""
    room = await rig.open_room()
    page = await rig.page(room)
    await rig.join(page)
    ssrcs = [line.split()[0][len("a=ssrc:") :] for line in offer_of(1).splitlines() if line.startswith("a=ssrc:")]
    twice = offer_of(page.number).replace(ssrcs[-1], ssrcs[0])
    assert ssrcs[-1] != ssrcs[0]
    assert await code_of(rig.offer(page, twice)) is Code.SDP_UNUSABLE
    assert rig.engine.legs == {}


async def test_an_offer_that_a_busy_engine_cannot_take_is_our_fault(rig: Rig) -> None:
    """The client hears `internal`, it is counted, and the next offer works."""
    room = await rig.open_room()
    page = await rig.page(room, m.Role.DOCTOR, host=True)
    await rig.join(page)
    rig.engine.busy = 1
    assert await code_of(rig.offer(page)) is Code.INTERNAL
    assert rig.counts.seen["engine_errors", "busy"] == 1
    await rig.offer(page)
    assert rig.engine.open_legs() == {rig.leg(room, page)}


async def test_troubles_of_a_leg_are_counted_under_their_code(rig: Rig) -> None:
    """A failed handshake and a command put off are counted; that a leg is up, or silent, changes nothing."""
    room, doctor, _patient = await rig.consultation()
    leg, plan = rig.leg(room, doctor), rig.live(room).plan
    for event in (LegFailed(leg, "dtls_timeout"), LegDelayed(leg, "engine_busy"), LegSecured(leg)):
        rig.service.handle_leg_event(event)
    for told in (ConsentLost(leg=leg), IceConnected(leg=leg), Speakers(room=1, legs=[leg])):
        rig.service.handle_leg_event(told)
    assert rig.counts.seen["leg_failures", "dtls_timeout"] == 1
    assert rig.counts.seen["engine_errors", "engine_busy"] == 1
    assert (rig.live(room).plan, rig.live(room).speakers) == (plan, [])
