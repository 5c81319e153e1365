"""What can go wrong with a credential; each error carries the code that goes on the wire."""

from typing import ClassVar

from bridge.auth.claims import LinkClaims


class AuthError(Exception):
    """Base of everything that `bridge.auth` raises. `code` is the wire code."""

    code: ClassVar[str] = "internal"


class LinkInvalid(AuthError):  # noqa: N818 - named after its wire code
    """The link was not made by this bridge for this purpose, or was changed on its way."""

    code = "link_invalid"


class LinkExpired(AuthError):  # noqa: N818 - named after its wire code
    """The link is genuine, and its time has passed.

    `claims` is what it says: somebody who already has a place may come back to it with an old link, and whether
    that is so is for the room to tell.
    """

    code = "link_expired"

    def __init__(self, message: str, claims: LinkClaims) -> None:
        super().__init__(message)
        self.claims = claims


class KeyFileError(AuthError):
    """A key file cannot be read, made or trusted."""

    code = "key_file"
