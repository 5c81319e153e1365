"""`brotjeneste drain`: empty a running bridge without cutting anybody off."""

from pathlib import Path

import aiohttp
import click

from bridge.cli.common import load_config, run, with_config
from bridge.config import Config


@click.command()
@with_config
@click.option("--stop", is_flag=True, help="Take new rooms again.")
def drain(config_file: Path | None, *, stop: bool) -> None:
    """Let a running bridge open no more rooms, so that it empties; who comes to an open one still gets in."""
    run(_drain(load_config(config_file), stop=stop), aiohttp.ClientError)


async def _drain(config: Config, *, stop: bool) -> None:
    base = f"http://{config.metrics.host}:{config.metrics.port}"
    async with (
        aiohttp.ClientSession(base) as session,
        session.request("DELETE" if stop else "PUT", "/drain") as response,
    ):
        if not response.ok:
            raise click.ClickException("what answers at the operators' address is not a bridge")
    click.echo("the bridge takes new rooms" if stop else "the bridge drains")
