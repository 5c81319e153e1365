"""Joins this package's parts, for `bridge.compose`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

import aiohttp

from bridge.app.administration import RoomAdministration
from bridge.app.background import Later
from bridge.app.counts import Tally
from bridge.app.ports import Clock, Links
from bridge.app.service import RoomService
from bridge.app.texting import Around, Texting
from bridge.integration.appointments.desk import Appointments
from bridge.integration.sms.receipts import Receipts
from bridge.integration.sms.supplier import WebhookSupplier
from bridge.integration.webhooks import payload, settings
from bridge.store import Announced, EventStore


class Sms(Protocol):
    """The operator's `[sms]`."""

    @property
    def url(self) -> str:
        """Where messages are handed over; empty for nowhere."""

    @property
    def secret_file(self) -> str:
        """What signs them."""

    @property
    def prefixes(self) -> Sequence[str]:
        """With what numbers begin."""


@dataclass(frozen=True, slots=True)
class Bridge:
    """What is there already."""

    service: RoomService
    administration: RoomAdministration
    links: Links
    store: EventStore
    http: aiohttp.ClientSession
    clock: Clock
    tally: Tally
    later: Later
    base_url: str


@dataclass(frozen=True, slots=True)
class Systems:
    """What other systems come by."""

    appointments: Appointments
    receipts: Receipts | None


def endpoints(tables: Mapping[str, Mapping[str, object]]) -> list[settings.Endpoint]:
    """Read `[webhooks.NAME]`. Raises SettingsError."""
    return [settings.read(name, table) for name, table in tables.items()]


def announced(known: Sequence[settings.Endpoint]) -> Announced | None:
    """What the store is to write for them."""
    return Announced(tuple(one.name for one in known), payload.body) if known else None


def make_systems(bridge: Bridge, sms: Sms) -> Systems:
    """Make them. Raises SettingsError."""
    page = f"{bridge.base_url}/join"
    appointments = Appointments(
        bridge.service, bridge.administration, bridge.links, bridge.store.appointments, page
    )
    return Systems(appointments, _make_texting(bridge, sms))


def _make_texting(bridge: Bridge, sms: Sms) -> Receipts | None:
    """Let links be sent by text message, where there is a supplier."""
    if not sms.url:
        return None

    def now() -> datetime:
        return bridge.clock.now()

    service = bridge.service
    url, secrets = settings.address("[sms]", sms.url), settings.secrets_of("[sms]", sms.secret_file)
    supplier = WebhookSupplier(url, secrets, bridge.http, now)
    texting = Texting(supplier, sms.prefixes, Around(service.act, bridge.later, bridge.clock, bridge.tally))
    service.outside = replace(service.outside, texting=texting)
    return Receipts(secrets, service.find, texting.note, now)
