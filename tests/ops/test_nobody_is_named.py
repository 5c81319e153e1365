"""Names, national identity numbers and telephone numbers, planted at every door of a whole bridge: none comes out.

Not in its log, in what is measured, in errors, addresses, the audit, or what other systems are told. Where people
are shown each other, and in the room's own record, names have their place; those are not looked at here.
"""

import asyncio
import io
import json
import logging
import re
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote_plus

import pytest
import structlog
from aiohttp import ClientResponse, ClientSession, ClientWebSocketResponse
from joserfc.jwk import ECKey, KeySet

from bridge.auth.secrets import new_secret
from bridge.compose import Bridge, run_bridge
from bridge.ops import logs
from tests.auth.hostile import KEY, Hostile, hostile, signed
from tests.integration.receiver import Receiver, receiving
from tests.support.bridge import eventually, house_config
from tests.support.ports import free_ports

NAME: Final = "Plantea Sondreskog"
PATIENT: Final = "Ævar Plantnes"
NUMBER: Final = "13097248022"
CHILD: Final = "02111876593"
TELEPHONE: Final = "+4798765432"
MAIL: Final = "plantea@eksempel.no"
HPR: Final = "904407713"
CENTRE: Final = "983658725"
PLANTED: Final = ("plantea", "sondreskog", "plantnes", NUMBER, HPR, CHILD, "98765432", "eksempel.no")
EVERYTHING: Final = f"{NAME} {PATIENT} {NUMBER} {CHILD} {TELEPHONE} {MAIL}"
SECRET: Final = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="  # noqa: S105 - opens nothing
OPERATOR: Final = "an-operators-token-for-this-test"
SDP: Final = f"v=0\r\no={NAME} 1 1 IN IP4 127.0.0.1\r\ns={NUMBER}\r\ni={EVERYTHING}\r\nm=audio {TELEPHONE} RTP\r\n"


@dataclass
class Doors:
    """A running bridge, by whatever one can come to it, and what it has said at each."""

    bridge: Bridge
    http: ClientSession
    provider: Hostile
    receiver: Receiver
    sip: int
    log: io.StringIO
    said: list[tuple[str, str]] = field(default_factory=list)

    @property
    def pages(self) -> str:
        """The address of the pages."""
        return self.bridge.config.http.base_url

    def hear(self, where: str, text: str) -> None:
        """Keep what was said."""
        self.said.append((where, text))

    async def ask(self, method: str, path: str, *, token: str | None = None, **more: Any) -> ClientResponse:
        """Ask something by HTTP. Headers and errors are kept; what a good answer says is for who asked."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        headers |= {"User-Agent": EVERYTHING.encode().decode("latin-1"), "X-Forwarded-For": NUMBER}
        headers |= more.pop("headers", {})
        async with self.http.request(
            method, self.pages + path, headers=headers, allow_redirects=False, **more
        ) as response:
            text = await response.text()
            self.hear(f"headers of {method} {path[:12]}", repr(dict(response.headers)))
            if response.status >= 400:
                self.hear(f"error {response.status} of {method} {path[:12]}", text)
            return response


@asynccontextmanager
async def logged() -> AsyncIterator[io.StringIO]:
    """Have everything logged as it is in a bridge that serves, down to what is for debugging."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    root.handlers = []  # not closed: they belong to pytest
    stream = io.StringIO()
    logs.configure("debug", "json", stream)
    try:
        yield stream
    finally:
        structlog.reset_defaults()
        root.handlers = handlers
        root.setLevel(level)


def secret(path: Path, text: str) -> str:
    """A file that nobody else may read."""
    path.touch(mode=0o600)
    path.write_text(text)
    return str(path)


def settings_of(folder: Path, provider: Hostile, receiver: Receiver, port: int) -> dict[str, Any]:
    """Gateways, logins and systems that are told."""
    receiver.secret = SECRET
    own = ECKey.generate_key("P-256").as_dict(private=True)
    (folder / "rota.json").write_text(json.dumps([{"name": NAME, "hpr": HPR}]), "utf-8")
    return {
        "rotas": {
            "nord": {
                "title": "Legevakt",
                "people_file": str(folder / "rota.json"),
                "organisations": [CENTRE],
            }
        },
        "gateways": {"sip": {"port": port, "transports": ["udp"]}},
        "logins": {
            "idporten": {
                "issuer": provider.issuer,
                "client_id": "brotjeneste",
                "key_file": secret(folder / "idporten.jwk", json.dumps(own)),
                "title": "ID-porten",
                "dialect": "idporten",
                "represented_claim": "represented",
                "relation_claim": "relation",
            },
            "helseid": {
                "issuer": provider.issuer,
                "client_id": "brotjeneste",
                "key_file": secret(folder / "helseid.jwk", json.dumps(own)),
                "title": "HelseID",
                "dialect": "helseid",
            },
        },
        "webhooks": {"record": {"url": receiver.url, "secret_file": secret(folder / "hook", SECRET)}},
    }


