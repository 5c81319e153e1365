"""Legs of lines (SIP, H.323): the commands to the engine, and what a snapshot says of their lines.

The schema is that of media/engine/core/src/line/api.rs. A line is one media line of a session description: it has
ports, an address and keys of its own. Sources and slots are numbered over all lines of a leg.
"""

from enum import IntEnum
from typing import Final

import msgspec

from media.description import Extensions, IceParams, Slot, Source

MOST_LINES: Final = 4
"""Lines that the engine takes for one leg."""


class LinePorts(msgspec.Struct, frozen=True, kw_only=True):
    """Our UDP ports of a line: `rtp` as `Engine.open_ports` gave it, `rtcp` the next one, None if multiplexed."""

    rtp: int
    rtcp: int | None = None


class Remote(msgspec.Struct, frozen=True, kw_only=True):
    """Where the peer says that it is, as "ip:port" or "[ip]:port".

    `rtcp` is None for the port after that of RTP, and of no effect where RTCP is multiplexed. With `learn` the
    peer is behind an address translator: whoever sends first, within ten seconds, is the peer as far as no key
    proves it.
    """

    rtp: str
    rtcp: str | None = None
    learn: bool = False

    def __repr__(self) -> str:
        """Leave addresses out: they are a person's."""
        return f"Remote(learn={self.learn})"


class Keys(msgspec.Struct, frozen=True, kw_only=True):
    """A suite of SRTP by its name in RFC 4568 or RFC 7714, and master key and salt joined, of one direction."""

    profile: str
    master: bytes

    def __repr__(self) -> str:
        """Leave the key out."""
        return f"Keys({self.profile})"


class ChannelKey(msgspec.Struct, frozen=True, kw_only=True):
    """A key of H.235.6 of one direction: `H235_AES_128_CBC` with 16 bytes, `H235_AES_256_CBC` with 32.

    `payload_type` is that by which packets tell that they are under it, None for a key that has followed no other.
    """

    profile: str
    key: bytes
    payload_type: int | None = None

    def __repr__(self) -> str:
        """Leave the key out."""
        return f"ChannelKey({self.profile})"


class Plain(msgspec.Struct, frozen=True, tag_field="type", tag=True):
    """A line without protection (RTP/AVP, RTP/AVPF)."""


class Sdes(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag=True):
    """Keys that the descriptions hold (RFC 4568): `local` is what we send with, `remote` what the peer does."""

    local: Keys
    remote: Keys


class H235(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag=True):
    """Keys that the signalling of H.323 has brought (H.235.6): media are hidden, and nothing of them is proved."""

    local: ChannelKey
    remote: ChannelKey


class Dtls(msgspec.Struct, frozen=True, tag_field="type", tag=True):
    """Keys that a handshake on the line will give (RFC 5764)."""


Protection = Plain | Sdes | H235 | Dtls


class Feedback(msgspec.Struct, frozen=True, kw_only=True):
    """What the peer has agreed to heed: `nack pli`, `ccm fir`, `ccm tmmbr` (RFC 4585, RFC 5104).

    Where neither of the first two is, the engine asks for key frames by the event KeyFrameWanted.
    """

    pli: bool = False
    fir: bool = False
    tmmbr: bool = False


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One media line of a leg.

    `parameter_sets` are those of the peer's H.264 that its description holds (`sprop-parameter-sets`, RFC 6184
    section 8.1), each a NAL unit; `max_bitrate` is what the peer takes of pictures at the most, in bit/s
    (`b=TIAS`). With `ice` the peer is where its checks come from (RFC 8445), on each of the ports, and nowhere
    before.
    """

    ports: LinePorts
    remote: Remote
    protection: Protection
    ice: IceParams | None = None
    sources: tuple[Source, ...]
    slots: tuple[Slot, ...]
    parameter_sets: tuple[bytes, ...] = ()
    feedback: Feedback = Feedback()
    max_bitrate: int | None = None


class _Command(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag=True):
    pass


class AddLines(_Command, frozen=True, kw_only=True):
    """A new leg of lines, its gate closed; a line without protection is refused unless `allow_plain` is set."""

    leg: int
    room: int
    lines: tuple[Line, ...]
    extensions: Extensions = Extensions()
    cname: str
    allow_plain: bool = False


class SetRemote(_Command, frozen=True, kw_only=True):
    """What a further offer or answer changes of a line: where the peer is, and what else is new.

    That is its keys, our credentials where it restarts ICE, and the most that it takes of pictures, in bit/s.
    """

    leg: int
    line: int
    remote: Remote
    keys: Keys | None = None
    ice: IceParams | None = None
    max_bitrate: int | None = None


class SetLineKeys(_Command, frozen=True, kw_only=True):
    """The keys that the handshake on a line gave."""

    leg: int
    line: int
    local: Keys
    remote: Keys


class SetChannelKeys(_Command, frozen=True, kw_only=True):
    """Keys of H.235.6 that have come or changed; None for what is as before.

    Of what the peer sends, the key before opens what is still on its way.
    """

    leg: int
    line: int
    local: ChannelKey | None = None
    remote: ChannelKey | None = None


class SendLineDtls(_Command, frozen=True, kw_only=True):
    """DTLS datagrams to the peer on a line, of at most one MTU each."""

    leg: int
    line: int
    datagrams: list[bytes]


class WantKeyFrame(_Command, frozen=True, kw_only=True):
    """The peer needs a key frame in a slot, and says so beside RTCP (RFC 5168)."""

    leg: int
    slot: int


LineCommand = AddLines | SetRemote | SetLineKeys | SetChannelKeys | SendLineDtls | WantKeyFrame


class Cipher(IntEnum):
    """What protects a line's packets of one direction, as a snapshot tells it; stronger ones are larger.

    Those of H.235.6 hide what is said, and prove nothing of it.
    """

    NOT_YET = 0
    PLAIN = 1
    H235_AES_128_CBC = 2
    H235_AES_256_CBC = 3
    AES_CM_128_HMAC_SHA1_32 = 4
    AES_CM_128_HMAC_SHA1_80 = 5
    AEAD_AES_128_GCM = 6
    AEAD_AES_256_GCM = 7

    @property
    def proves(self) -> bool:
        """Whether packets are proved to come from who has the key."""
        return self >= Cipher.AES_CM_128_HMAC_SHA1_32
