"""When a telephone would do better than somebody's line: after long enough, once, and told to them alone."""

import asyncio
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.app import background
from bridge.app.background import Background
from bridge.app.quality.figures import Figures, LegFigures
from bridge.app.quality.lines import Assessment
from bridge.app.quality.strain import EASES, LONGEST_LOOK_S, TOLD_AT_S, Strain, suffers
from media.api import Snapshot
from signalling import messages as m
from signalling.messages import Verdict
from tests.app import engine_rows
from tests.app.rig import Page, Rig


def assessment(verdict: Verdict, *, up: float = 0.0, down: float = 0.0, kind: int = 0) -> Assessment:
    """A leg that loses so much of its sound, or of its pictures, each way for good."""
    flows = [[Figures(kind=kind, expected=100, lost=round(100 * loss))] for loss in (up, down)]
    return Assessment(leg=7, figures=LegFigures(*flows), hint=None, verdict=verdict, since=0.0)


@pytest.mark.parametrize(
    ("of", "right"),
    [
        (assessment(Verdict.UPLINK, up=0.3), True),
        (assessment(Verdict.DOWNLINK, down=0.3), True),
        (assessment(Verdict.UPLINK, up=0.05), False),
        (assessment(Verdict.UPLINK, down=0.3), False),
        (assessment(Verdict.DOWNLINK, up=0.3), False),
        *((assessment(verdict, up=0.3, down=0.3), False) for verdict in Verdict if "link" not in verdict.value),
        (assessment(Verdict.UPLINK, up=0.3, kind=1), False),
    ],
)
def test_a_line_does_not_do_where_its_fault_spoils_sound(of: Assessment, right: bool) -> None:  # noqa: FBT001
    """Not where the fault is somebody else's, nor where repair leaves sound, nor for pictures alone."""
    assert suffers(of) is right


def test_who_has_no_figures_suffers_from_nothing() -> None:
    """A verdict that stands from before is no sound that suffers now."""
    assert not suffers(replace(assessment(Verdict.UPLINK), figures=LegFigures()))


def told(looks: str) -> list[int]:
    """At which seconds it changes, where `x` is a second in which sound suffers."""
    strain, changes, before = Strain(), [], False
    for second, look in enumerate(looks):
        if (poor := strain.look(float(second), suffers=look == "x")) is not before:
            changes.append(second)
        before = poor
    return changes


def test_it_is_told_after_long_enough_and_over_after_longer() -> None:
    """The first look tells of no time."""
    long = int(TOLD_AT_S)
    eased = int(TOLD_AT_S / EASES)
    assert told("x" * 60) == [long]
    assert told("x" * (long + 1) + "." * 60) == [long, long + eased]
    assert told("x" * long + "." * 60) == []


def test_a_line_that_comes_and_goes_changes_nothing() -> None:
    """Of bad seconds among good ones nothing is told, nor is it over for some good ones among bad ones."""
    assert told("xxx......." * 30) == []
    assert len(told("xxxxx....." * 30)) == 1
    assert len(told("x" * 20 + "xx........" * 4 + "x" * 20)) == 1


@given(st.lists(st.tuples(st.floats(0, 30), st.booleans()), max_size=200))
def test_changes_are_never_close_to_each_other(looks: list[tuple[float, bool]]) -> None:
    """Whatever the line does and however late the looks are: each change has looks enough before it."""
    strain, now, since, before = Strain(), 0.0, 0, False
    for passed, bad in looks:
        now += passed
        since += 1
        if strain.look(now, suffers=bad) is not before:
            before = strain.poor
            assert since * LONGEST_LOOK_S >= TOLD_AT_S
            since = 0


def poor(page: Page) -> list[bool]:
    """What a page was told of its line on its present connection."""
    return [one.poor for one in page.connection.sent if isinstance(one, m.PoorLine)]


async def test_who_suffers_is_told_and_nobody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """Once; anew on another connection; and when it is over. Not the doctor, who reads whose line it is."""
    monkeypatch.setattr(background, "STATS_SECONDS", 0.0)
    rig = Rig()
    room = await rig.open_room()
    doctor = await rig.enter(room, m.Role.DOCTOR, host=True)
    patient = await rig.enter(room)
    await rig.say(doctor, m.Admit(participant=patient.participant, ref=1))
    legs = rig.leg(room, doctor), rig.leg(room, patient)
    state = {"turns": 0, "loss": 0.4}
    lost = 0

    def take() -> Snapshot:
        nonlocal lost
        rig.clock.seconds += 1
        state["turns"] += 1
        lost += round(50 * state["loss"])
        packets = 50 * state["turns"]
        rows = [
            {"leg": leg, "bytes": 100 * packets, "expected": packets, "lost": losses}
            for leg, losses in zip(legs, (0, lost), strict=True)
        ]
        return engine_rows.snapshot(engine_rows.streams(*rows), engine_rows.legs(dict.fromkeys(legs, 30_000)))

    turns = Background(rig.service, rig.legs, rig.clock, take, rig.presence)

    async def turn(times: int) -> None:
        done, until = asyncio.Event(), state["turns"] + times

        def observe(_taken: object, _assessed: object) -> None:
            if state["turns"] >= until:
                done.set()

        async with asyncio.timeout(60), asyncio.TaskGroup() as group:
            task = group.create_task(turns.figures(observe))
            await done.wait()
            task.cancel()

    await turn(15)
    assert poor(patient) == []
    await turn(25)
    assert poor(patient) == [True]
    await rig.lose(patient)
    await rig.join(patient)
    await turn(2)
    assert poor(patient) == [True]
    state["loss"] = 0.0
    await turn(60)
    assert poor(patient) == [True, False]
    assert poor(doctor) == []
