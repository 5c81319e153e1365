"""Gateways are found by entry point, kept serving, and of no account to each other."""

import asyncio
from collections.abc import Callable
from importlib.metadata import EntryPoint

import pytest

from bridge.app.calls import gateways
from bridge.app.calls.callers import CallerDoor
from bridge.app.calls.gateways import Gateways, find
from signalling.gateways.interface import Caller, Ending, Health, Line, Party, SettingsError, TurnedAway
from tests.app.desk import House, Phone, house

PATIENCE_S = 10.0


class Flaky:
    """A gateway that fails when it is told to."""

    made: list["Flaky"] = []  # noqa: RUF012 - emptied by each test
    another = asyncio.Event()

    def __init__(self, host: object, settings: object) -> None:
        if settings == {"bad": True}:
            raise SettingsError("bad must not be")
        if settings == {"broken": True}:
            raise RuntimeError("cannot be made")
        del host
        self.fail = asyncio.Event()
        self.serves = asyncio.Event()
        self.drained = False
        Flaky.made.append(self)
        Flaky.another.set()

    async def serve(self, ready: Callable[[], None]) -> None:
        """Serve until it fails."""
        ready()
        self.serves.set()
        await self.fail.wait()
        raise RuntimeError("failed")

    dials = False

    def reaches(self, address: str) -> Party | None:
        """Nobody."""
        del address
        return None

    def dial(self, address: str, visit: object) -> Phone:
        """Not asked for here."""
        raise AssertionError(address, visit)

    def drain(self) -> None:
        """Note it."""
        self.drained = True

    def health(self) -> Health:
        """Well."""
        return Health(3)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    Flaky.made, Flaky.another = [], asyncio.Event()
    monkeypatch.setattr(gateways, "PAUSE_S", (0.001, 0.01))


def entry(name: str, value: str) -> EntryPoint:
    """An entry point of the group."""
    return EntryPoint(name, value, "brotjeneste.gateways")


def test_a_plugin_that_cannot_be_loaded_is_left_out() -> None:
    """Whether it is not there, or fails at being imported; the others are found."""
    entries = [
        entry("good", "tests.app.test_gateways:Flaky"),
        entry("gone", "tests.app.no_such_module:x"),
        entry("unwanted", "tests.app.no_such_module:x"),
    ]
    assert find(entries, ["good", "gone", "unknown"]) == {"good": Flaky}


async def test_settings_that_cannot_be_used_stop_the_start() -> None:
    """The sentence names the section; a gateway that fails otherwise is left out."""
    home = await house()
    with pytest.raises(SettingsError, match=r"\[gateways\.sip\] bad"):
        Gateways({"sip": Flaky}, {"sip": {"bad": True}}, lambda _: home.door)
    assert Gateways({"sip": Flaky}, {"sip": {"broken": True}}, lambda _: home.door).running == {}


async def call(home: House, door: CallerDoor) -> Phone:
    """Call by a door, and enter the PIN."""
    phone = Phone()
    caller = Caller(line=Line.SIP, number=home.number, source="192.0.2.7", address="sip:x@example.org")
    visit = await door.arrive(caller, phone)
    visit.describe(None)
    visit.established()
    await home.key_in(visit, home.pin)
    return phone


async def test_one_that_fails_loses_its_calls_and_serves_again() -> None:
    """The calls of the other go on."""
    home = await house()
    other = CallerDoor(home.rig.service, home.media, home.policy, home.rig.later)
    made = Gateways({"sip": Flaky, "h323": Flaky}, {}, lambda name: home.door if name == "sip" else other)
    async with asyncio.TaskGroup() as group, asyncio.timeout(PATIENCE_S):
        task = group.create_task(made.serve())
        for one in list(Flaky.made):
            await one.serves.wait()
        await call(home, home.door)
        await home.invite(home.caller().role)
        await call(home, other)
        assert (len(home.door), len(other)) == (1, 1)
        for attempt in range(3):
            Flaky.another.clear()
            Flaky.made[0 if attempt == 0 else -1].fail.set()
            await Flaky.another.wait()
            await Flaky.made[-1].serves.wait()
        assert (len(home.door), len(other)) == (0, 1)
        assert home.rig.counts.seen["gateways", "failed"] == 3
        assert [one.health() for one in made.running.values()] == [Health(3), Health(3)]
        task.cancel()


async def test_drained_they_take_no_calls() -> None:
    """Neither the bridge nor the gateway."""
    home = await house()
    made = Gateways({"sip": Flaky}, {}, lambda _: home.door)
    assert made.running["sip"].health() == Health(0, "not_serving")
    made.drain()
    assert Flaky.made[0].drained
    with pytest.raises(TurnedAway) as caught:
        await call(home, home.door)
    assert caught.value.why is Ending.STOPPING
