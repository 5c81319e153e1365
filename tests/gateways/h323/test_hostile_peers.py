"""What no peer should say: each is answered or passed over, nothing grows, and nothing is raised."""

import random
from functools import lru_cache

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from signalling.gateways.h323.control import codecs
from signalling.gateways.h323.control import events as e
from signalling.gateways.h323.control.capabilities import CONTENT_CONTROL, MOST_ENTRIES, PROTOCOL
from signalling.gateways.h323.control.codecs import Codec, data_type
from signalling.gateways.h323.control.content import MESSAGE
from signalling.gateways.h323.control.control import Control
from signalling.gateways.h323.control.settings import Settings
from signalling.gateways.h323.errors import H323Error
from signalling.gateways.h323.secret import Secret
from signalling.gateways.h323.wire import asn1
from signalling.gateways.interface import Floor
from tests.gateways.h323.pairs import our_answer
from tests.gateways.h323.test_captured import messages

NOW = 100.0
NULL = 0


class Victim:
    """A control with a bridge that takes everything; what it sends has to be encodable."""

    def __init__(self, seed: int = 1) -> None:
        self.control = Control(Settings(terminal_type=200), random.Random(seed))
        self.now, self.told, self.sent, self.port = NOW, [], [], 40_000

    def hear(self, *said: tuple) -> list:
        """Say something to it; what it sends in answer."""
        before = len(self.sent)
        for message in said:
            self.control.receive(message, self.now)
            self.collect()
        return [body for _, body in self.sent[before:]]

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds
        self.control.timeout(self.now)
        self.collect()

    def collect(self) -> None:
        """Do what it wants."""
        while actions := self.control.collect():
            assert not any(isinstance(one, e.Ended) for one in self.told), "something after the end"
            for action in actions:
                if isinstance(action, e.Send):
                    asn1.encode(asn1.Kind.H245, action.message)
                    self.sent.append(action.message)
                    continue
                self.told.append(action)
                if isinstance(action, e.OfferReceived):
                    self.control.answer(our_answer(action.sdp, port=self.port), self.now)

    def begin(self, role: str = "master") -> None:
        """Until channels can be opened."""
        self.control.start(self.now)
        self.collect()
        number = self.sent[0][1][1]["sequenceNumber"]
        self.hear(
            capability_set([("receiveAudioCapability", ("g711Alaw64k", 20))]),
            ("response", ("terminalCapabilitySetAck", {"sequenceNumber": number})),
            ("response", ("masterSlaveDeterminationAck", {"decision": (role, NULL)})),
        )
        assert self.control._media.channels.master == (role == "master")

    @property
    def size(self) -> int:
        """How much it keeps of the peer's."""
        channels, peer = self.control._media.channels, self.control._sets.peer
        return len(channels.theirs) + len(channels.ours) + len(peer._table) + len(peer._descriptors)


def capability_set(table: list, sequence: int = 1) -> tuple:
    """A set of these, all at once."""
    entries = [{"capabilityTableEntryNumber": at, "capability": one} for at, one in enumerate(table, 1)]
    descriptor = {
        "capabilityDescriptorNumber": 1,
        "simultaneousCapabilities": [[at] for at in range(1, len(table) + 1)][:200],
    }
    fields = {"sequenceNumber": sequence, "protocolIdentifier": PROTOCOL, "capabilityTable": entries}
    return ("request", ("terminalCapabilitySet", fields | {"capabilityDescriptors": [descriptor]}))


def channel(number: int = 5, data: tuple | None = None, session: int = 1, **changes: dict) -> tuple:
    """A request for a channel of sound, with changes."""
    own = {
        "sessionID": session,
        "mediaControlChannel": (
            "unicastAddress",
            ("iPAddress", {"network": bytes((192, 0, 2, 2)), "tsapIdentifier": 5001}),
        ),
    } | changes.pop("own", {})
    forward = {
        "dataType": data or data_type(Codec("pcma")),
        "multiplexParameters": ("h2250LogicalChannelParameters", own),
    } | changes.pop("forward", {})
    fields = {"forwardLogicalChannelNumber": number, "forwardLogicalChannelParameters": forward, **changes}
    return ("request", ("openLogicalChannel", fields))


def picture(*, content: bool = False) -> Codec:
    """H.264 of a peer; content is refused of one who knows nothing of its token."""
    return Codec("h264", level=31, bit_rate=384_000, content=content)


