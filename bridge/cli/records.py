"""`brotjeneste records`: who took part for whom, and how much was used."""

from datetime import datetime
from pathlib import Path

import click

from bridge.cli.common import load_config, run, with_config
from bridge.cli.desk import desk
from bridge.cli.values import Moment, Organisation
from bridge.config import Config
from bridge.store import StoreError
from signalling import messages as m
from signalling.errors import Rejected


@click.group()
def records() -> None:
    """Look at what is on record of consultations."""


@records.command()
@with_config
@click.option("--room", required=True)
@click.option("--organisation", type=Organisation(), help="Only what this one is told: nine digits.")
def attendance(config_file: Path | None, room: str, organisation: str | None) -> None:
    """Print, as JSON, who came and went in a room, for each organisation that took part.

    Each organisation's part is for that organisation alone. That it was read is put on record.
    """
    run(_attendance(load_config(config_file), room, organisation), StoreError, Rejected)


async def _attendance(config: Config, room: str, organisation: str | None) -> None:
    async with desk(config) as found:
        click.echo(m.encode(await found.attendance(room, m.AttendanceQuery(organisation=organisation))))


@records.command()
@with_config
@click.option("--since", type=Moment(), required=True, help="ISO 8601 with its zone.")
@click.option("--until", type=Moment(), required=True, help="Not included.")
def usage(config_file: Path | None, since: datetime, until: datetime) -> None:
    """Print the conferences that ended within a time, one a line as JSON, without anything of who took part."""
    run(_usage(load_config(config_file), since, until), StoreError)


async def _usage(config: Config, since: datetime, until: datetime) -> None:
    async with desk(config) as found:
        after: str | None = None
        while True:
            page = await found.usage(m.UsageQuery(since=since, until=until, after=after))
            for conference in page.conferences:
                click.echo(m.encode(conference))
            if (after := page.next) is None:
                return
