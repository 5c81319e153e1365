"""What we write of the captured messages is to tshark what it was, and nothing of it malformed."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from signalling.gateways.h323.wire import q931
from signalling.gateways.h323.wire.asn1 import Kind, Value, decode, encode
from signalling.gateways.h323.wire.q931 import Kind as Signal
from tests.gateways.h323.captured import Packet, outermost, packets, user_user
from tests.gateways.h323.gatekeepers import identity, incoming, outgoing, scene
from tests.gateways.h323.wired import SIGNALLING, Wire
from tests.support.dissected import TCP, UDP, dissect

PORTS = {"call": (TCP, 1720), "h245": (TCP, 1721), "ras": (UDP, 1719)}
OPTIONS = ("-O", "q931,h225,h245", "-d", "tcp.port==1721,h245")
# Where something stands differs, since the captured stacks write less of the bitmaps of additions.
SHOWN = 72
"""Digits of what is long."""
ADDRESS = 4
FIELD = re.compile(r"^\s*([.01]{4} [.01]{4} )?")
HALVES = ("request", "response", "command", "indication")
ORIGINATED = {
    *("setup", "callProceeding", "connect", "releaseComplete", "masterSlaveDetermination"),
    *("masterSlaveDeterminationAck", "terminalCapabilitySet", "terminalCapabilitySetAck", "openLogicalChannel"),
    *("openLogicalChannelAck", "flowControlCommand", "miscellaneousCommand", "genericRequest", "genericResponse"),
    "endSessionCommand",
}
"""What is said in a call at least."""
WHERE = re.compile(r"[.01]{4} [.01]{4} |\s+Length: \d+$|\d+ octets$")


def test_tshark_reads_ours_as_it_reads_theirs(tmp_path: Path) -> None:
    """Line by line."""
    theirs = [(*PORTS[packet.kind], packet.data) for packet in packets()]
    ours = [(*PORTS[packet.kind], written_by_us(packet)) for packet in packets()]
    assert sum(mine[2] != original[2] for mine, original in zip(ours, theirs, strict=True)) > len(ours) / 2
    lines = dissect(tmp_path, theirs + ours, *OPTIONS)
    assert len(lines) == 2 * len(theirs)
    assert not wrong(lines)
    # Each was taken apart to its end: the deepest have more than a thousand lines.
    assert all(any(name in line for line in packet for name in ("H.225.0", "H.245")) for packet in lines)
    for packet, their_lines, our_lines in zip(packets(), lines, lines[len(theirs) :], strict=False):
        assert comparable(our_lines) == comparable(their_lines), packet


def test_tshark_reads_what_we_say_to_a_gatekeeper(tmp_path: Path) -> None:
    """Field by field."""
    it = scene(prefixes=("88",), password="x")  # noqa: S106
    it.endpoint.register(it.now)
    said = [one.data for one in it.endpoint.collect()]
    it.confirm_discovery(decode(Kind.RAS, said[0])[1]["requestSeqNum"])
    said += [one.data for one in it.endpoint.collect()]
    it = scene()
    it.register()
    for asked in (outgoing(1), incoming(2)):
        it.endpoint.admit(asked, it.now)
        (question,) = it.endpoint.collect()
        said.append(question.data)
        it.confirm_admission(decode(Kind.RAS, question.data)[1]["requestSeqNum"])
        it.endpoint.collect()
    it.say("infoRequest", requestSeqNum=9, callReferenceValue=0)
    it.endpoint.disengage(identity(1).call, it.now)
    it.endpoint.unregister(it.now)
    said += [one.data for one in it.endpoint.collect()]
    lines = dissect(tmp_path, [(UDP, 1719, data) for data in said], "-O", "h225")
    assert not wrong(lines)
    expected = (
        ("gatekeeperRequest", "prefix: dialledDigits (0)", "dialledDigits: 88", "algorithmOIDs: 1 item"),
        ("registrationRequest", "h323-ID: bridge", "dialledDigits: 1001", "timeToLive: 300", "cryptoHashedToken"),
        ("admissionRequest", "dialledDigits: 4711", "bandWidth: 20000", "answerCall: False", "ip: 192.0.2.1"),
        ("admissionRequest", "h323-ID: Ward 7", "answerCall: True", "callReferenceValue: 2", "port: 1721"),
        ("infoRequestResponse", "perCallInfo: 2 items", "originator: True", "irrStatus: complete (0)"),
        ("disengageRequest", "disengageReason: normalDrop (1)", "answeredCall: False"),
        ("unregistrationRequest", "endpointIdentifier: 17_endp"),
    )
    for packet, words in zip(lines, expected, strict=True):
        for word in words:
            assert any(word in line for line in packet), (word, packet)


@pytest.mark.parametrize(("encrypts", "tunnels"), [(False, True), (True, False)], ids=["clear", "secret"])
def test_tshark_reads_what_both_sides_of_a_call_say(tmp_path: Path, encrypts: bool, tunnels: bool) -> None:  # noqa: FBT001
    """Field by field, in order: of each message every one that stands in it."""
    wire = Wire(encrypts=encrypts, tunnels=tunnels)
    wire.run()
    lines = dissect(tmp_path, [(TCP, port, data) for port, data in wire.sent], *OPTIONS)
    assert not wrong(lines)
    said = set[str]()
    for (port, data), read in zip(wire.sent, lines, strict=True):
        wanted = list(told(port, data))
        said |= {text for name, text in wanted if name in ("h323-message-body", *HALVES)}
        rest = iter(FIELD.sub("", line) for line in read)
        for name, text in wanted:
            assert any(is_read(line, name, text) for line in rest), (name, text, read)
    assert said >= ORIGINATED
    assert ("dhkey" in str(lines), "h235Key" in str(lines)) == (encrypts, encrypts)


def told(port: int, data: bytes) -> Iterator[tuple[str, str]]:
    """The fields of a message, by name and as tshark writes them; of nested ones, too."""
    if port != SIGNALLING:
        yield from fields("", decode(Kind.H245, data[4:]))
        return
    message = q931.parse(data[4:])
    yield "Call reference value", f"{message.reference:04x}"
    yield "Message type", f"{Signal(message.kind).name.replace('_', ' ')} (0x{message.kind:02x})"
    assert message.user_information is not None
    yield from fields("", decode(Kind.H225, message.user_information))


def fields(name: str, value: Value) -> Iterator[tuple[str, str]]:
    """Those of one value. What stands in a list has the name of its type, which is not known here."""
    match value:
        case dict():
            for member, inner in value.items():
                yield from fields(member, inner)
        case str(chosen), inner:
            yield name, chosen
            yield from fields(chosen, inner)
        case list():
            yield name, "1 item" if len(value) == 1 else f"{len(value)} items"
            for one in value:
                yield from fields("", decode(Kind.H245, one) if name == "h245Control" else one)
        case int(number), int(bits):
            yield name, f"{number.to_bytes(bits // 8, 'big').hex()[:SHOWN]}… [bit length {bits}]"
        case tuple():
            yield name, ".".join(map(str, value))
        case bytes():
            yield name, ".".join(map(str, value)) if len(value) == ADDRESS else value.hex()[:SHOWN]
        case _:
            yield name, str(value)


def is_read(line: str, name: str, text: str) -> bool:
    """Whether a line of tshark's is this field; some numbers have a name before them. NULL is 0 to us."""
    label, _, value = line.partition(": ")
    if name and label != name:
        return False
    value, text = value.replace("-", ""), text.replace("-", "")
    follows = value.startswith(text) and not value[len(text) :][:1].isalnum()
    return follows or value.endswith(f" ({text})") or (text, value) == ("0", "NULL")


