"""All transactions of one agent: which one a message belongs to, what is due, what was dropped (RFC 3261 17)."""

from collections import Counter
from dataclasses import dataclass
from typing import Final, NewType

from signalling.gateways.alarms import Alarms
from signalling.gateways.sip.client_transactions import InviteClient, RequestClient
from signalling.gateways.sip.flows import Flow, way_back
from signalling.gateways.sip.message import Message, Request, Response, answer
from signalling.gateways.sip.server_transactions import InviteServer, RequestServer
from signalling.gateways.sip.timers import Timers
from signalling.gateways.sip.transaction_base import State, Step
from signalling.gateways.sip.values import MAGIC

MAX_TRANSACTIONS: Final = 20_000

Key = NewType("Key", str)
Client = InviteClient | RequestClient
Server = InviteServer | RequestServer


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message to be sent."""

    message: Message
    flow: Flow


@dataclass(frozen=True, slots=True)
class Incoming:
    """A message for the transactions' user, with the transaction that it opened or answers; None for an ACK."""

    key: Key | None
    message: Request | Response
    flow: Flow
    user: object = None
    """What was given with the request that this answers."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A transaction that ended without what it waited for: an answer, or an ACK."""

    key: Key
    request: Request
    user: object = None
    transport: bool = False
    """Whether the message could not be sent, as against not being answered in time."""


def client_key(message: Message, method: str | None = None) -> Key:
    """What a response and its request have in common (RFC 3261 section 17.1.3)."""
    return Key(f"c {message.via.branch} {method or message.cseq.method}")


def server_key(request: Request, method: str | None = None) -> Key:
    """What a request and its repetitions have in common (RFC 3261 section 17.2.3), the ACK of an INVITE included.

    Peers older than RFC 3261 make no unique branches; there the whole Via stands beside call and number.
    """
    via, method = request.via, method or request.method
    method = "INVITE" if method == "ACK" else method
    if via.branch.startswith(MAGIC) and via.branch != MAGIC:
        return Key(f"s {via.branch} {via.sent_by} {method}")
    number = request.cseq.number
    return Key(f"s {via.sent_by} {via.branch} {request.call_id} {number} {request.from_.tag} {method}")


@dataclass(frozen=True, slots=True)
class _Entry:
    transaction: Client | Server
    flow: Flow
    user: object = None


