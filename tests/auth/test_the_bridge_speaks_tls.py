"""A whole bridge with a certificate: pages, REST and sockets by TLS, and nothing without."""

import ssl
from dataclasses import replace
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from aiohttp import ClientError, ClientSession, TCPConnector, WSServerHandshakeError
from cryptography import x509

from bridge.compose import run_bridge
from signalling import messages as m
from tests.gateways.sip.certificates import Authority
from tests.support.bridge import house_config


async def test_everything_goes_by_tls(tmp_path: Path) -> None:
    """Links lead to it, browsers are told to come by nothing else, a socket opens for its own pages alone."""
    authority = Authority(tmp_path)
    certificate, key = authority.issue("here", x509.IPAddress(IPv4Address("127.0.0.1")))
    key.chmod(0o600)
    config = house_config(tmp_path)
    config = replace(config, http=replace(config.http, certificate=str(certificate), key=str(key)))
    here = f"https://127.0.0.1:{config.http.port}"
    tls = TCPConnector(ssl=ssl.create_default_context(cafile=str(authority.file)))
    async with run_bridge(config) as bridge, ClientSession(connector=tls) as http:
        room = await bridge.administration.create_room(m.CreateRoom(name="Test"))
        wish = m.CreateInvitation(role=m.Role.DOCTOR, name="Doctor", host=True)
        link = (await bridge.administration.invite(room.room, wish)).link
        assert link.startswith(f"{here}/join#")
        async with http.get(link) as page:
            assert page.status == 200
            assert "Strict-Transport-Security" in page.headers
        with pytest.raises(WSServerHandshakeError):
            await http.ws_connect(f"{here}/api/v1/ws", origin=here.replace("https", "http"))
        async with http.ws_connect(f"{here}/api/v1/ws", origin=here) as ws:
            token = link.partition("#")[2]
            await ws.send_str(m.encode_client(m.Join(version=1, token=token, language=m.Language.NB)))
            assert isinstance(m.decode_server(await ws.receive_str(timeout=60)), m.Welcome)
        with pytest.raises(ClientError):
            await http.get(here.replace("https", "http"))
