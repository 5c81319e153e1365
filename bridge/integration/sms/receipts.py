"""Hears from the supplier what became of text messages: the `ReceiptDesk` of signalling."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import Final

from bridge.app.live import LiveRoom
from bridge.integration.webhooks.signing import Secret, genuine
from bridge.rooms.model import InvitationId, RoomId, TextState
from signalling import messages as m
from signalling.errors import Code, Rejected

_STATES: Final = {m.TextWord.DELIVERED: TextState.DELIVERED, m.TextWord.FAILED: TextState.FAILED}
Note = Callable[[LiveRoom, InvitationId, TextState], Awaitable[None]]


class Receipts:
    """Receipts that the secrets of the supplier sign."""

    def __init__(
        self,
        known: Sequence[Secret],
        find: Callable[[RoomId], Awaitable[LiveRoom | None]],
        note: Note,
        now: Callable[[], datetime],
    ) -> None:
        """Take what finds a room, and what puts on record what became of a message."""
        self._secrets = known
        self._find = find
        self._note = note
        self._now = now

    async def receipt(self, headers: Mapping[str, str], body: bytes) -> None:
        """Take one. A message that the bridge knows nothing of is passed over, so that it is not told again.

        Raises Rejected.
        """
        if not genuine(self._secrets, headers, body, int(self._now().timestamp())):
            raise Rejected(Code.UNAUTHORIZED, "The receipt is not signed by the supplier, or was signed long ago.")
        told = m.decode_body(body, m.TextReceipt)
        room, _, invitation = told.data.reference.partition(".")
        live = await self._find(RoomId(room))
        if live is not None and invitation in live.room.invitations:
            await self._note(live, InvitationId(invitation), _STATES[told.type])
