"""Times on the command line."""

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