@pytest.fixture
async def doors(tmp_path: Path) -> AsyncIterator[Doors]:
    """Start it."""
    (port,) = free_ports(1)
    async with logged() as log, hostile() as provider, receiving() as receiver:
        config = house_config(tmp_path, **settings_of(tmp_path, provider, receiver, port))
        keys = KeySet([ECKey.import_key(KEY.as_dict(private=False))]).as_dict(private=False)
        portal = {"issuer": "https://portal.example", "keys_file": secret(tmp_path / "jwks", json.dumps(keys))}
        # Without converters nothing is spoken, which costs seconds and says nothing of people.
        config = replace(
            config,
            portals={"portal": {**portal, "dialect": "helsenorge"}},
            transcode=replace(config.transcode, workers=0),
        )
        async with run_bridge(config) as bridge, ClientSession() as http:
            yield Doors(bridge, http, provider, receiver, port, log)


async def test_whoever_is_planted_comes_out_nowhere(doors: Doors) -> None:
    """Through REST, pages, sockets, SIP, logins and launches, in what is well-formed and what is not."""
    room, links, number = await by_rest(doors)
    await by_pages(doors)
    await by_login(doors)
    await by_socket(doors, links)
    await on_duty(doors)
    await by_sip(doors, number)
    await doors.ask("DELETE", f"/api/v1/rooms/{room}", token=token_of(doors))
    await by_exports(doors, room)
    await eventually(lambda: '"call_failed"' in doors.log.getvalue() or len(doors.receiver.came) > 3)
    await measured(doors)
    kept(doors)
    for _, message, _ in doors.receiver.came:
        doors.hear("webhook", json.dumps(message))
    doors.hear("log", doors.log.getvalue())
    assert len(doors.said) > 60
    found = [(where, word) for where, text in doors.said for word in PLANTED if word in plain(text)]
    assert found == []
    # The doors were open: what was planted did arrive.
    assert "joined" in doors.log.getvalue() or "command_refused" in doors.log.getvalue()
    assert doors.receiver.came


async def by_exports(doors: Doors, room: str) -> None:
    """What is told afterwards, which is for others than those who took part; and parameters that are wrong."""
    token, always = token_of(doors), "since=2000-01-01T00:00:00Z&until=2100-01-01T00:00:00Z"
    for path in ("audit?limit=1000", f"audit?room={room}", f"rooms/{room}/attendance", f"usage?{always}"):
        answer = await doors.ask("GET", f"/api/v1/{path}", token=token)
        assert answer.status == 200
        doors.hear(f"answer of {path[:12]}", await answer.text())
    for path in (f"audit?room={NUMBER}", f"audit?{NAME}=1", f"usage?{always}&after={PATIENT}"):
        assert (await doors.ask("GET", f"/api/v1/{path}", token=token)).status in {200, 404, 422}


def plain(text: str) -> str:
    """A text as somebody who searches it would have it: decoded, without spaces between digits."""
    decoded = unquote_plus(text)
    decoded = decoded.encode().decode("unicode_escape", errors="ignore") if "\\u" in decoded else decoded
    return re.sub(r"(?<=\d)[ -](?=\d)", "", decoded).lower()


def token_of(doors: Doors) -> str:
    """The token of the administration."""
    return Path(doors.bridge.config.auth.api_token_file).read_text("ascii").strip()


