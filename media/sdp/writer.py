"""Writes the lines of an answer: nothing is decided here."""

import hashlib
import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from media.description import SlotPlace
from media.sdp.codecs import CCFB, TRANSPORT_CC, Agreed, AgreedFec
from media.sdp.offer import Direction, MediaLine
from media.sdp.simulcast import SentEncoding

# RFC 8445, 5.1.2.1, asks for one value for all candidates of a type, and we have no other type. It lies below
# browsers' own (126 for hosts, 110 for peer-reflexive ones), so that it decides between pairs; see `_priority`.
HOST_PREFERENCE: Final = 100
RTP_COMPONENT: Final = 1


@dataclass(frozen=True, slots=True)
class Transport:
    """What every accepted m-line repeats of the one transport; `version` counts from 1 with each ICE restart."""

    ice_ufrag: str
    ice_pwd: str
    fingerprint: str
    candidates: tuple[tuple[str, int], ...]
    version: int


@dataclass(frozen=True, slots=True)
class Section:
    """One accepted m-line; `place`, `rtx_ssrc` and `fec` are those of what the bridge sends on it, if anything.

    `extensions` are values of a=extmap; `encodings` what the client shall send at once, () for one.
    """

    line: MediaLine
    mid: str
    direction: Direction
    agreed: tuple[Agreed, ...]
    extensions: tuple[str, ...]
    encodings: tuple[SentEncoding, ...]
    max_bitrate: int | None
    place: SlotPlace | None
    rtx_ssrc: int | None
    fec: AgreedFec | None
    ccfb: bool
    cname: str


def session(cname: str, version: int, bundle: Sequence[str]) -> list[str]:
    """Return the lines before the first m-line.

    The session id follows from the CNAME, so that all answers of a leg share it (RFC 3264 section 8).
    """
    number = int.from_bytes(hashlib.sha256(cname.encode()).digest()[:8], "big") >> 1
    return [
        "v=0",
        f"o=- {number} {version} IN IP4 127.0.0.1",
        "s=-",
        "t=0 0",
        f"a=group:BUNDLE {' '.join(bundle)}",
        "a=ice-lite",
        "a=msid-semantic: WMS *",
    ]


def rejected(line: MediaLine) -> list[str]:
    """Return a refused m-line (RFC 3264 section 6): port 0, and one format because the grammar wants one."""
    lines = [f"m={line.kind} 0 {line.profile} {line.formats[0]}", "c=IN IP4 0.0.0.0", "a=inactive"]
    return lines if line.mid is None else [*lines, f"a=mid:{line.mid}"]


def media(section: Section, transport: Transport) -> list[str]:
    """Return an accepted m-line.

    The candidates stand on every line of the bundle, though the first would do (RFC 8843 section 9.1): aiortc
    takes those of the last line when it bundles at once, and browsers do not mind.
    """
    numbers = [str(pt) for item in section.agreed for pt in payload_types(item)]
    if section.fec is not None:
        numbers.append(str(section.fec.pt))
    address, port = transport.candidates[0]
    lines = [
        f"m={section.line.kind} {port} {section.line.profile} {' '.join(numbers)}",
        f"c=IN IP{ipaddress.ip_address(address).version} {address}",
    ]
    if section.max_bitrate is not None:
        lines.append(f"b=TIAS:{section.max_bitrate}")
    lines += _transport_lines(transport)
    lines += [f"a=mid:{section.mid}", f"a={section.direction}"]
    lines += [f"a=extmap:{value}" for value in section.extensions]
    if section.place is not None:
        lines.append(f"a=msid:{section.place.stream} {section.place.track}")
    lines.append("a=rtcp-mux")
    if section.line.rtcp_rsize:
        lines.append("a=rtcp-rsize")
    if section.ccfb:
        lines.append(f"a=rtcp-fb:* {CCFB}")
    for item in section.agreed:
        lines += format_lines(item)
    if section.fec is not None:
        lines += _fec_lines(section.fec)
    if section.encodings:
        lines += [f"a=rid:{encoding.rid} recv" for encoding in section.encodings]
        # A pause is repeated: without it Chromium would send again what it had paused.
        lines.append(f"a=simulcast:recv {';'.join(map(str, section.encodings))}")
    if section.place is not None:
        fec_ssrc = section.place.fec_ssrc if section.fec is not None else None
        lines += _ssrc_lines(section.place.ssrc, section.rtx_ssrc, fec_ssrc, section.cname)
    return lines


