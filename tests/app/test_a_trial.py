"""Tests of the way to the bridge: who may, how many, what they measure, and that they touch nobody."""

import numpy as np
import pytest

from bridge.app.trial import MAX_TESTS, Trial
from media.api import Latency, Snapshot
from signalling import messages as m
from signalling.errors import Code, Rejected
from tests.app import engine_rows
from tests.app.fakes import token_of
from tests.app.rig import Page, Rig, code_of, offer_of

NO_SOURCES = m.Sources()
SOURCES = m.Sources(mic="0", camera="1")
GOOD_DOWN = m.Flow(loss_percent=0.0, jitter_ms=3.0, bitrate_kbps=800.0)


@pytest.fixture
def rig() -> Rig:
    """A bridge."""
    return Rig()


def asked(page: Page) -> m.Test:
    """What a page says first."""
    return m.Test(version=1, token=token_of(page.link), ref=1)


async def begin(rig: Rig, page: Page) -> Trial:
    """A test with this page's link."""
    trial = await rig.door.test(asked(page))
    assert isinstance(trial, Trial)
    return trial


def loop(trial: Trial, number: int) -> None:
    """Make both offers, each of a peer connection of its own."""
    for part, sources in ((1, SOURCES), (2, NO_SOURCES)):
        answer = trial.handle(m.Offer(sdp=offer_of(1000 * number + part), sources=sources, ref=part))
        assert isinstance(answer, m.Answer)


def report(**changes: object) -> m.TestReport:
    """What a page says whose link is good."""
    given = {"sent_kbps": 800.0, "down": GOOD_DOWN, "rtt_ms": 20.0, "frames": 150, "sound": True, "ref": 3}
    return m.TestReport(**given | changes)


def counts(
    rig: Rig,
    *,
    lost: tuple[int, int] = (0, 0),
    jitter_us: int = 2000,
    rtt_us: int = 30_000,
    sockets: tuple[int, int, int, int] = (4000, 0, 4000, 0),
) -> None:
    """Let the engine have counted, for every leg, 1000 packets of sound each way with so many lost up and down.

    `sockets`: what the shard has sent, dropped, read and missed, as `SOCKET_COLUMNS`.
    """
    numbers = sorted(rig.engine.legs)

    def snapshot() -> Snapshot:
        none = np.zeros((0, 0), np.uint64)
        jitter = {"jitter_us": jitter_us, "transit_changes": 100, "transit_changes_us": 100 * jitter_us}
        sent = jitter | {"bytes": 700_000, "expected": 1000}
        rows = [sent | {"leg": leg, "direction": way, "lost": lost[way]} for leg in numbers for way in (0, 1)]
        legs = engine_rows.legs(dict.fromkeys(numbers, rtt_us))
        nothing = Latency(bounds_us=none, counts=none, sum_us=none, impossible=none)
        streams, shards = engine_rows.streams(*rows), np.array([(0, 0, *sockets)], engine_rows.SHARDS)
        return Snapshot(legs=legs, streams=streams, shards=shards, lines=none, latency=nothing)

    rig.counted = snapshot


async def finish(rig: Rig, trial: Trial, told: m.TestReport) -> m.Tested:
    """Seven seconds later, the report and what the bridge makes of it."""
    await rig.pass_time(7)
    tested = trial.handle(told)
    assert isinstance(tested, m.Tested)
    return tested


async def test_own_media_come_back_and_the_verdict_is_told(rig: Rig) -> None:
    """The sender's microphone and camera fill the receiver's slots, and nothing else does."""
    page = await rig.page(await rig.open_room())
    trial = await begin(rig, page)
    loop(trial, 1)
    sender, receiver = sorted(rig.engine.legs)
    assert rig.engine.reaching(receiver) == {(sender, 0), (sender, 1)}
    assert rig.engine.reaching(sender) == set()
    counts(rig)
    tested = await finish(rig, trial, report())
    assert (tested.verdict, tested.reasons, tested.rtt_ms) == (m.TrialVerdict.GOOD, [], 30.0)
    assert tested.up == m.Flow(loss_percent=0.0, jitter_ms=2.0, bitrate_kbps=800.0)
    assert tested.down == m.Flow(loss_percent=0.0, jitter_ms=2.0, bitrate_kbps=800.0), (
        "the page's has the way up in it"
    )
    rig.deliver()
    assert rig.engine.legs == {}
    assert len(rig.trials) == 0


async def test_loss_on_the_way_up_is_the_engines_to_say(rig: Rig) -> None:
    """A page that sees nothing wrong is told what the bridge has missed, and the host reads a word of it."""
    room = await rig.open_room()
    doctor = await rig.enter(room, m.Role.DOCTOR, host=True)
    page = await rig.page(room)
    trial = await begin(rig, page)
    loop(trial, 1)
    counts(rig, lost=(40, 0))
    tested = await finish(rig, trial, report())
    assert (tested.verdict, tested.reasons) == (m.TrialVerdict.WEAK, [m.TestReason.LOSS_UP])
    assert len(doctor.connection.roster.people) == 1
    await rig.join(page)
    told = {line.participant: line.tested for line in doctor.connection.roster.people}
    assert told == {doctor.participant: None, page.participant: m.TrialVerdict.WEAK}
    assert [line.tested for line in page.connection.roster.people] == [None]


