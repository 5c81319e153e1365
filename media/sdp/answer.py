"""Answers an offer: which m-lines become sources and slots, and what each agrees on (RFC 8829 5.3)."""

import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice
from typing import Final

import msgspec

from media.description import (
    CAMERA,
    CONTENT,
    MIC,
    Encoding,
    Extensions,
    Fec,
    IceParams,
    Kind,
    LegDescription,
    Slot,
    SlotPlace,
    Source,
)
from media.sdp import extensions as ext
from media.sdp import writer
from media.sdp.codecs import Agreed, AgreedFec, Capabilities, agree, agree_ccfb, agree_fec
from media.sdp.errors import SdpError
from media.sdp.offer import Direction, MediaLine, Offer, RemoteTransport, parse_offer
from media.sdp.simulcast import SentEncoding

ROLE_KINDS: Final[dict[int, Kind]] = {MIC: "audio", CAMERA: "video", CONTENT: "video"}
# An unlucky draw of an SSRC in use is one in millions, so this many in a row is a generator that repeats
# itself.
SSRC_DRAWS: Final = 256


@dataclass(frozen=True, slots=True)
class OfferRoles:
    """The mids that the client named as its sources in the `offer` message; None: it has no such source."""

    mic: str | None = None
    camera: str | None = None
    content: str | None = None


@dataclass(frozen=True, slots=True)
class LocalTransport:
    """The bridge's end of the transport, and the CNAME of all that it sends to the leg.

    `fingerprint` is the certificate's sha-256 as upper-case hex with colons; `candidates` are (address, UDP
    port), most wanted first, at least one; `cname` is random per leg (RFC 7022).
    """

    ice_ufrag: str
    ice_pwd: str
    fingerprint: str
    candidates: tuple[tuple[str, int], ...]
    cname: str

    def __post_init__(self) -> None:
        if not self.candidates:
            raise ValueError("an ICE-lite agent needs at least one candidate")
        for address, port in self.candidates:
            ipaddress.ip_address(address)
            if not 0 < port < 2**16:
                raise ValueError("a candidate's port is 1..65535")

    def __repr__(self) -> str:
        """Leave the password out."""
        return f"LocalTransport(ice_ufrag={self.ice_ufrag!r}, candidates={self.candidates!r})"


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to send, the leg it describes, and the client's end of the transport."""

    sdp: str
    leg: LegDescription
    remote: RemoteTransport


@dataclass(frozen=True, slots=True)
class _Accepted:
    """An m-line that will be answered with media.

    `source` is the role of what it sends, `encodings` those that have names.
    """

    line: MediaLine
    mid: str
    kind: Kind
    agreed: tuple[Agreed, ...]
    source: int | None
    encodings: tuple[SentEncoding, ...]
    fec: AgreedFec | None
    ccfb: bool
    place: SlotPlace | None = None

    @property
    def direction(self) -> Direction:
        match self.source, self.place:
            case None, None:
                return "inactive"
            case None, _:
                return "sendonly"
            case _, None:
                return "recvonly"
        return "sendrecv"


def answer_offer(
    offer: str,
    roles: OfferRoles,
    local: LocalTransport,
    ssrcs: Iterator[int],
    capabilities: Capabilities,
    *,
    content_slots: int,
    previous: LegDescription | None = None,
) -> Answer:
    """Answer `offer` as an ICE-lite, DTLS-passive bridge; raise SdpError, and nothing else, for a bad offer.

    `ssrcs` yields random numbers in 1..2^32-1; those in use are skipped. The last `content_slots` video slots
    are for content. `previous` is the leg's last description, for an ICE restart or a further offer: every
    m-line known from it keeps its slot index, SSRCs and msid.
    """
    parsed = parse_offer(offer)
    sending = _sources_by_mid(parsed, roles)
    extensions = ext.settle(parsed.lines, frozenset(sending), capabilities)
    accepted = [_accept(line, sending, extensions, capabilities) for line in parsed.lines]
    if not any(accepted):
        raise SdpError("sdp_unusable", "No m-line has a codec and a direction that the bridge can use.")
    known = previous.places if previous is not None else ()
    places = _places(accepted, known, content_slots, _unused(ssrcs, parsed.ssrcs, known))
    by_mid = {place.mid: place for place in places}
    accepted = [_with_place(item, by_mid) for item in accepted]
    leg = LegDescription(
        ice=IceParams(local_ufrag=local.ice_ufrag, local_pwd=local.ice_pwd),
        sources=tuple(sorted(_sources(accepted), key=lambda source: source.source)),
        slots=tuple(sorted(_slots(accepted), key=lambda slot: slot.slot)),
        extensions=extensions,
        cname=local.cname,
        places=places,
        version=1 if previous is None else previous.version + 1,
    )
    return Answer(sdp=_write(parsed, accepted, leg, local, capabilities), leg=leg, remote=parsed.transport)