async def by_rest(doors: Doors) -> tuple[str, list[str], str]:
    """Rooms and invitations in people's names, and bodies and addresses that are wrong in each way."""
    token = token_of(doors)
    made = await doors.ask("POST", "/api/v1/rooms", token=token, json={"name": NAME})
    room = (await made.json())["room"]
    links, number = [], ""
    for role, name, more in (
        ("doctor", NAME, {"host": True}),
        ("patient", PATIENT, {"pin": True, "ground": "appointment", "reference": NUMBER, "person": NUMBER}),
        ("relative", EVERYTHING[:80], {}),
    ):
        wish = {"role": role, "name": name, **more}
        answer = await doors.ask("POST", f"/api/v1/rooms/{room}/invitations", token=token, json=wish)
        info = await answer.json()
        assert answer.status == 201, info
        links.append(info["link"].partition("#")[2])
        doors.hear("link", info["link"])
        number = info.get("number") or number
    for body in (
        EVERYTHING,
        f'{{"name": "{NAME}", "name": {NUMBER}}}',
        json.dumps({"name": NUMBER, EVERYTHING: 1}),
        json.dumps({"name": [NAME]}),
        json.dumps({"name": EVERYTHING * 20}),
        json.dumps({"role": NAME, "name": NUMBER}),
        json.dumps({"name": f"{NAME}\u202e"}),
    ):
        await doors.ask("POST", "/api/v1/rooms", token=token, data=body.encode())
        await doors.ask("POST", f"/api/v1/rooms/{room}/invitations", token=token, data=body.encode())
        await doors.ask("POST", "/api/v1/logins", data=body.encode())
    appointment = {"resourceType": "Appointment", "status": "booked", "description": EVERYTHING,
                   "participant": [{"actor": {"display": NAME, "identifier": {"value": NUMBER}}}]}  # fmt: skip
    await doors.ask("POST", "/fhir/R4/Appointment", token=token, json=appointment)
    for where in (NUMBER, f"r_{NUMBER}", NAME, f"{room}/{NUMBER}", f"{room}/invitations?name={NAME}"):
        for method in ("GET", "DELETE", "POST", "PUT"):
            await doors.ask(method, f"/api/v1/rooms/{where}", token=token)
    await doors.ask("GET", "/api/v1/rooms", token=f"{NUMBER}{TELEPHONE}")
    return room, links, number


async def by_pages(doors: Doors) -> None:
    """Addresses that hold somebody, and what is no HTTP."""
    for path in (f"/{NUMBER}", f"/join?name={NAME}", f"/static/{NUMBER}.js", f"/join/{TELEPHONE}", f"/{NAME}"):
        await doors.ask("GET", path, headers={"Referer": f"https://elsewhere.example/?{MAIL}"})
    for raw in (
        f"GET /join?name={NUMBER} HTTP/1.1\r\nHost: x\r\n{NAME}\r\n\r\n",
        f"{NAME}\r\n\r\n",
        f"GET / HTTP/1.1\r\nHost: x\r\nX-Name: {NUMBER * 2_000}\r\n\r\n",
        f"POST /api/v1/rooms HTTP/1.1\r\nHost: x\r\nContent-Length: {NUMBER}{NUMBER}\r\n\r\n{NAME}",
    ):
        reader, writer = await asyncio.open_connection("127.0.0.1", doors.bridge.config.http.port)
        writer.write(raw.encode())
        writer.write_eof()
        doors.hear("no HTTP", (await reader.read()).decode("latin-1"))
        writer.close()


async def by_login(doors: Doors) -> None:
    """A provider and a portal that say everything of somebody; logins that fail and those that succeed."""
    said = {"pid": NUMBER, "sub": NUMBER, "name": NAME, "email": MAIL, "phone_number": TELEPHONE}
    said |= {"represented": CHILD, "relation": EVERYTHING, "acr": "idporten-loa-high"}

    def now() -> dict[str, Any]:
        at = int(datetime.now(UTC).timestamp())
        return {**said, "iat": at, "exp": at + 60}

    for made in (
        lambda claims: signed({**claims, **now()}),
        lambda claims: signed({**claims, **now(), "aud": NAME}),
        lambda claims: signed({**claims, **now(), "acr": NUMBER}),
        lambda _: EVERYTHING,
    ):
        doors.provider.make = made
        begun = await doors.ask("GET", "/login/idporten")
        attempt = begun.cookies["__Host-attempt"].value
        state = doors.provider.pushed[-1]["state"]
        query = {"state": state, "code": NUMBER, "iss": doors.provider.issuer, "error_description": EVERYTHING}
        cookie = {"Cookie": f"__Host-attempt={attempt}"}
        await doors.ask("GET", "/login/answer", params=query, headers=cookie)
        await doors.ask("GET", "/login/answer", params={**query, "error": NAME}, headers=cookie)
    await doors.ask("GET", "/login/answer", params={"state": NUMBER, "error": EVERYTHING})
    for claims in ({}, {"aud": NAME}, {"acr": NUMBER}, {"iss": NAME}):
        launch = {"iss": "https://portal.example", "aud": doors.pages, "jti": new_secret(), **now()}
        token = signed({**launch, "acr": "Level4", **claims}, typ="launch+jwt")
        await doors.ask("POST", "/api/v1/logins", json={"launch": token})


