"""Which of the offered formats the bridge takes, in which order, with which feedback."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, TypedDict

from aiortc.sdp import H264Profile, parse_h264_profile_level_id

from media.description import OLDER, Format
from media.sdp import older
from media.sdp.offer import MediaLine, OfferedCodec

VOICE_RATES: Final = {"opus": 48_000, "g722": 8_000, "pcma": 8_000, "pcmu": 8_000}
"""Codecs of sound and their clocks in Hz: that of G.722 is half of what it samples at (RFC 3551 section 4.5.2)."""
AUDIO_CODECS: Final = frozenset({*VOICE_RATES, "telephone-event"})
VIDEO_CODECS: Final = frozenset({"vp8", "h264", "vp9", "av1", *OLDER})
VIDEO_FEEDBACK: Final = ("nack", "nack pli", "ccm fir")
TRANSPORT_CC: Final = "transport-cc"
# Transport-wide feedback says more; this says it at once where a sender's link falls, and is taken from nobody.
REMB: Final = "goog-remb"
CCFB: Final = "ack ccfb"
# The fmtp of an answer says what the answerer wants to receive. Stereo is not asked for: speech gains nothing
# by it.
OPUS_PARAMETERS: Final = ("minptime", "useinbandfec")
# 64..95 would be taken for RTCP on a multiplexed port (RFC 5761 section 4).
RTCP_LOOKALIKES: Final = range(64, 96)
VIDEO_RATE: Final = 90_000
EVENT_RATES: Final = frozenset({8_000, 16_000, 48_000})
BASELINE: Final = (H264Profile.PROFILE_CONSTRAINED_BASELINE, H264Profile.PROFILE_BASELINE)


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What the bridge takes: codecs by name in lower case, most wanted first.

    Bit rates are in bit/s, None for no limit. The limits go into b=TIAS (RFC 3890) of the m-lines of the
    camera and of the content. `without` names `REPAIRS` that are left out of answers, so that a bench shows what
    each is worth: a client that was not offered one does without it, and so does the engine towards it.
    """

    audio: tuple[str, ...] = ("opus",)
    video: tuple[str, ...] = ("vp8", "h264")
    camera_max_bitrate: int | None = None
    content_max_bitrate: int | None = None
    without: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        if unknown := (set(self.audio) - AUDIO_CODECS) | (set(self.video) - VIDEO_CODECS):
            raise ValueError(f"unknown codecs: {', '.join(sorted(unknown))}")
        if any(limit is not None and limit <= 0 for limit in (self.camera_max_bitrate, self.content_max_bitrate)):
            raise ValueError("a bit rate limit is a positive number of bit/s")


@dataclass(frozen=True, slots=True)
class Agreed:
    """One accepted payload type, as the engine needs it and as the answer writes it."""

    format: Format
    rtpmap: str
    fmtp: str | None
    feedback: tuple[str, ...]


class _H264Format(TypedDict, total=False):
    packetization_mode: int
    profile: int | None
    level_asymmetry: bool


@dataclass(frozen=True, slots=True)
class AgreedFec:
    """FlexFEC of an m-line (draft-ietf-payload-flexible-fec-scheme-03): it repairs every format there."""

    pt: int
    repair_window: str | None
    transport_cc: bool


def agree(
    line: MediaLine, capabilities: Capabilities, *, transport_cc: bool, sends: bool = False
) -> tuple[Agreed, ...]:
    """Return the formats of `line` that both ends can use, in the bridge's order; empty if there is none.

    `transport_cc` says that packets of the m-line can be numbered across the whole transport, `sends` that the
    peer sends by it.
    """
    wanted = capabilities.audio if line.kind == "audio" else capabilities.video
    retransmissions = _retransmissions(line.codecs)
    redundancies = _redundancies(line) if "red" not in capabilities.without else {}
    agreed = [
        _agreed(
            codec,
            line.kind,
            rtx_pt=retransmissions.get(codec.pt),
            red_pt=redundancies.get(codec.pt),
            transport_cc=transport_cc,
            remb=transport_cc and sends,
            without=capabilities.without,
        )
        for name in wanted
        for codec in sorted(line.codecs, key=_rank)
        if older.canonical(codec.name) == name and _acceptable(codec, line.kind)
    ]
    if all(item.format.codec == "telephone-event" for item in agreed):
        return ()
    return tuple(agreed)


