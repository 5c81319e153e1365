"""The control against what real endpoints have said: their side of captured calls, played again."""

import random
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from media.sdp.calls import read
from signalling.gateways.h323.control import events as e
from signalling.gateways.h323.control.control import Control
from signalling.gateways.h323.control.settings import Settings
from signalling.gateways.h323.errors import H323Error
from signalling.gateways.h323.wire import asn1, q931
from tests.gateways.h323.pairs import OFFER, our_answer

VECTORS = Path(__file__).parents[2] / "vectors" / "h323"
TPKT = 4


def messages(name: str) -> list[tuple[str, tuple]]:
    """The H.245 of a capture: who sent it, by port, and the value."""
    found = []
    for line in (VECTORS / f"{name}.txt").read_text().splitlines():
        kind, source, _, data = line.split()
        body = bytes.fromhex(data)[TPKT:]
        if kind == "h245":
            found.append((source, asn1.decode(asn1.Kind.H245, body)))
        elif kind == "call":
            value = asn1.decode(asn1.Kind.H225, q931.parse(body).user_information)
            tunnelled = value["h323-uu-pdu"].get("h245Control", [])
            found += [(source, asn1.decode(asn1.Kind.H245, one)) for one in tunnelled]
    return found


class Replay:
    """A control in the place of one end of a captured call."""

    def __init__(self, name: str, *, caller: bool) -> None:
        both = messages(name)
        ends = list(dict.fromkeys(source for source, _ in both))
        # In these captures the callee speaks first in H.245.
        self.place = ends[1 if caller else 0]
        self.theirs = [value for source, value in both if source != self.place]
        self.replaced = [value for source, value in both if source == self.place]
        self.control = Control(Settings(terminal_type=50), random.Random(1))
        self.now, self.told, self.sent, self.sdp = 100.0, [], [], ""

    def run(self) -> None:
        """Say what was said, and let a little time pass after each message."""
        number = next(v[1][1] for v in self.replaced if v[1][0] == "masterSlaveDetermination")
        self.control._determination._number = number["statusDeterminationNumber"]
        self.control._media.channels._next = 101
        self.control.start(self.now)
        for message in self.theirs:
            self.collect()
            self.control.receive(message, self.now)
            self.collect()
            self.now += 0.05
            self.control.timeout(self.now)
        self.collect()

    def collect(self) -> None:
        """Do what the control wants."""
        while actions := self.control.collect():
            for action in actions:
                if isinstance(action, e.Send):
                    asn1.encode(asn1.Kind.H245, action.message)
                    self.sent.append(action.message)
                    continue
                self.told.append(action)
                if isinstance(action, e.OfferReceived):
                    self.sdp = action.sdp
                    self.control.answer(our_answer(action.sdp), self.now)

    def names(self) -> list[str]:
        """What was sent, by name."""
        return [body[0] for _, body in self.sent]


@pytest.mark.parametrize("caller", [False, True], ids=["in", "out"])
@pytest.mark.parametrize(("name", "pictures"), [("c1", 31), ("c2", 31), ("c5", 96), ("c6", 96)])
def test_channels_open_with_a_real_endpoint(name: str, pictures: int, *, caller: bool) -> None:
    """Sound and pictures both ways, in the codecs that the endpoint opened; and the end is the endpoint's."""
    replay = Replay(name, caller=caller)
    replay.run()
    offer = read(replay.sdp)
    sound, camera, content = offer.lines
    assert sound.formats == ("8", "101")
    assert camera.formats[0] == str(pictures)
    assert [line.direction for line in offer.lines[:2]] == ["sendrecv", "sendrecv"]
    assert {line.host for line in offer.lines[:2]} == {"127.0.0.1"}
    assert {line.port % 2 for line in offer.lines[:2]} == {0}
    assert {line.rtcp[1] - line.port for line in offer.lines[:2] if line.rtcp is not None} == {1}
    assert (content.port == 0) == (name in ("c1", "c2"))
    assert replay.names().count("openLogicalChannel") == 2
    assert replay.names().count("openLogicalChannelAck") == 2
    assert replay.names().count("openLogicalChannelReject") == 0
    asks = [e.FloorWanted(wanted=True)] if name == "c6" and not caller else []
    ends = [] if asks else [e.Ended(e.Ending.HUNG_UP)]
    assert [one for one in replay.told if not isinstance(one, e.OfferReceived)] == [
        e.Ready(),
        e.KeyFrameWanted(),
        *asks,
        *ends,
    ]
    assert (replay.names()[-1] == "endSessionCommand") == bool(ends)