def wrong(lines: list[list[str]]) -> list[str]:
    """What tshark did not understand."""
    pattern = re.compile("malformed|dissector bug|not decoded", re.IGNORECASE)
    return [line for packet in lines for line in packet if pattern.search(line)]


def comparable(lines: list[str]) -> list[str]:
    """Lines of the protocols, without where their bits stand."""
    return [WHERE.sub("", line) for line in lines[3:]]


def written_by_us(packet: Packet) -> bytes:
    """The same message with every encoding in it made by us."""
    kind, data = outermost(packet)
    encoding = encode(kind, inside_by_us(kind, decode(kind, data)))
    if packet.kind == "ras":
        return encoding
    start, end = user_user(packet.data) if packet.kind == "call" else (4, len(packet.data))
    whole = bytearray(packet.data[:start] + encoding + packet.data[end:])
    if packet.kind == "call":
        whole[start - 3 : start - 1] = (len(encoding) + 1).to_bytes(2, "big")
    whole[2:4] = len(whole).to_bytes(2, "big")
    return bytes(whole)


def inside_by_us(kind: Kind, value: Value) -> Value:
    """The value with the encodings that it holds made by us."""
    if kind is not Kind.H225:
        return value
    message = value["h323-uu-pdu"]
    if "h245Control" in message:
        message["h245Control"] = [encode(Kind.H245, decode(Kind.H245, one)) for one in message["h245Control"]]
    body = message["h323-message-body"][1]
    if isinstance(body, dict) and "fastStart" in body:
        body["fastStart"] = [encode(Kind.CHANNEL, decode(Kind.CHANNEL, one)) for one in body["fastStart"]]
    return value
