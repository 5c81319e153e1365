"""Reads an offer into plain values: the grammar is aiortc's, the limits and the checks of meaning are here.

Kinds, profiles, formats and mids have matched a pattern here, so an answer can repeat them. Names and
parameters of codecs have not: `codecs` repeats only those that it checks itself.
"""

import re
from collections import Counter
from dataclasses import dataclass
from typing import Final, Literal

from aiortc import RTCDtlsFingerprint
from aiortc import sdp as grammar

from media.sdp.errors import SdpError
from media.sdp.simulcast import SentEncoding, sent_encodings

MAX_OFFER_BYTES: Final = 256 * 1024
MAX_MEDIA_LINES: Final = 128
# Per m-line. aiortc compares every ssrc and rtcp-fb line with all codecs or SSRCs of its m-line, so an
# unlimited number would buy a client a second of our processor with one message.
LINE_LIMITS: Final = {"a=rtpmap:": 128, "a=ssrc:": 128, "a=rtcp-fb:*": 16}

TOKEN: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`{|}~-]{1,255}")  # RFC 8866 section 9
PROFILE: Final = re.compile(r"[A-Z/]{1,64}")
ICE_UFRAG: Final = re.compile(r"[A-Za-z0-9+/]{4,256}")  # RFC 8839 section 5.4
ICE_PWD: Final = re.compile(r"[A-Za-z0-9+/]{22,256}")
HASH_BYTES: Final = {"sha-256": 32, "sha-384": 48, "sha-512": 64}
RTP_PROFILES: Final = frozenset({"UDP/TLS/RTP/SAVPF", "UDP/TLS/RTP/SAVP", "RTP/SAVPF"})
MID_BYTES: Final = 16  # what a one-byte header extension can carry (RFC 8285 section 4.2)
ONE_WAY: Final = re.compile(r"a=extmap:[0-9]{1,5}/(sendonly|recvonly|inactive) (\S+)")
MAX_PTIME: Final = re.compile(r"a=maxptime:([0-9]{1,4})")

Direction = Literal["sendrecv", "sendonly", "recvonly", "inactive"]


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """A certificate's hash (RFC 8122).

    `algorithm` is sha-256, sha-384 or sha-512; `value` is upper-case hex with colons.
    """

    algorithm: str
    value: str


@dataclass(frozen=True, slots=True)
class RemoteTransport:
    """The client's end of the one bundled transport; `setup` is what it offered (RFC 4145 section 4)."""

    ufrag: str
    pwd: str
    fingerprints: tuple[Fingerprint, ...]
    setup: Literal["actpass", "active"]

    def __repr__(self) -> str:
        """Leave the password out."""
        return f"RemoteTransport(ufrag={self.ufrag!r}, setup={self.setup!r})"


@dataclass(frozen=True, slots=True)
class OfferedCodec:
    """One rtpmap with its fmtp parameters and the rtcp-fb values that go with it.

    Keys of parameters are in lower case; what is written without a value, as the list of RED is, has an empty one.
    """

    pt: int
    name: str
    clock_rate: int
    channels: int | None
    parameters: dict[str, str]
    feedback: frozenset[str]


@dataclass(frozen=True, slots=True)
class MediaLine:
    """One m-line; `usable` says that it could carry RTP on the bundled transport, whatever its codecs.

    `extensions` are ids by URI; `one_way` has the direction of those that the client wants in one direction only
    (RFC 8285 section 5). `encodings` are those that it will send at once, () for a single one without a name.
    """

    kind: str
    profile: str
    formats: tuple[str, ...]
    mid: str | None
    usable: bool
    direction: Direction
    codecs: tuple[OfferedCodec, ...]
    extensions: dict[str, int]
    one_way: dict[str, Direction]
    encodings: tuple[SentEncoding, ...]
    ssrc: int | None
    rtx_ssrc: int | None
    rtcp_rsize: bool
    max_ptime_ms: int | None = None
    """What a packet may hold at most (RFC 8866 section 6.4)."""


@dataclass(frozen=True, slots=True)
class Offer:
    """A sound offer: all m-lines and the mids of its BUNDLE group in order, the transport, every SSRC."""

    lines: tuple[MediaLine, ...]
    bundle: tuple[str, ...]
    transport: RemoteTransport
    ssrcs: frozenset[int]


def parse_offer(text: str) -> Offer:
    """Parse an offer, or raise SdpError; no other exception leaves this function, whatever the text."""
    raw = _checked_lines(text)
    session = _parsed(text)
    if len(session.media) != len(raw):
        raise SdpError("sdp_invalid", "The m-lines cannot be told apart.")
    bundle = _bundle(session)
    lines = tuple(
        _media_line(media, attributes, bundle) for media, attributes in zip(session.media, raw, strict=True)
    )
    mids = Counter(line.mid for line in lines if line.mid is not None)
    if any(count > 1 for count in mids.values()):
        raise SdpError("sdp_invalid", "Two m-lines have the same mid.")
    transport = _transport(session, lines, bundle)
    ssrcs = frozenset(described.ssrc for media in session.media for described in media.ssrc)
    return Offer(lines, bundle, transport, ssrcs)


def _checked_lines(text: str) -> list[list[str]]:
    """Return the lines of each m-section, after the limits that protect the parser itself."""
    if len(text) > MAX_OFFER_BYTES or len(text.encode("utf-8", "surrogatepass")) > MAX_OFFER_BYTES:
        raise SdpError("sdp_invalid", f"The offer is longer than {MAX_OFFER_BYTES} bytes.")
    session, sections = grammar.grouplines(text)
    if not session or session[0] != "v=0":
        raise SdpError("sdp_invalid", "The offer does not begin with v=0.")
    if not 0 < len(sections) <= MAX_MEDIA_LINES:
        raise SdpError("sdp_invalid", f"An offer has 1 to {MAX_MEDIA_LINES} m-lines.")
    for section in sections:
        for prefix, limit in LINE_LIMITS.items():
            if sum(line.startswith(prefix) for line in section) > limit:
                raise SdpError("sdp_invalid", f"An m-line has more than {limit} lines of {prefix[2:]}")
    return sections


def _parsed(text: str) -> grammar.SessionDescription:
    try:
        return grammar.SessionDescription.parse(text)
    except (ArithmeticError, AssertionError, AttributeError, LookupError, StopIteration) as error:
        raise SdpError("sdp_invalid", "The offer breaks the grammar of SDP.") from error
    except (TypeError, ValueError) as error:
        raise SdpError("sdp_invalid", "The offer breaks the grammar of SDP.") from error


def _bundle(session: grammar.SessionDescription) -> tuple[str, ...]:
    for group in session.group:
        if group.semantic == "BUNDLE":
            return tuple(dict.fromkeys(str(item) for item in group.items))
    raise SdpError("sdp_unusable", "The offer has no BUNDLE group; one transport carries all media.")


def _media_line(media: grammar.MediaDescription, section: list[str], bundle: tuple[str, ...]) -> MediaLine:
    formats = tuple(str(item) for item in media.fmt)
    tokens = (media.kind, *formats) if media.rtp.muxId == "" else (media.kind, media.rtp.muxId, *formats)
    if not all(TOKEN.fullmatch(token) for token in tokens) or not PROFILE.fullmatch(media.profile):
        raise SdpError("sdp_invalid", "An m-line has characters that SDP does not allow there.")
    mid = media.rtp.muxId or None
    # Port 0 refuses an m-line, unless it only waits for the bundle to be accepted (RFC 9143 section 6).
    open_port = media.port != 0 or "a=bundle-only" in section
    usable = (
        open_port
        and media.kind in ("audio", "video")
        and media.profile in RTP_PROFILES
        and media.rtcp_mux
        and mid in bundle
        and len(mid) <= MID_BYTES
    )
    ssrc, rtx_ssrc = _ssrcs(media)
    return MediaLine(
        kind=media.kind,
        profile=media.profile,
        formats=formats,
        mid=mid,
        usable=usable,
        direction=_direction(media.direction),
        codecs=_codecs(media),
        extensions=_extensions(media),
        one_way=_one_way(section),
        encodings=sent_encodings(section) if usable and media.kind == "video" else (),
        ssrc=ssrc,
        rtx_ssrc=rtx_ssrc,
        rtcp_rsize="a=rtcp-rsize" in section,
        max_ptime_ms=_max_ptime_ms(section),
    )


def _max_ptime_ms(section: list[str]) -> int | None:
    found = (MAX_PTIME.fullmatch(line) for line in section)
    return min((int(match[1]) for match in found if match is not None), default=None)


def _direction(value: str | None) -> Direction:
    match value:
        case "sendonly" | "recvonly" | "inactive":
            return value
        case _:
            return "sendrecv"  # the default of RFC 8866 section 6.7


def _codecs(media: grammar.MediaDescription) -> tuple[OfferedCodec, ...]:
    codecs: dict[int, OfferedCodec] = {}
    for codec in media.rtp.codecs:
        pt = codec.payloadType
        if pt in codecs:
            raise SdpError("sdp_invalid", "An m-line maps a payload type twice.")
        if pt is None or pt not in media.fmt:
            continue
        codecs[pt] = OfferedCodec(
            pt=pt,
            name=codec.name.lower(),
            clock_rate=codec.clockRate,
            channels=codec.channels,
            parameters={
                key.strip().lower(): "" if value is None else str(value).strip()
                for key, value in codec.parameters.items()
            },
            feedback=frozenset(
                f"{item.type} {item.parameter}" if item.parameter else item.type for item in codec.rtcpFeedback
            ),
        )
    return tuple(codecs.values())


def _extensions(media: grammar.MediaDescription) -> dict[str, int]:
    extensions: dict[str, int] = {}
    for extension in media.rtp.headerExtensions:
        extensions.setdefault(extension.uri, extension.id)
    return extensions


def _one_way(section: list[str]) -> dict[str, Direction]:
    found = (ONE_WAY.fullmatch(line) for line in section)
    return {match[2]: _direction(match[1]) for match in found if match is not None}


def _ssrcs(media: grammar.MediaDescription) -> tuple[int | None, int | None]:
    """Return the SSRC of the media and of its retransmissions (RFC 5576 section 4.2), as far as signalled."""
    named = [described.ssrc for described in media.ssrc]
    if any(not 0 < ssrc < 2**32 for ssrc in named):
        raise SdpError("sdp_invalid", "An SSRC is outside 1..2^32-1.")
    for group in media.ssrc_group:
        match group.semantic, group.items:
            case "FID", [int(ssrc), int(rtx_ssrc)] if ssrc != rtx_ssrc and {ssrc, rtx_ssrc} <= set(named):
                return ssrc, rtx_ssrc
    return (named[0] if named else None), None


def _transport(
    session: grammar.SessionDescription, lines: tuple[MediaLine, ...], bundle: tuple[str, ...]
) -> RemoteTransport:
    """Read the transport from the offerer-tagged m-line: the first of the BUNDLE group that is usable."""
    usable = {line.mid: media for line, media in zip(lines, session.media, strict=True) if line.usable}
    tagged = next((usable[mid] for mid in bundle if mid in usable), None)
    if tagged is None:
        raise SdpError("sdp_unusable", "No m-line offers bundled audio or video with rtcp-mux over DTLS-SRTP.")
    ice = tagged.ice
    if ice is not None and ice.iceLite:
        raise SdpError("sdp_unusable", "Both ends are ICE-lite, so nobody would start.")
    ufrag, pwd = (ice.usernameFragment or "", ice.password or "") if ice is not None else ("", "")
    if not ICE_UFRAG.fullmatch(ufrag) or not ICE_PWD.fullmatch(pwd):
        raise SdpError("sdp_invalid", "The ICE user name fragment or password is missing or malformed.")
    if tagged.dtls is None or tagged.dtls.role not in ("auto", "client"):
        raise SdpError("sdp_unusable", "The client must offer setup:actpass or setup:active.")
    return RemoteTransport(
        ufrag=ufrag,
        pwd=pwd,
        fingerprints=_fingerprints(tagged.dtls.fingerprints),
        setup="actpass" if tagged.dtls.role == "auto" else "active",
    )


def _fingerprints(offered: list[RTCDtlsFingerprint]) -> tuple[Fingerprint, ...]:
    """Keep the fingerprints of known hashes; more than one is allowed (RFC 8122 section 5.1)."""
    known: dict[Fingerprint, None] = {}
    for item in offered:
        size = HASH_BYTES.get(item.algorithm.lower())
        if size is None:
            continue
        if not re.fullmatch(rf"[0-9A-Fa-f]{{2}}(:[0-9A-Fa-f]{{2}}){{{size - 1}}}", item.value):
            raise SdpError("sdp_invalid", "A certificate fingerprint is malformed.")
        known[Fingerprint(item.algorithm.lower(), item.value.upper())] = None
    if not known:
        raise SdpError("sdp_unusable", "The offer names no certificate by sha-256, sha-384 or sha-512.")
    return tuple(known)
