"""The DTLS server against the stacks of real browsers: BoringSSL in Chromium, NSS in Firefox."""

import asyncio
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from aioice import stun

from media.sdp import Answer, LocalTransport, OfferRoles
from media.transport import DtlsCertificate, DtlsServer
from tests.media.sdp_offers import answered, transport
from tests.media.test_sdp_browsers import OFFER, TAKE, chromium

CONNECTED = """(async () => {
  while (pc.connectionState !== "connected")
    await new Promise((next) => pc.addEventListener("connectionstatechange", next, { once: true }));
  return pc.connectionState;
})()"""


class _LiteEnd(asyncio.DatagramProtocol):
    """Answers connectivity checks as an ICE-lite agent does, and carries DTLS."""

    def __init__(self, password: str) -> None:
        self._password = password.encode()
        self._socket: asyncio.DatagramTransport | None = None
        self.dtls: DtlsServer | None = None
        self.finished = asyncio.Event()

    def connection_made(self, socket: Any) -> None:
        self._socket = socket

    def datagram_received(self, data: bytes, address: tuple[str, int]) -> None:
        if self._socket is None or self.dtls is None:
            return
        if data[0] < 4:
            request = stun.parse_message(data)
            response = stun.Message(
                request.message_method, stun.Class.RESPONSE, transaction_id=request.transaction_id
            )
            response.attributes["XOR-MAPPED-ADDRESS"] = address
            response.add_message_integrity(self._password)
            response.add_fingerprint()
            self._socket.sendto(bytes(response), address)
        elif 20 <= data[0] < 64:
            self.dtls.handle_datagram(data, asyncio.get_running_loop().time())
            for datagram in self.dtls.datagrams_to_send():
                self._socket.sendto(datagram, address)
            if self.dtls.result is not None or self.dtls.error is not None:
                self.finished.set()


@pytest.mark.browser
async def test_chromium_completes_the_handshake() -> None:
    """Chromium reports connected on our answer, and the server has keys of the preferred profile.

    Firefox sends no check to 127.0.0.1; its handshake is proven in a network of its own, by tests/e2e.
    """
    certificate = DtlsCertificate.generate(datetime.now(UTC))
    loop = asyncio.get_running_loop()
    plan = transport(certificate.fingerprint)
    socket, end = await loop.create_datagram_endpoint(lambda: _LiteEnd(plan.ice_pwd), local_addr=("127.0.0.1", 0))
    try:
        bound = socket.get_extra_info("sockname")
        local = LocalTransport(plan.ice_ufrag, plan.ice_pwd, plan.fingerprint, (bound,), plan.cname)
        async with chromium() as evaluate:
            sdp, mic, camera, content = await evaluate(OFFER)
            answer = answered(sdp, OfferRoles(mic, camera, content), local=local)
            end.dtls = _server(certificate, answer, loop.time())
            await evaluate(f"{TAKE}({json.dumps(answer.sdp)})")
            assert await asyncio.wait_for(evaluate(CONNECTED), 30) == "connected"
            await asyncio.wait_for(end.finished.wait(), 30)
        assert end.dtls.result is not None
        assert end.dtls.result.profile == "AEAD_AES_128_GCM"
        assert end.dtls.stats.restarts == end.dtls.stats.malformed == 0
    finally:
        socket.close()


def _server(certificate: DtlsCertificate, answer: Answer, now: float) -> DtlsServer:
    named = [(item.algorithm, item.value) for item in answer.remote.fingerprints]
    return DtlsServer(certificate, named, now)