def payload_types(item: Agreed) -> list[int]:
    """RED goes before what it carries: a client sends in the first format that it finds."""
    numbers = (item.format.red_pt, item.format.pt, item.format.rtx_pt)
    return [number for number in numbers if number is not None]


def _transport_lines(transport: Transport) -> list[str]:
    lines = [
        f"a=ice-ufrag:{transport.ice_ufrag}",
        f"a=ice-pwd:{transport.ice_pwd}",
        f"a=fingerprint:sha-256 {transport.fingerprint}",
        "a=setup:passive",
    ]
    for number, place in enumerate(transport.candidates, start=1):
        lines.append(candidate_line(transport.version, (number, RTP_COMPONENT), place))
    return [*lines, "a=end-of-candidates"]


def candidate_line(version: int, which: tuple[int, int], place: tuple[str, int]) -> str:
    """Return the attribute of one address of ours; `which` is its number from 1 on, and the component."""
    (number, component), (address, port) = which, place
    priority = _priority(version, number, component)
    return f"a=candidate:{number} {component} udp {priority} {address} {port} typ host"


def _priority(version: int, number: int, component: int) -> int:
    """Priority of candidate `number` (from 1) after so many ICE restarts, by RFC 8445, 5.1.2.1.

    A pair's priority is first that of its lesser end (6.1.2.3). After a restart the new pairs rank above those
    of before: a browser whose network is another one would else stay for seconds with a path that is dead.
    """
    local = min(version, 255) << 8 | (256 - number)
    return HOST_PREFERENCE << 24 | local << 8 | (256 - component)


def format_lines(item: Agreed) -> list[str]:
    """Return what describes a format and its repairs."""
    pt, rtx_pt = item.format.pt, item.format.rtx_pt
    lines = [f"a=rtpmap:{pt} {item.rtpmap}"]
    lines += [f"a=rtcp-fb:{pt} {value}" for value in item.feedback]
    if item.fmtp is not None:
        lines.append(f"a=fmtp:{pt} {item.fmtp}")
    if rtx_pt is not None:
        lines += [f"a=rtpmap:{rtx_pt} rtx/{item.format.clock_rate}", f"a=fmtp:{rtx_pt} apt={pt}"]
    if (red_pt := item.format.red_pt) is not None:
        lines += [f"a=rtpmap:{red_pt} red/{item.format.clock_rate}/2", f"a=fmtp:{red_pt} {pt}/{pt}"]
    return lines


def _fec_lines(fec: AgreedFec) -> list[str]:
    lines = [f"a=rtpmap:{fec.pt} flexfec-03/90000"]
    if fec.transport_cc:
        lines.append(f"a=rtcp-fb:{fec.pt} {TRANSPORT_CC}")
    if fec.repair_window is not None:
        lines.append(f"a=fmtp:{fec.pt} repair-window={fec.repair_window}")
    return lines


def _ssrc_lines(ssrc: int, rtx_ssrc: int | None, fec_ssrc: int | None, cname: str) -> list[str]:
    """The stream with what repairs it (RFC 5576 section 4.2, RFC 5956 section 4.3)."""
    repairs = [("FID", rtx_ssrc), ("FEC-FR", fec_ssrc)]
    groups = [f"a=ssrc-group:{name} {ssrc} {repair}" for name, repair in repairs if repair is not None]
    named = [number for number in (ssrc, rtx_ssrc, fec_ssrc) if number is not None]
    return [*groups, *(f"a=ssrc:{number} cname:{cname}" for number in named)]