PROTECTION = {"encryptionCapability": [("algorithm", (2, 16, 840, 1, 101, 3, 4, 1, 2))]}
MULTICAST = ("multicastAddress", ("iPAddress", {"network": bytes((224, 0, 0, 1)), "tsapIdentifier": 5000}))
REVERSE = {"dataType": data_type(Codec("pcma"))}
REFUSED = {
    "dataTypeNotSupported": channel(data=("audioData", ("g728", 1))),
    "dataTypeNotSupported ": channel(
        data=("data", {"application": ("t120", ("separateLANStack", NULL)), "maxBitRate": 640})
    ),
    "dataTypeNotSupported  ": channel(data=("nullData", NULL)),
    "dataTypeNotSupported   ": channel(data=data_type(Codec("h264", level=31)), session=2),
    "dataTypeNotSupported    ": channel(
        data=data_type(picture(content=True)), session=32, own={"dynamicRTPPayloadType": 96}
    ),
    "securityDenied": channel(
        data=(
            "h235Media",
            {"encryptionAuthenticationAndIntegrity": PROTECTION, "mediaType": ("audioData", ("g711Alaw64k", 20))},
        )
    ),
    "invalidSessionID": channel(session=2),
    "multicastChannelNotAllowed": channel(own={"mediaChannel": MULTICAST}),
    "unsuitableReverseParameters": channel(reverseLogicalChannelParameters=REVERSE),
    "dataTypeALCombinationNotSupported": channel(forward={"multiplexParameters": ("none", NULL)}),
}


@pytest.mark.parametrize("cause", REFUSED)
def test_channels_that_cannot_be_are_refused_with_the_cause(cause: str) -> None:
    """And one that can be is taken afterwards."""
    victim = Victim()
    victim.begin()
    said = asn1.decode(asn1.Kind.H245, asn1.encode(asn1.Kind.H245, REFUSED[cause]))
    told = {"forwardLogicalChannelNumber": 5, "cause": (cause.strip(), NULL)}
    assert victim.hear(said) == [("openLogicalChannelReject", told)]
    assert next(name for name, _ in victim.hear(channel())) == "openLogicalChannelAck"


def test_a_peer_gives_way_to_its_master_once() -> None:
    """What it opens beside ours is refused the first time, followed the second."""
    victim = Victim()
    victim.begin()
    victim.hear(capability_set([("receiveAudioCapability", ("g722-64k", 60))], 2))
    victim.wait(1.5)
    assert [body[0] for _, body in victim.sent].count("openLogicalChannel") == 1
    assert victim.hear(channel())[0][1]["cause"] == ("masterSlaveConflict", NULL)
    assert "openLogicalChannelReject" not in [name for name, _ in victim.hear(channel())]
    offers = [one.sdp for one in victim.told if isinstance(one, e.OfferReceived)]
    assert "m=audio 5000 RTP/AVP 8 101" in offers[-1]


def test_a_master_is_followed_and_what_had_the_old_ports_is_opened_anew() -> None:
    """Another codec is another leg of the bridge's: ours closes and opens, and the peer is asked to do so."""
    victim = Victim()
    victim.begin("slave")
    pictures = ("receiveVideoCapability", codecs.written(Codec("h261", sizes=(("CIF", 1),), bit_rate=384_000)))
    sounds = [("receiveAudioCapability", (name, 20)) for name in ("g722-64k", "g711Alaw64k")]
    both = {"capabilityDescriptorNumber": 1, "simultaneousCapabilities": [[1, 2], [3]]}
    kind, (name, fields) = capability_set([*sounds, pictures], 2)
    victim.hear((kind, (name, fields | {"capabilityDescriptors": [both]})))
    victim.hear(channel(6, data=("videoData", pictures[1]), session=2))
    victim.wait(1.5)
    opened = [said for _, (name, said) in victim.sent if name == "openLogicalChannel"]
    number = opened[0]["forwardLogicalChannelNumber"]
    assert ("openLogicalChannelAck", 6) in [
        (name, said.get("forwardLogicalChannelNumber")) for _, (name, said) in victim.sent
    ]
    victim.port = 41_000
    said = victim.hear(channel(5))
    assert [name for name, _ in said] == [
        "openLogicalChannelAck",
        "closeLogicalChannel",
        "openLogicalChannel",
        "requestChannelClose",
        "closeLogicalChannel",
        "openLogicalChannel",
    ]
    assert said[1][1]["forwardLogicalChannelNumber"] == number
    assert said[2][1]["forwardLogicalChannelParameters"]["dataType"] == ("audioData", ("g711Alaw64k", 20))
    assert (said[3][1]["forwardLogicalChannelNumber"], said[3][1]["reason"]) == (6, ("reopen", NULL))
    closed = ("request", ("closeLogicalChannel", {"forwardLogicalChannelNumber": 6, "source": ("user", NULL)}))
    again = [name for name, _ in victim.hear(closed, channel(6, data=("videoData", pictures[1]), session=2))]
    assert again == ["closeLogicalChannelAck", "openLogicalChannelAck"]


