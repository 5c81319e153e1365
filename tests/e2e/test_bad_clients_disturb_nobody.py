"""Hostile datagrams, messages, links and offers: an answer with a code, a counter, and a call that goes on."""

import asyncio
import logging
import random
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

import aiohttp
import pytest
import pytest_asyncio
from playwright.async_api import Browser
from prometheus_client.parser import text_string_to_metric_families

from bridge.app.ports import Clock
from loadtest.link import parse_link
from signalling import messages as m
from tests.support.bridge import PATIENCE_S, House, Visitor, running_house

pytestmark = [
    pytest.mark.browser,
    pytest.mark.timeout(300),
    pytest.mark.asyncio(loop_scope="session"),
]

DOCTOR, PATIENT = 9, 31
DATAGRAMS: Final = 4000
# First bytes of STUN, DTLS, RTP, RTCP and of nothing known (RFC 7983), so that each parser gets its share.
STUN: Final = b"\x00\x01\x00\x00\x21\x12\xa4\x42"
FIRST_BYTES: Final = (STUN, b"\x01\x01", b"\x16\xfe\xfd", b"\x80\x60", b"\x80\xc8", b"\xff\xff", b"\x50\x00")
BAD_MESSAGES: Final = (
    "",
    "null",
    "[]",
    "{",
    '{"type": "no_such_type"}',
    '{"type": "join"}',
    '{"type": "join", "version": 1, "token": 7, "resume": null, "language": "nb"}',
    '{"type": "admit", "participant": "p_x", "ref": 1}',
    "[" * 50_000,
)
USELESS_SDP: Final = (
    "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\nm=audio 9 RTP/AVP 0\r\nc=IN IP4 0.0.0.0\r\na=mid:0\r\n"
)


@dataclass
class Call:
    """A doctor and a patient who see each other, by the legs that they came with."""

    house: House
    doctor: Visitor
    patient: Visitor
    used_link: str
    legs: set[int]

    async def goes_on(self) -> None:
        """Check by content that new pictures come both ways."""
        await self.doctor.sees(await self.patient.participant(), PATIENT)
        await self.patient.sees(await self.doctor.participant(), DOCTOR)
        assert self.legs <= legs(self.house), "nobody lost their leg"

    async def shown(self) -> set[str]:
        """Whom the doctor's page shows."""
        return set(await self.doctor.state("s.roster.people.map((one) => one.participant)"))


@dataclass(frozen=True)
class NextWeek:
    """A clock that is a week ahead of another."""

    today: Clock

    def now(self) -> datetime:
        """The time of day."""
        return self.today.now() + timedelta(days=7)

    def monotonic(self) -> float:
        """Seconds since some moment."""
        return self.today.monotonic()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def one_call(tmp_path_factory: pytest.TempPathFactory, chromium: Browser) -> AsyncIterator[Call]:
    """A live call that goes on under all tests, one after the other."""
    async with running_house(tmp_path_factory.mktemp("house")) as house:
        doctor = await house.bring(chromium, m.Role.DOCTOR, DOCTOR)
        link = await house.link(m.Role.PATIENT, "Patient")
        patient = await house.enter(chromium, link, PATIENT)
        await patient.connected()
        await doctor.admit("Patient")
        call = Call(house, doctor, patient, link, set())
        await call.goes_on()
        yield replace(call, legs=legs(house))


