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


class Format(msgspec.Struct, frozen=True, kw_only=True):
    """One payload type of a source or a slot, as answered.

    `pt` is 0..127; `codec` is the encoding name of its rtpmap in lower case; `clock_rate` is in Hz; `rtx_pt`
    is the payload type of its retransmissions (RFC 4588) or None; `nack` and `pli` say whether RFC 4585
    generic NACK and picture loss indication were agreed.
    """

    pt: int
    codec: str
    clock_rate: int
    rtx_pt: int | None = None
    nack: bool = False
    pli: bool = False


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """A stream that a leg sends: `source` is MIC, CAMERA or CONTENT.

    `ssrc` is None when the offer did not signal one; the engine then learns it from the MID header extension
    (RFC 8843 section 9.2). `formats` are in the order of preference of the answer.
    """

    source: int
    kind: Kind
    mid: str
    ssrc: int | None
    rtx_ssrc: int | None
    formats: tuple[Format, ...]


class Slot(msgspec.Struct, frozen=True, kw_only=True):
    """A stream that a leg can take: the bridge's own SSRC, and the payload types of the offer's m-line."""

    slot: int
    kind: Kind
    ssrc: int
    rtx_ssrc: int | None
    formats: tuple[Format, ...]


class IceParams(msgspec.Struct, frozen=True, kw_only=True):
    """What an ICE-lite agent needs to check and answer a STUN binding request (RFC 8445 section 7.3).

    `local_pwd` is a secret: it keys MESSAGE-INTEGRITY.
    """

    local_ufrag: str
    local_pwd: str
    remote_ufrag: str

    def __repr__(self) -> str:
        """Leave the password out: descriptions end up in logs and failure reports."""
        return f"IceParams(local_ufrag={self.local_ufrag!r}, remote_ufrag={self.remote_ufrag!r})"


class Extensions(msgspec.Struct, frozen=True, kw_only=True):
    """Ids (1..14, RFC 8285 one-byte form) of the header extensions a client may send; None: not agreed."""

    mid: int | None = None
    audio_level: int | None = None


class SlotPlace(msgspec.Struct, frozen=True, kw_only=True):
    """Where a slot sits in the SDP: what a page needs to find its track, and a later answer needs to keep it.

    `stream` and `track` are the two ids of its a=msid (RFC 8830); `content` marks a slot kept for shared
    content.
    """

    slot: int
    mid: str
    kind: Kind
    stream: str
    track: str
    content: bool
    ssrc: int
    rtx_ssrc: int | None


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