def agree_ccfb(line: MediaLine, capabilities: Capabilities) -> bool:
    """Whether an m-line offers to report on each packet by its sequence number (RFC 8888 section 6).

    Only on what the client receives: reports on what it sends go by transport-wide numbers.
    """
    offered = all(CCFB in codec.feedback for codec in line.codecs) and bool(line.codecs)
    return offered and line.direction == "recvonly" and "feedback" not in capabilities.without


def agree_fec(line: MediaLine, capabilities: Capabilities, *, transport_cc: bool) -> AgreedFec | None:
    """Return the FlexFEC that a video m-line offers to take, or None."""
    if "fec" in capabilities.without or line.kind != "video":
        return None
    for codec in line.codecs:
        if codec.name == "flexfec-03" and codec.clock_rate == VIDEO_RATE and _usable(codec.pt):
            window = codec.parameters.get("repair-window", "")
            return AgreedFec(
                pt=codec.pt,
                repair_window=window if re.fullmatch("[0-9]{1,10}", window) else None,
                transport_cc=transport_cc and TRANSPORT_CC in codec.feedback,
            )
    return None


def _rank(codec: OfferedCodec) -> tuple[bool, bool]:
    # Within H.264: fragmentation units first, since without them (mode 0) a picture must fit its packets.
    if codec.name != "h264":
        return (False, False)
    return (codec.parameters.get("packetization-mode") != "1", not _is_constrained(codec))


def _usable(pt: int) -> bool:
    return 0 <= pt < 128 and pt not in RTCP_LOOKALIKES  # noqa: PLR2004


def _acceptable(codec: OfferedCodec, kind: str) -> bool:
    if not _usable(codec.pt) or codec.clock_rate not in _rates(codec.name, kind):
        return False
    match codec.name:
        case "opus" | "g722" | "pcma" | "pcmu":
            # Opus is always declared with two (RFC 7587 section 7).
            return codec.channels in ((2,) if codec.name == "opus" else (None, 1))
        case "h264":
            mode = codec.parameters.get("packetization-mode", "0")
            return mode in ("0", "1") and _h264_profile(codec) in BASELINE
        case "vp9":
            return codec.parameters.get("profile-id", "0") == "0"
        case "av1":
            return codec.parameters.get("profile", "0") == "0"
        case _:
            return True


def _rates(name: str, kind: str) -> frozenset[int]:
    if kind == "video":
        return frozenset({VIDEO_RATE})
    # Events are offered at the rate of another codec of the line, or at that of telephones whatever the codec.
    return EVENT_RATES if name == "telephone-event" else frozenset({VOICE_RATES.get(name, VOICE_RATES["opus"])})


def _h264_profile(codec: OfferedCodec) -> H264Profile | None:
    # Without the parameter it is baseline at level 1 (RFC 6184 section 8.1).
    text = codec.parameters.get("profile-level-id", "42000a")
    if not re.fullmatch("[0-9A-Fa-f]{6}", text):
        return None
    try:
        return parse_h264_profile_level_id(text)[0]
    except ValueError:
        return None


def _is_constrained(codec: OfferedCodec) -> bool:
    return _h264_profile(codec) is H264Profile.PROFILE_CONSTRAINED_BASELINE


def _retransmissions(codecs: Iterable[OfferedCodec]) -> dict[int, int]:
    """Map each payload type to the one of its retransmissions."""
    found: dict[int, int] = {}
    for codec in codecs:
        apt = codec.parameters.get("apt", "")
        usable = _usable(codec.pt) and re.fullmatch("[0-9]{1,3}", apt)
        if codec.name == "rtx" and codec.clock_rate == VIDEO_RATE and usable:
            found.setdefault(int(apt), codec.pt)
    return found


