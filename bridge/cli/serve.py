"""`brotjeneste serve`: the bridge itself."""

import gc
from pathlib import Path

import click

from bridge.auth.errors import AuthError
from bridge.cli.common import load_config, run, stop_signals, with_config
from bridge.compose import run_bridge
from bridge.config import Config
from bridge.integration.errors import IntegrationError
from bridge.ops import logs
from bridge.store import StoreError
from media.api import EngineError
from media.priority import let_media_go_first
from media.transport import TransportError
from signalling.gateways.interface import SettingsError


@click.command()
@with_config
def serve(config_file: Path | None) -> None:
    """Run the bridge until Ctrl-C or SIGTERM."""
    config = load_config(config_file)
    logs.configure(config.log.level, config.log.format)
    run(_serve(config), AuthError, EngineError, IntegrationError, SettingsError, StoreError, TransportError)


async def _serve(config: Config) -> None:
    with stop_signals() as told:
        async with run_bridge(config):
            # Modules and what belongs to them stay for good: searched for garbage each time, they would hold
            # everybody up for a tenth of a second, every ten seconds or so of a full node.
            gc.freeze()
            let_media_go_first()
            await told.wait()