def test_the_keeper_of_many_channels_gets_no_more() -> None:
    """A second in the same medium is refused, and requests without end are as well."""
    victim = Victim()
    victim.begin()
    victim.hear(channel(1))
    assert victim.hear(channel(2))[0][1]["cause"] == ("dataTypeNotAvailable", NULL)
    for number in range(3, 300):
        victim.hear(channel(number), channel(number, data=data_type(Codec("h261")), session=40 + number % 200))
        victim.wait(0.1)
    assert victim.size < 20
    assert len([one for one in victim.told if isinstance(one, e.OfferReceived)]) < 20


def test_sets_without_end_are_refused_and_large_ones_too() -> None:
    """What was known before stands."""
    victim = Victim()
    victim.begin()
    many = [("receiveAudioCapability", ("g711Alaw64k", 20))] * (MOST_ENTRIES + 1)
    assert victim.hear(capability_set(many, 2))[0][1]["cause"][0] == "tableEntryCapacityExceeded"
    answers = [victim.hear(capability_set(many[:3], 3))[0][0] for _ in range(40)]
    assert answers.count("terminalCapabilitySetReject") >= 30
    assert victim.control._sets.peer.usable.sound
    descriptors = [
        {"capabilityDescriptorNumber": at, "simultaneousCapabilities": [[1] * 256] * 60} for at in range(3)
    ]
    fields = {"sequenceNumber": 4, "protocolIdentifier": PROTOCOL, "capabilityDescriptors": descriptors}
    victim.wait(30)
    refused = victim.hear(("request", ("terminalCapabilitySet", fields)))
    assert refused[0][1]["cause"][0] == "descriptorCapacityExceeded"


def test_a_flood_ends_the_call() -> None:
    """With a goodbye."""
    victim = Victim()
    victim.begin()
    ping = ("request", ("roundTripDelayRequest", {"sequenceNumber": 1}))
    for _ in range(2_000):
        victim.hear(ping)
    assert victim.told[-1] == e.Ended(e.Ending.BAD)
    assert victim.sent[-1] == ("command", ("endSessionCommand", ("disconnect", NULL)))
    assert len(victim.sent) < 600


def test_what_is_not_known_is_said_to_be_so() -> None:
    """Requests and commands are answered, indications and responses are not."""
    victim = Victim()
    victim.begin()
    unknown = [("functionNotSupported", {"cause": ("unknownFunction", NULL)})]
    assert victim.hear(("request", ("_ext_9", b"\0"))) == unknown
    assert victim.hear(("command", ("_ext_9", b"\0"))) == unknown
    assert victim.hear(("indication", ("_ext_9", b"\0")), ("response", ("_ext_9", b"\0"))) == []
    assert victim.hear(("_ext_4", b"")) == []
    mode = {"sequenceNumber": 3, "requestedModes": []}
    assert victim.hear(("request", ("requestMode", mode)))[0][0] == "requestModeReject"
    loop = {"type": ("systemLoop", NULL)}
    assert victim.hear(("request", ("maintenanceLoopRequest", loop)))[0][0] == "maintenanceLoopReject"
    for wish in ("makeMeChair", "sendThisSource", "remoteMCRequest"):
        value = {"mcuNumber": 1, "terminalNumber": 1} if wish == "sendThisSource" else ("masterActivate", NULL)
        said = ("conferenceRequest", (wish, value if wish != "makeMeChair" else NULL))
        assert victim.hear(("request", said))[0][0] == "conferenceResponse"
    assert victim.hear(("request", ("conferenceRequest", ("terminalListRequest", NULL)))) == unknown


