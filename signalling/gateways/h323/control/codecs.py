"""Codecs as H.245 has them: static capabilities, H.241 for H.264, H.239 for content; and as SDP has them."""

from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Final

from signalling.gateways.h323.control.values import (
    Choice,
    Fields,
    Oid,
    choice,
    inner,
    number,
    parameter,
    parameters,
    parts,
)


class Kind(Enum):
    """What a medium is; the value is the session that H.323 fixes for it (H.225.0 section 6.2), 0 for none."""

    SOUND = 1
    PICTURE = 2
    CONTENT = 0


H264: Final[Oid] = (0, 0, 8, 241, 0, 0, 1)
"""H.241 section 8.3."""
PACKETIZATION: Final[dict[Oid, int]] = {(0, 0, 8, 241, 0, 0, 0, mode): mode for mode in range(3)}
"""H.264's packetization modes, those of RFC 6184 (H.241 table 5)."""
ROLE: Final[Oid] = (0, 0, 8, 239, 1, 2)
"""H.239 section 7.2.2: what an extended video capability is for."""
PRESENTATION: Final = 1
LIVE: Final = 2
MODES: Final = (0, 1)
"""Single NAL units, and the non-interleaved mode: those that the bridge has."""
LEVELS: Final = {
    15: 10, 19: 11, 22: 11, 29: 12, 36: 13, 43: 20, 50: 21, 57: 22, 64: 30, 71: 31, 78: 32, 85: 40, 92: 41, 99: 42,
    106: 50, 113: 51,
}  # fmt: skip
"""Levels of H.264 in H.241 table 8 and as level_idc; 1b counts as 1.1."""
OUR_LEVEL: Final = 71
BASELINE: Final = 64
DECODES_BASELINE: Final = 64 | 32 | 8
"""Baseline, main and high: what the bridge sends, constrained baseline, is a part of all."""
_SPEEDS: Final = {
    10: (1_485, 99), 11: (3_000, 396), 12: (6_000, 396), 13: (11_880, 396), 20: (11_880, 396), 21: (19_800, 792),
    22: (20_250, 1_620), 30: (40_500, 1_620), 31: (108_000, 3_600),
}  # fmt: skip
"""Macroblocks a second and in a picture that a level holds (H.264 table A-1), up to ours."""
_SLOWER_TWINS: Final = frozenset({20})
"""It differs from the one before in the bit rate alone, which is said elsewhere."""
_PROFILE, _LEVEL, _MAX_MBPS, _MAX_FS = 41, 42, 3, 4
_SOUND: Final = {"g711Alaw64k": "pcma", "g711Ulaw64k": "pcmu", "g722-64k": "g722"}
_SOUND_NAMES: Final = {name: field for field, name in _SOUND.items()}
STATIC: Final = {"pcmu": 0, "pcma": 8, "g722": 9, "h261": 31, "h263": 34}
"""Payload types that need no telling (RFC 3551 section 6)."""
DYNAMIC: Final = frozenset({"h264"})
"""Those that have no number of their own: each sender chooses one of `NUMBERS`."""
NUMBERS: Final = range(96, 128)
CLOCKS: Final = {"pcmu": "PCMU/8000", "pcma": "PCMA/8000", "g722": "G722/8000"}
RATE_UNIT: Final = 100
"""Rates are in units of 100 bit/s."""
MOST_RATE_UNITS: Final = 19_200
MOST_MS: Final = 60
"""Of sound in one packet, that we take."""
_H261: Final = (("QCIF", "qcifMPI"), ("CIF", "cifMPI"))
_H263: Final = (
    ("SQCIF", "sqcifMPI"), ("QCIF", "qcifMPI"), ("CIF", "cifMPI"), ("CIF4", "cif4MPI"), ("CIF16", "cif16MPI"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Codec:
    """One codec with what its receiver takes. Two are the same to a channel when `name` and `mode` are."""

    name: str
    mode: int = 0
    """H.264's packetization mode."""
    level: int = 10
    profiles: int = BASELINE
    custom: tuple[tuple[int, int], ...] = ()
    """H.264 beyond its level, by the numbers of H.241: macroblocks a second in 500, in a picture in 256."""
    sizes: tuple[tuple[str, int], ...] = ()
    """H.261 and H.263: picture sizes, each with the least distance of pictures in 1/29.97 s."""
    bit_rate: int | None = None
    most_ms: int | None = None
    content: bool = field(default=False)

    @property
    def same(self) -> tuple[str, int]:
        """What has to be equal in both directions of a medium."""
        return self.name, self.mode


def read_sound(value: object) -> Codec | None:
    """A codec of sound, or none of ours."""
    name, frames = choice(value)
    if name not in _SOUND:
        return None
    return Codec(_SOUND[name], most_ms=number(frames))


def read_picture(value: object) -> Codec | None:
    """A codec of pictures, or none of ours. Of extended ones the first that is (H.239 section 7.2)."""
    name, fields = choice(value)
    match name:
        case "h261VideoCapability":
            return Codec("h261", sizes=_sizes(fields, _H261), bit_rate=_rate(fields))
        case "h263VideoCapability":
            return Codec("h263", sizes=_sizes(fields, _H263), bit_rate=_rate(fields))
        case "genericVideoCapability" if inner(fields, "capabilityIdentifier", "standard") == H264:
            return _h264(fields)
        case "extendedVideoCapability" if _is_content(fields):
            read = (read_picture(one) for one in parts(fields).get("videoCapability") or ())
            found = next((one for one in read if one is not None), None)
            return None if found is None else replace(found, content=True)
    return None


def _h264(fields: object) -> Codec | None:
    known = parameters(fields)
    profiles = number(known.get(_PROFILE, ("", None))[1]) or 0
    level = LEVELS.get(number(known.get(_LEVEL, ("", None))[1]) or 0)
    if not profiles & DECODES_BASELINE or level is None:
        return None
    told = ((identifier, number(known.get(identifier, ("", None))[1])) for identifier in (_MAX_MBPS, _MAX_FS))
    custom = tuple((identifier, value) for identifier, value in told if value is not None)
    return Codec("h264", level=level, profiles=profiles, custom=custom, bit_rate=_rate(fields))


def _is_content(fields: object) -> bool:
    extensions = parts(fields).get("videoCapabilityExtension") or ()
    roles = [parameters(one) for one in extensions if inner(one, "capabilityIdentifier", "standard") == ROLE]
    return any((number(role.get(PRESENTATION, ("", None))[1]) or 0) & (PRESENTATION | LIVE) for role in roles)


def _rate(fields: object) -> int | None:
    units = number(parts(fields).get("maxBitRate"))
    return units * RATE_UNIT if units else None


def _sizes(fields: object, names: tuple[tuple[str, str], ...]) -> tuple[tuple[str, int], ...]:
    found = ((size, number(parts(fields).get(name))) for size, name in names)
    return tuple((size, interval) for size, interval in found if interval is not None)


def written(codec: Codec) -> Choice:
    """A codec as VideoCapability or AudioCapability."""
    if codec.name in _SOUND_NAMES:
        return (_SOUND_NAMES[codec.name], codec.most_ms or 20)
    own = _picture(codec)
    if not codec.content:
        return own
    role = {"capabilityIdentifier": ("standard", ROLE), "collapsing": [parameter(1, "booleanArray", PRESENTATION)]}
    return ("extendedVideoCapability", {"videoCapability": [own], "videoCapabilityExtension": [role]})


def _picture(codec: Codec) -> Choice:
    units = max(1, (codec.bit_rate or 0) // RATE_UNIT)
    if codec.name == "h264":
        level = next((number for number, idc in reversed(LEVELS.items()) if idc == codec.level), OUR_LEVEL)
        settled = [parameter(_PROFILE, "booleanArray", BASELINE), parameter(_LEVEL, "unsignedMin", level)]
        settled += [parameter(identifier, "unsignedMin", value) for identifier, value in codec.custom]
        identifier = ("standard", H264)
        return (
            "genericVideoCapability",
            {"capabilityIdentifier": identifier, "maxBitRate": units, "collapsing": settled},
        )
    fields: dict[str, object] = dict.fromkeys(("temporalSpatialTradeOffCapability",), False)
    fields["maxBitRate"] = min(units, MOST_RATE_UNITS)
    if codec.name == "h261":
        fields |= {"stillImageTransmission": False, "videoBadMBsCap": False}
        fields |= {name: interval for size, name in _H261 for own, interval in codec.sizes if own == size}
        return ("h261VideoCapability", fields)
    fields |= dict.fromkeys(("unrestrictedVector", "arithmeticCoding", "advancedPrediction", "pbFrames"), False)
    fields |= {"errorCompensation": False}
    fields |= {name: interval for size, name in _H263 for own, interval in codec.sizes if own == size}
    return ("h263VideoCapability", fields)


def data_type(codec: Codec) -> Choice:
    """A codec as DataType of a channel."""
    return ("audioData" if codec.name in CLOCKS else "videoData", written(codec))


def packetization(codec: Codec, payload_type: int) -> Fields:
    """What a channel says of its packets: of H.264 the mode (H.241 section 7.1.2)."""
    if codec.name != "h264":
        return {}
    descriptor = ("oid", next(oid for oid, mode in PACKETIZATION.items() if mode == codec.mode))
    return {
        "mediaPacketization": ("rtpPayloadType", {"payloadDescriptor": descriptor, "payloadType": payload_type})
    }


def mode_of(fields: object) -> int:
    """The packetization mode that a channel says; without a word single NAL units (H.241 annex A)."""
    oid = inner(fields, "mediaPacketization", "rtpPayloadType", "payloadDescriptor", "oid")
    return PACKETIZATION.get(oid, 0) if isinstance(oid, tuple) else 0


def ours(names: tuple[str, ...], bit_rate: int, *, content: bool = False) -> tuple[Codec, ...]:
    """What we take, by name."""
    known = {
        "h264": Codec("h264", level=LEVELS[OUR_LEVEL], bit_rate=bit_rate, content=content),
        "h263": Codec("h263", sizes=(("QCIF", 1), ("CIF", 1)), bit_rate=bit_rate, content=content),
        "h261": Codec("h261", sizes=(("QCIF", 1), ("CIF", 1)), bit_rate=bit_rate, content=content),
        **{name: Codec(name, most_ms=MOST_MS) for name in CLOCKS},
    }
    return tuple(known[name] for name in names if name in known)


def _level(codec: Codec) -> int:
    """The level that a receiver comes up to, with what it takes beyond the one that it names; ours at the most.

    What it sends to us is no higher, and most room systems name a low one and say the rest beside it.
    """
    custom = dict(codec.custom)
    least = _SPEEDS.get(codec.level, _SPEEDS[LEVELS[OUR_LEVEL]])
    speed, size = max(least[0], custom.get(_MAX_MBPS, 0) * 500), max(least[1], custom.get(_MAX_FS, 0) * 256)
    named = min(codec.level, LEVELS[OUR_LEVEL])
    held = (level for level, (most, largest) in _SPEEDS.items() if most <= speed and largest <= size)
    return max(named, *(level for level in held if level not in _SLOWER_TWINS))


def sdp(codec: Codec, payload_type: int) -> list[str]:
    """The attributes of one format, with what its receiver takes (RFC 6184, RFC 4587, RFC 4629)."""
    if codec.name in CLOCKS:
        return [f"a=rtpmap:{payload_type} {CLOCKS[codec.name]}"]
    lines = [f"a=rtpmap:{payload_type} {codec.name.upper()}/90000"]
    if codec.name == "h264":
        told = [f"packetization-mode={codec.mode}", f"profile-level-id=42e0{_level(codec):02x}"]
    else:
        told = [f"{size}={interval}" for size, interval in codec.sizes]
    return [*lines, *([f"a=fmtp:{payload_type} {';'.join(told)}"] if told else [])]
