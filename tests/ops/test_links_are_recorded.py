"""How an operator has a leg's link recorded, whatever the engine answers."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

import pytest
from aiohttp import ClientSession
from structlog.testing import capture_logs

from bridge.ops.metrics import BridgeCollector, Facts
from bridge.ops.recording import LinkRecorder, RecordingWish
from bridge.ops.web import make_ops_app, serve_ops
from media import api
from tests.app.fakes import Clock
from tests.ops.snapshots import snapshot_of
from tests.ops.stations import BEARER, Audit, guard, station

WISH = {"leg": 7, "seconds": 20}
RECORDING = {"state": "recording", **WISH, "code": None, "lines": 0}
TRACE = "# from the beginning of the link\nb 0 400000 0\n"


class Port:
    """The operators' port over an engine that is played by hand."""

    def __init__(self, client: ClientSession, recorder: LinkRecorder, asked: list[api.Command]) -> None:
        self.client, self.recorder, self.asked = client, recorder, asked
        self.audit, self.busy = Audit(), False

    async def asks(self, method: str, path: str, **more: Any) -> tuple[int, Any]:
        """Ask; give the status and what was said."""
        async with self.client.request(method, f"/legs/recording{path}", **more) as answer:
            told = await (answer.json() if answer.content_type == "application/json" else answer.text())
            return answer.status, told


@asynccontextmanager
async def port_of(clock: Clock) -> AsyncIterator[Port]:
    """Serve it."""
    port: Port
    asked: list[api.Command] = []

    def submit(command: api.RecordLink) -> None:
        if port.busy:
            raise api.EngineError("busy", "Too much at once.")
        asked.append(command)

    recorder = LinkRecorder(submit, clock)
    taken: SimpleNamespace = snapshot_of()
    audit = Audit()
    doors, here = guard(audit, clock), station(clock, recorder=recorder)
    app = make_ops_app(BridgeCollector(lambda: taken, Facts), lambda: taken, here, doors)
    async with (
        serve_ops(app, "127.0.0.1", 0) as number,
        ClientSession(f"http://127.0.0.1:{number}", headers=BEARER) as client,
    ):
        port = Port(client, recorder, asked)
        port.audit = audit
        yield port


async def test_a_recording_is_asked_for_waited_for_and_fetched() -> None:
    """It is on record before the engine is asked, and before anybody has it; it stays until the next begins."""
    async with port_of(Clock()) as port:
        assert await port.asks("GET", "") == (200, RECORDING | {"state": "none", "leg": None, "seconds": None})
        with capture_logs() as log:
            assert await port.asks("PUT", "", json=WISH) == (200, RECORDING)
            assert port.asked == [api.RecordLink(leg=7, seconds=20)]
            assert (await port.asks("GET", "/trace"))[0] == 404
            assert port.recorder.handle_event(api.LinkRecorded(leg=7, trace=TRACE))
        assert await port.asks("GET", "") == (200, RECORDING | {"state": "ready", "lines": 2})
        assert await port.asks("GET", "/trace") == (200, TRACE)
        assert [(line.act, line.role, line.target) for line in port.audit.lines] == [
            ("record_link", "operator", "leg_7"),
            ("fetch_recording", "operator", "leg_7"),
        ]
        assert {"event": "link_recorded", "leg": 7, "lines": 2, "log_level": "info"} in log
        await port.asks("PUT", "", json=WISH | {"leg": 8})
        status, told = await port.asks("GET", "/trace")
        assert (status, told["code"]) == (404, "no_recording")


async def test_what_is_asked_for_is_given_though_another_begins_meanwhile() -> None:
    """While the store takes its time with the line that somebody fetches it."""
    async with port_of(Clock()) as port:

        class Slow(list[Any]):
            def append(self, line: Any) -> None:
                super().append(line)
                port.recorder.begin(RecordingWish(leg=8, seconds=1))

        await port.asks("PUT", "", json=WISH)
        port.recorder.handle_event(api.LinkRecorded(leg=7, trace=TRACE))
        port.audit.lines = Slow()
        assert await port.asks("GET", "/trace") == (200, TRACE)
        assert port.audit.lines[0].target == "leg_7"
        assert (await port.asks("GET", ""))[1]["leg"] == 8


async def test_one_leg_at_a_time() -> None:
    """Whoever comes meanwhile hears of it, and nothing is put on record or asked of the engine."""
    async with port_of(Clock()) as port:
        await port.asks("PUT", "", json=WISH)
        status, told = await port.asks("PUT", "", json=WISH | {"leg": 8})
        assert (status, told["code"]) == (409, "already_recording")
        assert (len(port.audit.lines), len(port.asked)) == (1, 1)


