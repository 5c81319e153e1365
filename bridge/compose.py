"""The one place where objects meet: configuration in, a running bridge out."""

import asyncio
import resource
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from importlib.metadata import entry_points
from pathlib import Path
from typing import Final

import structlog
from aiohttp import ClientSession

from bridge import operations
from bridge.app import telling
from bridge.app.administration import RoomAdministration
from bridge.app.announcing.announcer import Announcer
from bridge.app.announcing.recordings import Recordings
from bridge.app.background import Background, Later
from bridge.app.browser import BrowserDoor, BrowserPolicy
from bridge.app.calling_instead import CallingInstead
from bridge.app.calls.call_media import CallLegs, EveryLeg
from bridge.app.calls.callers import CallerDoor
from bridge.app.calls.desk import CallerPolicy
from bridge.app.calls.gateways import Gateways, find
from bridge.app.counts import Tally
from bridge.app.dialling import Dialling
from bridge.app.duty.desk import DutyDesk
from bridge.app.feeds.converters import Converters
from bridge.app.ports import ConverterPool
from bridge.app.presence import Patience, Presence
from bridge.app.proof import Usual
from bridge.app.service import Outside, RoomService
from bridge.app.stills.desk import Stills
from bridge.app.trial import Trials
from bridge.auth.certificate import Certificate, keep_current
from bridge.auth.errors import LinkExpired, LinkInvalid
from bridge.auth.links import LinkSigner, load_link_keys
from bridge.auth.oidc import settings as oidc_settings
from bridge.auth.oidc.client import Client
from bridge.auth.oidc.launches import Launches
from bridge.auth.oidc.logins import Logins
from bridge.auth.oidc.seals import person_digest
from bridge.auth.pins import Pins
from bridge.auth.secrets import api_token, hash_secret, new_secret
from bridge.config import Config
from bridge.integration import assembly
from bridge.integration.rotas import RotaBook
from bridge.integration.webhooks.deliver import Deliveries
from bridge.ops.health import Drain
from bridge.ops.metrics import BridgeCollector, Facts
from bridge.ops.recording import LinkRecorder
from bridge.ops.web import make_ops_app, serve_ops
from bridge.records.desk import RecordDesk
from bridge.rooms.model import Assurance, InvitationId, Office, RoomId
from bridge.store import EventStore, open_store
from media.api import Engine, Event
from media.calls import Calls
from media.converters import ConverterLegs
from media.legs import LegEvent, LegPolicy, Legs
from media.sdp import Capabilities, older
from media.sdp.calls import CallPolicy
from media.transport import DtlsCertificate, announced_candidates
from signalling import messages as m
from signalling.errors import Code, Rejected
from signalling.gateways.interface import GROUP
from signalling.web import notice as notices
from signalling.web.listening import MOST_STRANGERS, serve
from signalling.web.server import STATIC, WebConfig, make_app
from transcode.jobs import Event as WorkerEvent
from transcode.pool import Pool

LOG: Final = structlog.get_logger("bridge")
# A change from Wi-Fi to 4G and a reload of a page are over by then; a ghost is gone within ten seconds.
GRACE_SECONDS: Final = 8.0
LEG_SECONDS: Final = 60.0


class SystemClock:
    """The machine's clocks."""

    def now(self) -> datetime:
        """The time of day."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds since some moment."""
        return time.monotonic()


class SignedLinks:
    """Join links under the bridge's public address; the token is in the fragment, which no server sees."""

    def __init__(self, signer: LinkSigner, base_url: str, now: Callable[[], datetime]) -> None:
        self._signer = signer
        self._base_url = base_url
        self._now = now

    def make(self, room: RoomId, invitation: InvitationId, expires_at: datetime) -> str:
        """The address to open."""
        return f"{self._base_url}/join#{self._signer.sign(room, invitation, expires_at)}"

    def read(self, token: str) -> tuple[RoomId, InvitationId]:
        """What a genuine token names; whether its time has passed is for the room to judge."""
        try:
            claims = self._signer.verify(token, self._now())
        except LinkExpired as error:
            claims = error.claims
        except LinkInvalid as error:
            raise Rejected(Code.LINK_INVALID) from error
        return RoomId(claims.room), InvitationId(claims.invitation)


@dataclass(frozen=True, slots=True)
class Bridge:
    """A running bridge."""

    config: Config
    service: RoomService
    administration: RoomAdministration
    engine: Engine
    store: EventStore
    gateways: Gateways


