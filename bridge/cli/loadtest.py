"""`brotjeneste loadtest`: robots in a bridge, and what they cost it."""

import sys
from pathlib import Path
from typing import Any, Final, Literal

import aiohttp
import click

from bridge.cli.common import CONSOLE, run, stop_signals
from loadtest.drive import OwnBridge, Stage, latency_and_report, run_and_report
from loadtest.errors import LoadtestError
from loadtest.native import NativeOptions
from loadtest.profiles import PROFILES
from loadtest.scenario import Scenario
from loadtest.target import Target, named_target
from media.api import EngineError
from media.transport import TransportError

FAULTS: Final = (LoadtestError, EngineError, TransportError, aiohttp.ClientError)


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


@click.command()
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
        done = run(_loadtest(scenario, own, latency_at, out, threads), *FAULTS)
    elif latency_at:
        raise click.UsageError("--latency-at needs a bridge of its own: no --target")
    else:
        named = _named(target, api_token_file, consent=consent)
        done = run(_loadtest(scenario, named, None, out, threads), *FAULTS)
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
