"""The audit chain: whatever is done to a row afterwards, `verify_audit` names the first wrong place."""

from datetime import datetime
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.store import EventStore, StoreError
from bridge.store.audit import Head, chain, intact

ADDED = (
    "INSERT INTO audit (sequence, room, at, actor, role, act, outcome, previous_hash, hash) "
    "SELECT 6, room, at, actor, role, act, '', hash, '' FROM audit LIMIT 1"
)


@pytest.fixture
async def five_rows(store: EventStore, story: Any) -> EventStore:
    """Write a chain of five rows in two rooms."""
    await store.append("r_a", 0, [story.created()], [story.audited("create"), story.audited("admit")])
    await store.append("r_b", 0, [story.created("r_b")], [story.audited("create")])
    proven = story.audited("lock", assurance="high", organisation="987654321", reason="appointment")
    await store.append("r_a", 1, [story.locked()], [proven, story.audited("refuse")])
    return store


async def test_an_untouched_chain_is_whole(five_rows: EventStore) -> None:
    """Five rows in one chain over all rooms, each holding the hash of the one before."""
    assert await five_rows.verify_audit() is None
    mine = await five_rows.audit("r_a")
    assert [entry.sequence for entry in mine] == [1, 2, 4, 5]
    assert mine[1].previous_hash == mine[0].hash
    assert mine[0].previous_hash == "0" * 64
    assert await five_rows.audit_head() == Head(5, mine[-1].hash)


async def test_an_empty_chain_is_whole(store: EventStore) -> None:
    """A new database has nothing to complain of."""
    assert await store.verify_audit() is None
    assert await store.audit_head() == Head()


@pytest.mark.parametrize(
    ("tampering", "broken"),
    [
        ("UPDATE audit SET outcome = 'not_host' WHERE sequence = 3", 3),
        ("UPDATE audit SET actor = 'p_other' WHERE sequence = 1", 1),
        ("UPDATE audit SET role = 'patient' WHERE sequence = 2", 2),
        ("UPDATE audit SET act = 'admit' WHERE sequence = 4", 4),
        ("UPDATE audit SET room = 'r_b' WHERE sequence = 5", 5),
        ("UPDATE audit SET target = NULL WHERE sequence = 2", 2),
        ("UPDATE audit SET at = '2026-03-02T08:00:00.000000+00:00' WHERE sequence = 4", 4),
        ("UPDATE audit SET hash = 'ff' WHERE sequence = 2", 2),
        ("UPDATE audit SET previous_hash = hash WHERE sequence = 3", 3),
        ("DELETE FROM audit WHERE sequence = 1", 1),
        ("DELETE FROM audit WHERE sequence = 3", 3),
        ("DELETE FROM audit WHERE sequence = 5", 5),
        ("DELETE FROM audit WHERE sequence > 2", 3),
        ("DELETE FROM audit", 1),
        ("UPDATE audit SET sequence = sequence + 10 WHERE sequence = 5", 5),
        ("UPDATE audit SET assurance = 'high' WHERE sequence = 2", 2),
        ("UPDATE audit SET organisation = '999999999' WHERE sequence = 3", 3),
        ("UPDATE audit SET organisation = NULL WHERE sequence = 4", 4),
        ("UPDATE audit SET reason = NULL WHERE sequence = 4", 4),
        ("UPDATE audit SET version = 1 WHERE sequence = 1", 1),
        ("UPDATE audit SET version = 1, organisation = NULL, assurance = NULL, reason = NULL", 1),
        ("UPDATE audit SET version = 3 WHERE sequence = 5", 5),
        (ADDED, 6),
        ("UPDATE audit_head SET sequence = 3", 4),
        ("DELETE FROM audit_head", 1),
    ],
)
async def test_tampering_is_found_where_it_begins(
    five_rows: EventStore, database: Any, tampering: str, broken: int
) -> None:
    """Changed, removed, moved and added rows are found, those at the end of the chain included."""
    assert await database.execute(tampering) >= 1
    assert await five_rows.verify_audit() == broken


async def test_a_rewritten_tail_does_not_match_a_head_kept_elsewhere(five_rows: EventStore, database: Any) -> None:
    """Who recomputes the chain fools `verify_audit`, and is found by the head that was copied out before."""
    kept = await five_rows.audit_head()
    entries = [*await five_rows.audit("r_a"), *await five_rows.audit("r_b")]
    before = {entry.sequence: entry for entry in entries}
    row = SimpleNamespace(
        at=datetime.fromisoformat(before[5].at),
        actor="p_other",
        role="doctor",
        act="refuse",
        target="p_x",
        outcome="ok",
        assurance=None,
        organisation=None,
        reason=None,
    )
    (forged,) = chain(Head(4, before[4].hash), "r_a", [row])
    await database.execute(f"UPDATE audit SET actor = 'p_other', hash = '{forged.hash}' WHERE sequence = 5")  # noqa: S608
    await database.execute(f"UPDATE audit_head SET hash = '{forged.hash}'")  # noqa: S608
    assert await five_rows.verify_audit() is None
    assert await five_rows.audit_head() != kept


WORD = st.from_regex(r"[a-z][a-z_]{0,8}", fullmatch=True)
ROWS = st.lists(
    st.builds(
        SimpleNamespace,
        at=st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.timezones()),  # noqa: DTZ001 - bounds
        actor=st.from_regex(r"p_[A-Za-z0-9_-]{1,22}", fullmatch=True),
        role=WORD,
        act=WORD,
        target=st.none() | WORD,
        outcome=WORD,
        assurance=st.none() | WORD,
        organisation=st.none() | st.from_regex(r"[0-9]{9}", fullmatch=True),
        reason=st.none() | WORD,
    ),
    min_size=1,
    max_size=5,
)


@given(ROWS, ROWS)
def test_a_chain_goes_on_the_same_in_one_piece_or_two(first: list[Any], second: list[Any]) -> None:
    """Appending in two transactions gives the chain that one transaction would have given."""
    whole = list(chain(Head(), "r_a", [*first, *second]))
    start = list(chain(Head(), "r_a", first))
    rest = list(chain(Head(start[-1].sequence, start[-1].hash), "r_a", second))
    assert whole == start + rest
    heads = [Head(), *(Head(entry.sequence, entry.hash) for entry in whole)]
    assert all(intact(head, entry) for head, entry in zip(heads, whole, strict=False))


@pytest.mark.parametrize(
    "changes",
    [
        {"actor": "Kari Nordmann"},
        {"actor": "kari nordmann"},
        {"actor": "Kari"},
        {"actor": "01017012345"},
        {"target": "+4790000000"},
        {"target": "192.0.2.7"},
        {"target": ""},
        {"actor": ""},
        {"outcome": "refused because Kari asked"},
        {"role": "søster"},
        {"act": "p_" + "x" * 51},
        {"organisation": "Legekontoret"},
        {"organisation": "12345678"},
        {"organisation": "01017012345"},
        {"assurance": "Level4"},
        {"reason": "Kari is known to me"},
    ],
    ids=str,
)
async def test_an_audit_row_that_might_name_somebody_is_refused(
    store: EventStore, story: Any, changes: dict[str, str]
) -> None:
    """Names, numbers and addresses stay out, with the events beside them, and the error shows none."""
    with pytest.raises(StoreError) as error:
        await store.append("r_a", 0, [story.created()], [story.audited(**changes)])
    assert not any(value and value in str(error.value) for value in changes.values())
    assert await store.load("r_a") == []