def _sources_by_mid(offer: Offer, roles: OfferRoles) -> dict[str, int]:
    """Check the client's roles against its own offer."""
    kinds = {line.mid: line.kind for line in offer.lines}
    sources: dict[str, int] = {}
    for source, mid in ((MIC, roles.mic), (CAMERA, roles.camera), (CONTENT, roles.content)):
        if mid is None:
            continue
        if kinds.get(mid) != ROLE_KINDS[source] or mid in sources:
            raise SdpError("sdp_unusable", "A source names an m-line that is absent, taken or of another kind.")
        sources[mid] = source
    return sources


def _accept(
    line: MediaLine, sources: dict[str, int], extensions: Extensions, capabilities: Capabilities
) -> _Accepted | None:
    if not line.usable or line.mid is None:
        return None
    numbered = ext.numbers_packets(line, extensions)
    source = sources.get(line.mid)
    sends = line.direction in ("sendonly", "sendrecv") and source is not None
    if not (agreed := agree(line, capabilities, transport_cc=numbered, sends=sends)):
        return None
    if line.direction == "sendonly" and source is None:
        return None
    kind: Kind = "audio" if line.kind == "audio" else "video"
    return _Accepted(
        line=line,
        mid=line.mid,
        kind=kind,
        agreed=agreed,
        source=source if sends else None,
        # Encodings without their names in the packets could not be told apart.
        encodings=line.encodings if sends and ext.offers(line, ext.RID_URI, extensions.rid, "sendonly") else (),
        fec=agree_fec(line, capabilities, transport_cc=numbered),
        # Transport-wide numbers say more, and go for the whole leg.
        ccfb=extensions.transport_cc is None and agree_ccfb(line, capabilities),
    )


def _unused(ssrcs: Iterator[int], offered: frozenset[int], known: tuple[SlotPlace, ...]) -> Iterator[int]:
    """Yield SSRCs that neither end uses on this transport yet."""
    taken = {ssrc for place in known for ssrc in (place.ssrc, place.rtx_ssrc, place.fec_ssrc) if ssrc is not None}
    used = {0, *offered} | taken
    while True:
        drawn = next((ssrc for ssrc in islice(ssrcs, SSRC_DRAWS) if ssrc not in used and 0 < ssrc < 2**32), None)
        if drawn is None:
            raise ValueError("the supply of SSRCs repeats itself")
        used.add(drawn)
        yield drawn


def _places(
    accepted: list[_Accepted | None],
    known: tuple[SlotPlace, ...],
    content_slots: int,
    ssrcs: Iterator[int],
) -> tuple[SlotPlace, ...]:
    """Return the known places and, after them, one for each m-line that can receive and has none yet."""
    kept = {(place.mid, place.kind): place for place in known}
    fresh = [
        item
        for item in accepted
        if item is not None
        and item.line.direction in ("recvonly", "sendrecv")
        and (item.mid, item.kind) not in kept
    ]
    missing = max(0, content_slots - sum(place.content for place in known))
    # A camera's own m-line may receive too, but what it receives is a face, not content.
    video = [item.mid for item in fresh if item.kind == "video" and item.source is None]
    content = set(video[len(video) - min(missing, len(video)) :])
    places = [_grown(place, accepted, ssrcs) for place in known]
    for item in fresh:
        places.append(_new_place(item, places, ssrcs, content=item.mid in content))
    return tuple(places)


def _grown(place: SlotPlace, accepted: list[_Accepted | None], ssrcs: Iterator[int]) -> SlotPlace:
    """Give a known place the SSRCs for repair that only the new offer has a use for."""
    item = next((item for item in accepted if item is not None and item.mid == place.mid), None)
    if item is None:
        return place
    rtx_ssrc, fec_ssrc = place.rtx_ssrc, place.fec_ssrc
    if rtx_ssrc is None and _has_rtx(item):
        rtx_ssrc = next(ssrcs)
    if fec_ssrc is None and item.fec is not None:
        fec_ssrc = next(ssrcs)
    return msgspec.structs.replace(place, rtx_ssrc=rtx_ssrc, fec_ssrc=fec_ssrc)


