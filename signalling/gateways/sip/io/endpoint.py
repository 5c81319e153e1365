"""A user agent on the network: what it wants sent is sent, what comes it gets, and its alarms ring."""

import asyncio
import ssl
from collections.abc import Callable
from typing import Self, TypeVar

from signalling.gateways.sip.agent import UserAgent
from signalling.gateways.sip.events import Action, Event, Send
from signalling.gateways.sip.flows import Flow
from signalling.gateways.sip.io.network import Network

Result = TypeVar("Result")


class Endpoint:
    """One agent with its sockets. Use as a context; `network` binds and listens.

    `owner` gets every event, each in a turn of the loop of its own: what goes wrong with one call is of no account
    to others.
    """

    def __init__(
        self, agent: UserAgent, owner: Callable[[Event], None], tls: ssl.SSLContext | None = None
    ) -> None:
        self.agent = agent
        self.network = Network(self._received, self._broken, tls)
        self._owner = owner
        self._timer: asyncio.TimerHandle | None = None

    async def __aenter__(self) -> Self:
        await self.network.__aenter__()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.network.__aexit__(*error)
        if self._timer is not None:
            self._timer.cancel()

    def do(self, command: Callable[[UserAgent, float], list[Action]]) -> None:
        """Give a command: `endpoint.do(lambda agent, now: agent.accept(call, sdp, now))`. Raises CommandError."""
        try:
            self._carry_out(command(self.agent, self._now()))
        finally:
            self._wind()

    def start(self, command: Callable[[UserAgent, float], tuple[Result, list[Action]]]) -> Result:
        """Give a command that begins something, and get its handle."""
        try:
            handle, actions = command(self.agent, self._now())
            self._carry_out(actions)
        finally:
            self._wind()
        return handle

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()

    def _received(self, data: bytes, flow: Flow) -> None:
        self.do(lambda agent, now: agent.receive(data, flow, now))

    def _broken(self, flow: Flow) -> None:
        self.do(lambda agent, now: agent.broken(flow, now))

    def _rings(self) -> None:
        self._timer = None
        self.do(lambda agent, now: agent.timeout(now))

    def _carry_out(self, actions: list[Action]) -> None:
        for action in actions:
            if isinstance(action, Send):
                self.network.send(action.data, action.flow)
            else:
                asyncio.get_running_loop().call_soon(self._owner, action)

    def _wind(self) -> None:
        """Set the one timer to what is due next; even after an error, or all calls would stop with one."""
        when = self.agent.next_timeout()
        if self._timer is not None:
            if when == self._timer.when():
                return
            self._timer.cancel()
        self._timer = None if when is None else asyncio.get_running_loop().call_at(when, self._rings)