@pytest.mark.parametrize(
    ("concealed", "verdict"), [(None, m.TrialVerdict.WEAK), (0.3, m.TrialVerdict.GOOD), (2.0, m.TrialVerdict.WEAK)]
)
async def test_what_redundancy_brings_back_is_not_held_against_a_link(
    rig: Rig, concealed: float | None, verdict: m.TrialVerdict
) -> None:
    """Of 2 % lost on the way down, what is heard decides, where the page tells it."""
    trial = await begin(rig, await rig.page(await rig.open_room()))
    loop(trial, 1)
    counts(rig, lost=(0, 20))
    tested = await finish(rig, trial, report(concealed_percent=concealed))
    assert tested.verdict is verdict
    assert tested.down.loss_percent == 2.0


@pytest.mark.parametrize(
    ("capacity_kbps", "verdict"), [(300.0, m.TrialVerdict.GOOD), (200.0, m.TrialVerdict.WEAK)]
)
async def test_a_way_up_that_is_thin_and_full_is_weak(
    rig: Rig, capacity_kbps: float, verdict: m.TrialVerdict
) -> None:
    """By the word of the page's own congestion control, which alone can know; as thin as a call would call it."""
    trial = await begin(rig, await rig.page(await rig.open_room()))
    loop(trial, 1)
    counts(rig)
    tested = await finish(rig, trial, report(capacity_kbps=capacity_kbps))
    assert tested.verdict is verdict
    assert tested.reasons == ([] if verdict is m.TrialVerdict.GOOD else [m.TestReason.RATE_UP])


@pytest.mark.parametrize("offers", [0, 1, 2])
async def test_a_test_through_which_nothing_comes_is_unusable(rig: Rig, offers: int) -> None:
    """A page that could not connect says so at any point, and hears it in a word."""
    trial = await begin(rig, await rig.page(await rig.open_room()))
    for part in range(offers):
        trial.handle(m.Offer(sdp=offer_of(part + 1), sources=SOURCES if part == 0 else NO_SOURCES, ref=1))
    counts(rig)
    tested = await finish(rig, trial, report(down=None, frames=0, sound=False))
    assert (tested.verdict, tested.reasons) == (m.TrialVerdict.UNUSABLE, [m.TestReason.BLOCKED])


async def test_nobody_in_the_room_learns_of_a_test_or_is_reached_by_it(rig: Rig) -> None:
    """While people come, are let in and go, tests begin and end: the gates and feeds of each stay apart."""
    room = await rig.open_room()
    doctor = await rig.enter(room, m.Role.DOCTOR, host=True)
    pages = [await rig.page(room) for _ in range(4)]
    told, lines = len(doctor.connection.sent), len(rig.store.audit)
    trials = []
    for number, page in enumerate(pages, start=1):
        trials.append(await begin(rig, page))
        loop(trials[-1], number)
        apart(rig, trials)
    assert (len(doctor.connection.sent), len(rig.store.audit)) == (told, lines)
    for page in pages:
        await rig.join(page)
        await rig.offer(page)
        await rig.say(doctor, m.Admit(participant=page.participant, ref=1))
        apart(rig, trials)
    trials.pop().end()
    await rig.say(doctor, m.ToWaiting(participant=pages[0].participant, ref=2))
    apart(rig, trials)
    for trial in trials:
        trial.end()
    rig.deliver()
    assert set(rig.engine.legs) == {media.leg for media in rig.live(room).legs.values()}


def apart(rig: Rig, trials: list[Trial]) -> None:
    """Hold that each leg is reached from its own engine room alone, and that each test is such a room."""
    rig.deliver()
    legs = rig.engine.legs
    for number, leg in legs.items():
        assert {legs[sender].room for sender, _ in rig.engine.reaching(number)} <= {leg.room}
    people = {media.leg for live in rig.service.rooms for media in live.legs.values()}
    rooms = [leg.room for number, leg in legs.items() if number not in people]
    assert sorted(rooms) == sorted(2 * list(set(rooms)))
    assert len(set(rooms)) == len(trials)
    assert not set(rooms) & {legs[number].room for number in people}


@pytest.mark.parametrize("sockets", [(4000, 40, 4000, 0), (4000, 0, 4000, 40)], ids=["not sent", "not read"])
async def test_what_the_bridge_lost_is_told_as_its_own_fault(rig: Rig, sockets: tuple[int, int, int, int]) -> None:
    """The page gets the bridge named and not its link; hosts get no word of a link of which nothing is known."""
    room = await rig.open_room()
    page = await rig.page(room)
    trial = await begin(rig, page)
    counts(rig, sockets=(0, 0, 0, 0))
    loop(trial, 1)
    counts(rig, lost=(60, 0), sockets=sockets)
    tested = await finish(rig, trial, report())
    assert (tested.verdict, tested.reasons) == (m.TrialVerdict.WEAK, [m.TestReason.BRIDGE])
    assert rig.live(room).tested == {}