@dataclass(slots=True)
class _Core:
    """Rooms and legs, each of which has to know of the other, and gateways, which both do."""

    service: RoomService
    legs: EveryLeg
    calls: Calls
    engine: Engine
    store: EventStore
    recorder: LinkRecorder
    gateways: Gateways | None = None
    converters: Converters | None = None
    announcer: Announcer | None = None


@asynccontextmanager
async def run_bridge(
    config: Config, *, drills: bool = False, pool: ConverterPool | None = None
) -> AsyncIterator[Bridge]:
    """Start everything, and stop it in order at the end. Raises what its parts raise at a bad start.

    With `drills` the engine takes `media.api.Panic`, for tests of what a fault of our own costs; with `pool` jobs
    go there, instead of to worker processes.
    """
    clock, tally, drain = SystemClock(), Tally(), Drain()
    async with AsyncExitStack() as stack:
        told = assembly.endpoints(config.webhooks)
        store = await stack.enter_async_context(open_store(config.store.url, assembly.announced(told)))
        engine = _make_engine(config, drills=drills)
        stack.callback(engine.stop)
        group = await stack.enter_async_context(asyncio.TaskGroup())
        later = Later(group)
        stack.callback(later.stop)
        core = _make_core(config, clock, tally, store, engine)
        await _add_converters(core, (config, clock, tally, later), stack, pool)
        http = await stack.enter_async_context(ClientSession())
        deliveries = Deliveries(told, store.outbox, http, clock, tally)
        logins = _make_logins(config, clock, tally, http)
        doors = _make_doors(config, core, clock, (tally, later, http), drain=drain, logins=logins)
        engine.listen(asyncio.get_running_loop(), lambda event: _take(core, event, clock.monotonic()))
        collector = BridgeCollector(engine.snapshot, lambda: _facts(core, tally, drain, deliveries))
        station = operations.make_station(
            config,
            core.service,
            doors.gateways,
            needed=(store, engine),
            clock=clock,
            tally=tally,
            drain=drain,
            recorder=core.recorder,
            letters=lambda: deliveries.waiting,
        )
        background = Background(
            core.service,
            core.legs,
            clock,
            engine.snapshot,
            Presence(
                core.service.tell,
                doors.browser.silent,
                core.service.drop_leg,
                Patience(GRACE_SECONDS, LEG_SECONDS),
            ),
        )
        for loop in (
            background.handshakes(),
            background.repairs(),
            background.figures(operations.observing(collector, station)),
            doors.gateways.serve(),
            doors.duty.serve(),
            deliveries.serve(),
        ):
            stack.callback(group.create_task(loop).cancel)
        await stack.enter_async_context(_serve_pages(config, doors, tally, later))
        guard = operations.make_guard(config, clock, tally, store, http)
        ops = make_ops_app(collector, engine.snapshot, station, guard, tally)
        await stack.enter_async_context(serve_ops(ops, config.metrics.host, config.metrics.port))
        # While the rest stops, whoever calls is told to try elsewhere.
        stack.callback(doors.gateways.drain)
        LOG.info("bridge_started", shards=config.media.shards)
        yield Bridge(config, core.service, doors.administration, engine, store, doors.gateways)
    LOG.info("bridge_stopped")


@dataclass(frozen=True, slots=True)
class _Doors:
    """By what people and those who arrange rooms come in."""

    browser: BrowserDoor
    stills: Stills
    calls: CallingInstead
    duty: DutyDesk
    logins: Logins
    administration: RoomAdministration
    records: RecordDesk
    systems: assembly.Systems
    gateways: Gateways


