"""SMART App Launch at a real bridge, by a certified authorization server, a small FHIR server and a browser."""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urljoin, urlsplit

import aiohttp
import pytest

from bridge.auth.oidc.errors import ProviderError, SettingsError
from bridge.auth.smart.context import read_configuration, relative
from bridge.auth.smart.settings import read
from bridge.rooms import events as ev
from bridge.rooms.model import Assurance, RoomId
from signalling import messages as m
from tests.integration.records import RecordSystem, record_system
from tests.support.bridge import House, running_house
from tests.support.ports import free_ports

DOCTOR, SUBSTITUTE, PATIENT = "Practitioner/7", "Practitioner/8", "Patient/123"


def appointment(**changes: Any) -> dict[str, Any]:
    """An appointment as the record system has it."""
    start = datetime.now(UTC).replace(microsecond=0) + timedelta(minutes=5)
    people = [(DOCTOR, "Ingrid Berg"), (PATIENT, "Aslaug Nordahl")]
    return {
        "resourceType": "Appointment",
        "id": "55",
        "status": "booked",
        "start": start.isoformat(),
        "end": (start + timedelta(minutes=20)).isoformat(),
        "participant": [
            {"actor": {"reference": reference, "display": name}, "status": "accepted"}
            for reference, name in people
        ],
    } | changes


@dataclass
class Surgery:
    """A bridge, a record system that knows it, and a doctor's browser."""

    house: House
    system: RecordSystem
    base: str
    jar: aiohttp.CookieJar = field(init=False)

    def __post_init__(self) -> None:
        # Browsers take loopback for as good as HTTPS.
        self.jar = aiohttp.CookieJar(unsafe=True, treat_as_secure_origin=self.base)

    async def launch(
        self,
        context: Mapping[str, Any],
        *,
        user: str = DOCTOR,
        launch: str = "l-1",
        told: str = "l-1",
        iss: str = "",
    ) -> str:
        """Come from the record system; give the address at which the browser ends."""
        claims = {"fhirUser": f"{self.system.iss}/{user}"}
        await self.system.authority.will_launch(f"sub of {user}", told, self.system.iss, context, **claims)
        query = urlencode({"iss": iss or self.system.iss, "launch": launch})
        return await self.follow(f"{self.base}/launch?{query}")

    async def follow(self, address: str) -> str:
        """Go from redirect to redirect until the page."""
        async with aiohttp.ClientSession(cookie_jar=self.jar) as http:
            for _ in range(12):
                async with http.get(address, allow_redirects=False) as response:
                    assert response.status in (302, 303), await response.text()
                    address = urljoin(address, response.headers["Location"])
                if address.startswith(f"{self.base}/join"):
                    return address
        raise AssertionError("it leads nowhere")

    async def enter(self, address: str) -> tuple[aiohttp.ClientWebSocketResponse, m.Welcome]:
        """Join as the page does with such an address."""
        token, _, resume = urlsplit(address).fragment.partition("&resume=")
        http = aiohttp.ClientSession(cookie_jar=self.jar)
        self.house.stack.push_async_callback(http.close)
        socket = await http.ws_connect(f"{self.base}/api/v1/ws")
        await socket.send_str(
            m.encode_client(m.Join(version=1, token=token, resume=resume, language=m.Language.NB))
        )
        message = m.decode_server(await socket.receive_str(timeout=60))
        assert isinstance(message, m.Welcome), message
        return socket, message

    def rooms(self) -> set[RoomId]:
        """Rooms beside that of the test."""
        return {live.room.id for live in self.house.bridge.service.rooms} - {self.house.room_id}


@asynccontextmanager
async def _surgery(folder: Path) -> AsyncIterator[Surgery]:
    (port,) = free_ports(1)
    base = f"http://127.0.0.1:{port}"
    async with record_system(f"{base}/launch/answer") as system:
        smart = {"record": system.settings(folder)}
        async with running_house(folder, port=port, smart=smart) as house:
            yield Surgery(house, system, base)


@pytest.fixture
async def surgery(tmp_path: Path) -> AsyncIterator[Surgery]:
    """Both running."""
    async with _surgery(tmp_path) as one:
        yield one


async def test_a_doctor_comes_into_the_appointments_room_as_host(surgery: Surgery) -> None:
    """Without a second login, as surely known as the system says; from another computer as the same person."""
    surgery.system.resources["Appointment/55"] = appointment()
    address = await surgery.launch({"fhirContext": [{"reference": "Appointment/55"}]})
    socket, welcome = await surgery.enter(address)
    assert (welcome.host, welcome.place) == (True, m.Place.ADMITTED)
    (room,) = surgery.rooms()
    recorded = await surgery.house.bridge.store.load(room)
    (proven,) = [event for event in recorded if isinstance(event, ev.Identified)]
    assert (proven.identity.provider, proven.identity.assurance) == ("record", Assurance.HIGH)
    assert {event.role.value for event in recorded if isinstance(event, ev.Invited)} == {"doctor", "patient"}

    surgery.jar.clear()
    again = await surgery.launch({"appointment": "55"})
    assert again == address
    _, second = await surgery.enter(again)
    assert second.participant == welcome.participant
    bye = await heard(socket, m.Bye)
    assert bye.code == "replaced"

    surgery.jar.clear()
    other = await surgery.launch({"fhirContext": [{"reference": "Appointment/55"}]}, user=SUBSTITUTE)
    assert other != address
    _, third = await surgery.enter(other)
    assert third.participant != welcome.participant
    assert surgery.rooms() == {room}
    for secret in ("Berg", "Nordahl", "sub of", "resume", "Practitioner"):
        assert secret not in repr(surgery.house.log)


