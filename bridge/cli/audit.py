"""`brotjeneste audit`: whether the records are whole."""

from pathlib import Path

import click

from bridge.cli.common import load_config, run, with_config
from bridge.config import Config
from bridge.store import StoreError, open_store


@click.group()
def audit() -> None:
    """Look after the audit."""


@audit.command()
@with_config
def verify(config_file: Path | None) -> None:
    """Recompute the audit's hash chain; exit with 1 where it is broken."""
    broken = run(_verify(load_config(config_file)), StoreError)
    if broken is not None:
        raise click.ClickException(f"the audit is broken at line {broken}")
    click.echo("the audit is whole")


async def _verify(config: Config) -> int | None:
    async with open_store(config.store.url) as store:
        return await store.verify_audit()
