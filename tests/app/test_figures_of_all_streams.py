"""Figures of all streams at once are those of each stream by itself, however streams come, go and count."""

from hypothesis import given
from hypothesis import strategies as st

from bridge.app.quality.figures import READINGS, SLACK_S, WINDOW_S, Figures, History, Totals, read, since_began
from tests.app.engine_rows import legs, streams

Row = dict[str, int]
Key = tuple[int, int, int]
Streams = dict[Key, Row]
LEGS = (7, 8)
PLACE: Row = {"leg": 8, "direction": 1, "packets": 1}

# So low that counts often stand still, fall, or are the same in two readings.
COUNTS = st.integers(0, 4)
SUMMED = tuple(name for name in Totals._fields if name not in ("kind", "jitter_us"))
ROW = st.fixed_dictionaries(
    {
        "leg": st.sampled_from(LEGS),
        **dict.fromkeys(("direction", "index", "kind"), st.integers(0, 1)),
        **dict.fromkeys(("packets", *SUMMED, "jitter_us"), COUNTS),
    }
)
# Rows of one source are its encodings.
ANY = st.lists(ROW, max_size=6)
STEADY = st.tuples(*(ROW.map(lambda row, index=index: row | PLACE | {"index": index}) for index in (0, 1, 1))).map(
    list
)
LOOKS = st.lists(st.tuples(st.sampled_from([0.0, 0.7, 1.0, 1.0, 3.0]), ANY | STEADY), max_size=16)


def joined(rows: list[Row]) -> Streams:
    """What carried anything, all encodings of a stream as one."""
    found: Streams = {}
    for row in rows:
        key = row["leg"], row["direction"], row["index"]
        if row["packets"]:
            before = found.get(key)
            found[key] = row if before is None else before | {name: before[name] + row[name] for name in SUMMED}
            found[key]["jitter_us"] = max(row["jitter_us"], 0 if before is None else before["jitter_us"])
    return found


def more(new: Row, old: Row, name: str) -> int:
    """How much a count grew."""
    return max(new[name] - old[name], 0)


def figures_of(key: Key, kept: list[tuple[float, Streams]]) -> Figures | None:
    """One stream's figures at the last of these readings, step by step; None where there is nothing to tell."""
    *earlier, (now, found) = kept
    new = found[key]
    window = next((one for one in reversed(kept) if one[0] <= now - WINDOW_S + SLACK_S), kept[0])
    begin = next((one for one in (window, *earlier) if key in one[1]), None)
    if begin is None:
        return None
    old, seconds = begin[1][key], max(now - begin[0], 0.001)
    is_reported = new["expected"] > old["expected"]
    if not is_reported and new["bytes"] <= old["bytes"]:
        return None
    before = (one[key] for _, one in reversed(earlier) if key in one and one[key]["expected"] < new["expected"])
    known = old if is_reported else next(before, new)
    latest = earlier[-1][1].get(key, old)
    is_up, is_own = key[1] == 0, new["transit_changes"] > 0
    changes, lost = more(new, old, "transit_changes"), more(new, known, "lost")
    expected, fresh = more(new, known, "expected"), more(new, latest, "expected")
    own_ms = more(new, old, "transit_changes_us") / changes / 1000 if changes else None
    return Figures(
        index=key[2],
        kind=new["kind"],
        expected=expected,
        lost=min(lost, expected),
        recovered=min(more(new, known, "recovered"), lost, expected),
        bursts=more(new, known, "bursts"),
        bits_per_second=more(new, old, "bytes") * 8 / seconds,
        frames_per_second=more(new, old, "frames") / seconds if is_up and new["kind"] == 1 else None,
        jitter_ms=own_ms if is_up or is_own else new["jitter_us"] / 1000,
        jitter_is_own=is_up or is_own,
        fresh=fresh,
        fresh_lost=min(more(new, latest, "lost"), fresh),
    )


@given(LOOKS)
def test_all_at_once_is_each_by_itself(looks: list[tuple[float, list[Row]]]) -> None:
    """Whether streams are new, gone for a while, begin anew, are not reported on, or have several encodings."""
    history, kept, now = History(), [], 0.0
    for pause, rows in looks:
        now += pause
        history.push(read(streams(*rows), legs(dict.fromkeys(LEGS, 0)), now, history.latest))
        kept = [*kept, (now, joined(rows))][-READINGS:]
        for leg in LEGS:
            for direction, told in enumerate((history.leg(leg).up, history.leg(leg).down)):
                each = (figures_of(key, kept) for key in kept[-1][1] if key[:2] == (leg, direction))
                assert told == [one for one in each if one is not None]


@given(st.lists(ROW.map(lambda row: row | {"expected": 1}), max_size=6), st.sampled_from([0.0, 2.0]))
def test_what_was_since_the_beginning_is_each_by_itself(rows: list[Row], seconds: float) -> None:
    """Nothing came before."""
    nothing = dict.fromkeys(("kind", *SUMMED, "jitter_us"), 0)
    found = joined(rows)
    before = dict.fromkeys(found, nothing)
    for leg in LEGS:
        told = since_began(read(streams(*rows), legs({}), 9.0), leg, seconds)
        for direction, flow in enumerate((told.up, told.down)):
            keys = [key for key in found if key[:2] == (leg, direction)]
            each = [figures_of(key, [(9.0 - seconds, before), (9.0, found)]) for key in keys]
            assert flow == each
