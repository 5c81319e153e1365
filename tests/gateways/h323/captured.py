"""The messages of `tests/vectors/h323`, and those inside them."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from signalling.gateways.h323.wire.asn1 import Kind, decode

FOLDER = Path(__file__).parents[2] / "vectors" / "h323"
CAPTURES = ("c1", "c2", "c3", "c4", "c5", "c6", "gk")
USER_USER = 0x7E


@dataclass(frozen=True)
class Packet:
    """One message as it was on the wire."""

    capture: str
    kind: str
    source: int
    destination: int
    data: bytes


@cache
def packets(*captures: str) -> tuple[Packet, ...]:
    """Those of some captures, in their order; of all without."""
    found = []
    for name in captures or CAPTURES:
        for line in (FOLDER / f"{name}.txt").read_text().splitlines():
            kind, source, destination, data = line.split()
            found.append(Packet(name, kind, int(source), int(destination), bytes.fromhex(data)))
    return tuple(found)


@cache
def encodings() -> tuple[tuple[Kind, bytes], ...]:
    """Everything in them that is aligned PER, also what stands inside another message; each once."""
    found: dict[tuple[Kind, bytes], None] = {}
    for packet in packets():
        kind, data = outermost(packet)
        found |= dict.fromkeys(nested(kind, data))
    return tuple(found)


def outermost(packet: Packet) -> tuple[Kind, bytes]:
    """The part of a message that is aligned PER."""
    if packet.kind == "ras":
        return Kind.RAS, packet.data
    if packet.kind == "h245":
        return Kind.H245, packet.data[4:]
    start, end = user_user(packet.data)
    return Kind.H225, packet.data[start:end]


def user_user(data: bytes) -> tuple[int, int]:
    """Where H.225.0 begins and ends in Q.931 in TPKT, found without the code that is tested."""
    at = 4 + 3 + data[5]
    while data[at] != USER_USER:
        at += 1 if data[at] & 0x80 else 2 + data[at + 1]
    return at + 4, at + 3 + int.from_bytes(data[at + 1 : at + 3], "big")


def nested(kind: Kind, data: bytes) -> Iterator[tuple[Kind, bytes]]:
    """An encoding and those inside it."""
    yield kind, data
    if kind is Kind.H225:
        message = decode(kind, data)["h323-uu-pdu"]
        for inner in message.get("h245Control", ()):
            yield Kind.H245, inner
        body = message["h323-message-body"][1]
        for inner in body.get("fastStart", ()) if isinstance(body, dict) else ():
            yield Kind.CHANNEL, inner
