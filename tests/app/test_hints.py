"""What pages say of themselves: taken as growth over the last seconds, bounded, and soon forgotten."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from bridge.app.quality.hints import KEPT, TELLS_S, Hint, Hints
from signalling import messages as m


def report(
    *slots: m.SlotReport,
    cpu: float = 0.0,
    bandwidth: float = 0.0,
    rtt_ms: float | None = None,
    capacity_kbps: float | None = None,
) -> m.Report:
    """A report of these slots, and of a camera that was held back for so many seconds."""
    camera = m.SourceReport(source=m.SourceName.CAMERA, cpu_seconds=cpu, bandwidth_seconds=bandwidth)
    return m.Report(slots=list(slots), sources=[camera], rtt_ms=rtt_ms, capacity_kbps=capacity_kbps)


def picture(**fields: float) -> m.SlotReport:
    """A slot with a picture."""
    return m.SlotReport(mid="6", width=640, height=360, **fields)


def told(*reports: tuple[float, m.Report]) -> Hints:
    """Reports at these seconds."""
    hints = Hints()
    for at, one in reports:
        hints.take(at, one)
    return hints


def test_counts_are_taken_as_growth_over_the_last_seconds() -> None:
    """What froze or was made up before does not count against the present."""
    sound = [m.SlotReport(mid="3", samples=n * 48_000, concealed=n * 4_800, buffer_ms=80) for n in (10, 12, 14)]
    hints = told(
        (0.0, report(picture(freezes=9, frozen_seconds=50.0), sound[0], cpu=100.0)),
        (2.0, report(picture(freezes=10, frozen_seconds=50.5), sound[1], cpu=101.0)),
        (4.0, report(picture(freezes=11, frozen_seconds=52.0), sound[2], cpu=103.0, rtt_ms=40)),
    )
    assert hints.hint(4.5) == Hint(
        freezes=2,
        frozen_share=0.5,
        concealed_share=0.1,
        buffer_ms=80,
        cpu_share=1.0,
        bandwidth_share=0.0,
        rtt_ms=40,
    )


def test_the_worst_decoder_is_told_and_slow_pictures_tell_nothing() -> None:
    """A slot that shows half of what came to it; one with five pictures a second is no evidence."""
    slots = [
        m.SlotReport(mid=mid, width=1, frames_per_second=shown, arrived_per_second=came)
        for mid, shown, came in (("1", 24, 25), ("2", 12, 24), ("3", 0, 5))
    ]
    hint = told((0.0, report(*slots))).hint(0.0)
    assert hint is not None
    assert hint.decoded_share == 0.5


def test_a_page_that_falls_silent_is_forgotten() -> None:
    """Nothing is known of one that has not reported for a while, or never did."""
    hints = told((0.0, report()))
    assert hints.hint(7.9) is not None
    assert hints.hint(8.1) is None
    assert Hints().hint(0.0) is None


def test_counts_that_fall_are_no_growth() -> None:
    """A connection made anew counts from nothing."""
    hints = told((0.0, report(picture(freezes=9, frozen_seconds=9))), (2.0, report(picture(freezes=1))))
    hint = hints.hint(2.0)
    assert hint is not None
    assert (hint.freezes, hint.frozen_share) == (0, 0.0)


def test_a_flood_of_reports_takes_no_memory_and_drives_nothing_out() -> None:
    """Reports that follow too soon are passed over; so the oldest one kept is from some seconds ago."""
    hints = Hints()
    for step in range(10_000):
        hints.take(step / 1000, report(picture(frozen_seconds=step / 1000)))
    assert len(hints._told) == KEPT
    hint = hints.hint(10.0)
    assert hint is not None
    assert hint.frozen_share == 1.0


SLOT = st.builds(
    m.SlotReport,
    mid=st.sampled_from(["1", "2", "2"]),
    frames_per_second=st.one_of(st.none(), st.floats(0, 240)),
    arrived_per_second=st.one_of(st.none(), st.floats(0, 240)),
    freezes=st.integers(0, 2**53),
    frozen_seconds=st.floats(0, 1e7),
    concealed=st.integers(0, 2**53),
    samples=st.integers(0, 2**53),
    buffer_ms=st.one_of(st.none(), st.floats(0, 60_000)),
    width=st.one_of(st.none(), st.integers(0, 16_384)),
)


def test_one_report_is_no_verdict() -> None:
    """What a verdict is made of second by second is not told for longer than the report is of now."""
    slow = m.SlotReport(mid="6", width=1, frames_per_second=10, arrived_per_second=25, frozen_seconds=1.0)
    hints = told((0.0, report(slow)), (2.0, report(slow, cpu=2.0, bandwidth=2.0, capacity_kbps=180.0)))
    hint, later = hints.hint(2.0 + TELLS_S), hints.hint(2.5 + TELLS_S)
    assert hint is not None
    assert later is not None
    assert (hint.cpu_share, hint.bandwidth_share, hint.decoded_share) == (1.0, 1.0, 0.4)
    assert hint.capacity_bps == 180_000
    assert later == replace(hint, cpu_share=None, bandwidth_share=None, decoded_share=None, capacity_bps=None)


REPORT = st.builds(m.Report, slots=st.lists(SLOT, max_size=4), sources=st.just([]), rtt_ms=st.none())


@given(st.lists(st.tuples(st.floats(0, 5), REPORT), max_size=8))
def test_lies_stay_within_bounds(steps: list[tuple[float, m.Report]]) -> None:
    """Whatever is claimed, shares are shares."""
    hints, at = Hints(), 0.0
    for pause, one in steps:
        at += pause
        hints.take(at, one)
        hint = hints.hint(at)
        assert hint is not None
        for share in (hint.frozen_share, hint.concealed_share, hint.decoded_share, hint.cpu_share):
            assert share is None or 0 <= share <= 1
        assert hint.freezes >= 0