async def by_socket(doors: Doors, links: list[str]) -> None:
    """A doctor, a patient and a relative, who say what they may and what they may not."""
    joining = {"type": "join", "version": 1, "language": "nb"}
    for first in (
        {**joining, "token": NUMBER},
        {**joining, "token": EVERYTHING},
        {**joining, "token": links[0], NAME: 1},
        {"type": NAME},
        {"type": "join", "version": int(NUMBER), "token": NAME},
    ):
        await talk(doors, [first])
    async with doors.http.ws_connect(f"{doors.pages}/api/v1/ws") as host:
        await host.send_json({**joining, "token": links[0]})
        await heard(doors, host, "welcome")
        await talk(doors, [{**joining, "token": links[1]}, *of_anybody()])
        await talk(doors, [{**joining, "token": links[2], "resume": "x" * 40}, *of_anybody()])
        for message in of_host():
            await host.send_json(message)
        await host.send_str(f'{{"type": "lock", "ref": 9, {EVERYTHING}')
        await host.send_json({"type": "ping", "ref": 99})
        await heard(doors, host, "pong")


async def on_duty(doors: Doors) -> None:
    """One of a rota who takes a room in which somebody waits, and says what is wrong in each way."""
    at = int(datetime.now(UTC).timestamp())
    said = {"sub": NUMBER, "name": NAME, "iat": at, "exp": at + 60, "helseid://claims/hpr/hpr_number": HPR}
    said |= {"helseid://claims/identity/security_level": "4", "helseid://claims/client/claims/orgnr_child": CENTRE}
    doors.provider.make = lambda claims: signed({**claims, **said})
    begun = await doors.ask("GET", "/login/helseid?duty")
    cookies = {name: begun.cookies[name].value for name in ("__Host-attempt", "__Host-login-to")}
    query = {"state": doors.provider.pushed[-1]["state"], "code": NUMBER, "iss": doors.provider.issuer}
    headers = {"Cookie": "; ".join(f"{name}={value}" for name, value in cookies.items())}
    done = await doors.ask("GET", "/login/answer", params=query, headers=headers)
    assert done.headers["Location"] == "/duty"
    room, link = await a_satellite(doors)
    await talk(doors, [{"type": "duty", "version": 1, "ref": 1}])
    headers = {"Cookie": f"__Host-identity={done.cookies['__Host-identity'].value}"}
    async with (
        doors.http.ws_connect(f"{doors.pages}/api/v1/ws") as nurse,
        doors.http.ws_connect(f"{doors.pages}/api/v1/ws", headers=headers) as doctor,
    ):
        await nurse.send_json({"type": "join", "version": 1, "language": "nb", "token": link, "name": PATIENT})
        await heard(doors, nurse, "welcome")
        await doctor.send_json({"type": "duty", "version": 1, "ref": 1})
        for message in ({"room": NUMBER}, {"room": EVERYTHING}, {"room": room, NAME: 1}, {"room": room}):
            await doctor.send_json({"type": "take", **message, "ref": 2})
        await heard(doors, doctor, "taken")


async def a_satellite(doors: Doors) -> tuple[str, str]:
    """A room of the rota, with a standing link."""
    token = token_of(doors)
    made = await doors.ask("POST", "/api/v1/rooms", token=token, json={"name": NAME, "rota": "nord"})
    room = (await made.json())["room"]
    wish = {"role": "assistant", "name": NAME, "many": True}
    invited = await doors.ask("POST", f"/api/v1/rooms/{room}/invitations", token=token, json=wish)
    await doors.ask("POST", "/api/v1/rooms", token=token, json={"name": NAME, "rota": "nobodys"})
    return room, (await invited.json())["link"].partition("#")[2]


def of_anybody() -> list[dict[str, Any]]:
    """What a person's page may send, and what it may not."""
    return [
        {"type": "offer", "sdp": SDP, "sources": {}, "ref": 1},
        {"type": "write", "text": EVERYTHING, "done": True, "ref": 2},
        {"type": "write", "text": EVERYTHING, "done": NAME, "ref": 3},
        {"type": "consent", "matter": NAME, "given": True, "notice": NUMBER, "ref": 4},
        {"type": "admit", "participant": NUMBER, "reason": EVERYTHING, "ref": 5},
        {"type": "invite", "role": "relative", "name": NAME, "text_to": TELEPHONE, "ref": 6},
        {"type": "ping", "ref": 99},
    ]