def _make_doors(
    config: Config,
    core: _Core,
    clock: SystemClock,
    by: tuple[Tally, Later, ClientSession],
    *,
    drain: Drain,
    logins: Logins,
) -> _Doors:
    """Make the ways in. Raises SettingsError, and what a bad file of keys raises."""
    tally, later, http = by
    service = core.service
    keys = load_link_keys(Path(config.auth.link_key_file))
    links = SignedLinks(LinkSigner(keys, config.http.base_url), config.http.base_url, clock.now)
    pins = Pins(keys)
    media = CallLegs(core.calls, clock, lambda: core.announcer)
    policy = CallerPolicy(
        pins=pins,
        new_secret=new_secret,
        hash_secret=hash_secret,
        together=config.calls.pictures == "together",
    )
    service.outside = replace(service.outside, dialling=Dialling(lambda: core.gateways, clock))
    core.gateways = gateways = _make_gateways(
        config, lambda: CallerDoor(service, media, policy, later, lambda: drain.active)
    )
    for_callers = pins if gateways.running else None
    rotas = RotaBook(config.rotas, logins.digest)
    administration = RoomAdministration(
        service,
        links,
        core.store.rooms,
        for_callers,
        lambda: drain.active,
        person=(lambda number: person_digest(keys, number)) if config.logins or config.portals else None,
        rotas=rotas.names,
    )
    trials = Trials(service, links, core.engine.snapshot)
    stills = Stills(service, later, new_secret)
    calls = CallingInstead(service, links, for_callers, hash_secret, config.calls.telephone)
    desk = DutyDesk(service, links, assembly.knowing(rotas, logins, keys))
    service.outside = replace(service.outside, followed=desk.follow)
    browser = BrowserDoor(
        service,
        links,
        _browser_policy(config),
        later,
        trials,
        stills=stills,
        calls=calls,
        duties=desk,
        pins=for_callers,
        identities=logins.identity,
    )
    records = RecordDesk(core.store, clock.now, config.http.base_url, Office.ADMINISTRATION)
    known = assembly.Bridge(
        service,
        administration,
        links,
        core.store,
        http,
        clock,
        tally,
        later,
        keys,
        logins,
        base_url=config.http.base_url,
    )
    systems = assembly.make_systems(known, config.sms, config.smart)
    return _Doors(browser, stills, calls, desk, logins, administration, records, systems, gateways)


def _make_logins(config: Config, clock: SystemClock, tally: Tally, http: ClientSession) -> Logins:
    """Make the providers' clients. Raises AuthError for settings that cannot be used."""
    keys = load_link_keys(Path(config.auth.link_key_file))
    known, portals = oidc_settings.read_all(config.logins, config.portals)
    launches = Launches(portals, config.http.base_url, clock.now())
    answer = f"{config.http.base_url}/login/answer"
    clients = [(Client(provider, answer, http, clock.now), title) for provider, title in known]
    return Logins(
        clients, keys, clock, tally, timedelta(minutes=config.auth.login_lasts_minutes), launches=launches
    )


def _make_engine(config: Config, *, drills: bool) -> Engine:
    """The packet engine, with ports for calls only where there is a gateway."""
    media, calls = config.media, config.calls
    lines = (calls.first_port, calls.last_port) if config.gateways else None
    return Engine(media.bind, media.base_port, media.shards, drills=drills, lines=lines)


def _make_core(config: Config, clock: SystemClock, tally: Tally, store: EventStore, engine: Engine) -> _Core:
    """Join rooms and legs."""
    addresses = engine.addresses
    ceiling = config.media.max_bitrate_kbps * 1000
    capabilities = Capabilities(
        camera_max_bitrate=ceiling, content_max_bitrate=ceiling, without=frozenset(config.media.without)
    )
    policy = LegPolicy(
        candidates=lambda shard: announced_candidates(
            config.media.bind, addresses[shard][1], config.media.addresses
        ),
        capabilities=capabilities,
    )
    core: _Core
    certificate = DtlsCertificate.generate(clock.now())

    def tell(event: LegEvent) -> None:
        core.service.handle_leg_event(event)

    calls = Calls(
        engine,
        certificate,
        CallPolicy(
            replace(capabilities, audio=_voices(config), video=_pictures(config, capabilities)),
            allow_plain=config.calls.protection == "optional",
        ),
        config.media.addresses[0],
        tell,
    )
    every = EveryLeg(Legs(engine, certificate, policy, tell), calls, lambda: core.gateways, lambda: core.announcer)
    usual = Usual(of_patients=Assurance(config.rooms.patients_log_in))
    outside = Outside(store, engine, every, clock, tally, usual=usual, organisations=config.organisations)
    core = _Core(RoomService(outside), every, calls, engine, store, LinkRecorder(engine.submit, clock))
    return core


def _voices(config: Config) -> tuple[str, ...]:
    """What callers may speak: without converters only what pages speak as well."""
    return ("opus", *(("g722", "pcma", "pcmu") if config.transcode.workers else ()), "telephone-event")


def _pictures(config: Config, capabilities: Capabilities) -> tuple[str, ...]:
    """What callers may show: what nobody else takes only where there are converters."""
    return (*capabilities.video, *(older.CODECS if config.transcode.workers else ()))


