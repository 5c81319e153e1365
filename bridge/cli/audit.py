"""`brotjeneste audit`: whether the records are whole, and what they say."""

import json
from datetime import datetime
from pathlib import Path

import click

from bridge.cli.common import load_config, run, with_config
from bridge.cli.desk import desk
from bridge.cli.times import Moment
from bridge.config import Config
from bridge.records.audit_event import full_url
from bridge.store import StoreError, open_store
from signalling.errors import Rejected


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


@audit.command()
@with_config
@click.option("--room", help="Only what happened in this room.")
@click.option("--since", type=Moment(), help="Only what happened then or later; ISO 8601 with its zone.")
@click.option("--until", type=Moment(), help="Only what happened before.")
@click.option("--format", "form", type=click.Choice(["ndjson", "bundle"]), default="ndjson", show_default=True)
def export(
    config_file: Path | None, room: str | None, since: datetime | None, until: datetime | None, form: str
) -> None:
    """Print the audit as AuditEvent resources (FHIR R4): one a line, or all in one Bundle.

    That it was read is put on record as well.
    """
    config = load_config(config_file)
    run(_export(config, room, since, until, bundle=form == "bundle"), StoreError, Rejected)


async def _export(
    config: Config, room: str | None, since: datetime | None, until: datetime | None, *, bundle: bool
) -> None:
    async with desk(config) as records:
        before = '{"resourceType":"Bundle","type":"collection","entry":[\n' if bundle else ""
        async for resource in records.export(room, since, until):
            text = json.dumps(resource, separators=(",", ":"))
            name = json.dumps(full_url(resource, config.http.base_url))
            click.echo(before + (f'{{"fullUrl":{name},"resource":{text}}}' if bundle else text), nl=not bundle)
            before = ",\n" if bundle else ""
        if bundle:
            click.echo(before.removesuffix(",\n") + "]}")