def test_what_we_ask_for_is_what_a_real_endpoint_has_been_asked_for() -> None:
    """Our channels are those of the endpoint that we replace, but for places and its quality of service."""
    replay = Replay("c5", caller=True)
    replay.run()

    def asked(values: list) -> list:
        opened = [body[1] for kind, body in values if body[0] == "openLogicalChannel"]
        found = [one["forwardLogicalChannelParameters"] for one in opened]
        for one in found:
            own = one["multiplexParameters"][1]
            own.pop("transportCapability", None)
            own.pop("mediaControlChannel")
        return [(one["dataType"][0], one["multiplexParameters"]) for one in found]

    assert asked(replay.sent) == asked(replay.replaced)


def fast(message: str) -> list:
    """The channels of a message of c3, which has a fast start."""
    for line in (VECTORS / "c3.txt").read_text().splitlines():
        signal = q931.parse(bytes.fromhex(line.split()[-1])[TPKT:])
        name, body = asn1.decode(asn1.Kind.H225, signal.user_information)["h323-uu-pdu"]["h323-message-body"]
        if name == message:
            return [asn1.decode(asn1.Kind.CHANNEL, one) for one in body["fastStart"]]
    raise LookupError(message)


def said(elements: list) -> list:
    """What elements say of channels, without numbers, places and quality of service."""
    found = []
    for one in elements:
        for side in ("forwardLogicalChannelParameters", "reverseLogicalChannelParameters"):
            kind, own = one.get(side, {}).get("multiplexParameters", ("none", 0))
            if kind != "none":
                own = {
                    name: value if name not in ("mediaChannel", "mediaControlChannel") else ""
                    for name, value in own.items()
                    if name not in ("transportCapability", "silenceSuppression")
                }
                found.append((side, one[side]["dataType"][0], own))
    return sorted(found, key=repr)


def test_the_fast_start_of_a_real_endpoint_is_answered_as_a_real_one_does() -> None:
    """Of thirty channels four are taken; a caller of ours understands the answer that the other endpoint gave."""
    control = Control(Settings(sound=("pcma",)), random.Random(1))
    control.fast_start(fast("setup"), 100.0)
    (offer,) = control.collect()
    assert isinstance(offer, e.OfferReceived)
    assert offer.fast
    sound, camera, _ = read(offer.sdp).lines
    assert (sound.formats, sound.port, sound.direction) == (("8", "101"), 5000, "sendrecv")
    assert (camera.formats, camera.port, camera.direction) == (("31",), 5002, "sendrecv")
    control.answer(our_answer(offer.sdp), 100.0)
    (answer,) = control.collect()
    assert isinstance(answer, e.FastStart)
    assert said(list(answer.channels)) == said(fast("connect"))

    caller = Control(Settings(sound=("pcma",), pictures=("h261",)), random.Random(1))
    numbers = [one["forwardLogicalChannelNumber"] for one in caller.fast_proposal(OFFER)]
    told = fast("connect")
    for one, number in zip(told, [7, numbers[0], 8, numbers[2]], strict=True):
        one["forwardLogicalChannelNumber"] = number
    assert caller.fast_started(told, 100.0)
    (heard,) = caller.collect()
    assert isinstance(heard, e.AnswerReceived)
    assert [(line.port, line.direction) for line in read(heard.sdp).lines[:2]] == [
        (5004, "sendrecv"),
        (5006, "sendrecv"),
    ]


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_any_channels_in_a_setup_are_borne(data: st.DataObject) -> None:
    """In any order and number, with any byte changed."""
    elements = []
    for one in data.draw(st.lists(st.sampled_from(fast("setup") + fast("connect")), max_size=66)):
        encoded = bytearray(asn1.encode(asn1.Kind.CHANNEL, one))
        encoded[data.draw(st.integers(0, len(encoded) - 1))] = data.draw(st.integers(0, 255))
        with suppress(H323Error):
            elements.append(asn1.decode(asn1.Kind.CHANNEL, bytes(encoded)))
    called, caller = (Control(Settings(), random.Random(1)) for _ in range(2))
    called.fast_start(elements, 100.0)
    while (actions := called.collect()) and isinstance(actions[-1], e.OfferReceived):
        called.answer(our_answer(actions[-1].sdp), 100.0)
    caller.fast_proposal(OFFER)
    caller.fast_started(elements, 100.0)
    for control in (called, caller):
        control.start(100.0)
        control.timeout(200.0)
        channels = control._media.channels
        assert len(channels.ours) + len(channels.theirs) <= 6