async def test_a_test_does_not_open_the_real_gate(rig: Rig) -> None:
    """Who has tested and waits, is as closed off as anybody who waits, during the test of a second page too."""
    room = await rig.open_room()
    await rig.enter(room, m.Role.DOCTOR, host=True)
    page = await rig.enter(room)
    trial = await begin(rig, page)
    loop(trial, 1)
    assert rig.leg(room, page) not in rig.engine.open_legs()
    assert rig.sees(room, page) == set()
    trial.end()
    assert rig.leg(room, page) not in rig.engine.open_legs()


async def test_a_third_offer_and_one_after_the_end_are_refused(rig: Rig) -> None:
    """Two legs are a test's; after the report there is nothing to offer to."""
    trial = await begin(rig, await rig.page(await rig.open_room()))
    loop(trial, 1)
    offer = m.Offer(sdp=offer_of(9), sources=SOURCES, ref=9)
    with pytest.raises(Rejected) as refused:
        trial.handle(offer)
    assert refused.value.code is Code.WRONG_STATE
    counts(rig)
    await finish(rig, trial, report())
    with pytest.raises(Rejected):
        trial.handle(offer)
    trial.end()
    assert len(rig.engine.legs) == 0


@pytest.mark.parametrize(("sdp", "code"), [("nonsense", Code.SDP_INVALID), (None, Code.INTERNAL)])
async def test_an_offer_that_fails_costs_nothing_and_may_be_made_again(
    rig: Rig, sdp: str | None, code: Code
) -> None:
    """Garbage, and an engine that is busy, leave the test as it was."""
    trial = await begin(rig, await rig.page(await rig.open_room()))
    rig.engine.busy = int(sdp is None)
    with pytest.raises(Rejected) as refused:
        trial.handle(m.Offer(sdp=sdp or offer_of(1), sources=SOURCES, ref=1))
    assert refused.value.code is code
    loop(trial, 1)
    trial.end()
    rig.deliver()
    assert rig.engine.legs == {}


async def test_one_test_a_link_and_so_many_at_once(rig: Rig) -> None:
    """A second test with a link, and one too many, are refused and counted; an end makes place."""
    room = await rig.open_room()
    pages = [await rig.page(room) for _ in range(MAX_TESTS + 1)]
    trials = [await begin(rig, page) for page in pages[:-1]]
    assert await code_of(rig.door.test(asked(pages[0]))) is Code.TEST_BUSY
    assert await code_of(rig.door.test(asked(pages[-1]))) is Code.TEST_BUSY
    assert rig.counts.seen["refusals", "test_busy"] == 2
    trials[0].end()
    trials[0].end()
    await begin(rig, pages[-1])
    assert await code_of(rig.door.test(asked(pages[0]))) is Code.TEST_BUSY


async def test_a_link_that_opens_no_door_opens_no_test(rig: Rig) -> None:
    """Forged, expired, of an ended room, or of somebody who was put out."""
    room = await rig.open_room()
    doctor = await rig.enter(room, m.Role.DOCTOR, host=True)
    removed, unused, held = await rig.enter(room), await rig.page(room), await rig.enter(room)
    await rig.say(doctor, m.Refuse(participant=removed.participant, ref=1))
    assert await code_of(rig.door.test(asked(removed))) is Code.LINK_BLOCKED
    for token in ("nonsense", f"{room}.i_nothing", "r_nowhere.i_nothing"):
        assert await code_of(rig.door.test(m.Test(version=1, token=token, ref=1))) is Code.LINK_INVALID
    await rig.pass_time(60 * 60 * 24 * 2)
    assert await code_of(rig.door.test(asked(unused))) is Code.LINK_EXPIRED
    (await begin(rig, held)).end()
    await rig.say(doctor, m.End(ref=2))
    assert await code_of(rig.door.test(asked(held))) is Code.ROOM_ENDED


async def test_a_test_neither_uses_a_link_nor_minds_a_locked_room(rig: Rig) -> None:
    """Days before, on another device, in a locked room: the link is as good as new afterwards."""
    room = await rig.open_room()
    doctor = await rig.enter(room, m.Role.DOCTOR, host=True)
    page = await rig.page(room)
    await rig.say(doctor, m.Lock(locked=True, ref=1))
    before = rig.store.events(room)
    (await begin(rig, page)).end()
    assert rig.store.events(room) == before
    await rig.say(doctor, m.Lock(locked=False, ref=2))
    await rig.join(page)
    assert page.connection.welcome.place is m.Place.WAITING


async def test_legs_that_the_engine_loses_end_only_the_test(rig: Rig) -> None:
    """When the engine fails in a test's room, the report hears that nothing came, and the end is quiet."""
    room = await rig.open_room()
    patient = await rig.enter(room)
    trial = await begin(rig, await rig.page(room))
    loop(trial, 1)
    number = next(leg.room for leg in rig.engine.legs.values() if leg.room != rig.live(room).number)
    rig.engine.fail_room(number)
    rig.deliver()
    counts(rig)
    assert (await finish(rig, trial, report())).verdict is m.TrialVerdict.UNUSABLE
    assert patient.connection.bye is None