def test_determination_ends_whatever_is_answered() -> None:
    """Numbers that are always the same, and answers that contradict."""
    victim = Victim()
    victim.control.start(victim.now)
    victim.collect()
    reject = ("response", ("masterSlaveDeterminationReject", {"cause": ("identicalNumbers", NULL)}))
    for _ in range(20):
        victim.hear(reject)
    assert victim.told == [e.Ended(e.Ending.LOST)]
    assert [body[0] for _, body in victim.sent].count("masterSlaveDetermination") == 8
    victim = Victim()
    victim.control.start(victim.now)
    numbers = {"terminalType": 10, "statusDeterminationNumber": 1}
    victim.hear(("request", ("masterSlaveDetermination", numbers)))
    victim.hear(("response", ("masterSlaveDeterminationAck", {"decision": ("slave", NULL)})))
    assert victim.told == [e.Ended(e.Ending.LOST)]


@lru_cache
def captured() -> tuple[bytes, ...]:
    """Every message of the captures, once."""
    found = (value for name in ("c1", "c2", "c4", "c5", "c6") for _, value in messages(name))
    return tuple(dict.fromkeys(asn1.encode(asn1.Kind.H245, one) for one in found))


@st.composite
def spoken(draw: st.DrawFn) -> tuple | None:
    """A message of a capture, with some bytes changed, as far as that can be decoded."""
    data = bytearray(draw(st.sampled_from(captured())))
    for _ in range(draw(st.integers(0, 3))):
        data[draw(st.integers(0, min(len(data) - 1, 120)))] = draw(st.integers(0, 255))
    try:
        return asn1.decode(asn1.Kind.H245, bytes(data))
    except H323Error:
        return None


PLACE = ("unicastAddress", ("iPAddress", {"network": bytes((192, 0, 2, 2)), "tsapIdentifier": 5002}))
CAUSES = ("dataTypeNotSupported", "masterSlaveConflict", "securityDenied")
OF_CONTENT = (("request", 3, 126), ("response", 4, 126), ("response", 4, 127), ("command", 5, 1))


def content_message(kind: str, said: int, flag: int) -> tuple:
    """One of H.239's."""
    label = {"parameterIdentifier": ("standard", 44), "parameterValue": ("unsignedMin", 1)}
    known = {"parameterIdentifier": ("standard", flag), "parameterValue": ("logical", NULL)}
    fields = {"messageIdentifier": ("standard", MESSAGE), "subMessageIdentifier": said}
    return (kind, (f"generic{kind.capitalize()}", fields | {"messageContent": [label, known]}))


TABLE = [
    ("receiveAudioCapability", ("g711Alaw64k", 20)),
    ("receiveVideoCapability", codecs.written(picture())),
    ("receiveVideoCapability", codecs.written(picture(content=True))),
    ("genericControlCapability", {"capabilityIdentifier": ("standard", CONTENT_CONTROL)}),
    ("receiveAudioCapability", ("g722-64k", 20)),
]


def protected(table: list, secret: Secret) -> list:
    """A set's entries, each followed by how it can be protected."""
    security = [
        (
            "h235SecurityCapability",
            {"encryptionAuthenticationAndIntegrity": secret.protection(), "mediaCapability": at},
        )
        for at in range(1, len(table) + 1)
    ]
    return [*table, *security]


def with_a_key(message: tuple, secret: Secret, pick: random.Random) -> tuple:
    """A request for a channel, its set or its yes, as one who has a secret says it."""
    kind, (name, fields) = message
    algorithm = secret.algorithms[0]
    sync = {"encryptionSync": secret.sync(secret.new_key(algorithm), 120)} if pick.randrange(4) else {}
    if name == "terminalCapabilitySet" and "capabilityTable" in fields:
        table = [entry["capability"] for entry in fields["capabilityTable"]]
        return capability_set(protected(table, secret), fields["sequenceNumber"])
    if name == "openLogicalChannelAck":
        return (kind, (name, fields | sync))
    if name == "openLogicalChannel" and pick.randrange(6):
        forward = fields["forwardLogicalChannelParameters"]
        media = {
            "encryptionAuthenticationAndIntegrity": secret.protection(algorithm),
            "mediaType": forward["dataType"],
        }
        forward = forward | {"dataType": ("h235Media", media)}
        return (kind, (name, fields | sync | {"forwardLogicalChannelParameters": forward}))
    return message


