"""A peer's media as the bridge's SDP, and what the bridge's says of our end (RFC 8866)."""

import re
from dataclasses import dataclass, field
from typing import Final, Literal

from signalling.gateways.h323.control import codecs
from signalling.gateways.h323.control.capabilities import EVENTS, EVENTS_PT
from signalling.gateways.h323.control.codecs import Codec, Kind
from signalling.gateways.h323.control.values import Address

KINDS: Final = (Kind.SOUND, Kind.PICTURE, Kind.CONTENT)
"""The order of m-lines in every description, the bridge's own offers too."""
NOWHERE: Final = ("0.0.0.0", 9)  # noqa: S104 - how SDP says that nothing can be sent there
Direction = Literal["sendrecv", "sendonly", "recvonly", "inactive"]
_M: Final = re.compile(r"m=([a-z]+) ([0-9]{1,5}) ([A-Z0-9/]+) .+")
_C: Final = re.compile(r"c=IN IP[46] ([0-9A-Fa-f.:]{2,45})")
_RTCP: Final = re.compile(r"a=rtcp:([0-9]{1,5})\b.*")
_B: Final = re.compile(r"b=TIAS:([0-9]{1,10})")


@dataclass(frozen=True, slots=True)
class PeerLine:
    """What one medium's m-line says of the peer; without a codec it is not in use."""

    kind: Kind
    codec: Codec | None = None
    payload_type: int = 0
    rtp: Address | None = field(default=None, repr=False)
    rtcp: Address | None = field(default=None, repr=False)
    sends: bool = False
    receives: bool = False
    bit_rate: int | None = None
    crypto: str = field(default="", repr=False)
    """The value of an attribute that holds keys; empty for media in the clear."""


@dataclass(frozen=True, slots=True)
class OurLine:
    """What the bridge's description says of our end of a medium."""

    rtp: Address = field(repr=False)
    rtcp: Address = field(repr=False)
    bit_rate: int | None = None
    """The most that we take, in bit/s."""


def write(lines: tuple[PeerLine, ...], session: int, version: int) -> str:
    """The peer's media, each in its place."""
    text = ["v=0", f"o=- {session} {version} IN IP4 0.0.0.0", "s=-", "c=IN IP4 0.0.0.0", "t=0 0"]
    for line in lines:
        text += _line(line)
    return "\r\n".join([*text, ""])


def _line(line: PeerLine) -> list[str]:
    media = "audio" if line.kind is Kind.SOUND else "video"
    if line.codec is None:
        return [f"m={media} 0 RTP/AVP {0 if line.kind is Kind.SOUND else 31}"]
    host, port = line.rtp or _before(line.rtcp) or NOWHERE
    events = line.kind is Kind.SOUND and line.payload_type != EVENTS_PT
    formats = _formats(line.codec, line.payload_type)
    numbers = " ".join(str(number) for number in [*formats, *([EVENTS_PT] if events else [])])
    text = [f"m={media} {port} {'RTP/SAVP' if line.crypto else 'RTP/AVP'} {numbers}", f"c=IN {_family(host)}"]
    if line.bit_rate:
        text.append(f"b=TIAS:{line.bit_rate}")
    if line.crypto:
        text.append(f"a=crypto:{line.crypto}")
    if line.rtcp is not None:
        text.append(f"a=rtcp:{line.rtcp[1]} IN {_family(line.rtcp[0])}")
    text += [attribute for number in formats for attribute in codecs.sdp(line.codec, number)]
    if events:
        text += [f"a=rtpmap:{EVENTS_PT} telephone-event/8000", f"a=fmtp:{EVENTS_PT} {EVENTS}"]
    if line.kind is Kind.SOUND and line.codec.most_ms and line.codec.most_ms >= 20:  # noqa: PLR2004 - of one packet
        text.append(f"a=maxptime:{line.codec.most_ms}")
    if line.kind is Kind.CONTENT:
        text.append("a=content:slides")
    return [*text, f"a={_direction(line)}"]


def _formats(codec: Codec, own: int) -> list[int]:
    """The number that we send with, and those that the peer may choose, with each channel and perhaps late.

    A line that changes its formats would be another leg of the bridge's, with other ports.
    """
    others = codecs.NUMBERS if codec.name in codecs.DYNAMIC else ()
    return [own, *(number for number in others if number != own)]


def _before(rtcp: Address | None) -> Address | None:
    """Where RTP is likely to come from, beside RTCP (RFC 3550 section 11), as long as the peer has not said it."""
    return None if rtcp is None or rtcp[1] < 2 else (rtcp[0], rtcp[1] - 1)  # noqa: PLR2004


def _family(host: str) -> str:
    return f"IP6 {host}" if ":" in host else f"IP4 {host}"


def _direction(line: PeerLine) -> Direction:
    match line.sends, line.receives:
        case True, True:
            return "sendrecv"
        case True, False:
            return "sendonly"
        case False, True:
            return "recvonly"
    return "inactive"


def read(sdp: str) -> dict[Kind, OurLine]:
    """Our end of each medium that the bridge has; what it has not, or says with port 0, is left out."""
    session, *sections = re.split(r"(?m)^(?=m=)", sdp.replace("\r\n", "\n"))
    found: dict[Kind, OurLine] = {}
    for kind, section in zip(KINDS, sections, strict=False):
        line = _read(section, _host(session))
        if line is not None:
            found[kind] = line
    return found


def allows_plain(sdp: str) -> bool:
    """Whether an offer of the bridge's takes media in the clear: its profile is not one of SRTP."""
    found = [match[3] for line in sdp.splitlines() if (match := _M.fullmatch(line)) is not None]
    return any("SAVP" not in profile for profile in found)


def _host(section: str) -> str | None:
    found = [match[1] for line in section.split("\n") if (match := _C.fullmatch(line)) is not None]
    return found[0] if found else None


def _read(section: str, session_host: str | None) -> OurLine | None:
    lines = section.split("\n")
    media, host = _M.fullmatch(lines[0]), _host(section) or session_host
    if media is None or host is None or not 0 < int(media[2]) < 2**16:
        return None
    port = int(media[2])
    rtcp = next((int(match[1]) for line in lines if (match := _RTCP.fullmatch(line)) is not None), port + 1)
    rates = [int(match[1]) for line in lines if (match := _B.fullmatch(line)) is not None]
    return OurLine((host, port), (host, rtcp), rates[0] if rates else None)
