"""`brotjeneste webhooks`: what other systems were not told."""

from datetime import UTC, datetime
from pathlib import Path

import click

from bridge.cli.common import load_config, run, with_config
from bridge.config import Config
from bridge.store import StoreError, open_store


@click.group()
def webhooks() -> None:
    """Look after what other systems are told."""


@webhooks.command()
@with_config
@click.argument("name")
def retry(config_file: Path | None, name: str) -> None:
    """Have all tried again that was given up for the endpoint NAME, as in [webhooks.NAME].

    A running bridge takes it up within seconds. What came later was told meanwhile: these come out of order.
    """
    config = load_config(config_file)
    if name not in config.webhooks:
        raise click.ClickException(f"there is no [webhooks.{name}]")
    click.echo(f"{run(_retry(config, name), StoreError)} to be tried again")


async def _retry(config: Config, name: str) -> int:
    async with open_store(config.store.url) as store:
        return await store.outbox.raise_dead(name, datetime.now(UTC))
