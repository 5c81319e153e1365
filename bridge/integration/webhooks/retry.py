"""When a letter that did not get through is tried again. Pure."""

from datetime import datetime, timedelta
from typing import Final

FIRST: Final = timedelta(seconds=5)
LONGEST: Final = timedelta(hours=1)
GIVEN_UP_AFTER: Final = timedelta(hours=24)
DOUBLINGS: Final = 12
"""Beyond these it is the longest in any case."""


def next_try(tries: int, created_at: datetime, now: datetime, chance: float) -> datetime | None:
    """When to try again after `tries` that failed, the present one included; None once it is to be given up.

    The wait doubles from 5 s to an hour. `chance`, from 0 to 1, takes away up to a quarter of it, so that what
    failed together does not come back together.
    """
    wait = min(LONGEST, FIRST * 2 ** min(tries - 1, DOUBLINGS)) * (1 - chance / 4)
    at = now + wait
    return None if at - created_at > GIVEN_UP_AFTER else at
