"""An H.323 endpoint of our own for tests: signalling and H.245, straight through, as a test tells it to.

No packaged program speaks H.323, so this one is ours. It was written beside the gateway and knows nothing of its
state machines: of the gateway's code it shares `wire` alone, whose bytes are checked against captures of another
stack and tshark's reading of them. What real endpoints make of the gateway is said in its README.
"""

import asyncio
import ipaddress
import itertools
import os
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from signalling.gateways.h323.wire import asn1, q931, tpkt
from signalling.gateways.h323.wire.asn1 import Kind as Type
from signalling.gateways.h323.wire.q931 import Element, Kind
from tests.support.h323_content import Token, is_content, shown
from tests.support.h323_secret import ALGORITHM, Keys
from tests.support.h323_values import (
    CHANNELS,
    CONTENT,
    HOST,
    INFO,
    ONE_CALL,
    PATIENCE_S,
    PCMA,
    PICTURES,
    SOUND,
    TERMINAL,
    VERSION,
    Ports,
    address,
    capability_set,
    channel,
    events_of,
    picture_capability,
)


@dataclass
class Talk:
    """One call. `told` is what came, by its name in the standard; what is waited for is taken out of it."""

    terminal: "Terminal"
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    reference: int
    called: bool
    guid: bytes = field(default_factory=lambda: os.urandom(16))
    told: list[tuple[str, Any]] = field(default_factory=list)
    tunnels: bool = True
    ours: dict[int, Any] = field(default_factory=dict)
    """Where the other side receives our channels, by session: host, port, RTCP's port, payload type."""
    theirs: dict[int, Any] = field(default_factory=dict)
    """The channels that it has opened: session to parameters."""
    keys: Keys | None = None
    """Of a call whose media are encrypted."""
    events: int | None = None
    """The payload type by which the other side takes keys as RFC 4733 has them."""
    ended: bool = False
    deaf: bool = False
    on_key_frame: Callable[[], None] = lambda: None
    """What is done when a key frame is asked for."""
    _changed: asyncio.Event = field(default_factory=asyncio.Event)
    _control: asyncio.StreamWriter | None = None
    _started: bool = False
    _sets: int = 0
    _agreed: set[str] = field(default_factory=set)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _server: asyncio.Server | None = None

    def __post_init__(self) -> None:
        self.token = Token(self.control, CHANNELS + CONTENT)

    # What a test does.

    async def hears(self, *names: str) -> Any:
        """Wait until one of these came, and give what it said."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                for one in self.told:
                    if one[0] in names:
                        self.told.remove(one)
                        return one[1]
                assert not self.ended or "ended" in names, f"it ended before {names}"
                self._changed.clear()
                await self._changed.wait()

    async def until(self, true: Callable[[], object]) -> None:
        """Wait until something is true that a message brings about."""
        async with asyncio.timeout(PATIENCE_S):
            while not true():
                self._changed.clear()
                await self._changed.wait()

    def hang_up(self, cause: int = 16, reason: str = "") -> None:
        """Say that it is over, in both protocols."""
        if self.ended:
            return
        if self._started:
            self.control("command", "endSessionCommand", ("disconnect", 0))
        body: dict[str, Any] = {"reason": (reason, 0)} if reason else {}
        self.say(Kind.RELEASE_COMPLETE, "releaseComplete", body, {Element.CAUSE: q931.cause(cause)})
        self._over()

    def press(self, key: str) -> None:
        """A key, by UserInputIndication."""
        self.control("indication", "userInput", ("signal", {"signalType": key, "duration": 100}))

    def want_key_frame(self, session: int = PICTURES) -> None:
        """Of the pictures, or the content, that we are sent."""
        channel = self.theirs.get(session, {"channel": 2})["channel"]
        wanted = {"logicalChannelNumber": channel, "type": ("videoFastUpdatePicture", 0)}
        self.control("command", "miscellaneousCommand", wanted)

    def mute(self, *, muted: bool) -> None:
        """Say that our channel of sound carries nothing, or something again."""
        said = "logicalChannelInactive" if muted else "logicalChannelActive"
        told = {"logicalChannelNumber": CHANNELS + SOUND, "type": (said, 0)}
        self.control("indication", "miscellaneousIndication", told)

    def say(
        self, kind: Kind, name: str, body: dict[str, Any] | None, elements: dict[int, bytes] | None = None
    ) -> None:
        """A message of call signalling."""
        self._say(kind, name, body, [], elements)

    def control(self, kind: str, name: str, value: Any) -> None:
        """A message of H.245, by whatever way there is."""
        data = asn1.encode(Type.H245, (kind, (name, value)))
        if self.tunnels:
            self._say(Kind.FACILITY, "empty", None, [data])
        elif self._control is not None:
            self._control.write(tpkt.wrap(data))

    def offer_set(self, *, hold: bool = False) -> None:
        """Another capability set; an empty one is hold (H.323 8.4.6)."""
        self._sets += 1
        whole = capability_set(
            self._sets,
            self.terminal.sound,
            self.terminal.pictures,
            None if self.keys is None else ALGORITHM,
            content=CONTENT in self.terminal.ports,
        )
        if hold:
            whole = {key: whole[key] for key in ("sequenceNumber", "protocolIdentifier")}
        self.control("request", "terminalCapabilitySet", whole)

    def open_channels(self) -> None:
        """Open ours, but for content."""
        for session in self.terminal.ports:
            if session == SOUND or (session == PICTURES and self.terminal.pictures is not None):
                self.open_channel(session)

    def open_channel(self, session: int) -> None:
        """Open one."""
        self.control("request", "openLogicalChannel", self._channel(session, self.terminal.ports[session][1]))

    def close_channel(self, session: int) -> None:
        """End one."""
        del self.ours[session]
        told = {"forwardLogicalChannelNumber": CHANNELS + session, "source": ("user", 0), "reason": ("unknown", 0)}
        self.control("request", "closeLogicalChannel", told)

    # What it does of itself.

    def _channel(self, session: int, control_port: int) -> Any:
        ours = self.terminal
        pictures = shown(ours.pictures) if session == CONTENT else ours.pictures
        return channel(
            session,
            ("audioData", ours.sound) if session == SOUND else ("videoData", pictures),
            control_port,
            mode=ours.mode,
            payload_type=ours.payload_type,
            algorithm=None if self.keys is None else ALGORITHM,
        )

    def _say(
        self,
        kind: Kind,
        name: str,
        body: dict[str, Any] | None,
        control: list[bytes],
        elements: dict[int, bytes] | None = None,
    ) -> None:
        whole: Any = 0
        if body is not None:
            whole = {"protocolIdentifier": VERSION, "callIdentifier": {"guid": self.guid}, **body}
        pdu: dict[str, Any] = {"h323-message-body": (name, whole), "h245Tunnelling": self.tunnels}
        if control:
            pdu["h245Control"] = control
        information = asn1.encode(Type.H225, {"h323-uu-pdu": pdu})
        parts = {**(elements or {}), Element.USER_USER: q931.user_user(information)}
        self.writer.write(tpkt.wrap(q931.Message(kind, self.reference, self.called, parts).encode()))

    async def run(self) -> None:
        """Take what comes until the end."""
        framer = tpkt.Framer()
        with suppress(OSError):
            while data := await self.reader.read(65_536):
                for message in framer.feed(data):
                    self._take(q931.parse(message))
        self._over()

    def _take(self, message: q931.Message) -> None:
        if self.deaf:
            return
        pdu: dict[str, Any] = {"h323-message-body": ("", 0)}
        if message.user_information is not None:
            pdu = asn1.decode(Type.H225, message.user_information)["h323-uu-pdu"]
        name, body = pdu["h323-message-body"]
        if not self.called and name in ("callProceeding", "alerting", "connect"):
            self.tunnels = self.tunnels and pdu.get("h245Tunnelling", False)
        if name != "empty":
            self._note(name or Kind(message.kind).name.lower(), {"cause": message.cause, **(body or {})})
        if name == "connect":
            self._agree_on(body.get("tokens", []))
            self._up(body.get("h245Address"))
        elif name == "facility" and "h245Address" in body:
            self._start_apart(body["h245Address"])
        for data in pdu.get("h245Control", []):
            self._heard(asn1.decode(Type.H245, data))
        if message.kind == Kind.RELEASE_COMPLETE:
            self._over()

    def _agree_on(self, tokens: list[Any]) -> None:
        if tokens and self.keys is not None:
            self.keys.take(tokens)
        else:
            self.keys = None

    def _up(self, apart: Any) -> None:
        """It was taken."""
        if self.tunnels:
            self._start()
        elif apart is not None:
            self._start_apart(apart)

    def _start_apart(self, place: Any) -> None:
        where = place[1]
        self._spawn(self._connect_control(str(ipaddress.ip_address(where["ip"])), where["port"]))

    async def _connect_control(self, host: str, port: int) -> None:
        await self.run_control(*await asyncio.open_connection(host, port))

    async def run_control(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """H.245 on a connection of its own."""
        self._control = writer
        self._start()
        framer = tpkt.Framer()
        with suppress(OSError):
            while data := await reader.read(65_536):
                for message in framer.feed(data):
                    self._heard(asn1.decode(Type.H245, message))
        writer.close()

    async def listen_for_control(self) -> int:
        """Have the other side connect for H.245."""
        self._server = await asyncio.start_server(self.run_control, HOST, 0)
        return int(self._server.sockets[0].getsockname()[1])

    def _spawn(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _start(self) -> None:
        if self._started or not self.terminal.controls:
            return
        self._started = True
        self.offer_set()
        self._number = random.getrandbits(24)
        asked = {"terminalType": TERMINAL, "statusDeterminationNumber": self._number}
        self.control("request", "masterSlaveDetermination", asked)

    def _heard(self, message: Any) -> None:
        if self.deaf:
            return
        kind, (name, value) = message
        if not self._started:
            self._start()
        if kind == "request" and name != "genericRequest":
            self._asked(name, value)
        elif name in ("terminalCapabilitySetAck", "masterSlaveDeterminationAck"):
            self._agree(name)
        elif name == "openLogicalChannelAck":
            self._channel_taken(value)
        elif name.startswith("generic"):
            self.token.take(name, value)
        elif name == "miscellaneousCommand" and value["type"][0] == "videoFastUpdatePicture":
            self.on_key_frame()
        self._note(name, value)

    def _asked(self, name: str, value: Any) -> None:
        if name == "terminalCapabilitySet":
            self.control("response", "terminalCapabilitySetAck", {"sequenceNumber": value["sequenceNumber"]})
            self.events = events_of(value.get("capabilityTable", []))
            self._agree(name)
        elif name == "masterSlaveDetermination":
            self.control("response", "masterSlaveDeterminationAck", {"decision": (self._decide(value), 0)})
            self._agree(name)
        elif name == "openLogicalChannel":
            self._open(value)
        elif name == "roundTripDelayRequest":
            self.control("response", "roundTripDelayResponse", {"sequenceNumber": value["sequenceNumber"]})
        elif name == "closeLogicalChannel":
            number = value["forwardLogicalChannelNumber"]
            self.theirs = {session: one for session, one in self.theirs.items() if one["channel"] != number}
            self.control("response", "closeLogicalChannelAck", {"forwardLogicalChannelNumber": number})

    def _decide(self, value: Any) -> str:
        """What the other side is (H.245 C.2.4.1): the larger type is master, else the nearer number behind."""
        if value["terminalType"] != TERMINAL:
            return "master" if value["terminalType"] > TERMINAL else "slave"
        ahead = (value["statusDeterminationNumber"] - self._number) % (1 << 24)
        return "slave" if 0 < ahead < 1 << 23 else "master"

    def _agree(self, what: str) -> None:
        self._agreed.add(what)
        wanted = {"terminalCapabilitySetAck", "masterSlaveDeterminationAck", "terminalCapabilitySet"}
        if wanted <= self._agreed and "open" not in self._agreed:
            self._agreed.add("open")
            self.open_channels()

    def _open(self, value: Any) -> None:
        number = value["forwardLogicalChannelNumber"]
        forward = value["forwardLogicalChannelParameters"]
        parameters = forward["multiplexParameters"][1]
        session = CONTENT if is_content(forward["dataType"]) else parameters["sessionID"]
        if session not in self.terminal.ports or (session != SOUND and self.terminal.pictures is None):
            refused = {"forwardLogicalChannelNumber": number, "cause": ("unknownDataType", 0)}
            self.control("response", "openLogicalChannelReject", refused)
            return
        if self.keys is not None:
            self.keys.incoming[session] = self.keys.read(value["encryptionSync"])
        self.theirs[session] = {"channel": number, "type": forward["dataType"], **parameters}
        rtp, rtcp = self.terminal.ports[session]
        taken = {
            "sessionID": parameters["sessionID"],
            "mediaChannel": address(rtp),
            "mediaControlChannel": address(rtcp),
            "flowControlToZero": False,
        }
        if "dynamicRTPPayloadType" in parameters:
            taken["dynamicRTPPayloadType"] = parameters["dynamicRTPPayloadType"]
        answer = {
            "forwardLogicalChannelNumber": number,
            "forwardMultiplexAckParameters": ("h2250LogicalChannelAckParameters", taken),
        }
        self.control("response", "openLogicalChannelAck", answer)

    def _channel_taken(self, value: Any) -> None:
        parameters = value["forwardMultiplexAckParameters"][1]
        session = value["forwardLogicalChannelNumber"] - CHANNELS
        found = parameters["mediaChannel"][1][1]
        if self.keys is not None:
            self.keys.outgoing[session] = self.keys.read(value["encryptionSync"])
        self.ours[session] = (str(ipaddress.ip_address(found["network"])), found["tsapIdentifier"])

    def _note(self, name: str, value: Any) -> None:
        self.told.append((name, value))
        self._changed.set()

    def _over(self) -> None:
        if not self.ended:
            self.ended = True
            self._note("ended", None)
        self.writer.close()
        if self._control is not None:
            self._control.close()
        if self._server is not None:
            self._server.close()


@dataclass
class Terminal:
    """The whole. Use `terminal()`."""

    ports: Ports = field(default_factory=lambda: {SOUND: (6000, 6001), PICTURES: (6002, 6003)})
    sound: Any = PCMA
    pictures: Any | None = field(default_factory=picture_capability)
    mode: int = 1
    payload_type: int = 97
    tunnels: bool = True
    encrypts: bool = False
    """Whether it offers H.235.6 in its calls."""
    controls: bool = True
    """Whether it speaks H.245 at all."""
    name: str = "ward"
    number: str = ""
    busy: bool = False
    takes: bool = True
    """Whether calls are taken as they come."""
    port: int = 0
    incoming: "asyncio.Queue[Talk]" = field(default_factory=asyncio.Queue)
    talks: list[Talk] = field(default_factory=list)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _references: Any = field(default_factory=lambda: itertools.count(1))

    async def dial(self, port: int, number: str, **setup: Any) -> Talk:
        """Call somebody by a number: say Setup, with what a test wants in it beside the usual."""
        talk = Talk(self, *await asyncio.open_connection(HOST, port), next(self._references), called=False)
        talk.tunnels = self.tunnels
        elements: dict[int, bytes] = {Element.BEARER_CAPABILITY: q931.video_bearer()}
        if self.number:
            elements[Element.CALLING_NUMBER] = q931.number(self.number)
        talk.keys = Keys() if self.encrypts else None
        body = {
            "sourceInfo": INFO,
            **ONE_CALL,
            **({} if talk.keys is None else {"tokens": talk.keys.tokens()}),
            "sourceAddress": [("h323-ID", self.name)],
            "destinationAddress": [("dialledDigits", number)],
            "activeMC": False,
            "conferenceID": os.urandom(16),
            "conferenceGoal": ("create", 0),
            "callType": ("pointToPoint", 0),
            "mediaWaitForConnect": False,
            "canOverlapSend": False,
            **setup,
        }
        talk.say(Kind.SETUP, "setup", body, elements)
        self._keep(talk)
        return talk

    def _keep(self, talk: Talk) -> None:
        self.talks.append(talk)
        task = asyncio.get_running_loop().create_task(talk.run())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Somebody calls."""
        framer, messages = tpkt.Framer(), list[bytes]()
        while not messages:
            data = await reader.read(65_536)
            if not data:
                return
            messages = framer.feed(data)
        message = q931.parse(messages[0])
        assert message.user_information is not None
        pdu = asn1.decode(Type.H225, message.user_information)["h323-uu-pdu"]
        _, setup = pdu["h323-message-body"]
        talk = Talk(self, reader, writer, message.reference, called=True, guid=setup["callIdentifier"]["guid"])
        talk.tunnels = self.tunnels and pdu["h245Tunnelling"]
        talk.told.append(("setup", setup))
        if self.encrypts and setup.get("tokens"):
            talk.keys = Keys()
            talk.keys.take(setup["tokens"])
        if self.busy:
            talk.hang_up(17, "inConf")
            return
        self._keep(talk)
        self.ring(talk)
        self.incoming.put_nowait(talk)

    def ring(self, talk: Talk) -> None:
        """Say that it rings."""
        talk.say(Kind.ALERTING, "alerting", {"destinationInfo": INFO, **ONE_CALL})

    async def accept(self, talk: Talk, *, says_where: bool = True) -> None:
        """Say Connect, with a place for H.245 where that goes apart; without one the caller has to say one."""
        body: dict[str, Any] = {"destinationInfo": INFO, "conferenceID": bytes(16), **ONE_CALL}
        if talk.keys is not None:
            body["tokens"] = talk.keys.tokens()
        if not talk.tunnels and says_where:
            port = await talk.listen_for_control()
            body["h245Address"] = ("ipAddress", {"ip": ipaddress.ip_address(HOST).packed, "port": port})
        talk.say(Kind.CONNECT, "connect", body)
        if talk.tunnels:
            talk._start()


@asynccontextmanager
async def terminal(**wanted: Any) -> AsyncIterator[Terminal]:
    """A terminal that can be called and calls."""
    made = Terminal(**wanted)
    server = await asyncio.start_server(made.take, HOST, 0)
    made.port = int(server.sockets[0].getsockname()[1])
    try:
        yield made
    finally:
        server.close()
        for talk in made.talks:
            talk.hang_up()
        for task in (*made._tasks, *(task for talk in made.talks for task in talk._tasks)):
            task.cancel()
