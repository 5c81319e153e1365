"""Gateways: found, made, served, and begun anew when one fails. What goes wrong in one ends its own calls only."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint
from typing import Final

import structlog

from bridge.app.calls.callers import CallerDoor
from bridge.app.live import LiveRoom
from bridge.rooms.model import ParticipantId
from signalling import messages as m
from signalling.errors import Code, Rejected
from signalling.gateways.interface import Factory, Gateway, Health, Settings, SettingsError

LOG: Final = structlog.get_logger("bridge.gateways")
# Between a failure and the next attempt: doubled each time, until one has served for as long.
PAUSE_S: Final = (0.5, 30.0)

__all__ = ["Gateways", "Running", "find"]


def find(entries: Iterable[EntryPoint], wanted: Iterable[str]) -> dict[str, Factory]:
    """Load the wanted gateways. One that cannot be loaded is logged and left out; the others serve."""
    factories: dict[str, Factory] = {}
    known = {entry.name: entry for entry in entries}
    for name in wanted:
        try:
            factories[name] = known[name].load()
        except Exception as error:
            LOG.exception("gateway_not_loaded", gateway=name, error=type(error).__name__)
    return factories


@dataclass(slots=True)
class Running:
    """One gateway with its door."""

    name: str
    factory: Factory
    settings: Settings
    door: CallerDoor
    gateway: Gateway
    ready: bool = False

    def health(self) -> Health:
        """How it is; one that does not serve has no calls."""
        return self.gateway.health() if self.ready else Health(0, "not_serving")


class Gateways:
    """All gateways of a bridge."""

    def __init__(
        self,
        factories: Mapping[str, Factory],
        settings: Mapping[str, Settings],
        door: Callable[[str], CallerDoor],
    ) -> None:
        """Make each, with a door of its own.

        Raises SettingsError: what an operator has written in vain must not go unnoticed.
        """
        self.running: dict[str, Running] = {}
        for name, factory in factories.items():
            own, wanted = door(name), settings.get(name, {})
            try:
                gateway = factory(own, wanted)
            except SettingsError as error:
                raise SettingsError(f"[gateways.{name}] {error}") from error
            except Exception as error:
                LOG.exception("gateway_not_made", gateway=name, error=type(error).__name__)
                continue
            self.running[name] = Running(name, factory, wanted, own, gateway)

    async def serve(self) -> None:
        """Serve all of them until cancelled."""
        async with asyncio.TaskGroup() as group:
            for one in self.running.values():
                group.create_task(_keep(one))

    @property
    def dials(self) -> bool:
        """Whether anybody may be called by any of them."""
        return any(one.ready and one.gateway.dials for one in self.running.values())

    def reaches(self, address: str) -> bool:
        """Whether one of them would call this."""
        return self._for(address) is not None

    async def dial(self, live: LiveRoom, who: ParticipantId, wish: m.Dial) -> None:
        """Have somebody called by the one that would; if there is none, turned down by any. Raises Rejected."""
        one = self._for(wish.address) or next((one for one in self.running.values() if one.ready), None)
        if one is None:
            raise Rejected(Code.NOT_DIALABLE)
        await one.door.dial(one.gateway, live, who, wish)

    def _for(self, address: str) -> Running | None:
        serving = (one for one in self.running.values() if one.ready)
        return next((one for one in serving if one.gateway.reaches(address) is not None), None)

    def drain(self) -> None:
        """Take no new calls by any."""
        for one in self.running.values():
            one.door.drain()
            one.gateway.drain()

    def pressed(self, leg: int, key: str) -> None:
        """Take a key that came as RTP."""
        for one in self.running.values():
            one.door.pressed(leg, key)

    def key_frame_wanted(self, leg: int) -> None:
        """Have a peer asked in its protocol's own way."""
        for one in self.running.values():
            one.door.key_frame_wanted(leg)

    def silent(self, leg: int) -> None:
        """Take a call for lost of which nothing is heard."""
        for one in self.running.values():
            one.door.silent(leg)


async def _keep(one: Running) -> None:
    """Serve one, and again when it fails."""
    loop, pause = asyncio.get_running_loop(), PAUSE_S[0]
    while True:
        began = loop.time()
        try:
            await one.gateway.serve(lambda: _ready(one))
            LOG.error("gateway_stopped", gateway=one.name)
        except Exception as error:
            LOG.exception("gateway_failed", gateway=one.name, error=type(error).__name__)
        one.ready = False
        one.door.count("failed")
        one.door.lose_all()
        pause = PAUSE_S[0] if loop.time() - began > pause else min(pause * 2, PAUSE_S[1])
        await asyncio.sleep(pause)
        try:
            one.gateway = one.factory(one.door, one.settings)
        except Exception as error:
            LOG.exception("gateway_not_made", gateway=one.name, error=type(error).__name__)


def _ready(one: Running) -> None:
    one.ready = True
    LOG.info("gateway_serves", gateway=one.name)
