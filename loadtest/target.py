"""The bridge that is loaded: one of our own on loopback, started for the run, or another that was named."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import os
import secrets
import socket
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeVar
from urllib.parse import urlsplit

import aiohttp
import msgspec

from loadtest.errors import Rejected, TargetRefused, Unreachable
from loadtest.process import last_words, running
from loadtest.scrape import Scrape, read_metrics
from signalling import messages as m

T = TypeVar("T")

# A bridge that cannot start says so and ends; on a machine that is busy, imports alone take seconds.
_START_S: Final = 60.0
_POLL_S: Final = 0.05
_TOKEN_BYTES: Final = 24


@dataclass(frozen=True)
class Target:
    """Where a bridge is. `pid` and `metrics_url` are those of a bridge of our own, else None."""

    url: str
    token: str = field(repr=False)
    pid: int | None = None
    metrics_url: str | None = None


def is_loopback(url: str) -> bool:
    """Say whether a URL can only mean this machine: an address of loopback, or `localhost`."""
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def named_target(url: str, token: str, *, consent: bool) -> Target:
    """Take a bridge that somebody named; one on another machine only with consent. Raises `TargetRefused`."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise TargetRefused("the target must be an http or https address")
    if not is_loopback(url) and not consent:
        raise TargetRefused("the target is another machine: say that you may load it by --i-own-this-target")
    return Target(url.rstrip("/"), token)


class Office:
    """A bridge's REST interface, as far as a load test needs it."""

    def __init__(self, session: aiohttp.ClientSession, target: Target) -> None:
        self._session = session
        self._target = target

    async def open_room(self, name: str, people: int) -> str:
        """Open a room, and give its id."""
        wanted = m.CreateRoom(name=name, max_participants=people)
        return (await self._ask("POST", "/api/v1/rooms", m.RoomInfo, wanted)).room

    async def invite(self, room: str, role: m.Role, name: str, *, host: bool) -> str:
        """Make a link."""
        wanted = m.CreateInvitation(role=role, name=name, host=host)
        path = f"/api/v1/rooms/{room}/invitations"
        return (await self._ask("POST", path, m.InvitationInfo, wanted)).link

    async def people(self, rooms: Sequence[str]) -> int:
        """How many wait or are admitted in these rooms."""
        listed = (await self._ask("GET", "/api/v1/rooms", m.Rooms)).rooms
        return sum(one.waiting + one.admitted for one in listed if one.room in rooms)

    async def end_room(self, room: str) -> None:
        """End a room for everyone."""
        await self._ask("DELETE", f"/api/v1/rooms/{room}", None)

    async def metrics(self) -> Scrape:
        """Read the bridge's metrics; empty for a bridge that is not our own."""
        if self._target.metrics_url is None:
            return Scrape()
        try:
            async with self._session.get(self._target.metrics_url) as response:
                text = await response.text()
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise Unreachable(f"no metrics of the bridge ({type(error).__name__})") from None
        return read_metrics(text)

    async def _ask(self, method: str, path: str, kind: type[T] | None, body: m.Part | None = None) -> T:
        headers = {"Authorization": f"Bearer {self._target.token}"}
        data = None if body is None else m.encode(body)
        try:
            async with self._session.request(
                method, self._target.url + path, data=data, headers=headers
            ) as response:
                text, is_ok = await response.read(), response.ok
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise Unreachable(f"the bridge does not answer ({type(error).__name__})") from None
        if not is_ok:
            raise Rejected(_code(text))
        return msgspec.json.decode(text or b"null", type=kind or None)


def _code(text: bytes) -> str:
    try:
        return str(msgspec.json.decode(text, type=m.ErrorInfo).code)
    except msgspec.DecodeError:
        return "no_bridge"


@asynccontextmanager
async def own_bridge(serve: Sequence[str], legs: int, shards: int) -> AsyncIterator[Target]:
    """A bridge of its own process on free ports of loopback, with files that go with it.

    `serve` is the command that runs it. Raises `Unreachable` when it does not come up or ends early.
    """
    with tempfile.TemporaryDirectory(prefix="brotjeneste-loadtest-") as name:
        folder, token = Path(name), secrets.token_urlsafe(_TOKEN_BYTES)
        http, metrics = free_ports(2)
        config = folder / "bridge.toml"
        config.write_text(_config(folder, http, metrics, legs, shards), "utf-8")
        kept = {key: value for key, value in os.environ.items() if not key.startswith("BROTJENESTE_")}
        env = kept | {"BROTJENESTE_AUTH_API_TOKEN": token}
        async with running([*serve, "--config", str(config)], folder, env) as process:
            await _until_ready(process, f"http://127.0.0.1:{metrics}/readyz", folder)
            yield Target(f"http://127.0.0.1:{http}", token, process.pid, f"http://127.0.0.1:{metrics}/metrics")


def free_ports(number: int) -> list[int]:
    """TCP ports that were free a moment ago, all different."""
    with ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(number)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [int(probe.getsockname()[1]) for probe in probes]


def _config(folder: Path, http: int, metrics: int, legs: int, shards: int) -> str:
    # The slots are the bridge's defaults where these suffice: pages offer that many, so robots do too.
    slots = max(8, legs - 1)
    return f"""
[http]
port = {http}
[metrics]
port = {metrics}
[media]
base_port = {_free_range(shards)}
shards = {shards}
[store]
url = "sqlite:///{folder / "loadtest.db"}"
[auth]
link_key_file = "{folder / "link.key"}"
api_token_file = "{folder / "api.token"}"
[operators]
token_file = "{folder / "operator.token"}"
[rooms]
max_participants = {max(9, legs)}
audio_slots = {slots}
video_slots = {slots}
[log]
level = "warning"
"""


def _free_range(shards: int) -> int:
    """First of as many UDP ports in a row as there are shards, all free a moment ago."""
    for _ in range(64):
        first = free_ports(1)[0]
        with ExitStack() as stack:
            try:
                for port in range(first, first + shards):
                    probe = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
                    probe.bind(("127.0.0.1", port))
            except (OSError, OverflowError):
                continue
            return first
    raise Unreachable("no UDP ports are free for the bridge")


async def _until_ready(process: asyncio.subprocess.Process, url: str, folder: Path) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_START_S), aiohttp.ClientSession() as session:
            while process.returncode is None:
                with contextlib.suppress(aiohttp.ClientError, OSError):
                    async with session.get(url) as response:
                        if response.ok:
                            return
                await asyncio.sleep(_POLL_S)
    raise Unreachable(f"the bridge did not start: {await last_words(folder)}")
