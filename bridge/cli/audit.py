"""`brotjeneste audit`: whether the records are whole, and what they say."""

import json
from datetime import datetime
from pathlib import Path

import click

from bridge.cli.common import load_config, run, with_config
from bridge.cli.desk import desk
from bridge.cli.values import Moment
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
        found = records.export(room, since, until)
        if not bundle:
            async for resource in found:
                click.echo(_text(resource))
            return
        begun = '{"resourceType":"Bundle","type":"collection"'
        before = begun + ',"entry":[\n'
        async for resource in found:
            entry = {"fullUrl": full_url(resource, config.http.base_url), "resource": resource}
            click.echo(before + _text(entry), nl=False)
            before = ",\n"
        # A list of FHIR is never empty: without a first entry there is none.
        click.echo("]}" if before == ",\n" else begun + "}")


def _text(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))
