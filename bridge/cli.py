"""The `brotjeneste` command."""

import asyncio
import os
import signal
import sys
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final, Literal, TypeVar

import aiohttp
import click
import msgspec
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from bridge.auth.errors import AuthError
from bridge.compose import api_token, run_bridge
from bridge.config import Config, ConfigError, load
from bridge.demo import run_demo
from bridge.ops import logs
from bridge.store import StoreError, open_store
from loadtest.drive import OwnBridge, Stage, latency_and_report, run_and_report
from loadtest.errors import LoadtestError
from loadtest.native import NativeOptions
from loadtest.profiles import PROFILES
from loadtest.scenario import Scenario
from loadtest.target import Target, named_target
from media.api import EngineError
from media.transport import TransportError
from signalling import messages as m

T = TypeVar("T")
CONSOLE: Final = Console(highlight=False)
KNOWN_FAULTS: Final = (
    AuthError,
    ConfigError,
    EngineError,
    LoadtestError,
    StoreError,
    TransportError,
    OSError,
    aiohttp.ClientError,
)
INVITED_ROLES: Final = [role.value for role in m.Role if role is not m.Role.OPERATOR]

with_config = click.option(
    "--config",
    "config_file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="TOML file; see deploy/bridge.toml. Without it: BROTJENESTE_CONFIG, else the built-in defaults.",
)


@click.group()
@click.version_option(package_name="brotjeneste")
def main() -> None:
    """Run and operate the video bridge."""


@main.command()
@with_config
def serve(config_file: Path | None) -> None:
    """Run the bridge until Ctrl-C or SIGTERM."""
    config = _load(config_file)
    logs.configure(config.log.level, config.log.format)
    _run(_serve(config))


async def _serve(config: Config) -> None:
    with stop_signals() as told:
        async with run_bridge(config):
            await told.wait()


@contextmanager
def stop_signals() -> Iterator[asyncio.Event]:
    """Give what the first SIGINT or SIGTERM sets, from now on: also one that comes while things are starting.

    A second signal does what it does to any program, so that an end that hangs can be cut short.
    """
    told = asyncio.Event()
    loop = asyncio.get_running_loop()
    numbers = (signal.SIGINT, signal.SIGTERM)

    def take() -> None:
        told.set()
        for number in numbers:
            loop.remove_signal_handler(number)

    for number in numbers:
        loop.add_signal_handler(number, take)
    try:
        yield told
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)


@main.command("check-config")
@with_config
def check_config(config_file: Path | None) -> None:
    """Say whether the configuration is usable, and what it comes to."""
    config = _load(config_file)
    table = Table("section", "setting", "value")
    for section, settings in asdict(config).items():
        for key, value in settings.items():
            shown = "(secret)" if key == "api_token" and value else value
            table.add_row(section, key, escape(str(shown)))
    CONSOLE.print(table)


@main.command()
@with_config
@click.option("--room", help="An existing room; without it a new one is opened.")
@click.option("--room-name", default="Konsultasjon", show_default=True, help="Name of the new room.")
@click.option("--role", type=click.Choice(INVITED_ROLES), required=True)
@click.option("--name", required=True, help="Shown to the others in the room.")
@click.option("--host", is_flag=True, help="The holder decides who comes in (doctor or specialist).")
def invite(
    config_file: Path | None, room: str | None, room_name: str, role: str, name: str, *, host: bool
) -> None:
    """Make a link for one person, by the REST interface of a running bridge."""
    config = _load(config_file)
    wanted = m.CreateInvitation(role=m.Role(role), name=name, host=host)
    _run(_invite(config, room, room_name, wanted))


async def _invite(config: Config, room: str | None, room_name: str, wanted: m.CreateInvitation) -> None:
    headers = {"Authorization": f"Bearer {api_token(config)}"}
    base = f"http://{config.http.host}:{config.http.port}"
    async with aiohttp.ClientSession(base, headers=headers) as session:
        if room is None:
            made = await _post(session, "/api/v1/rooms", m.CreateRoom(name=room_name), m.RoomInfo)
            room = made.room
        path = f"/api/v1/rooms/{room}/invitations"
        invitation = await _post(session, path, wanted, m.InvitationInfo)
    click.echo(f"room {room}\nlink {invitation.link}\nuntil {invitation.expires_at:%Y-%m-%d %H:%M %Z}")


async def _post(session: aiohttp.ClientSession, path: str, body: msgspec.Struct, kind: type[T]) -> T:
    async with session.post(path, data=msgspec.json.encode(body)) as response:
        text = await response.read()
    try:
        if response.ok:
            return msgspec.json.decode(text, type=kind)
        error = msgspec.json.decode(text, type=m.ErrorInfo)
    except msgspec.DecodeError as fault:
        raise click.ClickException("what answers at the configured address is not a bridge") from fault
    raise click.ClickException(f"{error.code}: {error.message}")


@main.group()
def audit() -> None:
    """Look after the audit."""


@audit.command()
@with_config
def verify(config_file: Path | None) -> None:
    """Recompute the audit's hash chain; exit with 1 where it is broken."""
    broken = _run(_verify(_load(config_file)))
    if broken is not None:
        raise click.ClickException(f"the audit is broken at line {broken}")
    click.echo("the audit is whole")


