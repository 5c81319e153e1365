"""Header extensions of packets: one id for each in the whole bundle (RFC 8285, RFC 9143 section 9.2)."""

from collections.abc import Iterable, Iterator
from typing import Final

from media.description import Extensions
from media.sdp.codecs import Capabilities
from media.sdp.offer import Direction, MediaLine

MID_URI: Final = "urn:ietf:params:rtp-hdrext:sdes:mid"
AUDIO_LEVEL_URI: Final = "urn:ietf:params:rtp-hdrext:ssrc-audio-level"
RID_URI: Final = "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id"
REPAIRED_RID_URI: Final = "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id"
TRANSPORT_CC_URI: Final = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"
ONE_BYTE_IDS: Final = range(1, 15)
MIRRORED: Final[dict[Direction, Direction]] = {"sendonly": "recvonly", "recvonly": "sendonly"}


def settle(lines: Iterable[MediaLine], sources: frozenset[str], capabilities: Capabilities) -> Extensions:
    """Settle the ids from the offer's m-lines; `sources` are the mids of those that the client sends on."""
    bundled = [line for line in lines if line.usable]
    sending = [line for line in bundled if line.mid in sources]
    simulcast = [line for line in sending if line.encodings and "simulcast" not in capabilities.without]
    wanted = {
        MID_URI: sending,
        AUDIO_LEVEL_URI: sending,
        TRANSPORT_CC_URI: [] if "feedback" in capabilities.without else bundled,
        RID_URI: simulcast,
        REPAIRED_RID_URI: simulcast,
    }
    found: dict[str, int] = {}
    for uri, candidates in wanted.items():
        ids = (line.extensions[uri] for line in candidates if uri in line.extensions)
        number = next((number for number in ids if number in ONE_BYTE_IDS), None)
        if number is not None and number not in found.values():
            found[uri] = number
    return Extensions(
        mid=found.get(MID_URI),
        audio_level=found.get(AUDIO_LEVEL_URI),
        transport_cc=found.get(TRANSPORT_CC_URI),
        rid=found.get(RID_URI),
        repaired_rid=found.get(REPAIRED_RID_URI),
    )


def offers(line: MediaLine, uri: str, number: int | None, direction: Direction) -> bool:
    """Whether the client offers this extension with the settled id, for what flows in its `direction`."""
    allowed = line.one_way.get(uri, "sendrecv")
    return number is not None and line.extensions.get(uri) == number and allowed in ("sendrecv", direction)


def numbers_packets(line: MediaLine, extensions: Extensions) -> bool:
    """Whether transport-wide numbers are in all packets of an m-line, whichever way they go."""
    ways: tuple[Direction, ...] = ("sendonly", "recvonly") if line.direction == "sendrecv" else (line.direction,)
    return all(offers(line, TRANSPORT_CC_URI, extensions.transport_cc, way) for way in ways)


def answered(line: MediaLine, extensions: Extensions, *, is_source: bool, has_encodings: bool) -> Iterator[str]:
    """Yield the values of the a=extmap lines that answer an m-line.

    A slot has the number of transport-wide congestion control alone: its SSRC is signalled, so a MID would be a
    few bytes in every packet for nothing, and a browser measures the level of what it plays itself.
    """
    wanted = (
        (MID_URI, extensions.mid, is_source),
        (AUDIO_LEVEL_URI, extensions.audio_level, is_source),
        (RID_URI, extensions.rid, has_encodings),
        (REPAIRED_RID_URI, extensions.repaired_rid, has_encodings),
    )
    for uri, number, of_use in wanted:
        if of_use and offers(line, uri, number, "sendonly"):
            yield _extmap(line, uri, number)
    if numbers_packets(line, extensions):
        yield _extmap(line, TRANSPORT_CC_URI, extensions.transport_cc)


def _extmap(line: MediaLine, uri: str, number: int | None) -> str:
    """An extension that was offered in one direction is answered in the same, as seen from here."""
    way = line.one_way.get(uri)
    return f"{number} {uri}" if way is None else f"{number}/{MIRRORED.get(way, way)} {uri}"
