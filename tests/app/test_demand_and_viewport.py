"""What the engine wants of a source reaches its page, and what a page can show reaches the engine."""

import pytest

from bridge.rooms.model import RoomId
from media.api import Demand, Wanted
from media.description import CAMERA
from signalling import messages as m
from signalling.errors import Rejected
from tests.app.rig import Page, Rig

LOWEST = [Wanted(active=True, max_bitrate=150_000), Wanted(active=False, max_bitrate=None)]
EVERYTHING = [Wanted(active=True, max_bitrate=None)] * 2
FACE, OTHER_FACE, CONTENT_SLOT = 2, 3, 4
FACE_MID, OTHER_MID = "5", "6"


@pytest.fixture
def rig() -> Rig:
    """A bridge."""
    return Rig()


async def consultation(rig: Rig) -> tuple[RoomId, Page, Page, Page]:
    """A doctor, a patient and an interpreter, all admitted."""
    room = await rig.open_room()
    doctor = await rig.enter(room, m.Role.DOCTOR, host=True)
    patient = await rig.enter(room)
    interpreter = await rig.enter(room, m.Role.INTERPRETER)
    await rig.say(doctor, m.AdmitAll(ref=1))
    return room, doctor, patient, interpreter


def demanded(page: Page) -> list[m.Demand]:
    """What a page's present connection was told of its sources."""
    return [told for told in page.connection.sent if isinstance(told, m.Demand)]


def weights(rig: Rig, room: RoomId, page: Page) -> dict[int, tuple[int, int | None]]:
    """Importance and lines of each slot of a page, as the engine has them."""
    return rig.engine.legs[rig.leg(room, page)].weights


def demand(rig: Rig, leg: int, wanted: list[Wanted]) -> None:
    """The engine says what it wants of a camera."""
    rig.engine.events.append(Demand(leg=leg, source=CAMERA, encodings=wanted))
    rig.deliver()


async def test_a_demand_reaches_the_page_whose_source_it_is(rig: Rig) -> None:
    """The owner hears of each encoding, and nobody else hears anything."""
    room, doctor, patient, _ = await consultation(rig)
    demand(rig, rig.leg(room, patient), LOWEST)
    assert demanded(patient) == [
        m.Demand(
            source=m.SourceName.CAMERA,
            encodings=[m.Wanted(active=True, max_bitrate=150_000), m.Wanted(active=False, max_bitrate=None)],
            leg=str(rig.leg(room, patient)),
        )
    ]
    assert demanded(doctor) == []


async def test_a_demand_of_a_leg_that_is_gone_is_passed_over(rig: Rig) -> None:
    """Events cross with people who leave."""
    room, doctor, patient, _ = await consultation(rig)
    leg = rig.leg(room, patient)
    await rig.say(patient, m.Leave())
    demand(rig, leg, LOWEST)
    assert demanded(doctor) == demanded(patient) == []


async def test_a_page_that_was_away_hears_the_last_demand_when_it_is_back(rig: Rig) -> None:
    """The leg lived on without a socket: `welcome` names it, and the page learns what it has missed."""
    room, _, patient, _ = await consultation(rig)
    leg = rig.leg(room, patient)
    await rig.lose(patient)
    demand(rig, leg, EVERYTHING)
    demand(rig, leg, LOWEST)
    await rig.join(patient)
    assert patient.connection.welcome.leg == str(leg)
    assert [(told.leg, [one.active for one in told.encodings]) for told in demanded(patient)] == [
        (str(leg), [True, False])
    ]
    assert (await rig.offer(patient)).leg == str(leg)


async def test_a_page_that_begins_anew_is_told_of_another_leg(rig: Rig) -> None:
    """Another peer connection is another leg, of which the engine has not said anything yet."""
    room, _, patient, _ = await consultation(rig)
    before = rig.leg(room, patient)
    demand(rig, before, LOWEST)
    await rig.lose(patient)
    patient.number += 1000
    await rig.join(patient)
    answer = await rig.offer(patient)
    assert answer.leg == str(rig.leg(room, patient)) != str(before)
    assert {told.leg for told in demanded(patient)} == {str(before)}


async def test_a_bridge_that_has_no_leg_says_so(rig: Rig) -> None:
    """As at the first `join`, so after the bridge has begun anew: there is nothing to go on with."""
    _, _, patient, _ = await consultation(rig)
    await rig.lose(patient)
    rig.start()
    await rig.join(patient)
    assert patient.connection.welcome.leg is None


async def test_what_tiles_can_show_reaches_the_engine(rig: Rig) -> None:
    """Lines by slot, for the slots that were named; the next message replaces them."""
    room, doctor, *_ = await consultation(rig)
    view = m.Viewport(slots=[m.SlotView(mid=FACE_MID, height=720), m.SlotView(mid="99", height=90)], ref=7)
    assert await rig.say(doctor, view) == m.Ok(ref=7)
    assert [weights(rig, room, doctor)[slot][1] for slot in (FACE, OTHER_FACE)] == [720, None]
    await rig.say(doctor, m.Viewport(slots=[m.SlotView(mid=OTHER_MID, height=180)], ref=8))
    assert [weights(rig, room, doctor)[slot][1] for slot in (FACE, OTHER_FACE)] == [None, 180]


async def test_the_same_viewport_again_asks_the_engine_for_nothing(rig: Rig) -> None:
    """The engine hears of changes only."""
    _, doctor, *_ = await consultation(rig)
    view = m.Viewport(slots=[m.SlotView(mid=FACE_MID, height=720)], ref=7)
    await rig.say(doctor, view)
    before = len(rig.log)
    await rig.say(doctor, view)
    assert rig.log[before:] == []


async def test_roles_pins_and_sharing_reach_the_engine(rig: Rig) -> None:
    """An interpreter matters more than others, who is pinned more than both, and shared content as much."""
    room, doctor, patient, interpreter = await consultation(rig)
    assert {weights(rig, room, doctor)[slot][0] for slot in (FACE, OTHER_FACE)} == {1, 3}
    await rig.say(doctor, m.Pin(participant=patient.participant, ref=2))
    assert {weights(rig, room, doctor)[slot][0] for slot in (FACE, OTHER_FACE)} == {0, 1}
    await rig.say(patient, m.Sharing(on=True, ref=3))
    assert weights(rig, room, interpreter)[CONTENT_SLOT][0] == 0


async def test_who_left_leaves_no_viewport_behind(rig: Rig) -> None:
    """What a page could show is forgotten with its owner."""
    room, doctor, patient, _ = await consultation(rig)
    await rig.say(patient, m.Viewport(slots=[m.SlotView(mid=FACE_MID, height=720)], ref=7))
    await rig.say(doctor, m.Remove(participant=patient.participant, ref=8))
    assert patient.participant not in rig.live(room).viewports
    with pytest.raises(Rejected):
        await rig.say(patient, m.Viewport(slots=[], ref=9))