async def heard(socket: aiohttp.ClientWebSocketResponse, kind: type[m.Bye]) -> m.Bye:
    """Wait for a message of a kind."""
    while True:
        message = m.decode_server(await socket.receive_str(timeout=60))
        if isinstance(message, kind):
            return message


async def test_an_encounter_leads_to_its_appointment_or_to_a_room_of_its_own(surgery: Surgery) -> None:
    """What the record system has open says for what it is."""
    surgery.system.resources["Appointment/55"] = appointment()
    surgery.system.resources["Encounter/9"] = {
        "resourceType": "Encounter",
        "appointment": [{"reference": f"{surgery.system.iss}/Appointment/55"}],
    }
    surgery.system.resources["Encounter/10"] = {"resourceType": "Encounter"}
    _, planned = await surgery.enter(await surgery.launch({"encounter": "9"}))
    _, same = await surgery.enter(await surgery.launch({"appointment": "55"}))
    assert planned.participant == same.participant
    _, unplanned = await surgery.enter(await surgery.launch({"encounter": "10"}))
    assert unplanned.host
    assert len(surgery.rooms()) == 2
    assert surgery.system.asked == ["Encounter/9", "Appointment/55", "Appointment/55", "Encounter/10"]


async def test_launches_that_lead_nowhere(surgery: Surgery) -> None:
    """Another system, another launch, a patient, nothing open, records that are not there, an old answer."""
    surgery.system.resources["Appointment/55"] = appointment()
    context = {"appointment": "55"}
    refused, unavailable = (
        f"{surgery.base}/join?login=login_refused",
        f"{surgery.base}/join?login=login_unavailable",
    )
    assert await surgery.launch(context, iss="http://169.254.169.254/fhir") == refused
    assert await surgery.launch(context, launch="x" * 2049) == refused
    assert await surgery.launch(context, launch="") == refused
    assert await surgery.launch(context, told="another") == refused
    assert await surgery.launch(context, user=PATIENT) == refused
    surgery.jar.clear()
    assert await surgery.launch({}) == refused
    assert await surgery.launch({"appointment": "56"}) == unavailable
    assert await surgery.launch({"appointment": "../Patient/1"}) == refused
    assert await surgery.follow(f"{surgery.base}/launch/answer?code=x&state=y") == (
        f"{surgery.base}/join?login=login_stale"
    )
    assert surgery.rooms() == set()


@pytest.mark.parametrize(
    "changes",
    [
        {"code_challenge_methods_supported": ["plain"]},
        {"token_endpoint": "http://record.example/token"},
        {"issuer": "http://127.0.0.1:1"},
        {"jwks_uri": "http://127.0.0.1:1/jwks"},
    ],
)
async def test_a_record_system_that_is_not_as_it_must_be(surgery: Surgery, changes: dict[str, Any]) -> None:
    """No PKCE, no TLS, another issuer than signs, no keys: nobody comes in."""
    surgery.system.resources["Appointment/55"] = appointment()
    surgery.system.changes = changes
    address = await surgery.launch({"appointment": "55"})
    assert "login=login_" in address
    assert surgery.rooms() == set()


def test_a_record_system_elsewhere_leads_nowhere_on_this_machine() -> None:
    """What it says of itself cannot have the bridge ask what only this machine can reach."""
    told = {
        "issuer": "https://record.example",
        "authorization_endpoint": "https://record.example/auth",
        "token_endpoint": "https://record.example/token",
        "jwks_uri": "https://record.example/jwks",
        "code_challenge_methods_supported": ["S256"],
    }
    iss = "https://record.example/fhir"
    assert read_configuration(json.dumps(told).encode(), iss).issuer == "https://record.example"
    for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
        with pytest.raises(ProviderError):
            read_configuration(json.dumps(told | {name: "http://127.0.0.1:9464/drain"}).encode(), iss)


@pytest.mark.parametrize(
    "reference",
    [
        "Appointment/../x",
        "Appointment/a/b",
        "https://evil.example/Appointment/1",
        "//evil/1",
        "Appointment/",
        "x",
        "",
    ],
)
def test_references_that_lead_elsewhere(reference: str) -> None:
    """Only what stands within the record system is asked for."""
    assert relative("https://record.example/fhir", reference) is None


def test_settings_are_checked(tmp_path: Path) -> None:
    """Each key by its name, under its own section."""
    for table in ({}, {"iss": "https://record.example", "more": 1}, {"iss": "http://record.example"}):
        with pytest.raises(SettingsError, match=r"\[smart.record\]"):
            read("record", {"client_id": "x", "key_file": str(tmp_path / "none"), **table})
