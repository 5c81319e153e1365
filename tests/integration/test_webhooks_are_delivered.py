"""Letters on their way: failures are tried again in order, and a real bridge tells of its rooms."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp
import pytest
from click.testing import CliRunner

from bridge.cli import main
from bridge.integration.errors import SettingsError
from bridge.integration.webhooks import payload
from bridge.integration.webhooks.deliver import Deliveries
from bridge.integration.webhooks.settings import Endpoint, read
from bridge.integration.webhooks.signing import Secret, new_secret
from bridge.store import Announced, EventStore, open_store
from signalling import messages as m
from tests.integration.receiver import Receiver, receiving
from tests.store.conftest import Story
from tests.support.bridge import running_house


class Clock:
    """Moved by hand; it begins now."""

    def __init__(self) -> None:
        self.at = datetime.now(UTC)

    def now(self) -> datetime:
        """The time of day."""
        return self.at


class Tally:
    """Counts."""

    def __init__(self) -> None:
        self.seen: Counter[str] = Counter()

    def inc(self, name: str, code: str) -> None:
        """Count one."""
        assert name == "webhooks"
        self.seen[code] += 1


@dataclass
class Post:
    """A store, the letters in it, and who receives them."""

    store: EventStore
    receiver: Receiver
    endpoint: Endpoint
    deliveries: Deliveries
    tally: Tally
    clock: Clock
    story: Story = field(default_factory=Story)

    def __post_init__(self) -> None:
        # Receivers compare the time with their own clocks.
        self.story._at = self.clock.at

    async def rounds(self) -> None:
        """Deliver all that is due."""
        while await self.deliveries.round(self.endpoint):
            pass


@pytest.fixture
async def post(tmp_path: Path) -> AsyncIterator[Post]:
    """A store that tells one receiver."""
    async with (
        receiving() as receiver,
        open_store(f"sqlite:///{tmp_path / 'bridge.db'}", Announced(("one",), payload.body)) as store,
        aiohttp.ClientSession() as http,
    ):
        receiver.secret = new_secret()
        endpoint = Endpoint("one", receiver.url, (Secret.read(receiver.secret),))
        tally, clock = Tally(), Clock()
        deliveries = Deliveries([endpoint], store.outbox, http, clock, tally, chance=lambda: 0.0)
        yield Post(store, receiver, endpoint, deliveries, tally, clock)


async def test_a_failure_holds_its_own_room_alone(post: Post) -> None:
    """What was not taken comes again, before the next of its room; redirects are failures."""
    story = post.story
    await post.store.append("r_a", 0, [story.created("r_a"), story.locked("r_a"), story.ended("r_a")])
    post.clock.at += timedelta(seconds=10)
    post.receiver.answers = [204, 503, 307]
    await post.rounds()
    await post.store.append("r_b", 0, [story.created("r_b")])
    post.clock.at += timedelta(seconds=4)
    await post.rounds()
    assert post.receiver.taken == ["r_a_1"]
    post.clock.at += timedelta(seconds=1)
    await post.rounds()
    post.clock.at += timedelta(seconds=10)
    await post.rounds()
    assert post.receiver.taken == ["r_a_1", "r_a_2", "r_a_3", "r_b_1"]
    assert post.tally.seen == {"delivered": 4, "failed": 2}
    assert await post.store.outbox.waiting("one") == 0


async def test_after_a_day_it_is_given_up_and_counted(post: Post) -> None:
    """A receiver that takes none of it loses the one event, and hears the next."""
    story = post.story
    await post.store.append("r_a", 0, [story.created("r_a"), story.locked("r_a")])
    post.clock.at += timedelta(hours=24)
    post.receiver.secret = new_secret()
    await post.deliveries.round(post.endpoint)
    assert post.tally.seen == {"failed": 1, "given_up": 1}
    assert await post.store.outbox.waiting("one") == 1


async def test_an_operator_has_it_tried_again(post: Post, tmp_path: Path) -> None:
    """The command finds what was given up, and an endpoint that there is not is named."""
    await post.store.append("r_a", 0, [post.story.created("r_a")])
    (letter,) = await post.store.outbox.claim("one", post.clock.at + timedelta(minutes=1), 1)
    await post.store.outbox.bury(letter)
    file = tmp_path / "bridge.toml"
    file.write_text(
        f'[store]\nurl = "sqlite:///{tmp_path / "bridge.db"}"\n[webhooks.one]\nurl = "https://a.example"\n'
    )
    told = await asyncio.to_thread(CliRunner().invoke, main, ["webhooks", "retry", "one", "--config", str(file)])
    assert (told.exit_code, told.output) == (0, "1 to be tried again\n")
    assert await post.store.outbox.waiting("one") == 1
    told = await asyncio.to_thread(CliRunner().invoke, main, ["webhooks", "retry", "two", "--config", str(file)])
    assert (told.exit_code, told.output) == (1, "Error: there is no [webhooks.two]\n")


async def test_a_receiver_that_is_not_there(post: Post) -> None:
    """No answer is a failure like any other."""
    await post.store.append("r_a", 0, [post.story.created("r_a")])
    away = Endpoint("one", "http://127.0.0.1:1/told", post.endpoint.secrets)
    post.clock.at += timedelta(minutes=1)
    await post.deliveries.round(away)
    assert post.tally.seen == {"failed": 1}
    assert await post.store.outbox.waiting("one") == 1


@pytest.mark.parametrize(
    "url",
    [
        "http://record.example/told",
        "ftp://record.example",
        "https://",
        "https://me:secret@record.example",
        "x",
        "",
    ],
)
def test_addresses_that_are_no_secret_ways(tmp_path: Path, url: str) -> None:
    """Without TLS, with a password in it, or none at all."""
    with pytest.raises(SettingsError, match=r"\[webhooks.one\] url"):
        read("one", {"url": url, "secret_file": str(tmp_path / "secret")})


def test_settings_are_checked(tmp_path: Path) -> None:
    """A file is made where it is missing; what it holds, and each key, is checked."""
    file = tmp_path / "secret"
    made = read("one", {"url": "https://record.example/told", "secret_file": str(file)})
    assert made.secrets == (Secret.read(file.read_text().strip()),)
    file.write_text("whsec_YWJj\n")
    for name, table in (
        ("one", {"url": "https://record.example", "secret_file": str(file)}),
        ("One", {}),
        ("one", {"url": "https://record.example"}),
        ("one", {"url": "https://record.example", "secret_file": str(file), "more": 1}),
    ):
        with pytest.raises(SettingsError) as raised:
            read(name, table)
        assert "YWJj" not in str(raised.value)


async def test_a_bridge_tells_of_its_rooms(tmp_path: Path) -> None:
    """A real bridge: each event on record is told, in order, verified, and without a name."""
    async with receiving() as receiver:
        secret = tmp_path / "record.secret"
        secret.touch(mode=0o600)
        receiver.secret = new_secret()
        secret.write_text(receiver.secret)
        webhooks = {"record": {"url": receiver.url, "secret_file": str(secret)}}
        async with running_house(tmp_path, webhooks=webhooks) as house:
            await house.link(m.Role.PATIENT, "Kari Nordmann")
            await house.bridge.administration.end_room(house.room_id)
            await receiver.until(3)
            recorded = await house.recorded()
        told = [message["type"] for _, message, _ in receiver.came]
        assert told == [payload.type_of(type(event)) for event in recorded]
        assert told == ["room.created", "room.invited", "room.ended"]
        assert "Nordmann" not in repr(receiver.came)
        assert receiver.url not in repr(house.log)
