"""Ids of people, links and connections."""

import secrets
from typing import Final

from bridge.rooms.model import ConnectionId

ID_BYTES: Final = 9  # ids stand in links, which are sent by SMS; nothing rests on their being hard to guess
# Ids of connections are compared with those of before a restart, so they must not repeat; JSON keeps 53 bits.
CONNECTION_BITS: Final = 53


def new_id(prefix: str) -> str:
    """Make the id of a room (`r`), an invitation (`i`) or a participant (`p`)."""
    return f"{prefix}_{secrets.token_urlsafe(ID_BYTES)}"


def new_connection() -> ConnectionId:
    """Make the id of a connection."""
    return ConnectionId(secrets.randbits(CONNECTION_BITS))