def _new_place(item: _Accepted, places: list[SlotPlace], ssrcs: Iterator[int], *, content: bool) -> SlotPlace:
    number = sum(place.kind == item.kind and place.content == content for place in places)
    # The i-th audio and the i-th video slot share a stream, so that a browser plays a person's two in lip
    # sync.
    return SlotPlace(
        slot=max((place.slot for place in places), default=-1) + 1,
        mid=item.mid,
        kind=item.kind,
        stream=f"c{number}" if content else f"s{number}",
        track=f"cv{number}" if content else f"{item.kind[0]}{number}",
        content=content,
        ssrc=next(ssrcs),
        rtx_ssrc=next(ssrcs) if _has_rtx(item) else None,
        fec_ssrc=next(ssrcs) if item.fec is not None else None,
    )


def _has_rtx(item: _Accepted) -> bool:
    return any(agreed.format.rtx_pt is not None for agreed in item.agreed)


def _with_place(item: _Accepted | None, places: dict[str, SlotPlace]) -> _Accepted | None:
    if item is None or item.line.direction not in ("recvonly", "sendrecv"):
        return item
    return replace(item, place=places[item.mid])


def _sources(accepted: list[_Accepted | None]) -> Iterator[Source]:
    for item in accepted:
        if item is not None and item.source is not None:
            yield Source(
                source=item.source,
                kind=item.kind,
                mid=item.mid,
                encodings=_encodings(item),
                formats=tuple(agreed.format for agreed in item.agreed),
            )


def _encodings(item: _Accepted) -> tuple[Encoding, ...]:
    """Several encodings have no SSRC here: nothing in an offer says which of its SSRCs is whose, packets do."""
    if item.encodings:
        return tuple(Encoding(rid=sent.rid) for sent in item.encodings)
    rtx_ssrc = item.line.rtx_ssrc if _has_rtx(item) else None
    return (Encoding(rid=None, ssrc=item.line.ssrc, rtx_ssrc=rtx_ssrc),)


def _slots(accepted: list[_Accepted | None]) -> Iterator[Slot]:
    for item in accepted:
        if item is not None and (place := item.place) is not None:
            yield Slot(
                slot=place.slot,
                kind=item.kind,
                ssrc=place.ssrc,
                rtx_ssrc=place.rtx_ssrc if _has_rtx(item) else None,
                fec=_fec(item, place),
                ccfb=item.ccfb,
                max_ptime_ms=item.line.max_ptime_ms,
                formats=tuple(agreed.format for agreed in item.agreed),
            )


def _fec(item: _Accepted, place: SlotPlace) -> Fec | None:
    if item.fec is None or place.fec_ssrc is None:
        return None
    return Fec(pt=item.fec.pt, ssrc=place.fec_ssrc)


def _write(
    offer: Offer,
    accepted: list[_Accepted | None],
    leg: LegDescription,
    local: LocalTransport,
    capabilities: Capabilities,
) -> str:
    taken = {item.mid for item in accepted if item is not None}
    bundle = [mid for mid in offer.bundle if mid in taken]
    transport = writer.Transport(local.ice_ufrag, local.ice_pwd, local.fingerprint, local.candidates, leg.version)
    lines = writer.session(local.cname, leg.version, bundle)
    for line, item in zip(offer.lines, accepted, strict=True):
        if item is None:
            lines += writer.rejected(line)
        else:
            section = _section(item, leg, capabilities)
            lines += writer.media(section, transport)
    return "".join(f"{line}\r\n" for line in lines)


def _section(item: _Accepted, leg: LegDescription, capabilities: Capabilities) -> writer.Section:
    limits = {CAMERA: capabilities.camera_max_bitrate, CONTENT: capabilities.content_max_bitrate}
    return writer.Section(
        line=item.line,
        mid=item.mid,
        direction=item.direction,
        agreed=item.agreed,
        extensions=tuple(
            ext.answered(
                item.line, leg.extensions, is_source=item.source is not None, has_encodings=bool(item.encodings)
            )
        ),
        encodings=item.encodings,
        max_bitrate=None if item.source is None else limits.get(item.source),
        place=item.place,
        rtx_ssrc=item.place.rtx_ssrc if item.place is not None and _has_rtx(item) else None,
        fec=item.fec if item.place is not None else None,
        ccfb=item.ccfb,
        cname=leg.cname,
    )