def of_host() -> list[dict[str, Any]]:
    """What a host's page may send, and what it may not."""
    return [
        {"type": "invite", "role": "relative", "name": NAME, "reference": NUMBER, "ground": "care", "ref": 1},
        {"type": "invite", "role": "relative", "name": NAME, "text_to": TELEPHONE, "ref": 2},
        {"type": "dial", "address": TELEPHONE, "role": "relative", "name": NAME, "ref": 3},
        {"type": "dial", "address": f"sip:{NAME}@127.0.0.1", "role": "relative", "name": NUMBER, "ref": 4},
        {"type": "refuse", "participant": "p_x", "reason": EVERYTHING, "ref": 5},
        {"type": "write", "text": EVERYTHING, "done": True, "ref": 6},
        {"type": "pin", "participant": NUMBER, "ref": 7},
        {"type": "pin", "participant": NAME, "ref": 8},
    ]


async def talk(doors: Doors, messages: list[dict[str, Any]]) -> None:
    """Send these on a socket of one's own, until a ping is answered or the bridge ends it."""
    async with doors.http.ws_connect(f"{doors.pages}/api/v1/ws") as ws:
        for message in messages:
            await ws.send_json(message)
        await heard(doors, ws, "pong")


async def heard(doors: Doors, ws: ClientWebSocketResponse, until: str) -> None:
    """Keep the errors and farewells of a socket, up to a message of this type or its end."""
    async for frame in ws:
        message = json.loads(frame.data)
        if message["type"] in ("error", "bye"):
            doors.hear(f"socket {message['type']}", frame.data)
        if message["type"] == until:
            return


async def by_sip(doors: Doors, number: str) -> None:
    """Calls of somebody: to the room, to nowhere, and what is hardly SIP."""
    loop = asyncio.get_running_loop()
    answered = asyncio.Event()

    class Peer(asyncio.DatagramProtocol):
        """Notes that something came back."""

        def datagram_received(self, data: bytes, addr: object) -> None:
            del data, addr
            answered.set()

    transport, _ = await loop.create_datagram_endpoint(Peer, remote_addr=("127.0.0.1", doors.sip))
    for count, (to, body) in enumerate(((number, SDP), (NUMBER, SDP), (number, EVERYTHING))):
        about = (
            f"INVITE sip:{to}@127.0.0.1 SIP/2.0",
            f"Via: SIP/2.0/UDP 127.0.0.1:{transport.get_extra_info('sockname')[1]};branch=z9hG4bK{count}x",
            f'From: "{NAME}" <sip:{TELEPHONE}@eksempel.no>;tag={count}',
            f"To: <sip:{to}@127.0.0.1>",
            f"P-Asserted-Identity: <tel:{TELEPHONE}>",
            f"Subject: {EVERYTHING}",
            f"Call-ID: {NUMBER}-{count}@eksempel.no",
            "CSeq: 1 INVITE",
            f"Contact: <sip:{TELEPHONE}@127.0.0.1:9>",
            "Max-Forwards: 70",
            "Content-Type: application/sdp",
            f"Content-Length: {len(body.encode())}",
        )
        transport.sendto("\r\n".join((*about, "", body)).encode())
    transport.sendto(f"{EVERYTHING}\r\n\r\n".encode())
    transport.sendto(f"INVITE {NAME} SIP/2.0\r\nFrom: {NUMBER}\r\n\r\n".encode())
    async with asyncio.timeout(60):
        await answered.wait()
    transport.close()


async def measured(doors: Doors) -> None:
    """Everything that the operators' port says."""
    metrics = doors.bridge.config.metrics
    headers = {"Authorization": f"Bearer {OPERATOR}"}
    recording, legs = ("/legs/recording", "/legs/recording/trace"), ("/metrics/legs", "/legs/worst", "/feeds")
    for wish in ({"leg": 7, "seconds": 1}, {"leg": NAME, "seconds": NUMBER}):
        address = f"http://{metrics.host}:{metrics.port}{recording[0]}"
        async with doors.http.put(address, json=wish, headers=headers) as response:
            doors.hear("operators' wish to record", await response.text())
    for path in ("/metrics", *legs, *recording, "/readyz", "/healthz", f"/{NUMBER}"):
        async with doors.http.get(f"http://{metrics.host}:{metrics.port}{path}", headers=headers) as response:
            doors.hear(f"operators' {path[:14]}", await response.text())


def kept(doors: Doors) -> None:
    """All that is stored and is not the rooms' own record."""
    with sqlite3.connect(doors.bridge.config.store.url.removeprefix("sqlite:///")) as database:
        tables = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        assert "audit" in tables
        for table in set(tables) - {"events"}:
            for row in database.execute(f"SELECT * FROM {table}"):  # noqa: S608 - the name is the database's own
                doors.hear(f"table {table}", repr(row))
