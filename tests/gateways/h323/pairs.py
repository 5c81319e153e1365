"""Two controls of H.245 that speak to each other on a virtual clock, with owners that do what a test says."""

import random
import re
from collections import deque
from dataclasses import dataclass, field

from media.sdp.calls import CallPolicy, agree_lines, read
from media.sdp.calls.answer import LocalLine, Written, answer
from media.sdp.codecs import Capabilities
from signalling.gateways.h323.control import events as e
from signalling.gateways.h323.control.control import Control
from signalling.gateways.h323.control.settings import Settings
from signalling.gateways.h323.wire import asn1

CAPABILITIES = Capabilities(
    audio=("g722", "pcma", "pcmu", "telephone-event"), video=("h264",), camera_max_bitrate=1_500_000
)
OFFER = """v=0
o=- 1 1 IN IP4 192.0.2.99
s=-
c=IN IP4 192.0.2.99
t=0 0
m=audio 50000 RTP/AVP 9 8 0 101
a=rtcp:50001
m=video 50002 RTP/AVP 97
b=TIAS:1500000
a=rtcp:50003
m=video 50004 RTP/AVP 97
a=rtcp:50005
a=content:slides
""".replace("\n", "\r\n")
"""What the bridge offers to whom it calls."""
POLICY = CallPolicy(CAPABILITIES, allow_plain=True)


def our_answer(sdp: str, host: str = "192.0.2.1", port: int = 40_000) -> str:
    """An answer with a port of ours in each line that the peer uses."""
    lines = ["v=0", "s=-", f"c=IN IP4 {host}"]
    for line in re.findall("(?m)^m=.*$", sdp.replace("\r", "")):
        kind, told, profile, *formats = line.split()
        lines += [f"{kind} {port if told != '0' else 0} {profile} {' '.join(formats)}", "a=sendrecv"]
        port += 2
    return "\r\n".join([*lines, ""])


@dataclass
class Side:
    """One end: a control, and the bridge as the house's own SDP would have it."""

    control: Control
    host: str
    ports: int
    told: list = field(default_factory=list)
    lines: dict = field(default_factory=dict)
    """What was agreed last, by what the peer sends."""
    sdp: str = ""
    refuses: bool = False
    obliges: bool = False
    """Whether it takes whatever is described."""
    sent: deque = field(default_factory=deque)
    over: bool = False
    legs: int = 0
    _identity: tuple = ()
    offers: int = 0
    mute_requests: bool = False
    """Whether its requests for channels are lost."""
    deaf: tuple = ()
    """The names of what does not reach its control."""
    started: bool = False
    heard: list = field(default_factory=list)

    def collect(self, now: float) -> None:
        """Do what the control asks for."""
        while actions := self.control.collect():
            for action in actions:
                self.act(action, now)

    def act(self, action: e.Action, now: float) -> None:
        """Do one thing."""
        match action:
            case e.Send(message):
                if not (self.mute_requests and message[1][0] == "openLogicalChannel"):
                    self.sent.append(asn1.encode(asn1.Kind.H245, message))
                return
            case e.OfferReceived(sdp=sdp):
                self.offers += 1
                if self.refuses:
                    self.control.refuse(now)
                else:
                    self.control.answer(self.describe(sdp), now)
            case e.AnswerReceived(sdp=sdp):
                self.agree(sdp, is_answer=True)
            case e.Ended():
                self.over = True
        assert not (self.over and isinstance(action, e.OfferReceived))
        self.told.append(action)

    def agree(self, sdp: str, *, is_answer: bool = False) -> tuple:
        """What the bridge takes of it; other formats are another leg, with ports of its own."""
        offer = read(sdp)
        agreed = agree_lines(offer, POLICY, self.host, is_answer=is_answer)
        identity = tuple((one.number, one.source, tuple(f.format for f in one.agreed)) for one in agreed)
        if identity != self._identity:
            self.legs += 1
            if not is_answer:
                self.ports += 100
            self._identity = identity
        self.lines, self.sdp = {one.source: one for one in agreed}, sdp
        return offer, agreed

    def describe(self, sdp: str) -> str:
        """The bridge's answer."""
        if self.obliges:
            self.sdp = sdp
            return our_answer(sdp, self.host, self.ports)
        offer, agreed = self.agree(sdp)
        local = {one.number: LocalLine(self.ports + 2 * one.number) for one in agreed}
        return answer(offer, agreed, local, Written(1, self.offers, self.host), CAPABILITIES.camera_max_bitrate)

    def names(self) -> list[str]:
        """What it was told."""
        return [type(one).__name__ for one in self.told]


class Pair:
    """Both ends, and the bytes between them."""

    def __init__(self, seed: int = 1, first: Settings | None = None, second: Settings | None = None) -> None:
        self.rng = random.Random(seed)
        self.now = 100.0
        settings = (first or Settings(), second or Settings())
        self.sides = [
            Side(Control(one, random.Random(self.rng.random())), f"192.0.2.{at + 1}", 10_000 * (at + 1))
            for at, one in enumerate(settings)
        ]

    def start(self, *which: int) -> None:
        """Let these sides begin, or both."""
        for at in which or (0, 1):
            if not self.sides[at].started:
                self.sides[at].started = True
                self.sides[at].control.start(self.now)
        self.collect()

    def collect(self) -> None:
        """Let both do what they have to."""
        for side in self.sides:
            side.collect(self.now)

    def step(self) -> bool:
        """Deliver one message, or let time pass to what is due; whether there was something."""
        self.collect()
        ready = [at for at in (0, 1) if self.sides[at].sent]
        if ready:
            at = self.rng.choice(ready)
            message = asn1.decode(asn1.Kind.H245, self.sides[at].sent.popleft())
            other = self.sides[1 - at]
            other.heard.append(message)
            if message[1][0] not in other.deaf:
                other.control.receive(message, self.now)
            self.collect()
            return True
        dues = [due for side in self.sides if (due := side.control.next_timeout()) is not None]
        if not dues:
            return False
        self.now = max(self.now, min(dues))
        for side in self.sides:
            side.control.timeout(self.now)
        self.collect()
        return True

    def run(self, seconds: float = 5.0) -> None:
        """Until so much time has passed."""
        until, steps = self.now + seconds, 0
        while steps < 3_000:
            self.collect()
            pending = any(side.sent for side in self.sides)
            dues = [due for side in self.sides if (due := side.control.next_timeout()) is not None]
            if not pending and (not dues or min(dues) > until):
                self.now = until
                return
            self.step()
            steps += 1
        raise AssertionError("it goes on without end")

    def advance(self, seconds: float, *, deliver: bool = True) -> None:
        """Let time pass, with or without a network."""
        self.now += seconds
        for side in self.sides:
            side.control.timeout(self.now)
        self.collect()
        if not deliver:
            for side in self.sides:
                side.sent.clear()

    def say(self, at: int, message: tuple) -> None:
        """Have a side say something that its control did not."""
        self.sides[at].sent.append(asn1.encode(asn1.Kind.H245, message))

    def heard(self, at: int, name: str) -> list:
        """The messages of a name that a side has got."""
        return [body for _, (said, body) in self.sides[at].heard if said == name]
