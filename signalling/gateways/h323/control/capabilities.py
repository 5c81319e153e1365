"""Capability sets: what a peer takes, at once and at all, and what we tell it (H.245 section 7.2)."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Final

from signalling.gateways.h323.control import codecs
from signalling.gateways.h323.control.codecs import Codec, Kind
from signalling.gateways.h323.control.values import NULL, Choice, Fields, Oid, choice, inner, parts

PROTOCOL: Final[Oid] = (0, 0, 8, 245, 0, 15)
CONTENT_CONTROL: Final[Oid] = (0, 0, 8, 239, 1, 1)
"""H.239 section 7.2.1: the peer knows the messages about content."""
MOST_ENTRIES: Final = 256
MOST_DESCRIPTORS: Final = 32
MOST_ALTERNATIVES: Final = 2_048
"""Numbers in all descriptors together."""
EVENTS_PT: Final = 101
EVENTS: Final = "0-15"
_RECEIVES: Final = ("receiveAudioCapability", "receiveAndTransmitAudioCapability")
_SHOWS: Final = ("receiveVideoCapability", "receiveAndTransmitVideoCapability")
_EMPTY: Final = {"multiUniCastConference": False, "multicastCapability": False}
_DISTRIBUTION: Final = dict.fromkeys(
    ("centralizedControl", "distributedControl", "centralizedAudio", "distributedAudio", "centralizedVideo"), False
) | {"distributedVideo": False}


@dataclass(frozen=True, slots=True)
class Receives:
    """One thing that the peer takes, and how it can be protected: a value of H.245, None for not at all."""

    codec: Codec
    security: Fields | None = None


@dataclass(frozen=True, slots=True)
class Usable:
    """What of a peer's set we can use at once, each in the peer's order."""

    sound: tuple[Receives, ...] = ()
    pictures: tuple[Receives, ...] = ()
    content: tuple[Receives, ...] = ()
    has_token: bool = False
    """Whether it knows H.239's messages."""

    def of(self, kind: Kind) -> tuple[Receives, ...]:
        """What there is for one medium."""
        return {Kind.SOUND: self.sound, Kind.PICTURE: self.pictures, Kind.CONTENT: self.content}[kind]


NOTHING: Final = Usable()


@dataclass(slots=True)
class PeerSet:
    """The peer's table and descriptors, as its sets have filled them."""

    usable: Usable = NOTHING
    paused: bool = False
    """Whether its last set was empty: it wants nothing sent (H.323 section 8.4.6)."""
    known: bool = False
    _table: dict[int, Choice] = field(default_factory=dict)
    _descriptors: dict[int, tuple[tuple[int, ...], ...]] = field(default_factory=dict)
    _modes: frozenset[int] = frozenset({0})

    def take(self, fields: Fields) -> Choice | None:
        """Take a set; else the cause by which it is turned down, and all is as it was."""
        self.paused = not any(
            name in fields for name in ("multiplexCapability", "capabilityTable", "capabilityDescriptors")
        )
        if self.paused:
            self._table, self._descriptors, self.usable = {}, {}, NOTHING
            return None
        entries, descriptors = fields.get("capabilityTable") or [], fields.get("capabilityDescriptors") or []
        table = dict(self._table)
        for entry in entries:
            at, capability = entry["capabilityTableEntryNumber"], entry.get("capability")
            if capability is None:
                table.pop(at, None)
            else:
                table[at] = capability
        if len(table) > MOST_ENTRIES:
            return ("tableEntryCapacityExceeded", ("noneProcessed", NULL))
        known = self._descriptors | {
            one["capabilityDescriptorNumber"]: tuple(
                tuple(some) for some in one.get("simultaneousCapabilities") or ()
            )
            for one in descriptors
        }
        if (
            len(known) > MOST_DESCRIPTORS
            or sum(len(some) for one in known.values() for some in one) > MOST_ALTERNATIVES
        ):
            return ("descriptorCapacityExceeded", NULL)
        self._table, self._descriptors, self.known = table, known, True
        if "multiplexCapability" in fields:
            self._modes = _modes(fields)
        self.usable = self._look()
        return None

    def _look(self) -> Usable:
        """The descriptor by which most can be had at once, of several the first (H.245 annex A, on order)."""
        # Without descriptors nothing can be had, says the text; what leaves them out means all of its table.
        descriptors = [self._descriptors[at] for at in sorted(self._descriptors)] or [
            tuple((at,) for at in self._table)
        ]
        found = [self._of(descriptor) for descriptor in descriptors]
        return max(found, key=lambda one: (bool(one.sound) + bool(one.pictures), bool(one.content)))

    def _of(self, descriptor: Iterable[tuple[int, ...]]) -> Usable:
        sets = [tuple(self._receives(some)) for some in descriptor]
        taken: set[int] = set()
        found = {kind: _first(sets, kind, taken) for kind in (Kind.SOUND, Kind.PICTURE, Kind.CONTENT)}
        listed = (self._table.get(at) for some in descriptor for at in some)
        has_token = any(
            inner(one, "genericControlCapability", "capabilityIdentifier", "standard") == CONTENT_CONTROL
            for one in listed
        )
        return Usable(found[Kind.SOUND], found[Kind.PICTURE], found[Kind.CONTENT] if has_token else (), has_token)

    def _receives(self, numbers: Iterable[int]) -> Iterator[Receives]:
        for at in dict.fromkeys(numbers):
            name, capability = choice(self._table.get(at))
            codec = codecs.read_sound(capability) if name in _RECEIVES else None
            codec = codecs.read_picture(capability) if name in _SHOWS else codec
            if codec is not None:
                yield from (Receives(one, self._security(at)) for one in self._in_modes(codec))

    def _in_modes(self, codec: Codec) -> list[Codec]:
        """H.264 in each packetization mode that the peer reads, single NAL units first."""
        if codec.name != "h264":
            return [codec]
        return [replace(codec, mode=mode) for mode in codecs.MODES if mode in self._modes]

    def _security(self, at: int) -> Fields | None:
        for one in self._table.values():
            fields = inner(one, "h235SecurityCapability")
            if inner(fields, "mediaCapability") == at:
                return parts(inner(fields, "encryptionAuthenticationAndIntegrity"))
        return None


