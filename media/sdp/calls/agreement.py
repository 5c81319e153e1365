"""Which m-lines of a call are taken, as what, and how each is protected."""

import base64
import binascii
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from media.description import CAMERA, CONTENT, MIC, OLDER
from media.lines import Feedback, Plain, Remote
from media.sdp.calls import h235
from media.sdp.calls.crypto import Crypto, best
from media.sdp.calls.h235 import ChannelKeys
from media.sdp.calls.reader import CallLine, CallOffer
from media.sdp.codecs import VOICE_RATES, Agreed, Capabilities, agree
from media.sdp.errors import SdpError
from media.sdp.offer import Direction, Fingerprint, MediaLine

KEYED_BY_DTLS: Final = frozenset({"UDP/TLS/RTP/SAVP", "UDP/TLS/RTP/SAVPF"})
SECURED: Final = frozenset({"RTP/SAVP", "RTP/SAVPF"})
OPEN: Final = frozenset({"RTP/AVP", "RTP/AVPF"})
MOST_SETS: Final = 8
LARGEST_SET: Final = 512
TMMBR: Final = "ccm tmmbr"
SLIDES: Final = frozenset({"slides", "alt"})


@dataclass(frozen=True, slots=True)
class CallPolicy:
    """What calls may have. `allow_plain` takes lines that nothing protects.

    With `h235` they come by H.323, and have H.235.6 in place of SRTP.
    """

    capabilities: Capabilities
    allow_plain: bool = False
    h235: bool = False


@dataclass(frozen=True, slots=True)
class ByDtls:
    """Keys come by a handshake with whoever has one of these certificates."""

    fingerprints: tuple[Fingerprint, ...]


Protection = Plain | Crypto | ChannelKeys | ByDtls


@dataclass(frozen=True, slots=True)
class LineAgreement:
    """One m-line that is taken. `number` is its place in the description, `source` what the peer sends on it."""

    number: int
    line: CallLine
    source: int
    agreed: tuple[Agreed, ...]
    protection: Protection
    remote: Remote = field(repr=False)
    feedback: Feedback
    parameter_sets: tuple[bytes, ...]
    has_ice: bool = False
    """The peer's checks show where it is."""
    mismatch: bool = False
    """It would, but its description was changed on the way."""

    @property
    def sends(self) -> bool:
        """Whether the peer sends now."""
        return self.line.direction in ("sendrecv", "sendonly")

    @property
    def receives(self) -> bool:
        """Whether the peer wants to be sent something now: on hold it does not."""
        return (self.line.host is not None or self.has_ice) and self.line.direction in ("sendrecv", "recvonly")

    @property
    def direction(self) -> Direction:
        """What the answer says, as seen from here."""
        match self.sends, self.receives:
            case True, True:
                return "sendrecv"
            case True, False:
                return "recvonly"
            case False, True:
                return "sendonly"
        return "inactive"


def agree_lines(
    offer: CallOffer, policy: CallPolicy, seen_at: str, *, is_answer: bool = False
) -> tuple[LineAgreement, ...]:
    """Take what can be used: one m-line of sound, of the main picture, and of content. Raises SdpError for none.

    `seen_at` is the address from which the peer's signalling comes: where media are announced elsewhere, there may
    be a translator in between. Sound is taken in one codec, of an offer the one that we like best: its clock is
    that of the line. An answer that has several (`is_answer`) names first what its peer sends (RFC 3264
    section 6.1).
    """
    taken: dict[int, LineAgreement] = {}
    shown = {label for line in offer.lines for label in line.floors}
    for number, line in enumerate(offer.lines):
        source = _source(line, shown)
        if source is None or source in taken:
            continue
        agreement = _agree(number, line, source, policy, (seen_at, is_answer))
        if agreement is not None:
            taken[source] = agreement
    if not taken:
        raise SdpError("sdp_unusable", "No m-line has a codec and a protection that the bridge can use.")
    return tuple(sorted(taken.values(), key=lambda one: one.number))


def _source(line: CallLine, shown: Collection[str]) -> int | None:
    """What the peer sends on a line. Content says so (RFC 4796), or a floor names it (RFC 8856)."""
    if line.port == 0:
        return None
    is_content = line.content in SLIDES or (line.label in shown and line.content != "main")
    return {"audio": MIC, "video": CONTENT if is_content else CAMERA}.get(line.kind)