@pytest_asyncio.fixture(loop_scope="session")
async def call(
    one_call: Call, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> AsyncIterator[Call]:
    """The call. After each test both still see each other on the same legs, and no log holds a stack trace."""
    caplog.set_level(logging.WARNING)
    before = len(one_call.house.log)
    yield one_call
    await one_call.goes_on()
    said = one_call.house.log[before:]
    assert not [line for line in said if "exc_info" in line or line["log_level"] in {"error", "critical"}]
    records = [record for when in ("setup", "call", "teardown") for record in caplog.get_records(when)]
    assert not [record for record in records if record.exc_info]
    assert "Traceback" not in "".join(capfd.readouterr())


@pytest_asyncio.fixture(loop_scope="session")
async def spare_link(call: Call) -> str:
    """A link of a third, which nobody has used."""
    return await call.house.link(m.Role.RELATIVE, "Relative")


async def test_a_flood_of_random_datagrams_is_counted_and_turned_away(call: Call) -> None:
    """Bytes of any kind and length at the media port change nothing for those who talk."""
    before = await metrics(call.house)
    address = call.house.bridge.engine.addresses[0]
    chance = random.Random(20_260_302)
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.settimeout(0)
        for number in range(DATAGRAMS):
            body = chance.randbytes(chance.choice((0, 1, 11, 20, 60, 200, 1200, 9000)))
            await loop.sock_sendto(
                sender, FIRST_BYTES[number % len(FIRST_BYTES)] * (number % 5 > 0) + body, address
            )
            if number % 500 == 0:
                await call.goes_on()
    await call.goes_on()
    grown = {word: value - before.get(word, 0) for word, value in (await metrics(call.house)).items()}
    turned_away = {word: n for word, n in grown.items() if word[0] == "brotjeneste_datagrams_refused_total" and n}
    assert sum(turned_away.values()) > DATAGRAMS / 10, "what the socket could take was counted"
    assert len(turned_away) >= 4, turned_away


@pytest.mark.parametrize("binary", [False, True], ids=["text", "binary"])
async def test_malformed_messages_get_a_code_and_end_the_connection(call: Call, binary: bool) -> None:  # noqa: FBT001 - pytest gives it by name
    """Before `join` any bad word is answered once with a code, and then the line is closed."""
    before = await metrics(call.house)
    for text in BAD_MESSAGES:
        said = await converse(call.used_link, [text.encode() if binary else text])
        assert [line["type"] for line in said] == ["error", "bye"], text[:40]
        assert said[0]["code"] in {"bad_message", "wrong_state"}
        assert said[0]["message"]
    assert await rise(call.house, before, "brotjeneste_bad_messages_total") >= len(BAD_MESSAGES)


async def test_oversized_messages_are_refused(call: Call) -> None:
    """Over the limit there is a code, and far over it the connection just ends."""
    before = await metrics(call.house)
    said = await converse(call.used_link, ["x" * (m.MAX_MESSAGE_BYTES + 1)])
    assert [line["code"] for line in said] == ["too_large", "too_large"]
    assert await converse(call.used_link, ["x" * 4 * m.MAX_MESSAGE_BYTES]) == []
    assert await rise(call.house, before, "brotjeneste_bad_messages_total") >= 1


async def test_forged_expired_and_replayed_links_open_nothing(call: Call, spare_link: str) -> None:
    """Each gets the code that fits, and the doctor's page shows nobody new."""
    before, shown = await metrics(call.house), await call.shown()
    head, body, signature = parse_link(spare_link).token.split(".")
    flipped = ("A" if signature[0] != "A" else "B") + signature[1:]
    for forged in (f"{head}.{body}.{flipped}", f"{head}.{body}.", "a.b.c", "x" * 2000):
        assert codes(await converse(spare_link, [join(forged)])) == {"link_invalid"}
    assert codes(await converse(call.used_link, [join(parse_link(call.used_link).token)])) == {"link_used"}
    guessed = join(parse_link(call.used_link).token, resume="A" * 43)
    assert codes(await converse(call.used_link, [guessed])) == {"link_used"}
    service = call.house.bridge.service
    today = service.outside
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(service, "outside", replace(today, clock=NextWeek(today.clock)))
        assert codes(await converse(spare_link, [join(parse_link(spare_link).token)])) == {"link_expired"}
    assert await call.shown() <= shown
    assert await rise(call.house, before, "brotjeneste_refusals_total") >= 3


@pytest.mark.parametrize(
    ("sdp", "code"),
    [
        ("v=0", "sdp_invalid"),
        ("\x00\xff" * 400, "sdp_invalid"),
        (USELESS_SDP, "sdp_unusable"),
    ],
    ids=["cut", "noise", "useless"],
)
async def test_an_offer_of_nothing_usable_gets_a_code(call: Call, spare_link: str, sdp: str, code: str) -> None:
    """The sender hears why, may try again on the same line, and no leg is made."""
    offers = [encode(m.Offer(sdp=sdp, sources=m.Sources(), ref=ref)) for ref in (1, 2)]
    said = await converse(spare_link, [join(parse_link(spare_link).token), *offers], answers=2)
    errors = [line for line in said if line["type"] == "error"]
    assert [(line["ref"], line["code"]) for line in errors] == [(1, code), (2, code)]
    assert len(call.house.live.legs) == 2


async def converse(link: str, say: Sequence[str | bytes], *, answers: int | None = None) -> list[dict[str, Any]]:
    """Say things on a socket of its own; gives what came until the end, or until so many errors came."""
    heard: list[dict[str, Any]] = []
    async with line(link) as ws, asyncio.timeout(PATIENCE_S):
        for text in say:
            await (ws.send_str(text) if isinstance(text, str) else ws.send_bytes(text))
        async for message in ws:
            if message.type is not aiohttp.WSMsgType.TEXT:
                break
            heard.append(message.json())
            if answers is not None and sum(one["type"] == "error" for one in heard) == answers:
                break
    return heard


@asynccontextmanager
async def line(link: str) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
    """A socket to the bridge that made this link."""
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(parse_link(link).socket_url, max_msg_size=0) as ws,
    ):
        yield ws


def join(token: str, resume: str | None = None) -> str:
    """The first message of a client."""
    return encode(m.Join(version=m.PROTOCOL_VERSION, token=token, resume=resume, language=m.Language.EN))


def encode(message: m.ClientMessage) -> str:
    """A message as text."""
    return m.encode_client(message)


def legs(house: House) -> set[int]:
    """The engine's numbers of all legs."""
    return set(house.bridge.engine.snapshot().legs["leg"].tolist())


def codes(said: Sequence[dict[str, Any]]) -> set[str]:
    """The codes of what was heard."""
    return {message["code"] for message in said}


async def metrics(house: House) -> dict[tuple[str, str], float]:
    """Prometheus' view over HTTP: by name of the sample and its labels."""
    where = house.bridge.config.metrics
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"http://{where.host}:{where.port}/metrics") as answer,
    ):
        assert answer.status == 200
        text = await answer.text()
    families = text_string_to_metric_families(text)
    return {
        (one.name, repr(sorted(one.labels.items()))): one.value for family in families for one in family.samples
    }


async def rise(house: House, before: dict[tuple[str, str], float], name: str) -> float:
    """By how much a counter has risen since `before`, all labels together."""
    now = await metrics(house)
    return sum(value - before.get(key, 0) for key, value in now.items() if key[0] == name)
