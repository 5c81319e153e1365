"""`brotjeneste demo`: a bridge on loopback, and links into it."""

from pathlib import Path

import click

from bridge.auth.errors import AuthError
from bridge.cli.common import CONSOLE, load_config, run, stop_signals, with_config
from bridge.config import Config
from bridge.demo import run_demo
from bridge.ops import logs
from bridge.store import StoreError
from media.api import EngineError
from media.transport import TransportError


@click.command()
@with_config
@click.option("--robots", type=click.IntRange(0, 6), default=0, help="Synthetic participants.")
def demo(config_file: Path | None, robots: int) -> None:
    """Run a bridge with one room, and print a link for a doctor, a patient and an interpreter."""
    config = load_config(config_file)
    logs.configure("warning", "console")
    run(_demo(config, robots), AuthError, EngineError, StoreError, TransportError)


async def _demo(config: Config, robots: int) -> None:
    with stop_signals() as told:
        await run_demo(config, robots, CONSOLE, told)
