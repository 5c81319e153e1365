"""The plain data that SDP yields, the bridge keeps and the engine takes.

Every class here is a frozen msgspec struct, so one definition serves as a value in Python and as a map in a
command to the engine (`media/api.py`). Field names are those of the engine's commands and must not be changed
on one side alone.
"""

from typing import Final, Literal

import msgspec

Kind = Literal["audio", "video"]

MIC: Final = 0
CAMERA: Final = 1
CONTENT: Final = 2
CIF: Final = 288
"""Lines of the common intermediate format."""
OLDER: Final = frozenset({"h261", "h263", "h263-1998"})
"""What room systems had before H.264."""
BASELINE_LEVEL_1: Final = 0x42000A
CONSTRAINED: Final = (0x42, 0x40)
"""Constrained baseline, however it is spelled."""
DECODE_CONSTRAINED: Final = frozenset({0x42, 0x4D, 0x64})
"""Profiles whose decoders take constrained baseline (ITU-T H.264 A.2)."""
SPELLINGS: Final = (
    (0x42, 0x4F, 0x40, CONSTRAINED),
    (0x4D, 0x8F, 0x80, CONSTRAINED),
    (0x58, 0xCF, 0xC0, CONSTRAINED),
    (0x42, 0x4F, 0x00, (0x42, 0)),
    (0x58, 0xCF, 0x80, (0x42, 0)),
    (0x4D, 0xAF, 0x00, (0x4D, 0)),
)

REPAIRS: Final = frozenset({"nack", "red", "fec", "feedback", "simulcast"})
"""What can be left out of answers: retransmissions (RFC 4585 section 6.2.1, RFC 4588), redundant sound
(RFC 2198), FlexFEC for pictures, transport-wide congestion control both ways, and several encodings of a
picture (RFC 8853)."""


class Format(msgspec.Struct, frozen=True, kw_only=True):
    """One payload type of a source or a slot, as answered.

    `pt` is 0..127; `codec` is the encoding name of its rtpmap in lower case; `clock_rate` is in Hz; `rtx_pt`
    is the payload type of its retransmissions (RFC 4588) or None; `nack` and `pli` say whether RFC 4585
    generic NACK and picture loss indication were agreed. For H.264 alone (RFC 6184 section 8.1):
    `packetization_mode`, None for 0; `profile` is profile-level-id as a number of 24 bits, None for baseline at
    level 1; `level_asymmetry` says that the level received may differ from the level sent. For H.261 and H.263
    alone: `lines` of the largest picture, None for 288, and the least `interval` of pictures in 1001/30000 s, None
    for 1. `transport_cc` says
    that feedback on transport-wide numbers was agreed (draft-holmer-rmcat-transport-wide-cc-extensions-01), `remb`
    that the peer heeds what the bridge says of its link (draft-alvestrand-rmcat-remb-03);
    `red_pt`, for Opus alone, is the payload type of RED (RFC 2198) that carries this format, or None.
    """

    pt: int
    codec: str
    clock_rate: int
    rtx_pt: int | None = None
    nack: bool = False
    pli: bool = False
    packetization_mode: int | None = None
    profile: int | None = None
    level_asymmetry: bool = False
    lines: int | None = None
    interval: int | None = None
    transport_cc: bool = False
    remb: bool = False
    red_pt: int | None = None

    def takes(self, sent: "Format") -> bool:
        """Whether a receiver of this format can decode what comes in `sent`, unchanged.

        The engine's rule (media/engine/core/src/format.rs), which refuses a feed that does not fit: for H.264 the
        receiver's mode holds the sender's (RFC 6184 section 6.3), its profile is the same or one whose decoders
        take constrained baseline, and the level is no higher; for H.261 and H.263 pictures are as large and
        as many.
        """
        if (self.codec, self.clock_rate) != (sent.codec, sent.clock_rate):
            return False
        if self.codec in OLDER:
            lines, interval = self.lines or CIF, self.interval or 1
            return lines >= (sent.lines or CIF) and interval <= (sent.interval or 1)
        if self.codec != "h264":
            return True
        (mode, profile, level), (sent_mode, sent_profile, sent_level) = _h264(self), _h264(sent)
        mode_fits = mode == sent_mode or (mode, sent_mode) == (1, 0)
        decodes = sent_profile == CONSTRAINED and profile[0] in DECODE_CONSTRAINED
        return mode_fits and (profile == sent_profile or decodes) and (self.level_asymmetry or level >= sent_level)