def fitting(number: int, pick: random.Random) -> tuple:
    """Something that a peer says, about a channel of this number, at the wrong time as a rule."""
    named = {"forwardLogicalChannelNumber": number}
    places = {"sessionID": pick.choice((1, 2, 32)), "flowControlToZero": pick.random() < 0.1}
    places |= {"mediaChannel": PLACE, "mediaControlChannel": PLACE} if pick.randrange(4) else {}
    acknowledged = named | {"forwardMultiplexAckParameters": ("h2250LogicalChannelAckParameters", places)}
    own = {"dynamicRTPPayloadType": pick.choice((96, 97, 8))}
    shown = data_type(picture(content=pick.random() < 0.5))
    empty = ("request", ("terminalCapabilitySet", {"sequenceNumber": 9, "protocolIdentifier": PROTOCOL}))
    numbers = {"terminalType": pick.choice((50, 200)), "statusDeterminationNumber": pick.randrange(2**24)}
    told = pick.choice(("logicalChannelActive", "logicalChannelInactive"))
    limit = {"scope": ("logicalChannelNumber", number), "restriction": ("maximumBitRate", pick.randrange(3))}
    return pick.choice(
        (
            ("response", ("openLogicalChannelAck", acknowledged)),
            ("response", ("openLogicalChannelAck", acknowledged)),
            ("response", ("openLogicalChannelReject", named | {"cause": (pick.choice(CAUSES), NULL)})),
            channel(number, data=data_type(Codec(pick.choice(("pcma", "g722"))))),
            channel(number, data=shown, session=pick.choice((0, 2, 32)), own=own),
            ("request", ("closeLogicalChannel", named | {"source": ("user", NULL)})),
            ("response", ("closeLogicalChannelAck", named)),
            ("request", ("requestChannelClose", named | {"reason": (pick.choice(("normal", "reopen")), NULL)})),
            capability_set(TABLE[: pick.randrange(1, 5)], pick.randrange(256)),
            pick.choice((empty, capability_set(TABLE))),
            ("request", ("masterSlaveDetermination", numbers)),
            ("response", ("masterSlaveDeterminationAck", {"decision": (pick.choice(("master", "slave")), NULL)})),
            ("command", ("flowControlCommand", limit)),
            ("indication", ("miscellaneousIndication", {"logicalChannelNumber": number, "type": (told, NULL)})),
            content_message(*pick.choice(OF_CONTENT)),
        )
    )


@pytest.mark.parametrize("secured", [False, True])
@pytest.mark.parametrize("seed", range(8))
def test_what_fits_a_state_but_not_this_one_is_borne(seed: int, secured: bool) -> None:  # noqa: FBT001
    """With an owner who shares and takes back; no state of a channel stays unvisited."""
    pick, victim, secret = random.Random(seed), Victim(seed), Secret()
    if secured:
        victim.control.secret = Secret()
        assert victim.control.secret.take(secret.tokens())
        assert secret.take(victim.control.secret.tokens())
    victim.begin(pick.choice(("master", "slave")))
    victim.hear(capability_set(protected(TABLE, secret) if secured else TABLE, 2))
    for _ in range(250):
        message = fitting(pick.randrange(1, 7), pick)
        victim.hear(with_a_key(message, secret, pick) if secured else message)
        if pick.randrange(3) == 0:
            victim.wait(pick.choice((0.1, 0.7, 3.0)) if pick.randrange(20) else 16.0)
        if pick.randrange(8) == 0:
            victim.control.floor(pick.choice(list(Floor)), victim.now)
        victim.port += 100 if pick.randrange(30) == 0 else 0
        victim.collect()
        assert victim.size < 60
    assert not any(isinstance(one, e.Ended) for one in victim.told)
    assert len([one for one in victim.told if isinstance(one, e.OfferReceived)]) > 5
    victim.control.end(victim.now)
    assert victim.control.next_timeout() is None
    if secured:
        lines = [line for one in victim.told if isinstance(one, e.OfferReceived) for line in one.sdp.split("\r\n")]
        assert not any(" RTP/AVP " in line and line.split()[1] != "0" for line in lines if line.startswith("m="))


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much]
)
@given(st.lists(st.tuples(spoken(), st.floats(0, 20)), min_size=5, max_size=40), st.booleans())
def test_any_message_at_any_time_is_borne(said: list, begun: bool) -> None:  # noqa: FBT001 - drawn
    """Nothing is raised, nothing grows, and the end is told once."""
    victim = Victim()
    if begun:
        victim.begin()
    else:
        victim.control.start(victim.now)
    for message, pause in said:
        if message is not None:
            victim.hear(message)
        victim.wait(pause if pause > 15 else pause / 20)
        assert victim.size <= MOST_ENTRIES + 60
        due = victim.control.next_timeout()
        assert due is None or due > victim.now - 1
    victim.control.end(victim.now)
    assert victim.control.next_timeout() is None
