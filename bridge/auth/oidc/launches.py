"""Launches: a portal or a record system in which somebody is logged in sends them here without a second login.

The portal signs a JWT (RFC 7519) with a key whose public half the operator was given, for this bridge alone, for
two minutes at the most, and for one use. What it says of the person is read by the same rules as a login. It says
nothing of a room: whom it lets in where is the link's business, with which it travels in an address's fragment.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from joserfc.jwk import KeySet

from bridge.auth.oidc import tokens
from bridge.auth.oidc.errors import TokenRejected
from bridge.auth.oidc.once import Once
from bridge.auth.oidc.provider import Speaker

TYPE: Final = "launch+jwt"
"""In its header, so that no other token of the portal's passes for one (RFC 8725 section 3.11)."""
LASTS: Final = timedelta(minutes=2)
_MIN_JTI_CHARS: Final = 16
_MAX_JTI_CHARS: Final = 255


@dataclass(frozen=True, slots=True, kw_only=True)
class Portal(Speaker):
    """Who may send people here. `keys` are public ones."""

    keys: KeySet = field(repr=False)


class Launches:
    """All portals of a bridge, which is known to them as `audience`.

    What was used is remembered in memory; so what was made before `began_at`, when the bridge began, is too old.
    """

    def __init__(self, portals: Sequence[Portal], audience: str, began_at: datetime) -> None:
        self._portals = {portal.issuer: portal for portal in portals}
        self._audience = audience
        self._began_at = began_at
        self._used = Once()

    def read(self, token: str, now: datetime) -> tuple[Portal, Mapping[str, Any]]:
        """Return who sends somebody and what they say of them. Raises TokenRejected; a launch counts once."""
        portal = self._portals.get(tokens.issuer_of(token))
        if portal is None:
            raise TokenRejected("the launch is from no portal that is known here")
        claims = tokens.genuine(token, portal.keys, (TYPE,))
        if claims.get("iss") != portal.issuer:
            raise TokenRejected("the launch is another portal's")
        # One audience, no list: who else could take it could also bring it here.
        if claims.get("aud") != self._audience:
            raise TokenRejected("the launch leads elsewhere")
        tokens.check_subject(claims)
        ends = self._ends(claims, now)
        name = claims.get("jti")
        if not isinstance(name, str) or not _MIN_JTI_CHARS <= len(name) <= _MAX_JTI_CHARS:
            raise TokenRejected("the launch has no name of its own")
        if not self._used.take(f"{portal.name}\0{name}", ends, now):
            raise TokenRejected("the launch has been used")
        return portal, claims

    def _ends(self, claims: Mapping[str, Any], now: datetime) -> datetime:
        """When nobody would take it any more. Raises TokenRejected for one that is not for now."""
        made, ends = (tokens.time_of(claims, name) for name in ("iat", "exp"))
        tokens.check_validity(claims, int(now.timestamp()))
        if not 0 < ends - made <= LASTS.total_seconds() or made > now.timestamp() + tokens.LEEWAY_SECONDS:
            raise TokenRejected("the launch lasts too long")
        if made < self._began_at.timestamp():
            raise TokenRejected("the launch was made before the bridge began")
        return datetime.fromtimestamp(ends + tokens.LEEWAY_SECONDS, UTC)