def _h264(form: Format) -> tuple[int, tuple[int, int], int]:
    """Mode, profile, level. The spellings of one profile (RFC 6184 table 5) are made one."""
    number = BASELINE_LEVEL_1 if form.profile is None else form.profile
    profile, flags, level = number.to_bytes(3, "big")
    spelled = (one for p, mask, bits, one in SPELLINGS if profile == p and flags & mask == bits)
    return form.packetization_mode or 0, next(spelled, (profile, flags)), level


class Encoding(msgspec.Struct, frozen=True, kw_only=True):
    """One RTP stream of a source, as answered.

    `rid` names it among those of simulcast (RFC 8853), None for an only encoding. `ssrc` and `rtx_ssrc`, that of
    its retransmissions, are None when the offer did not signal them; the engine then learns them from the RID and
    MID header extensions (RFC 8852, RFC 8843 section 9.2).
    """

    rid: str | None = None
    ssrc: int | None = None
    rtx_ssrc: int | None = None


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """A stream that a leg sends: `source` is MIC, CAMERA or CONTENT.

    `encodings` has at least one; several are simulcast, lowest quality first. `formats` are in the order of
    preference of the answer.
    """

    source: int
    kind: Kind
    mid: str
    encodings: tuple[Encoding, ...]
    formats: tuple[Format, ...]


class Fec(msgspec.Struct, frozen=True, kw_only=True):
    """FlexFEC-03 towards a receiver (draft-ietf-payload-flexible-fec-scheme-03): payload type, our SSRC."""

    pt: int
    ssrc: int


class Slot(msgspec.Struct, frozen=True, kw_only=True):
    """A stream that a leg can take: the bridge's own SSRC, and the payload types of the offer's m-line.

    `fec` is None when no forward error correction was agreed; `ccfb` says that reports on each packet by its
    sequence number were (RFC 8888). `max_ptime_ms` is what a packet of sound may hold at most, None for anything.
    """

    slot: int
    kind: Kind
    ssrc: int
    rtx_ssrc: int | None
    formats: tuple[Format, ...]
    fec: Fec | None = None
    ccfb: bool = False
    max_ptime_ms: int | None = None


class IceParams(msgspec.Struct, frozen=True, kw_only=True):
    """What an ICE-lite agent needs to check and answer a STUN binding request (RFC 8445 section 7.3).

    `local_pwd` is a secret: it keys MESSAGE-INTEGRITY.
    """

    local_ufrag: str
    local_pwd: str

    def __repr__(self) -> str:
        """Leave the password out: descriptions end up in logs and failure reports."""
        return f"IceParams(local_ufrag={self.local_ufrag!r})"


class Extensions(msgspec.Struct, frozen=True, kw_only=True):
    """Ids (1..14, RFC 8285 one-byte form) of header extensions, one for the whole bundle; None: not agreed.

    `rid` and `repaired_rid` are those of RFC 8852; `transport_cc` is that of the transport-wide sequence number.
    """

    mid: int | None = None
    audio_level: int | None = None
    transport_cc: int | None = None
    rid: int | None = None
    repaired_rid: int | None = None


class SlotPlace(msgspec.Struct, frozen=True, kw_only=True):
    """Where a slot sits in the SDP: what a page needs to find its track, and a later answer needs to keep it.

    `stream` and `track` are the two ids of its a=msid (RFC 8830); `content` marks a slot kept for shared
    content. The SSRCs for repair are kept even while a later offer has no use for them.
    """

    slot: int
    mid: str
    kind: Kind
    stream: str
    track: str
    content: bool
    ssrc: int
    rtx_ssrc: int | None
    fec_ssrc: int | None = None


class LegDescription(msgspec.Struct, frozen=True, kw_only=True):
    """All that one answer settled about a leg.

    `places` has one entry for every slot ever given to this leg, also those that the latest offer made
    inactive, so that a slot that comes back has its old index, SSRC and msid; `slots` holds the active ones.
    `version` is the session version of the answer's o= line and grows by one with each answer.
    """

    ice: IceParams
    sources: tuple[Source, ...]
    slots: tuple[Slot, ...]
    extensions: Extensions
    cname: str
    places: tuple[SlotPlace, ...]
    version: int = 1

    def mid_of(self, slot: int) -> str | None:
        """Return the MID of the m-line that carries `slot`, or None if there is no such slot."""
        return next((place.mid for place in self.places if place.slot == slot), None)

    @property
    def content_slots(self) -> tuple[int, ...]:
        """The active slots that are kept for shared content, in order."""
        active = {slot.slot for slot in self.slots}
        return tuple(place.slot for place in self.places if place.content and place.slot in active)