def _first(sets: list[tuple[Receives, ...]], kind: Kind, taken: set[int]) -> tuple[Receives, ...]:
    """The first set of alternatives with something of this kind: one capability of each can be had at once."""
    for number_, alternatives in enumerate(sets):
        found = tuple(one for one in alternatives if _kind(one.codec) is kind)
        if found and number_ not in taken:
            taken.add(number_)
            return found
    return ()


def _kind(codec: Codec) -> Kind:
    if codec.name in codecs.CLOCKS:
        return Kind.SOUND
    return Kind.CONTENT if codec.content else Kind.PICTURE


def _modes(fields: Fields) -> frozenset[int]:
    told = parts(inner(fields, "multiplexCapability", "h2250Capability", "mediaPacketizationCapability"))
    oids = (inner(one, "payloadDescriptor", "oid") for one in told.get("rtpPayloadType") or ())
    return frozenset({0, *(codecs.PACKETIZATION.get(oid, 0) for oid in oids if isinstance(oid, tuple))})


def empty(sequence: int) -> Choice:
    """A set of nothing."""
    return ("request", ("terminalCapabilitySet", {"sequenceNumber": sequence, "protocolIdentifier": PROTOCOL}))


def message(
    sequence: int, media: Iterable[tuple[Codec, ...]], security: Fields | None, *, content: bool
) -> Choice:
    """Our set: of each medium one codec at a time, all media at once, keys pressed in either form."""
    table: list[Fields] = []
    sets: list[list[int]] = []
    for alternatives in media:
        numbers: list[int] = []
        for codec in alternatives:
            numbers += _add(table, codec, security)
        sets += [numbers] if numbers else []
    events = {"dynamicRTPPayloadType": EVENTS_PT, "audioTelephoneEvent": EVENTS}
    others: list[Choice] = [
        ("receiveUserInputCapability", ("basicString", NULL)),
        ("receiveUserInputCapability", ("dtmf", NULL)),
        ("receiveRTPAudioTelephonyEventCapability", events),
    ]
    if content:
        others.append(("genericControlCapability", {"capabilityIdentifier": ("standard", CONTENT_CONTROL)}))
    for capability in others:
        at = len(table) + 1
        table.append({"capabilityTableEntryNumber": at, "capability": capability})
        sets.append([at])
    fields = {
        "sequenceNumber": sequence,
        "protocolIdentifier": PROTOCOL,
        "multiplexCapability": ("h2250Capability", _multiplex()),
        "capabilityTable": table,
        "capabilityDescriptors": [{"capabilityDescriptorNumber": 1, "simultaneousCapabilities": sets}],
    }
    return ("request", ("terminalCapabilitySet", fields))


def _add(table: list[Fields], codec: Codec, security: Fields | None) -> list[int]:
    """Put a codec into the table, and beside it how it can be protected (H.235.6)."""
    at = len(table) + 1
    name = "receiveAudioCapability" if codec.name in codecs.CLOCKS else "receiveVideoCapability"
    table.append({"capabilityTableEntryNumber": at, "capability": (name, codecs.written(codec))})
    if security is None:
        return [at]
    protected = {"encryptionAuthenticationAndIntegrity": security, "mediaCapability": at}
    table.append({"capabilityTableEntryNumber": at + 1, "capability": ("h235SecurityCapability", protected)})
    return [at, at + 1]


def _multiplex() -> Fields:
    multipoint = {**_EMPTY, "mediaDistributionCapability": [_DISTRIBUTION]}
    packets = [
        {"payloadDescriptor": ("oid", oid)} for oid, mode in codecs.PACKETIZATION.items() if mode in codecs.MODES
    ]
    return {
        "maximumAudioDelayJitter": 250,
        "receiveMultipointCapability": multipoint,
        "transmitMultipointCapability": multipoint,
        "receiveAndTransmitMultipointCapability": multipoint,
        "mcCapability": {"centralizedConferenceMC": False, "decentralizedConferenceMC": False},
        "rtcpVideoControlCapability": False,
        "mediaPacketizationCapability": {"h261aVideoPacketization": False, "rtpPayloadType": packets},
        "logicalChannelSwitchingCapability": False,
        "t120DynamicPortCapability": False,
    }
