"""Reads offers and answers of calls. What it does not know it passes over, and what it uses it checks.

Not by aiortc's grammar, which is made for browsers: it refuses a description as a whole for one line that it does
not know, such as a fax, a parameter of a payload type without rtpmap, or a setup of `holdconn`.
"""

import ipaddress
import re
from dataclasses import dataclass, field, replace
from typing import Final, Literal

from media.sdp.calls import crypto, h235
from media.sdp.calls.crypto import Crypto
from media.sdp.calls.h235 import ChannelKeys
from media.sdp.calls.ice import NO_ICE, PeerIce
from media.sdp.errors import SdpError
from media.sdp.offer import HASH_BYTES, Direction, Fingerprint, OfferedCodec

MAX_BYTES: Final = 64 * 1024
MAX_MEDIA_LINES: Final = 16
MAX_LINES: Final = 512
MAX_FORMATS: Final = 64
STATIC: Final = {
    0: ("pcmu", 8000),
    3: ("gsm", 8000),
    8: ("pcma", 8000),
    9: ("g722", 8000),
    31: ("h261", 90000),
    34: ("h263", 90000),
}
"""Payload types that need no rtpmap (RFC 3551 section 6), as far as peers use them."""
_M: Final = re.compile(
    r"m=([A-Za-z0-9-]{1,32}) ([0-9]{1,5})(?:/[0-9]{1,5})? ([A-Za-z0-9/]{1,64})((?: [^\s]{1,64}){1,64})"
)
_B: Final = re.compile(r"b=(TIAS|AS):([0-9]{1,10})")
_C: Final = re.compile(r"c=IN IP[46] ([0-9A-Fa-f.:]{2,45})(?:/[0-9/]{1,10})?")
_RTPMAP: Final = re.compile(r"([0-9]{1,3}) ([A-Za-z0-9._-]{1,64})/([0-9]{1,7})(?:/([0-9]{1,3}))?")
_FMTP: Final = re.compile(r"([0-9]{1,3}) (.{1,1000})")
_FEEDBACK: Final = re.compile(r"([0-9]{1,3}|\*) ([a-z0-9-]{1,32}(?: [a-z0-9-]{1,32})?)\b.*")
_RTCP: Final = re.compile(r"([0-9]{1,5})(?: IN IP[46] ([0-9A-Fa-f.:]{2,45}))?")
_FINGERPRINT: Final = re.compile(r"([A-Za-z0-9-]{1,16}) ([0-9A-Fa-f:]{1,200})")
_LABEL: Final = re.compile(r"\S{1,64}")
# m-stream in RFC 4583, which a room system of today may still write.
_FLOOR: Final = re.compile(r"[0-9]{1,5} m(?:strm|-stream):(\S{1,64}(?: \S{1,64}){0,15})")
_DIRECTIONS: Final[dict[str, Direction]] = {
    "sendrecv": "sendrecv",
    "sendonly": "sendonly",
    "recvonly": "recvonly",
    "inactive": "inactive",
}
Setup = Literal["actpass", "active", "passive", "holdconn"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CallLine:
    """One m-line. `host` is numeric, None where there is none that can be used; `port` is 0 for one not in use."""

    kind: str
    port: int
    profile: str
    formats: tuple[str, ...]
    host: str | None = field(default=None, repr=False)
    rtcp: tuple[str | None, int] | None = field(default=None, repr=False)
    rtcp_mux: bool = False
    direction: Direction = "sendrecv"
    codecs: tuple[OfferedCodec, ...] = ()
    cryptos: tuple[Crypto, ...] = ()
    channels: tuple[ChannelKeys, ...] = ()
    """Keys of H.235.6, for which a gateway of H.323 alone may speak."""
    fingerprints: tuple[Fingerprint, ...] = ()
    setup: Setup | None = None
    content: str = ""
    label: str = ""
    floors: tuple[str, ...] = ()
    """The labels of the m-lines to which a floor gives the right to send (RFC 8856 section 5.5)."""
    ice: PeerIce = NO_ICE
    max_ptime_ms: int | None = None
    max_bitrate: int | None = None
    """What the writer takes at the most, in bit/s (RFC 3890, RFC 8866 section 5.8)."""


@dataclass(frozen=True, slots=True)
class CallOffer:
    """All m-lines in order."""

    lines: tuple[CallLine, ...]


def read(text: str) -> CallOffer:
    """Read a description, or raise SdpError; no other exception leaves this function, whatever the text."""
    if len(text) > MAX_BYTES:
        raise SdpError("sdp_invalid", f"The description is longer than {MAX_BYTES} characters.")
    lines = [line.rstrip("\r") for line in text.split("\n")]
    if lines[0] != "v=0":
        raise SdpError("sdp_invalid", "The description does not begin with v=0.")
    begins = [at for at, line in enumerate(lines) if line.startswith("m=")]
    if not 0 < len(begins) <= MAX_MEDIA_LINES or len(lines) > MAX_LINES:
        raise SdpError("sdp_invalid", f"A description has 1 to {MAX_MEDIA_LINES} m-lines, and {MAX_LINES} lines.")
    session = _attributes(CallLine(kind="", port=0, profile="", formats=()), lines[: begins[0]])
    ends = [*begins[1:], len(lines)]
    return CallOffer(tuple(_media(session, lines[at:end]) for at, end in zip(begins, ends, strict=True)))


def _media(session: CallLine, section: list[str]) -> CallLine:
    match = _M.fullmatch(section[0])
    if match is None or int(match[2]) >= 2**16:
        raise SdpError("sdp_invalid", "An m-line is malformed.")
    formats = tuple(match[4].split())
    # A limit above all m-lines is for all of them together, which says nothing of one.
    line = replace(session, max_bitrate=None)
    line = replace(line, kind=match[1].lower(), port=int(match[2]), profile=match[3], formats=formats)
    line = _attributes(line, section[1:])
    return replace(line, codecs=_codecs(formats, section)) if line.kind in ("audio", "video") else line


def _attributes(line: CallLine, section: list[str]) -> CallLine:
    """What stands above all m-lines holds for each, unless the m-line says otherwise."""
    own: list[Fingerprint] = []
    for one in section:
        if (match := _C.fullmatch(one)) is not None:
            line = replace(line, host=_address(match[1]))
        elif (match := _B.fullmatch(one)) is not None:
            line = replace(line, max_bitrate=_least(line.max_bitrate, match))
        elif one.startswith("a="):
            name, _, value = one[2:].partition(":")
            if name == "fingerprint":
                own += _fingerprint(value)
            else:
                line = _attribute(line, name, value)
    return replace(line, fingerprints=tuple(dict.fromkeys(own))) if own else line


def _attribute(line: CallLine, name: str, value: str) -> CallLine:
    if name in _DIRECTIONS and not value:
        return replace(line, direction=_DIRECTIONS[name])
    match name:
        case "rtcp-mux":
            line = replace(line, rtcp_mux=True)
        case "rtcp" if (found := _RTCP.fullmatch(value)) is not None and 0 < int(found[1]) < 2**16:
            line = replace(line, rtcp=(_address(found[2]) if found[2] else None, int(found[1])))
        case "crypto" if (offered := crypto.parse(value)) is not None:
            line = replace(line, cryptos=(*line.cryptos, offered))
        case "crypto" if (channel := h235.parse(value)) is not None:
            line = replace(line, channels=(*line.channels, channel))
        case "setup":
            line = replace(line, setup=_setup(value))
        case "content" | "label" | "floorid":
            line = _use(line, name, value)
        case "ice-ufrag" | "ice-pwd" | "ice-lite" | "ice-options" | "candidate":
            line = replace(line, ice=line.ice.with_attribute(name, value))
        case "maxptime" if re.fullmatch("[0-9]{1,4}", value):
            line = replace(line, max_ptime_ms=int(value))
    return line


def _use(line: CallLine, name: str, value: str) -> CallLine:
    """What a line is for, and what it is called where another line says that."""
    if name == "content":
        return replace(line, content=value.split(",", maxsplit=1)[0].strip().lower()[:32])
    if name == "label":
        return replace(line, label=value) if _LABEL.fullmatch(value) else line
    found = _FLOOR.fullmatch(value)
    return line if found is None else replace(line, floors=(*line.floors, *found[1].split()))


def _least(before: int | None, match: re.Match[str]) -> int | None:
    """Of several limits the lowest; 0 is how some say that there is none."""
    found = int(match[2]) * (1_000 if match[1] == "AS" else 1)
    return before if not found else min(found, before or found)


def _setup(value: str) -> Setup | None:
    match value:
        case "actpass" | "active" | "passive" | "holdconn":
            return value
        case _:
            return None


def _address(text: str) -> str | None:
    """A numeric address; 0.0.0.0, which is how some put a call on hold, is none."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    return None if address.is_unspecified or address.is_multicast else str(address)


def _fingerprint(value: str) -> list[Fingerprint]:
    match = _FINGERPRINT.fullmatch(value)
    size = None if match is None else HASH_BYTES.get(match[1].lower())
    if match is None or size is None:
        return []
    if not re.fullmatch(rf"[0-9A-Fa-f]{{2}}(:[0-9A-Fa-f]{{2}}){{{size - 1}}}", match[2]):
        raise SdpError("sdp_invalid", "A certificate fingerprint is malformed.")
    return [Fingerprint(match[1].lower(), match[2].upper())]


def _codecs(formats: tuple[str, ...], section: list[str]) -> tuple[OfferedCodec, ...]:
    """The payload types of an m-line in its order, each with its parameters and feedback."""
    values = [one[2:].partition(":") for one in section if one.startswith("a=")]
    maps = {int(m[1]): m for name, _, value in values if name == "rtpmap" and (m := _RTPMAP.fullmatch(value))}
    parameters = {int(m[1]): m[2] for name, _, value in values if name == "fmtp" and (m := _FMTP.fullmatch(value))}
    feedback = [m for name, _, value in values if name == "rtcp-fb" and (m := _FEEDBACK.fullmatch(value))]
    codecs = []
    for pt in dict.fromkeys(int(one) for one in formats[:MAX_FORMATS] if re.fullmatch("[0-9]{1,3}", one)):
        known, static = maps.get(pt), STATIC.get(pt)
        if pt > 127 or (known is None and static is None):  # noqa: PLR2004 - payload types have seven bits
            continue
        name, rate = (known[2].lower(), int(known[3])) if known is not None else static or ("", 0)
        codecs.append(
            OfferedCodec(
                pt=pt,
                name=name,
                clock_rate=rate,
                channels=int(known[4]) if known is not None and known[4] else None,
                parameters=_parameters(parameters.get(pt, "")),
                feedback=frozenset(m[2] for m in feedback if m[1] in ("*", str(pt))),
            )
        )
    return tuple(codecs)


def _parameters(text: str) -> dict[str, str]:
    pairs = (part.strip().partition("=") for part in text.split(";"))
    return {key.strip().lower(): value.strip() for key, _, value in pairs if key.strip()}