def _agree(
    number: int, line: CallLine, source: int, policy: CallPolicy, said: tuple[str, bool]
) -> LineAgreement | None:
    protection, (seen_at, is_answer) = _protection(line, policy), said
    agreed = agree(_as_media_line(line), policy.capabilities, transport_cc=False)
    agreed = _one_voice(agreed, line, is_answer=is_answer) if source == MIC else _plainest_first(agreed)
    if protection is None or not agreed:
        return None
    checks = line.ice.checks and not is_answer
    fits = checks and _ice_fits(line, seen_at)
    return LineAgreement(
        number=number,
        line=line,
        source=source,
        agreed=agreed,
        protection=protection,
        remote=_remote(line, seen_at),
        feedback=_feedback(line, agreed),
        parameter_sets=_parameter_sets(line, agreed),
        has_ice=fits,
        mismatch=checks and not fits,
    )


def _one_voice(agreed: tuple[Agreed, ...], line: CallLine, *, is_answer: bool) -> tuple[Agreed, ...]:
    """One codec, and keys that are pressed."""
    voices = [item for item in agreed if item.format.codec in VOICE_RATES]
    if is_answer:
        order = [codec.pt for codec in line.codecs]
        voices.sort(key=lambda item: order.index(item.format.pt))
    return (*voices[:1], *(item for item in agreed if item.format.codec not in VOICE_RATES))


def _plainest_first(agreed: tuple[Agreed, ...]) -> tuple[Agreed, ...]:
    """Of H.264, packetization mode 0 before mode 1, so that the peer sends in it (RFC 3264 section 6.1).

    Every receiver of H.264 takes mode 0 as it is (RFC 6184 section 6.3), while what comes in mode 1 is of no use
    to those that take mode 0 alone: a NAL unit that was sent in fragments has no form there. What is
    older comes last.
    """
    return tuple(
        sorted(agreed, key=lambda item: (item.format.codec in OLDER, item.format.packetization_mode == 1))
    )


def _feedback(line: CallLine, agreed: tuple[Agreed, ...]) -> Feedback:
    """What the peer heeds for the formats that are taken."""
    taken = {item.format.pt for item in agreed}
    offered = {one for codec in line.codecs if codec.pt in taken for one in codec.feedback}
    return Feedback(pli="nack pli" in offered, fir="ccm fir" in offered, tmmbr=TMMBR in offered)


def _parameter_sets(line: CallLine, agreed: tuple[Agreed, ...]) -> tuple[bytes, ...]:
    """What a peer tells of its H.264 beside its pictures (RFC 6184 section 8.1), as far as it can be read."""
    taken = {item.format.pt for item in agreed if item.format.codec == "h264"}
    texts = [codec.parameters.get("sprop-parameter-sets", "") for codec in line.codecs if codec.pt in taken]
    sets = []
    for text in [one for listed in texts for one in listed.split(",")][:MOST_SETS]:
        with suppress(binascii.Error, ValueError):
            sets.append(base64.b64decode(text, validate=True))
    return tuple(one for one in dict.fromkeys(sets) if 0 < len(one) <= LARGEST_SET)


def _protection(line: CallLine, policy: CallPolicy) -> Protection | None:
    """The best that the line offers. Best effort, RTP/AVP with keys beside it, is taken at its better word."""
    if policy.h235:
        keyed = h235.best(line.channels) if line.profile in SECURED else None
        return keyed or (Plain() if line.profile in OPEN and policy.allow_plain else None)
    offered = best(line.cryptos)
    if line.profile in KEYED_BY_DTLS or (line.profile in SECURED and offered is None):
        # Answered as the passive end, so that one that wants to be that itself has nobody to talk to.
        usable = line.fingerprints and line.setup in ("actpass", "active")
        return ByDtls(line.fingerprints) if usable else None
    if line.profile in SECURED or (line.profile in OPEN and offered is not None):
        return offered
    return Plain() if line.profile in OPEN and policy.allow_plain else None


def _remote(line: CallLine, seen_at: str) -> Remote:
    host = line.host or seen_at
    rtcp = None
    if line.rtcp is not None:
        rtcp = _place(line.rtcp[0] or host, line.rtcp[1])
    return Remote(rtp=_place(host, line.port), rtcp=rtcp, learn=host != seen_at)


def _ice_fits(line: CallLine, seen_at: str) -> bool:
    rtcp = None
    if not line.rtcp_mux:
        host, port = line.rtcp or (None, line.port + 1)
        rtcp = (host or line.host or seen_at, port)
    return line.ice.fits((line.host or seen_at, line.port), rtcp)


def _place(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _as_media_line(line: CallLine) -> MediaLine:
    """The line as the choice of formats sees it: without what only browsers have."""
    return MediaLine(
        kind=line.kind,
        profile=line.profile,
        formats=line.formats,
        mid=None,
        usable=True,
        direction=line.direction,
        codecs=line.codecs,
        extensions={},
        one_way={},
        encodings=(),
        ssrc=None,
        rtx_ssrc=None,
        rtcp_rsize=False,
        max_ptime_ms=line.max_ptime_ms,
    )
