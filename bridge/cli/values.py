"""What stands on the command line and is no plain text."""

import re
from datetime import datetime
from typing import Any

import click


class Moment(click.ParamType[datetime]):
    """A time in ISO 8601 with its zone, such as 2026-11-26T08:00:00+01:00."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """Read it."""
        try:
            found = datetime.fromisoformat(str(value))
        except ValueError:
            self.fail("must be like 2026-11-26T08:00:00+01:00", param, ctx)
        if found.tzinfo is None:
            self.fail("needs its zone, as in 2026-11-26T08:00:00+01:00", param, ctx)
        return found


class Organisation(click.ParamType[str]):
    """The number of an organisation."""

    name = "number"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Read it."""
        if not re.fullmatch(r"[0-9]{9}", str(value), re.ASCII):
            self.fail("must be nine digits", param, ctx)
        return str(value)
