"""The supplier's webhook: signed, tried again where that may help, and never a message twice."""

from datetime import UTC, datetime
from pathlib import Path

import aiohttp
import pytest
from structlog.testing import capture_logs

from bridge.integration.sms.supplier import WebhookSupplier
from bridge.integration.webhooks.signing import Secret, new_secret
from signalling import messages as m
from tests.integration.receiver import receiving
from tests.support.bridge import running_house


async def no_wait(_seconds: float) -> None:
    """Do not wait."""


@pytest.mark.parametrize(
    ("answers", "taken", "times"),
    [([], True, 1), ([503, 429], True, 3), ([500, 502, 503], False, 3), ([400], False, 1), ([307], False, 1)],
)
async def test_what_is_answered_decides(answers: list[int], times: int, *, taken: bool) -> None:
    """2xx is taken, 4xx is not, and anything else is tried again, under the same id."""
    async with receiving() as receiver, aiohttp.ClientSession() as http:
        receiver.secret, receiver.answers = new_secret(), answers
        supplier = WebhookSupplier(
            receiver.url, [Secret.read(receiver.secret)], http, lambda: datetime.now(UTC), wait=no_wait
        )
        with capture_logs() as logs:
            assert await supplier.send("+4791234567", "Åpne lenken", "r_1.i_1") is taken
        assert len(receiver.came) == times
        assert len({identity for identity, _, _ in receiver.came}) == 1
        message = receiver.came[0][1]
        assert message["type"] == "sms.send"
        assert message["data"] == {"to": "+4791234567", "text": "Åpne lenken", "reference": "r_1.i_1"}
        assert "91234567" not in repr(logs)
        assert len(logs) == (0 if taken else 1)


async def test_a_supplier_that_is_away() -> None:
    """Nobody answers: it was not taken."""
    async with aiohttp.ClientSession() as http:
        secret = Secret.read(new_secret())
        supplier = WebhookSupplier(
            "http://127.0.0.1:1/sms", [secret], http, lambda: datetime.now(UTC), wait=no_wait
        )
        assert not await supplier.send("+4791234567", "x", "r_1.i_1")


async def test_a_bridge_has_links_sent(tmp_path: Path) -> None:
    """A real bridge hands a link over, and takes a receipt for it by HTTP."""
    async with receiving() as receiver:
        secret = tmp_path / "sms.secret"
        secret.touch(mode=0o600)
        receiver.secret = new_secret()
        secret.write_text(receiver.secret)
        async with running_house(tmp_path, sms=(receiver.url, str(secret))) as house:
            wish = m.CreateInvitation(role=m.Role.PATIENT, name="Kari", text_to="+4791234567")
            made = await house.bridge.administration.invite(house.room_id, wish)
            assert made.text is m.TextState.SENT
            assert made.link in receiver.came[0][1]["data"]["text"]
            receipt = {
                "type": "sms.delivered",
                "timestamp": datetime.now(UTC).isoformat(),
                "data": {"reference": receiver.came[0][1]["data"]["reference"]},
            }
            url = f"http://127.0.0.1:{house.bridge.config.http.port}/api/v1/texts/receipts"
            assert await receiver.tell(url, receipt) == 204
            assert await receiver.tell(url, receipt, new_secret()) == 401
            invitation = next(iter(house.live.room.invitations.values()))
            assert invitation.text == "delivered"
            assert "91234567" not in repr(house.log)