def _redundancies(line: MediaLine) -> dict[int, int]:
    """Map the payload type of Opus to that of RED which carries nothing else (RFC 2198 section 5)."""
    found: dict[int, int] = {}
    for codec in line.codecs:
        if line.kind != "audio" or codec.name != "red" or codec.channels != 2 or not _acceptable(codec, "audio"):  # noqa: PLR2004
            continue
        for listed in codec.parameters:
            carried = set(listed.split("/"))
            if len(carried) == 1 and re.fullmatch("[0-9]{1,3}", listed.partition("/")[0]):
                found.setdefault(int(carried.pop()), codec.pt)
    return found


def _agreed(
    codec: OfferedCodec,
    kind: str,
    *,
    rtx_pt: int | None,
    red_pt: int | None,
    transport_cc: bool,
    remb: bool,
    without: frozenset[str],
) -> Agreed:
    offered = (codec.feedback if kind == "video" else frozenset()) - without
    feedback = [value for value in VIDEO_FEEDBACK if value in offered]
    nack = "nack" in feedback
    numbered = transport_cc and TRANSPORT_CC in codec.feedback
    limited = remb and numbered and REMB in offered
    more = [name for name, agreed in ((TRANSPORT_CC, numbered), (REMB, limited)) if agreed]
    return Agreed(
        format=Format(
            pt=codec.pt,
            codec=older.canonical(codec.name),
            clock_rate=codec.clock_rate,
            rtx_pt=rtx_pt if nack else None,  # nobody would ask for a retransmission without NACK
            nack=nack,
            pli="nack pli" in feedback,
            transport_cc=numbered,
            remb=limited,
            red_pt=red_pt if codec.name == "opus" else None,
            **_h264_format(codec),
            **older.limits(codec),
        ),
        rtpmap=_rtpmap(codec),
        fmtp=_fmtp(codec),
        feedback=(*feedback, *more),
    )


def _h264_format(codec: OfferedCodec) -> _H264Format:
    """What identifies a format of H.264 (RFC 6184 section 8.2.2), which the answer leaves as it was offered."""
    if codec.name != "h264":
        return {}
    level = codec.parameters.get("profile-level-id")
    return {
        "packetization_mode": int(codec.parameters.get("packetization-mode", "0")),
        "profile": None if level is None else int(level, 16),
        "level_asymmetry": codec.parameters.get("level-asymmetry-allowed") == "1",
    }


def _rtpmap(codec: OfferedCodec) -> str:
    name = {"opus": "opus", "telephone-event": "telephone-event"}.get(codec.name, codec.name.upper())
    return f"{name}/{codec.clock_rate}/2" if codec.name == "opus" else f"{name}/{codec.clock_rate}"


def _fmtp(codec: OfferedCodec) -> str | None:
    match codec.name:
        case "opus":
            kept = [(key, codec.parameters.get(key, "")) for key in OPUS_PARAMETERS]
            return ";".join(f"{key}={value}" for key, value in kept if re.fullmatch("[0-9]{1,3}", value)) or None
        case "h264":
            return _h264_fmtp(codec)
        case "telephone-event":
            return "0-15"
        case _:
            return older.fmtp(codec.name)


def _h264_fmtp(codec: OfferedCodec) -> str:
    # Profile and mode identify the format and must come back as offered; so may the level (RFC 6184 section
    # 8.2.2).
    parameters = [("packetization-mode", codec.parameters.get("packetization-mode", "0"))]
    if (level := codec.parameters.get("profile-level-id")) is not None:
        parameters.append(("profile-level-id", level))
    if codec.parameters.get("level-asymmetry-allowed") == "1":
        parameters.insert(0, ("level-asymmetry-allowed", "1"))
    return ";".join(f"{key}={value}" for key, value in parameters)
