"""A user agent on the network: what it wants sent is sent, what comes it gets, and its alarms ring."""

import asyncio
from collections.abc import Callable
from typing import Self, TypeVar

from signalling.gateways.h323.agent import UserAgent
from signalling.gateways.h323.events import Action, Close, Event, LineId, Listen, Open, Send
from signalling.gateways.h323.io.network import Network

Result = TypeVar("Result")


class Endpoint:
    """One agent with its sockets. Use as a context; `network` listens.

    `owner` gets every event, each in a turn of the loop of its own: what goes wrong with one call is of no account
    to others.
    """

    def __init__(
        self, agent: UserAgent, owner: Callable[[Event], None], bind: str, ports: tuple[int, int] = (0, 0)
    ) -> None:
        self.agent = agent
        self.network = Network(self, bind, ports)
        self._owner = owner
        self._timer: asyncio.TimerHandle | None = None

    async def __aenter__(self) -> Self:
        await self.network.__aenter__()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.network.__aexit__(*error)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def do(self, command: Callable[[UserAgent, float], list[Action]]) -> None:
        """Give a command: `endpoint.do(lambda agent, now: agent.accept(call, now))`. Raises CommandError."""
        self.start(lambda agent, now: (None, command(agent, now)))

    def start(self, command: Callable[[UserAgent, float], tuple[Result, list[Action]]]) -> Result:
        """Give a command that begins something, and get its handle."""
        try:
            handle, actions = command(self.agent, asyncio.get_running_loop().time())
            self._carry_out(actions)
        finally:
            self._wind()
        return handle

    # As the network's owner.

    def arrived(self, host: str) -> LineId | None:
        """Somebody has connected."""
        return self.start(lambda agent, now: agent.arrived(host, now))

    def opened(self, line: LineId) -> None:
        """A connection is there."""
        self.do(lambda agent, now: agent.opened(line, now))

    def listens(self, line: LineId, port: int) -> None:
        """There is a port."""
        self.do(lambda agent, now: agent.listens(line, port, now))

    def broken(self, line: LineId) -> None:
        """A connection is gone."""
        self.do(lambda agent, now: agent.broken(line, now))

    def received(self, line: LineId, data: bytes) -> None:
        """Bytes came."""
        self.do(lambda agent, now: agent.receive(line, data, now))

    def _rings(self) -> None:
        self._timer = None
        self.do(lambda agent, now: agent.timeout(now))

    def _carry_out(self, actions: list[Action]) -> None:
        for action in actions:
            match action:
                case Send(line, data):
                    self.network.send(line, data)
                case Open(line, host, port):
                    self.network.open(line, host, port)
                case Listen(line, host):
                    self.network.listen_for(line, host)
                case Close(line):
                    self.network.close(line)
                case _:
                    asyncio.get_running_loop().call_soon(self._owner, action)

    def _wind(self) -> None:
        """Set the one timer to what is due next; even after an error, or all calls would stop with one."""
        when = self.agent.next_timeout()
        if self._timer is not None:
            if when == self._timer.when():
                return
            self._timer.cancel()
        self._timer = None if when is None else asyncio.get_running_loop().call_at(when, self._rings)
