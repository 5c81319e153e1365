"""The outbox: written with the events or not at all, claimed once, and in order for each room."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from bridge.rooms.events import Event
from bridge.store import Announced, ConcurrentChange, EventStore, Outbox, open_store
from bridge.store.errors import NotOpaque
from bridge.store.outbox import DEAD_KEPT, LEASE
from tests.store.conftest import NOW, Story

LATER = NOW + timedelta(minutes=10)


def body(event: Event, revision: int) -> str:
    """Say which event it is."""
    return f"{event.room} {revision} {type(event).__name__}"


@pytest.fixture
async def told(url: str) -> AsyncIterator[EventStore]:
    """Keep a store open that tells two endpoints."""
    async with open_store(url, Announced(("one", "two"), body)) as opened:
        yield opened


async def claimed(outbox: Outbox, endpoint: str = "one", at: timedelta = timedelta(0)) -> list[str]:
    """Claim what is due for an endpoint, by its words."""
    return [letter.body for letter in await outbox.claim(endpoint, LATER + at, 10)]


async def test_each_event_is_told_to_each_endpoint_in_order(told: EventStore, story: Story) -> None:
    """Of a room only the oldest can be had, of two rooms one each, and endpoints do not wait for one another."""
    heard = told.outbox.listen()
    await told.append("r_a", 0, [story.created("r_a"), story.locked("r_a")])
    await told.append("r_b", 0, [story.created("r_b")])
    assert heard.is_set()
    first = await told.outbox.claim("one", LATER, 10)
    assert [letter.body for letter in first] == ["r_a 1 RoomCreated", "r_b 1 RoomCreated"]
    assert await claimed(told.outbox) == []
    for letter in first:
        await told.outbox.done(letter)
    assert await claimed(told.outbox) == ["r_a 2 LockChanged"]
    assert await told.outbox.waiting("one") == 1
    assert await told.outbox.waiting("two") == 3
    assert await claimed(told.outbox, "two") == ["r_a 1 RoomCreated", "r_b 1 RoomCreated"]


async def test_what_is_not_on_record_is_not_told(told: EventStore, story: Story) -> None:
    """A write that is turned down, for whatever it is, leaves nothing in the outbox either."""
    with pytest.raises(NotOpaque):
        await told.append("r_a", 0, [story.created()], [story.audited(actor="Ola Nordmann")])
    await told.append("r_a", 0, [story.created()])
    with pytest.raises(ConcurrentChange):
        await told.append("r_a", 0, [story.locked()])
    await told.append("r_a", 1, [], [story.audited()])
    assert await told.outbox.waiting("one") == 1


async def test_a_bridge_that_dies_leaves_its_letters_to_others(told: EventStore, story: Story, url: str) -> None:
    """A claim holds for a while; then another bridge has the letter, and the first cannot put it off."""
    await told.append("r_a", 0, [story.created()])
    (mine,) = await told.outbox.claim("one", LATER, 10)
    async with open_store(url, Announced(("one", "two"), body)) as other:
        assert await claimed(other.outbox, at=LEASE - timedelta(seconds=1)) == []
        assert await claimed(other.outbox, at=LEASE) == ["r_a 1 RoomCreated"]
    await told.outbox.again(mine, LATER)
    assert await claimed(told.outbox, at=LEASE) == []


async def test_what_was_given_up_does_not_hold_the_rest(told: EventStore, story: Story) -> None:
    """The next letter can go; the dead one is kept, can be raised, and is forgotten in the end."""
    await told.append("r_a", 0, [story.created(), story.locked()])
    (first,) = await told.outbox.claim("one", LATER, 10)
    await told.outbox.again(first, LATER + timedelta(seconds=5))
    assert await claimed(told.outbox, at=timedelta(seconds=4)) == []
    (again,) = await told.outbox.claim("one", LATER + timedelta(seconds=5), 10)
    assert again.tries == 1
    await told.outbox.bury(again)
    assert await claimed(told.outbox) == ["r_a 2 LockChanged"]
    assert await told.outbox.raise_dead("one", LATER) == 1
    (raised,) = await told.outbox.claim("one", LATER, 10)
    assert (raised.body, raised.tries, raised.created_at) == ("r_a 1 RoomCreated", 0, LATER)
    await told.outbox.bury(raised)
    await told.outbox.forget(["one"], LATER + DEAD_KEPT + timedelta(seconds=1))
    assert await told.outbox.raise_dead("one", LATER) == 0
    assert (await told.outbox.waiting("one"), await told.outbox.waiting("two")) == (1, 0)


async def test_without_endpoints_nothing_is_kept(store: EventStore, story: Story) -> None:
    """A bridge that tells nobody writes no rows."""
    await store.append("r_a", 0, [story.created()])
    assert await store.outbox.waiting("one") == 0
