"""One WebSocket: texts in, effects out. Judgement lies in `session`; here are socket, queue and timers.

The handler's own task reads and delivers, one message at a time; a second task writes. What goes out waits in
a bounded queue, and a client that lets it run full is cut off rather than waited for.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Final

from aiohttp import WebSocketError, WSCloseCode, WSMessage, WSMsgType, web

from signalling import messages as m
from signalling.errors import Code, Rejected, SignallingError
from signalling.session import Close, Deliver, Effect, Reply, Session
from signalling.web.faults import log, log_internal

if TYPE_CHECKING:
    from signalling.ports import Clock, Consultations, Counters, Seat, Trial, Watch
    from signalling.web.knocking import Threshold

_NORMAL: Final = frozenset({Code.REMOVED, Code.REFUSED, Code.ENDED, Code.LEFT, Code.REPLACED})
_CLOSE_CODES: Final = {
    Code.TOO_LARGE: WSCloseCode.MESSAGE_TOO_BIG,
    Code.INTERNAL: WSCloseCode.INTERNAL_ERROR,
    Code.RESTARTING: WSCloseCode.SERVICE_RESTART,
    Code.TOO_SLOW: WSCloseCode.TRY_AGAIN_LATER,
}


def close_code(code: Code) -> int:
    """WebSocket close code (RFC 6455, 7.4): 1000 where nothing is wrong, 1008 for what the client did."""
    if code in _NORMAL:
        return WSCloseCode.OK
    return _CLOSE_CODES.get(code, WSCloseCode.POLICY_VIOLATION)


class _Line:
    """What somebody is writing, as it last was, in its place in the queue."""

    __slots__ = ("text", "writer")

    def __init__(self, writer: str, text: str) -> None:
        self.writer = writer
        self.text = text


class Socket:
    """A `Line` over one aiohttp WebSocket. Used once: construct, then `run`."""

    def __init__(
        self,
        ws: web.WebSocketResponse,
        transport: asyncio.Transport | None,
        session: Session,
        consultations: Consultations,
        identity: str | None,
        *,
        threshold: Threshold,
        clock: Clock,
        counters: Counters,
        queue_messages: int,
        close_seconds: float,
    ) -> None:
        self._ws = ws
        self._transport = transport
        self._session = session
        self._consultations = consultations
        self._identity = identity
        self._threshold = threshold
        self._clock = clock
        self._counters = counters
        self._queue_messages = queue_messages
        self._close_seconds = close_seconds
        self._queue: deque[str | _Line] = deque()
        self._lines: dict[str, _Line] = {}
        self._wake = asyncio.Event()
        self._signs = 0
        self._acting = False
        self._probing = False
        self._ending: Code | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._seat: Seat | None = None
        self._trial: Trial | None = None
        self._watch: Watch | None = None

    async def run(self) -> None:
        """Serve until the socket is closed; then end its test or watch, or report the seat as lost."""
        self._set_timer()
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._write())
                await self._read()
                self._end_writer()
        finally:
            self._stop_timer()
            self._session.handle_closed()
            self._end(self._trial)
            self._end(self._watch)
            await self._report_lost()

    def send(self, message: m.ServerMessage) -> None:
        """See `Connection.send`."""
        if self._ending is not None:
            return
        if isinstance(message, m.Bye):
            self._finish(message, message.code)
            return
        if isinstance(message, m.Written) and self._put_in_place(message):
            return
        if len(self._queue) >= self._queue_messages:
            self._cut_off()
            return
        self._session.handle_outgoing(message)
        self._enqueue(message)

    def _put_in_place(self, written: m.Written) -> bool:
        """Put a line in the place of its last state, if that has not gone out; else say no.

        So whoever types takes one place in the queue of a client that reads slowly, not one for each character.
        """
        line = self._lines.get(written.participant)
        if line is None:
            return False
        line.text = m.encode_server(written)
        if written.done:
            del self._lines[written.participant]
        return True

    def close(self, code: Code, message: str | None = None) -> None:
        """See `Connection.close`."""
        if self._ending is None:
            self._finish(m.Bye(code=code, message=message or code.sentence), code)

    def signs(self) -> int:
        """See `Line.signs`."""
        self._signs += self._acting
        return self._signs

    def probe(self) -> None:
        """See `Line.probe`."""
        self._probing = True
        self._wake.set()

    def cut(self) -> None:
        """See `Line.cut`."""
        if self._ending is None:
            self._drop("silent")

    async def _read(self) -> None:
        async for frame in self._ws:
            self._signs += 1
            self._acting = True
            await self._take(frame)
            self._acting = False
            # The next one may come hours later, and an offer is as large as all else that is kept of a person.
            del frame

    async def _take(self, frame: WSMessage) -> None:
        match frame.type:
            case WSMsgType.TEXT:
                await self._carry_out(self._session.handle_text(frame.data, self._clock()))
            case WSMsgType.BINARY:
                await self._carry_out(self._session.handle_binary(self._clock()))
            case WSMsgType.PING:
                await self._ws.pong(frame.data)
            case WSMsgType.PONG:
                pass
            case _:
                self._count_broken(frame.data)

    def _count_broken(self, fault: object) -> None:
        # aiohttp has closed the socket by now: a frame over the hard limit, bad UTF-8, a broken frame.
        if isinstance(fault, WebSocketError):
            large = fault.code == WSCloseCode.MESSAGE_TOO_BIG
            self._counters.inc("errors", (Code.TOO_LARGE if large else Code.BAD_MESSAGE).value)

    async def _carry_out(self, effects: list[Effect]) -> None:
        for effect in effects:
            match effect:
                case Deliver(message):
                    await self._carry_out(await self._deliver(message))
                case Reply(message):
                    if isinstance(message, m.ErrorMessage):
                        self._counters.inc("errors", message.code.value)
                    self.send(message)
                case Close(code):
                    self.close(code)

    async def _deliver(self, message: m.ClientMessage) -> list[Effect]:
        try:
            reply = await self._reply_to(message)
        except SignallingError as error:
            return self._session.handle_rejected(message, error)
        except Exception as fault:  # noqa: BLE001 - a fault in one act must not end the others
            log_internal("act_failed", fault, act=type(message).__name__)
            return self._session.handle_rejected(message, SignallingError(Code.INTERNAL))
        return [] if reply is None else [Reply(reply)]

    async def _reply_to(self, message: m.ClientMessage) -> m.ServerMessage | None:
        if isinstance(message, m.Join | m.Test) and not self._threshold.may_knock(message.token):
            raise Rejected(Code.TOO_MANY, "This link has been tried too often; try again in a minute.")
        if isinstance(message, m.Join):
            self._seat = await self._consultations.join(message, self, self._identity)
            self._threshold.known()
        elif isinstance(message, m.Test):
            self._trial = await self._consultations.test(message)
            return self._trial.opening
        elif isinstance(message, m.Duty):
            self._watch = await self._consultations.duty(message, self, self._identity)
            self._threshold.known()
        elif isinstance(message, m.Take) and self._watch is not None:
            return await self._watch.take(message)
        elif self._seat is not None:
            return await self._consultations.handle(self._seat, message)
        elif self._trial is not None and isinstance(message, m.Offer | m.TestReport | m.Leave):
            return self._trial.handle(message)
        return None

    async def _write(self) -> None:
        try:
            while True:
                while self._queue:
                    await self._ws.send_str(self._take_next())
                if self._probing:
                    self._probing = False
                    await self._ws.ping()
                if self._ending is not None:
                    await self._ws.close(code=close_code(self._ending), message=self._ending.value.encode())
                    return
                self._wake.clear()
                await self._wake.wait()
        except ConnectionError:
            # The reader learns of it too, and ends the socket.
            self._abort()

    def _take_next(self) -> str:
        entry = self._queue.popleft()
        if isinstance(entry, str):
            return entry
        if self._lines.get(entry.writer) is entry:
            del self._lines[entry.writer]
        return entry.text

    def _end_writer(self) -> None:
        if self._ending is None:
            self._ending = Code.LEFT
            self._queue.clear()
        self._wake.set()

    def _enqueue(self, message: m.ServerMessage) -> None:
        text = m.encode_server(message)
        if isinstance(message, m.Written) and not message.done:
            self._lines[message.participant] = line = _Line(message.participant, text)
            self._queue.append(line)
        else:
            self._queue.append(text)
        self._wake.set()

    def _finish(self, bye: m.Bye, code: Code) -> None:
        self._session.handle_outgoing(bye)
        self._enqueue(bye)
        self._ending = code
        self._counters.inc("closes", code.value)
        # A client that reads no more cannot keep the socket open.
        self._stop_timer()
        self._timer = asyncio.get_running_loop().call_later(self._close_seconds, self._abort)

    def _cut_off(self) -> None:
        log.warning("client_too_slow", queue_messages=self._queue_messages)
        self._drop(Code.TOO_SLOW.value)

    def _drop(self, why: str) -> None:
        self._ending = Code.TOO_SLOW
        self._queue.clear()
        self._session.handle_closed()
        self._counters.inc("closes", why)
        self._wake.set()
        self._abort()

    def _abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def _set_timer(self) -> None:
        deadline = self._session.poll_timeout()
        if deadline is not None:
            delay = max(0.0, deadline - self._clock())
            self._timer = asyncio.get_running_loop().call_later(delay, self._timeout)

    def _timeout(self) -> None:
        for effect in self._session.handle_timeout(self._clock()):
            if isinstance(effect, Close):
                self.close(effect.code)
        if self._ending is None:
            self._set_timer()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _end(self, ending: Trial | Watch | None) -> None:
        if ending is None:
            return
        try:
            ending.end()
        except Exception as fault:  # noqa: BLE001 - as in `_report_lost`
            log_internal("end_failed", fault, of=type(ending).__name__)

    async def _report_lost(self) -> None:
        if self._seat is None:
            return
        try:
            await self._consultations.lost(self._seat)
        except Exception as fault:  # noqa: BLE001 - the socket is gone, and only the log can hear of it
            log_internal("lost_failed", fault)