async def _add_converters(
    core: _Core,
    by: tuple[Config, SystemClock, Tally, Later],
    stack: AsyncExitStack,
    pool: ConverterPool | None,
) -> None:
    """Let there be converters, where there are gateways whose callers may need them."""
    config, clock, tally, later = by
    if not config.gateways or not config.transcode.workers:
        return
    if pool is None:
        workers = Pool(lambda event: _hear(core, event), workers=config.transcode.workers)
        pool = await stack.enter_async_context(workers)
    core.converters = converters = Converters(pool, ConverterLegs(core.engine), clock, tally, later)
    recordings = Recordings(config.calls.languages)
    later(0, recordings.make)
    core.announcer = Announcer(core.service, converters, recordings, later)
    converters.ready = core.announcer.ready
    core.service.outside = replace(core.service.outside, converters=converters)


def _hear(core: _Core, event: WorkerEvent) -> None:
    """Hand one event of the workers on."""
    if core.converters is not None:
        core.converters.handle_worker(event)


def _take(core: _Core, event: Event, now: float) -> None:
    """Hand one event of the engine to all whom it may concern."""
    if core.recorder.handle_event(event):
        return
    if core.converters is not None:
        core.converters.handle_event(event)
    core.legs.handle_event(event, now)


def _make_gateways(config: Config, door: Callable[[], CallerDoor]) -> Gateways:
    """Find the gateways that are to run. Raises SettingsError."""
    return Gateways(find(entry_points(group=GROUP), config.gateways), config.gateways, lambda _: door())


def _browser_policy(config: Config) -> BrowserPolicy:
    rooms = config.rooms
    return BrowserPolicy(
        slots=m.SlotCounts(audio=rooms.audio_slots, video=rooms.video_slots, content=rooms.content_slots),
        link_valid=timedelta(minutes=config.auth.link_valid_minutes),
        grace_seconds=GRACE_SECONDS,
        new_secret=new_secret,
        hash_secret=hash_secret,
        notice=_notice(config).version,
    )


def _notice(config: Config) -> m.Notice:
    told = config.notice
    return notices.read(STATIC, responsible=told.responsible, operator=told.operator, more=told.more)


@asynccontextmanager
async def _serve_pages(config: Config, doors: _Doors, tally: Tally, later: Later) -> AsyncIterator[None]:
    http = config.http
    settings = WebConfig(
        api_tokens=(api_token(config.auth.api_token, Path(config.auth.api_token_file)),),
        public_origin=http.public_origin,
        proxies=http.trusted,
    )
    app = make_app(
        doors.browser,
        doors.administration,
        settings,
        counters=tally,
        logins=doors.logins,
        stills=doors.stills,
        calls=doors.calls,
        records=doors.records,
        appointments=doors.systems.appointments,
        receipts=doors.systems.receipts,
        launches=doors.systems.launches,
        notice=_notice(config),
    )
    certificate = Certificate(Path(http.certificate), Path(http.key)) if http.certificate else None
    if certificate is not None:
        keep_current(certificate, later)
    tls = None if certificate is None else certificate.context
    # Of the files that the process may open, half are left for places in rooms and everything else.
    most = min(MOST_STRANGERS, resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 2)
    async with serve(app, http.host, http.port, tally, tls=tls, most_strangers=most):
        yield


def _facts(core: _Core, tally: Tally, drain: Drain, deliveries: Deliveries) -> Facts:
    service = core.service
    people = {"waiting": 0, "admitted": 0}
    for live in service.rooms:
        for place, number in telling.counts(live.room).items():
            people[place] += number
    return Facts(
        rooms=len(service.rooms),
        participants=people,
        refusals=tally.of("refusals"),
        room_failures=tally.of("room_failures"),
        tests=tally.of("tests"),
        logins=tally.of("logins"),
        turned_away=tally.of("turned_away"),
        calls=tally.of("calls"),
        gateways=tally.of("gateways"),
        gateway_states=() if core.gateways is None else operations.gateway_states(core.gateways),
        webhooks=tally.of("webhooks"),
        webhooks_waiting=deliveries.waiting,
        texts=tally.of("texts"),
        draining=drain.active,
        bad_messages=tally.of("errors", "http_errors"),
        dropped={
            "client": tally.of("closes").get("too_slow", 0),
            "audit": sum(tally.of("refusals_not_audited").values()),
            "writing": sum(tally.of("writing_dropped").values()),
        },
    )
