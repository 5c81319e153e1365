"""What went into the engine's estimate of a leg's link, recorded as an operator wishes, to be replayed as a test.

One leg at a time; the last recording is kept until the next one begins. It tells times, numbers, sizes and kinds
of packets, under the engine's number for the leg.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated, Final, Literal

import structlog
from aiohttp import web
from msgspec import Meta
from msgspec.structs import replace

from bridge.app.ports import Clock
from bridge.ops.errors import AlreadyRecording, NoRecording
from bridge.ops.guard import Guard, answer
from media.api import (
    CommandRefused,
    EngineError,
    Event,
    LegRemoved,
    LinkRecorded,
    RecordLink,
    RoomFailed,
)
from signalling import messages as m
from signalling.web.reading import read_body

LOG: Final = structlog.get_logger("bridge.ops")
LONGEST_S: Final = 60
WAITS_S: Final = 60.0
"""Beyond what was asked for: by then the gate of the leg has not opened, or the engine's word was lost."""
KEPT_S: Final = 3600.0
"""How long a trace is kept: how large packets of sound are follows speech."""

Leg = Annotated[int, Meta(ge=0, le=2**63 - 1, description="The engine's number, as in /legs/worst.")]
Seconds = Annotated[int, Meta(ge=1, le=LONGEST_S)]


class RecordingWish(m.Part, frozen=True, kw_only=True):
    """Whose link is to be recorded, and for how long."""

    leg: Leg
    seconds: Seconds


class RecordingState(m.Part, frozen=True, kw_only=True):
    """How the last recording goes.

    `code` says why it failed: a word of the engine's, such as `unknown_leg`, or `nothing_to_record` where nobody
    reports on what they get; `leg_gone`, where there is nothing of it, or `no_answer`. Who waits for longer behind
    the gate is recorded all the same when they are let in, unless another leg is by then.
    """

    state: Literal["none", "recording", "ready", "failed"] = "none"
    leg: Leg | None = None
    seconds: Seconds | None = None
    code: str | None = None
    lines: int = 0


@dataclass(slots=True)
class LinkRecorder:
    """Has the engine record, and keeps what it tells. `submit` may raise EngineError."""

    submit: Callable[[RecordLink], None]
    clock: Clock
    trace: str | None = None
    _state: RecordingState = field(default_factory=RecordingState)
    _until: float = 0.0

    @property
    def state(self) -> RecordingState:
        """How it goes; who has waited for too long is told so, and no trace is kept for ever."""
        if self.clock.monotonic() >= self._until:
            match self._state.state:
                case "recording":
                    self._fail("no_answer")
                case "ready":
                    self.trace, self._state = None, RecordingState()
        return self._state

    def check_free(self) -> None:
        """Raise AlreadyRecording while one goes on."""
        if self.state.state == "recording":
            raise AlreadyRecording("one leg is being recorded; wait until that is over")

    def begin(self, wish: RecordingWish) -> None:
        """Begin, and forget the last one. Raises AlreadyRecording."""
        self.check_free()
        self.trace = None
        self._state = RecordingState(state="recording", leg=wish.leg, seconds=wish.seconds)
        self._until = self.clock.monotonic() + wish.seconds + WAITS_S
        try:
            self.submit(RecordLink(leg=wish.leg, seconds=wish.seconds))
        except EngineError as error:
            self._fail(error.code)

    def handle_event(self, event: Event) -> bool:
        """Take what the engine tells; True for what concerns nobody else."""
        match event:
            case LinkRecorded(leg=leg, trace=trace):
                if self._is_awaited(leg):
                    self._keep(trace)
                return True
            case CommandRefused(command="RecordLink", leg=leg, code=code):
                # That which was asked for before goes on.
                if self._is_awaited(leg) and code != "already_recording":
                    self._fail(code)
                return True
            case LegRemoved(leg=leg):
                self._lose(leg)
            case RoomFailed(legs=legs):
                for leg in legs:
                    self._lose(leg)
            case _:
                pass
        return False

    def _is_awaited(self, leg: int) -> bool:
        is_open = self._state.state == "recording" or self._state.code == "no_answer"
        return is_open and self._state.leg == leg

    def _lose(self, leg: int) -> None:
        # What was recorded of a leg comes before the word that it is gone.
        if self._is_awaited(leg):
            self._fail("leg_gone")

    def _keep(self, trace: str) -> None:
        self.trace = trace
        self._until = self.clock.monotonic() + KEPT_S
        self._state = replace(self._state, state="ready", code=None, lines=trace.count("\n"))
        LOG.info("link_recorded", leg=self._state.leg, lines=self._state.lines)

    def _fail(self, code: str) -> None:
        self._state = replace(self._state, state="failed", code=code)
        LOG.warning("link_not_recorded", leg=self._state.leg, code=code)


@dataclass(frozen=True, slots=True)
class RecordingDoor:
    """How operators reach the recorder. What begins or is fetched is on record before, and is not without."""

    recorder: LinkRecorder
    guard: Guard

    def routes(self) -> list[web.RouteDef]:
        """Resources for operators alone."""
        only = self.guard.only
        return [
            web.put("/legs/recording", only(self._begin)),
            web.get("/legs/recording", only(self._told), allow_head=False),
            web.get("/legs/recording/trace", only(self._fetched), allow_head=False),
        ]

    async def _begin(self, request: web.Request) -> web.Response:
        wish = m.decode_body(await read_body(request), RecordingWish)
        self.recorder.check_free()
        operator = await self.guard.put_on_record(request, "record_link", target=f"leg_{wish.leg}")
        self.recorder.begin(wish)
        LOG.warning("record_link", by=operator.actor, leg=wish.leg, seconds=wish.seconds)
        return await self._told(request)

    async def _told(self, _request: web.Request) -> web.Response:
        return answer(self.recorder.state)

    async def _fetched(self, request: web.Request) -> web.Response:
        # Another may begin while this is put on record.
        state, trace = self.recorder.state, self.recorder.trace
        if trace is None:
            raise NoRecording("there is no recording, or it is not over yet")
        leg = state.leg
        operator = await self.guard.put_on_record(request, "fetch_recording", target=f"leg_{leg}")
        LOG.warning("fetch_recording", by=operator.actor, leg=leg)
        return web.Response(text=trace)
