"""A native robot's offer, and what it takes from the bridge's answer. Text in, text and values out.

The offer is as a page's: microphone, camera, then the slots, in the order of signalling/PROTOCOL.md section 6. The
grammar of the answer is aiortc's.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import count, islice
from typing import Final, Literal

import msgspec
from aiortc import sdp as grammar
from aiortc.rtcrtpparameters import RTCRtpCodecParameters

from loadtest.errors import MediaFailed
from media.description import Format, Kind
from signalling.messages import Sources

VideoCodec = Literal["vp8", "h264"]

MIC_MID: Final = "0"
CAMERA_MID: Final = "1"
MID_URI: Final = "urn:ietf:params:rtp-hdrext:sdes:mid"
LEVEL_URI: Final = "urn:ietf:params:rtp-hdrext:ssrc-audio-level"
TWCC_URI: Final = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"
EXTENSIONS: Final = {MID_URI: 1, LEVEL_URI: 2, TWCC_URI: 3}

OPUS: Final = Format(pt=111, codec="opus", clock_rate=48_000)
VIDEO: Final[dict[VideoCodec, Format]] = {
    "vp8": Format(pt=96, codec="vp8", clock_rate=90_000, rtx_pt=97, nack=True, pli=True),
    "h264": Format(
        pt=98,
        codec="h264",
        clock_rate=90_000,
        rtx_pt=99,
        nack=True,
        pli=True,
        packetization_mode=1,
        profile=0x42E01F,
        level_asymmetry=True,
    ),
}
_H264_FMTP: Final = "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f"
_VIDEO_FEEDBACK: Final = ("nack", "nack pli", "ccm fir")
_ANSWER_FAULTS: Final = (ArithmeticError, AssertionError, AttributeError, LookupError, TypeError, ValueError)


@dataclass(frozen=True)
class Outgoing:
    """A stream that the robot sends: `mic` or `camera` on its mid, with the SSRCs that the offer signals."""

    kind: Kind
    mid: str
    ssrc: int
    rtx_ssrc: int | None
    formats: tuple[Format, ...]


@dataclass(frozen=True)
class Local:
    """The robot's end: ICE credentials, which are secret, and its certificate's sha-256 as hex with colons."""

    ufrag: str
    pwd: str = field(repr=False)
    fingerprint: str
    cname: str


@dataclass(frozen=True)
class Wish:
    """An offer before it is text: what is sent, and how many slots of each kind are wanted, content included.

    Browsers number all packets and report on each that they are sent; `reports` says whether the robot does.
    """

    local: Local
    sending: tuple[Outgoing, ...]
    audio_slots: int
    video_slots: int
    codecs: tuple[VideoCodec, ...] = ("vp8", "h264")
    reports: bool = True

    @property
    def sources(self) -> Sources:
        """What the `offer` message says of the m-lines that send."""
        mids = {one.kind: one.mid for one in self.sending}
        return Sources(mic=mids.get("audio"), camera=mids.get("video"))

    @property
    def slots(self) -> list[tuple[Kind, str]]:
        """Kind and mid of every receiving m-line, in order."""
        mids = map(str, count(len(self.sending)))
        audio: list[tuple[Kind, str]] = [("audio", mid) for mid in islice(mids, self.audio_slots)]
        return [*audio, *(("video", mid) for mid in islice(mids, self.video_slots))]


@dataclass(frozen=True)
class Incoming:
    """A slot as answered: its mid, and the bridge's SSRCs and formats there."""

    kind: Kind
    mid: str
    ssrc: int | None
    rtx_ssrc: int | None
    formats: tuple[Format, ...]


@dataclass(frozen=True)
class Remote:
    """The bridge's end, and what was agreed: formats by mid of what is sent, slots, extensions by URI."""

    ufrag: str
    pwd: str = field(repr=False)
    candidates: tuple[tuple[str, int], ...]
    fingerprints: tuple[tuple[str, str], ...]
    sending: dict[str, Format]
    receiving: tuple[Incoming, ...]
    extensions: dict[str, int]


def write_offer(wish: Wish) -> str:
    """Give the offer's text."""
    mids = [one.mid for one in wish.sending] + [mid for _, mid in wish.slots]
    lines = ["v=0", "o=- 1 1 IN IP4 127.0.0.1", "s=-", "t=0 0", f"a=group:BUNDLE {' '.join(mids)}"]
    for one in wish.sending:
        lines += _line(wish.local, one.kind, one.mid, "sendonly", one.formats)
        lines += [f"a=extmap:{number} {uri}" for uri, number in _extensions(one.kind)]
        lines += _reports(one.formats) if wish.reports else ()
        lines += [f"a=msid:robot {one.mid}", *_ssrc_lines(one, wish.local.cname)]
    audio, video = (OPUS,), tuple(VIDEO[codec] for codec in wish.codecs)
    for kind, mid in wish.slots:
        formats = audio if kind == "audio" else video
        lines += _line(wish.local, kind, mid, "recvonly", formats)
        lines += [f"a=extmap:{number} {uri}" for uri, number in _extensions(kind)]
        lines += _reports(formats) if wish.reports else ()
    return "".join(f"{line}\r\n" for line in lines)


def _extensions(kind: Kind) -> Iterator[tuple[str, int]]:
    return ((uri, EXTENSIONS[uri]) for uri in (MID_URI, LEVEL_URI) if kind == "audio" or uri != LEVEL_URI)


def _reports(formats: tuple[Format, ...]) -> Iterator[str]:
    yield from (f"a=rtcp-fb:{one.pt} transport-cc" for one in formats)
    yield f"a=extmap:{EXTENSIONS[TWCC_URI]} {TWCC_URI}"