async def _verify(config: Config) -> int | None:
    async with open_store(config.store.url) as store:
        return await store.verify_audit()


@main.command()
@with_config
@click.option("--robots", type=click.IntRange(0, 6), default=0, help="Synthetic participants.")
def demo(config_file: Path | None, robots: int) -> None:
    """Run a bridge with one room, and print a link for a doctor, a patient and an interpreter."""
    config = _load(config_file)
    logs.configure("warning", "console")
    _run(_demo(config, robots))


async def _demo(config: Config, robots: int) -> None:
    with stop_signals() as told:
        await run_demo(config, robots, CONSOLE, told)


class Percents(click.ParamType[tuple[float, ...]]):
    """A list such as 10,50,70; each above 0 and at most 100."""

    name = "percents"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[float, ...]:
        """Read it."""
        try:
            found = tuple(float(part) for part in str(value).split(","))
        except ValueError:
            self.fail("must be numbers separated by commas", param, ctx)
        if not all(0 < one <= 100 for one in found):  # noqa: PLR2004 - percent
            self.fail("must be above 0 and at most 100", param, ctx)
        return found


@main.command()
@click.option("--rooms", type=int, default=10, show_default=True)
@click.option("--legs", type=int, default=4, show_default=True, help="Robots in each room.")
@click.option("--profile", type=click.Choice(sorted(PROFILES)), default="consultation", show_default=True)
@click.option("--codec", type=click.Choice(["vp8", "h264"]), default="vp8", show_default=True)
@click.option("--minutes", type=float, default=1.0, show_default=True, help="Of full call, after all have joined.")
@click.option("--joins-per-second", type=float, default=20.0, show_default=True)
@click.option(
    "--check-percent", type=click.IntRange(0, 100), default=5, show_default=True, help="Verified in full."
)
@click.option("--pacing", type=click.Choice(["burst", "even"]), default="burst", show_default=True)
@click.option("--max-loss-percent", type=float, default=0.1, show_default=True, help="More is a failure.")
@click.option("--shards", type=click.IntRange(1, 64), default=1, show_default=True, help="Of the bridge's own.")
@click.option(
    "--threads", type=click.IntRange(1, 64), default=1, show_default=True, help="For the robots' packets."
)
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), default=Path("build/bench"), show_default=True
)
@click.option("--target", help="URL of a running bridge; without it one is started for the run, on loopback.")
@click.option("--api-token-file", type=click.Path(path_type=Path, exists=True), help="REST token of the target.")
@click.option("--bind", default="127.0.0.1", show_default=True, help="Address that the robots send from.")
@click.option(
    "--latency-at", type=Percents(), help="Instead: latency at these percents of the capacity: 10,50,70."
)
@click.option("--i-own-this-target", "consent", is_flag=True, help="Needed for a target on another machine.")
def loadtest(
    *,
    target: str | None,
    api_token_file: Path | None,
    shards: int,
    threads: int,
    out: Path,
    minutes: float,
    codec: Literal["vp8", "h264"],
    pacing: Literal["burst", "even"],
    check_percent: int,
    bind: str,
    consent: bool,
    latency_at: tuple[float, ...] | None,
    **sizes: Any,
) -> None:
    """Fill a bridge with robots that join as people do; report what it cost and whether all arrived.

    Ends with 1 when anything went wrong that the report names.
    """
    native = NativeOptions(codec=codec, pacing=pacing, check_percent=check_percent, bind=bind)
    try:
        scenario = Scenario(steady_s=minutes * 60, native=native, **sizes)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    own = OwnBridge((sys.executable, "-m", "bridge", "serve"), shards)
    if target is None:
        done = _run(_loadtest(scenario, own, latency_at, out, threads))
    elif latency_at:
        raise click.UsageError("--latency-at needs a bridge of its own: no --target")
    else:
        named = _named(target, api_token_file, consent=consent)
        done = _run(_loadtest(scenario, named, None, out, threads))
    if not done:
        raise SystemExit(1)


def _named(url: str, api_token_file: Path | None, *, consent: bool) -> Target:
    if api_token_file is None:
        raise click.UsageError("--target needs --api-token-file")
    try:
        return named_target(url, api_token_file.read_text("utf-8").strip(), consent=consent)
    except LoadtestError as error:
        raise click.UsageError(str(error)) from error


async def _loadtest(
    scenario: Scenario, where: OwnBridge | Target, percents: tuple[float, ...] | None, out: Path, threads: int
) -> bool:
    with stop_signals() as told:
        stage = Stage(told, CONSOLE, out, threads)
        if percents and isinstance(where, OwnBridge):
            return await latency_and_report(scenario, where, percents, stage)
        return await run_and_report(scenario, where, stage)


def _load(config_file: Path | None) -> Config:
    try:
        return load(config_file, os.environ)
    except ConfigError as error:
        raise click.ClickException(str(error)) from error


def _run(work: Coroutine[Any, Any, T]) -> T:
    """Run it, and turn the faults that an operator can mend into one sentence."""
    try:
        return asyncio.run(work)
    except (*KNOWN_FAULTS, ExceptionGroup) as error:
        first = _first_of(error)
        if not isinstance(first, KNOWN_FAULTS):
            raise
        raise click.ClickException(str(first)) from error


def _first_of(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
