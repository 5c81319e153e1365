"""Writes the answer to a call's offer: every m-line in its place, those that are not taken with port 0."""

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from media.description import CONTENT, IceParams
from media.sdp.calls import ice
from media.sdp.calls.agreement import TMMBR, ByDtls, LineAgreement
from media.sdp.calls.crypto import Crypto
from media.sdp.calls.h235 import ChannelKeys
from media.sdp.calls.reader import CallLine, CallOffer
from media.sdp.writer import format_lines, payload_types

SLIDES: Final = ("a=content:slides", "a=label:3")
"""How content is told from the main picture (RFC 4796), and named where a floor is described (RFC 4574)."""


@dataclass(frozen=True, slots=True)
class LocalLine:
    """Our end of one m-line: the port, the next for RTCP unless multiplexed, and what it is known and keyed by."""

    port: int
    key: Crypto | ChannelKeys | None = field(default=None, repr=False)
    """What we send with; of H.235.6 both ends' keys."""
    ice: IceParams | None = None


@dataclass(frozen=True, slots=True)
class Written:
    """What an answer repeats for a whole call: session id and version of its o= line, our address, certificate."""

    session: int
    version: int
    host: str = field(repr=False)
    fingerprint: str = ""


def answer(
    offer: CallOffer,
    agreed: tuple[LineAgreement, ...],
    local: Mapping[int, LocalLine],
    written: Written,
    max_bitrate: int | None,
) -> str:
    """Return the answer; `local` is by the number of the m-line, `max_bitrate` in bit/s is for pictures."""
    family = f"IN IP{ipaddress.ip_address(written.host).version} {written.host}"
    lines = ["v=0", f"o=- {written.session} {written.version} {family}", "s=-", f"c={family}", "t=0 0"]
    taken = {one.number: one for one in agreed}
    if any(one.has_ice for one in agreed):
        lines.append("a=ice-lite")
    for number, line in enumerate(offer.lines):
        agreement = taken.get(number)
        if agreement is None:
            lines.append(_refused(line))
        else:
            lines += _taken(agreement, local[number], written, max_bitrate)
    return "\r\n".join([*lines, ""])


def _refused(line: CallLine) -> str:
    return f"m={line.kind} 0 {line.profile} {line.formats[0]}"


def _taken(agreement: LineAgreement, local: LocalLine, written: Written, max_bitrate: int | None) -> list[str]:
    line, protection = agreement.line, agreement.protection
    numbers = [str(pt) for item in agreement.agreed for pt in payload_types(item)]
    lines = [f"m={line.kind} {local.port} {line.profile} {' '.join(numbers)}"]
    if line.kind == "video" and max_bitrate is not None:
        lines.append(f"b=TIAS:{max_bitrate}")
    if local.key is not None:
        lines.append(f"a=crypto:{local.key}")
    if isinstance(protection, ByDtls):
        lines += [f"a=fingerprint:sha-256 {written.fingerprint}", "a=setup:passive"]
    lines.append("a=rtcp-mux" if line.rtcp_mux else f"a=rtcp:{local.port + 1}")
    if local.ice is not None:
        rtcp = None if line.rtcp_mux else (written.host, local.port + 1)
        lines += ice.written(local.ice, (written.host, local.port), rtcp)
    elif agreement.mismatch:
        lines.append("a=ice-mismatch")
    lines += SLIDES if agreement.source == CONTENT else ()
    lines.append(f"a={agreement.direction}")
    for item in agreement.agreed:
        # Feedback is repeated in profiles without it as well (RFC 4585 section 4.2): many peers offer and want it
        # so.
        lines += format_lines(item)
    if agreement.feedback.tmmbr:
        lines.append(f"a=rtcp-fb:* {TMMBR}")
    return lines
