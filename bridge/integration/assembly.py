"""Joins this package's parts, for `bridge.compose`."""

import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256
from typing import Protocol

import aiohttp

from bridge.app.administration import RoomAdministration
from bridge.app.background import Later
from bridge.app.counts import Tally
from bridge.app.duty.desk import Knowing
from bridge.app.ports import Clock, Links
from bridge.app.service import RoomService
from bridge.app.texting import Around, Texting
from bridge.auth.links import LinkKey
from bridge.auth.oidc.logins import Logins
from bridge.auth.oidc.seals import derived
from bridge.auth.secrets import hash_secret
from bridge.auth.smart.client import RecordSystem
from bridge.auth.smart.settings import read as read_system
from bridge.integration.appointments.desk import Appointments
from bridge.integration.launches import Keeping, Launches
from bridge.integration.rotas import RotaBook
from bridge.integration.sms.receipts import Receipts
from bridge.integration.sms.supplier import WebhookSupplier
from bridge.integration.webhooks import payload, settings
from bridge.rooms.model import InvitationId
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
    keys: Sequence[LinkKey]
    logins: Logins
    base_url: str


@dataclass(frozen=True, slots=True)
class Systems:
    """What other systems come by."""

    appointments: Appointments
    receipts: Receipts | None
    launches: Launches


def endpoints(tables: Mapping[str, Mapping[str, object]]) -> list[settings.Endpoint]:
    """Read `[webhooks.NAME]`. Raises SettingsError."""
    return [settings.read(name, table) for name, table in tables.items()]


def announced(known: Sequence[settings.Endpoint]) -> Announced | None:
    """What the store is to write for them."""
    return Announced(tuple(one.name for one in known), payload.body) if known else None


def make_systems(bridge: Bridge, sms: Sms, smart: Mapping[str, Mapping[str, object]]) -> Systems:
    """Make them. Raises SettingsError, and AuthError for record systems whose settings cannot be used."""
    page = f"{bridge.base_url}/join"
    appointments = Appointments(
        bridge.service, bridge.administration, bridge.links, bridge.store.appointments, page
    )
    return Systems(appointments, _make_texting(bridge, sms), _make_launches(bridge, appointments, smart))


def knowing(rotas: RotaBook, logins: Logins, keys: Sequence[LinkKey]) -> Knowing:
    """How the duty desk knows who is at a browser, and makes links that are theirs in whichever of it."""
    secret = derived(keys[0], "duty resume")

    def resume(invitation: InvitationId) -> str:
        return hmac.new(secret, invitation.encode(), sha256).hexdigest()

    return Knowing(logins.identity, rotas, resume, hash_secret)


def _make_launches(
    bridge: Bridge, appointments: Appointments, smart: Mapping[str, Mapping[str, object]]
) -> Launches:
    """Take launches from the record systems that the operator has named."""

    def now() -> datetime:
        return bridge.clock.now()

    answer = f"{bridge.base_url}/launch/answer"
    systems = [RecordSystem(read_system(name, table), answer, bridge.http, now) for name, table in smart.items()]
    logins = bridge.logins
    return Launches(
        systems,
        appointments,
        bridge.keys,
        Keeping(logins.keep, logins.digest),
        clock=bridge.clock,
        counters=bridge.tally,
    )


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
