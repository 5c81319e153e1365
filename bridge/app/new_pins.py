"""PINs for new invitations."""

from bridge.app.ports import Pins
from bridge.rooms.model import PinDigest, Room
from signalling.errors import Code, Rejected


def new_pin(pins: Pins | None, room: Room, *, host: bool) -> tuple[str, PinDigest]:
    """A PIN that no other invitation of the room has, and its digest. Raises Rejected where nobody can call."""
    if pins is None or room.number is None:
        raise Rejected(Code.WRONG_STATE, "The room has no number to call.")
    taken = {invitation.pin for invitation in room.invitations.values()}
    while True:
        pin = pins.new(host=host)
        if not taken & pins.digests(room.id, pin):
            return pin, PinDigest(pins.digest(room.id, pin))
