"""What counts once: the answer to a login, a launch from a portal."""

import hashlib
from datetime import datetime
from typing import Final

MOST: Final = 50_000
"""Some 10 MB. Only what is genuine gets this far, and that is rationed: twenty logins a second that are kept for a
quarter of an hour make 18,000."""


class Once:
    """Remembers what has been used, for as long as it could be used again."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._until: dict[bytes, datetime] = {}

    def take(self, what: str, until: datetime, now: datetime) -> bool:
        """Whether this is used for the first time; it has to be remembered `until` then.

        When no more can be remembered nothing is new: to let somebody in twice is worse than to turn them away.
        """
        digest = hashlib.sha256(what.encode("utf-8", "surrogatepass")).digest()
        if (end := self._until.get(digest)) is not None and end >= now:
            return False
        if len(self._until) >= self._most:
            self._until = {known: end for known, end in self._until.items() if end >= now}
            if len(self._until) >= self._most:
                return False
        self._until[digest] = until
        return True