def _line(local: Local, kind: Kind, mid: str, direction: str, formats: tuple[Format, ...]) -> list[str]:
    numbers = [str(pt) for one in formats for pt in (one.pt, one.rtx_pt) if pt is not None]
    lines = [
        # Port 9 stands for "not yet known" (RFC 8839 section 4.2.1.3): ICE finds the path.
        f"m={kind} 9 UDP/TLS/RTP/SAVPF {' '.join(numbers)}",
        "c=IN IP4 0.0.0.0",
        f"a=ice-ufrag:{local.ufrag}",
        f"a=ice-pwd:{local.pwd}",
        f"a=fingerprint:sha-256 {local.fingerprint}",
        "a=setup:actpass",
        f"a=mid:{mid}",
        f"a={direction}",
        "a=rtcp-mux",
        "a=rtcp-rsize",
    ]
    return lines + [line for one in formats for line in _format_lines(one)]


def _format_lines(one: Format) -> Iterator[str]:
    if one.codec == "opus":
        yield f"a=rtpmap:{one.pt} opus/48000/2"
        yield f"a=fmtp:{one.pt} minptime=10;useinbandfec=1"
        return
    yield f"a=rtpmap:{one.pt} {one.codec.upper()}/{one.clock_rate}"
    yield from (f"a=rtcp-fb:{one.pt} {feedback}" for feedback in _VIDEO_FEEDBACK)
    if one.codec == "h264":
        yield f"a=fmtp:{one.pt} {_H264_FMTP}"
    yield f"a=rtpmap:{one.rtx_pt} rtx/{one.clock_rate}"
    yield f"a=fmtp:{one.rtx_pt} apt={one.pt}"


def _ssrc_lines(one: Outgoing, cname: str) -> list[str]:
    if one.rtx_ssrc is None:
        return [f"a=ssrc:{one.ssrc} cname:{cname}"]
    named = [f"a=ssrc:{ssrc} cname:{cname}" for ssrc in (one.ssrc, one.rtx_ssrc)]
    return [f"a=ssrc-group:FID {one.ssrc} {one.rtx_ssrc}", *named]


def read_answer(text: str, wish: Wish) -> Remote:
    """Take the answer to `wish` apart. Raises `MediaFailed` when it cannot be used."""
    try:
        return _remote(grammar.SessionDescription.parse(text), wish)
    except _ANSWER_FAULTS as error:
        raise MediaFailed(f"the answer cannot be used ({type(error).__name__})") from None


def _remote(answer: grammar.SessionDescription, wish: Wish) -> Remote:
    lines = {line.rtp.muxId: line for line in answer.media if line.port != 0}
    first = next(iter(lines.values()), None)
    if first is None or first.ice is None or first.dtls is None or not first.ice_candidates:
        raise MediaFailed("the answer has no transport")
    refused = [one.mid for one in wish.sending if one.mid not in lines]
    if refused:
        raise MediaFailed("the bridge refused what the robot sends")
    return Remote(
        ufrag=str(first.ice.usernameFragment),
        pwd=str(first.ice.password),
        candidates=tuple((item.ip, item.port) for item in first.ice_candidates if item.component == 1),
        fingerprints=tuple((item.algorithm, item.value) for item in first.dtls.fingerprints),
        sending={one.mid: _formats(lines[one.mid])[0] for one in wish.sending},
        receiving=tuple(
            _incoming(kind, lines[mid])
            for kind, mid in wish.slots
            if mid in lines and lines[mid].direction == "sendonly"
        ),
        extensions=_agreed_extensions(lines.values()),
    )


def _agreed_extensions(lines: Iterable[grammar.MediaDescription]) -> dict[str, int]:
    """Ids are one for the whole bundle (RFC 9143 section 9.2), so any line may say them."""
    return {extension.uri: extension.id for line in lines for extension in line.rtp.headerExtensions}


def _incoming(kind: Kind, line: grammar.MediaDescription) -> Incoming:
    group = next((group.items for group in line.ssrc_group if group.semantic == "FID"), None)
    named = [described.ssrc for described in line.ssrc]
    ssrc, rtx_ssrc = (int(group[0]), int(group[1])) if group else (named[0] if named else None, None)
    return Incoming(kind, line.rtp.muxId, ssrc, rtx_ssrc, _formats(line))


def _formats(line: grammar.MediaDescription) -> tuple[Format, ...]:
    """The m-line's codecs, most wanted first, each with the payload type of its retransmissions."""
    codecs = {codec.payloadType: codec for codec in line.rtp.codecs}
    resent = {int(str(codec.parameters["apt"])): pt for pt, codec in codecs.items() if codec.name.lower() == "rtx"}
    return tuple(
        _format(pt, codecs[pt], resent.get(pt))
        for pt in line.fmt
        if pt in codecs and codecs[pt].name.lower() != "rtx"
    )


def _format(pt: int, codec: RTCRtpCodecParameters, rtx_pt: int | None) -> Format:
    common = Format(
        pt=pt,
        codec=codec.name.lower(),
        clock_rate=codec.clockRate,
        rtx_pt=rtx_pt,
        nack=any(item.type == "nack" and not item.parameter for item in codec.rtcpFeedback),
        pli=any(item.type == "nack" and item.parameter == "pli" for item in codec.rtcpFeedback),
    )
    if common.codec != "h264":
        return common
    said = {name: str(value) for name, value in codec.parameters.items()}
    mode, profile = said.get("packetization-mode"), said.get("profile-level-id")
    return msgspec.structs.replace(
        common,
        packetization_mode=None if mode is None else int(mode),
        profile=None if profile is None else int(profile, 16),
        level_asymmetry=said.get("level-asymmetry-allowed") == "1",
    )