class Transactions:
    """The table. What it wants sent is in `outbox`, what its user has to see in `inbox`; the user takes both."""

    def __init__(self, timers: Timers, limit: int = MAX_TRANSACTIONS) -> None:
        self.timers = timers
        self.counts: Counter[str] = Counter()
        self.outbox: list[Outgoing] = []
        self.inbox: list[Incoming | Failure] = []
        self._limit = limit
        self._table: dict[Key, _Entry] = {}
        self._origins: dict[tuple[str, str, int], Key] = {}
        self._alarms: Alarms[Key] = Alarms()

    def __len__(self) -> int:
        return len(self._table)

    def next_timeout(self) -> float | None:
        """When `timeout` has something to do."""
        return self._alarms.next()

    def timeout(self, now: float) -> None:
        """Do what is due."""
        while (key := self._alarms.pop(now)) is not None:
            entry = self._table[key]
            self._take(key, entry.transaction.timeout(now), entry.flow)

    def request(self, request: Request, flow: Flow, now: float, user: object = None) -> Key:
        """Send a request (no ACK) whose Via has its own branch. `user` comes back with what answers it."""
        kind = InviteClient if request.method == "INVITE" else RequestClient
        key = client_key(request)
        self._table[key] = _Entry(kind(request, self.timers, reliable=flow.reliable, now=now), flow, user)
        self._take(key, Step([request]), flow)
        return key

    def respond(self, key: Key, response: Response, now: float) -> None:
        """Answer a request; nothing happens if its transaction is over."""
        entry = self._table.get(key)
        if entry is not None and isinstance(entry.transaction, InviteServer | RequestServer):
            self._take(key, entry.transaction.respond(response, now), entry.flow)

    def receive(self, message: Request | Response, flow: Flow, now: float) -> None:
        """Take a message that came."""
        if isinstance(message, Response):
            self._receive_response(message, flow, now)
        else:
            self._receive_request(message, flow, now)

    def cancelled(self, cancel: Request) -> bool:
        """Whether the INVITE that a CANCEL means has not been answered (RFC 3261 section 9.2)."""
        entry = self._table.get(server_key(cancel, "INVITE"))
        return entry is not None and entry.transaction.state is State.PROCEEDING

    def knows_invite(self, cancel: Request) -> bool:
        """Whether the INVITE that a CANCEL means is here at all, answered or not."""
        return server_key(cancel, "INVITE") in self._table

    def give_up(self, key: Key, when: float) -> None:
        """Wait until then, and no longer, for the answer to an INVITE."""
        entry = self._table.get(key)
        if entry is not None and isinstance(entry.transaction, InviteClient):
            entry.transaction.give_up_at(when)
            self._alarms.set(key, entry.transaction.due)

    def broken(self, flow: Flow) -> None:
        """Requests that went this way and have no answer will not get one (RFC 3261 section 17.1.4)."""
        for key, entry in list(self._table.items()):
            waiting = entry.transaction.state in (State.TRYING, State.PROCEEDING)
            if entry.flow == flow and waiting and isinstance(entry.transaction, InviteClient | RequestClient):
                self._forget(key)
                self.inbox.append(Failure(key, entry.transaction.request, entry.user, transport=True))

    def _receive_response(self, response: Response, flow: Flow, now: float) -> None:
        key = client_key(response)
        entry = self._table.get(key)
        if entry is None or not isinstance(entry.transaction, InviteClient | RequestClient):
            self.counts["stray_response"] += 1
            return
        self._take(key, entry.transaction.receive(response, now), entry.flow, flow)

    def _receive_request(self, request: Request, flow: Flow, now: float) -> None:
        key = server_key(request)
        entry = self._table.get(key)
        if entry is not None and isinstance(entry.transaction, InviteServer | RequestServer):
            self._take(key, entry.transaction.receive(request, now), entry.flow, flow)
        elif request.method == "ACK":
            # The ACK of a 2xx is a transaction of its own; the user knows whether a call waits for it.
            self.inbox.append(Incoming(None, request, flow))
        elif len(self._table) >= self._limit:
            self.counts["overflow"] += 1
        else:
            self._open(key, request, flow, now)

    def _open(self, key: Key, request: Request, flow: Flow, now: float) -> None:
        kind = InviteServer if request.method == "INVITE" else RequestServer
        back = way_back(request.via, flow)
        self._table[key] = _Entry(kind(request, self.timers, reliable=flow.reliable), back)
        if self._is_merged(key, request):
            self.counts["merged"] += 1
            self.respond(key, answer(request, 482), now)
        else:
            self.inbox.append(Incoming(key, request, flow))

    def _is_merged(self, key: Key, request: Request) -> bool:
        """Whether the same request came on another way (RFC 3261 section 8.2.2.2)."""
        if request.to.tag is not None or request.method == "CANCEL":
            return False
        return self._origins.setdefault(_origin(request), key) != key

    def _take(self, key: Key, step: Step, flow: Flow, came_by: Flow | None = None) -> None:
        self.outbox += [Outgoing(message, flow) for message in step.send]
        entry = self._table[key]
        if step.deliver is not None:
            # An ACK is no answer to a transaction of ours.
            mine = None if isinstance(step.deliver, Request) else key
            self.inbox.append(Incoming(mine, step.deliver, came_by or flow, entry.user))
        if step.failed:
            self.inbox.append(Failure(key, entry.transaction.request, entry.user))
        if entry.transaction.state is State.TERMINATED:
            self._forget(key)
        else:
            self._alarms.set(key, entry.transaction.due)

    def _forget(self, key: Key) -> None:
        transaction = self._table.pop(key).transaction
        self._alarms.set(key, None)
        if isinstance(transaction, InviteServer | RequestServer):
            origin = _origin(transaction.request)
            if self._origins.get(origin) == key:
                del self._origins[origin]


def _origin(request: Request) -> tuple[str, str, int]:
    return request.from_.tag or "", request.call_id, request.cseq.number