@pytest.mark.parametrize(
    "wish", [{}, {"leg": 7}, WISH | {"seconds": 0}, WISH | {"seconds": 61}, WISH | {"leg": -1}]
)
async def test_wishes_that_mean_nothing_are_refused(wish: dict[str, int]) -> None:
    """Before anything is put on record."""
    async with port_of(Clock()) as port:
        assert (await port.asks("PUT", "", json=wish))[0] == 422
        assert (port.audit.lines, port.asked) == ([], [])


async def test_without_a_line_in_the_audit_nothing_is_recorded() -> None:
    """The store is away: the engine is asked for nothing."""
    async with port_of(Clock()) as port:
        port.audit.failing = True
        status, told = await port.asks("PUT", "", json=WISH)
        assert (status, told["code"], port.asked) == (503, "not_recorded", [])
        assert (await port.asks("GET", ""))[1]["state"] == "none"


@pytest.mark.parametrize(
    ("event", "code"),
    [
        (api.CommandRefused(command="RecordLink", leg=7, code="unknown_leg"), "unknown_leg"),
        (api.CommandRefused(command="RecordLink", leg=7, code="nothing_to_record"), "nothing_to_record"),
        (api.LegRemoved(leg=7, at_us=1, last_in_us=0, last_out_us=0), "leg_gone"),
        (api.RoomFailed(room=1, legs=[6, 7], place=""), "leg_gone"),
    ],
)
async def test_what_does_not_come_is_told_why(event: api.Event, code: str) -> None:
    """A refusal concerns nobody else, the end of a leg does; the next recording may begin at once."""
    async with port_of(Clock()) as port:
        await port.asks("PUT", "", json=WISH)
        assert port.recorder.handle_event(event) is isinstance(event, api.CommandRefused)
        assert (await port.asks("GET", ""))[1] == RECORDING | {"state": "failed", "code": code}
        assert (await port.asks("PUT", "", json=WISH))[0] == 200


async def test_an_engine_that_is_busy_or_never_answers_holds_nobody_up() -> None:
    """The first at once, the second when there has been time enough: then the next recording may begin."""
    clock = Clock()
    async with port_of(clock) as port:
        port.busy = True
        assert await port.asks("PUT", "", json=WISH) == (200, RECORDING | {"state": "failed", "code": "busy"})
        port.busy = False
        await port.asks("PUT", "", json=WISH)
        clock.seconds += 79
        assert (await port.asks("GET", ""))[1]["state"] == "recording"
        clock.seconds += 1
        assert (await port.asks("GET", ""))[1]["code"] == "no_answer"
        assert (await port.asks("PUT", "", json=WISH | {"leg": 8}))[1]["leg"] == 8
        # What comes of the first at last is nobody's.
        assert port.recorder.handle_event(api.LinkRecorded(leg=7, trace=TRACE))
        assert (await port.asks("GET", ""))[1]["state"] == "recording"


async def test_who_waits_for_longer_is_recorded_all_the_same() -> None:
    """Asked for again meanwhile, it is that which was asked for before that goes on."""
    clock = Clock()
    async with port_of(clock) as port:
        await port.asks("PUT", "", json=WISH)
        clock.seconds += 300
        assert (await port.asks("GET", ""))[1]["code"] == "no_answer"
        await port.asks("PUT", "", json=WISH)
        port.recorder.handle_event(api.CommandRefused(command="RecordLink", leg=7, code="already_recording"))
        clock.seconds += 300
        assert (await port.asks("GET", ""))[1]["code"] == "no_answer"
        port.recorder.handle_event(api.LinkRecorded(leg=7, trace=TRACE))
        assert (await port.asks("GET", ""))[1] == RECORDING | {"state": "ready", "lines": 2}
        assert await port.asks("GET", "/trace") == (200, TRACE)


async def test_a_recording_is_not_kept_for_ever() -> None:
    """An hour later it is gone; without a line in the audit nobody gets it before."""
    clock = Clock()
    async with port_of(clock) as port:
        await port.asks("PUT", "", json=WISH)
        port.recorder.handle_event(api.LinkRecorded(leg=7, trace=TRACE))
        port.audit.failing = True
        assert (await port.asks("GET", "/trace"))[0] == 503
        port.audit.failing = False
        clock.seconds += 3599
        assert (await port.asks("GET", "/trace"))[0] == 200
        clock.seconds += 1
        assert (await port.asks("GET", "/trace"))[0] == 404
        assert port.recorder.trace is None


def test_what_others_are_told_is_left_to_them() -> None:
    """Events of other matters pass, whoever's they are."""
    recorder = LinkRecorder(lambda _command: None, Clock())
    refused = api.CommandRefused(command="SetGate", leg=7, code="unknown_leg")
    assert not recorder.handle_event(refused)
    assert not recorder.handle_event(api.ConsentLost(leg=7))
    assert recorder.state.state == "none"
