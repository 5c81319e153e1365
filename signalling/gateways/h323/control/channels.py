"""The messages of logical channels, read and written (H.245 section 7.3, H.225.0 section 6.2)."""

from dataclasses import replace
from typing import Final

from signalling.gateways.h323.control import codecs
from signalling.gateways.h323.control.codecs import Codec, Kind
from signalling.gateways.h323.control.description import OurLine
from signalling.gateways.h323.control.medium import Ours, Settled, Theirs
from signalling.gateways.h323.control.values import (
    NULL,
    Choice,
    Fields,
    Oid,
    address,
    choice,
    inner,
    number,
    parts,
    transport,
)
from signalling.gateways.h323.secret import Secret

PARAMETERS: Final = "h2250LogicalChannelParameters"


class Refusal(Exception):  # noqa: N818 - it is an answer
    """A channel that is not taken; `cause` is a word of OpenLogicalChannelReject."""

    def __init__(self, cause: str) -> None:
        super().__init__(cause)
        self.cause = cause


def read(fields: Fields, secret: Secret | None, *, master: bool) -> Theirs:
    """Read what the peer asks for. Raises Refusal."""
    reverse = parts(fields.get("reverseLogicalChannelParameters"))
    if reverse and choice(reverse.get("dataType"))[0] != "nullData":
        raise Refusal("unsuitableReverseParameters")
    forward = parts(fields.get("forwardLogicalChannelParameters"))
    return _read(fields, forward, secret, master=master)


def _read(fields: Fields, forward: Fields, secret: Secret | None, *, master: bool) -> Theirs:
    own = inner(forward, "multiplexParameters", PARAMETERS)
    if own is None:
        raise Refusal("dataTypeALCombinationNotSupported")
    parameters = parts(own)
    if choice(parameters.get("mediaChannel"))[0] == "multicastAddress":
        raise Refusal("multicastChannelNotAllowed")
    settled, kind = carried(forward.get("dataType"), parameters, secret)
    found = Theirs(
        number=fields["forwardLogicalChannelNumber"],
        kind=kind,
        settled=settled,
        session=number(parameters.get("sessionID")) or 0,
        rtcp=address(parameters.get("mediaControlChannel")),
        replaces=number(forward.get("replacementFor")),
    )
    if settled.algorithm is not None and secret is not None:
        _take_key(found, settled.algorithm, fields, secret, master=master)
    return found


def _take_key(found: Theirs, algorithm: Oid, fields: Fields, secret: Secret, *, master: bool) -> None:
    """The master makes the keys of all channels (H.235.6 section 7.6)."""
    if master:
        found.key = secret.new_key(algorithm)
        return
    sync = parts(fields.get("encryptionSync"))
    found.key = secret.key_of(sync, algorithm)
    if found.key is None:
        raise Refusal("securityDenied")
    flag = number(sync.get("synchFlag"))
    if flag is not None and flag in codecs.NUMBERS:
        found.settled = replace(found.settled, payload_type=flag)


def carried(data: object, parameters: Fields, secret: Secret | None) -> tuple[Settled, Kind]:
    """What a channel carries, and of which medium it is. Raises Refusal."""
    name, value = choice(data)
    algorithm = None
    if name == "h235Media":
        protection = parts(inner(value, "encryptionAuthenticationAndIntegrity"))
        algorithm = secret.accepts(protection) if secret is not None else None
        if algorithm is None:
            raise Refusal("securityDenied")
        name, value = choice(inner(value, "mediaType"))
    codec = _codec(name, value, parameters)
    kind = _kind(codec, number(parameters.get("sessionID")) or 0)
    if algorithm is None and secret is not None and secret.agreed:
        raise Refusal("securityDenied")
    return Settled(codec, _payload_type(codec, parameters, secured=algorithm is not None), algorithm), kind


def _codec(name: str, value: object, parameters: Fields) -> Codec:
    match name:
        case "audioData":
            codec = codecs.read_sound(value)
        case "videoData":
            codec = codecs.read_picture(value)
        case _:
            raise Refusal("unknownDataType" if not name or name.startswith("_") else "dataTypeNotSupported")
    if codec is None:
        raise Refusal("dataTypeNotSupported")
    mode = codecs.mode_of(parameters) if codec.name == "h264" else 0
    if mode not in codecs.MODES:
        raise Refusal("dataTypeNotSupported")
    return replace(codec, mode=mode)


def _kind(codec: Codec, session: int) -> Kind:
    """By the session, where H.323 fixes it. What is no content and has a session of its own is meant as such."""
    if codec.name in codecs.CLOCKS:
        if session not in (0, Kind.SOUND.value):
            raise Refusal("invalidSessionID")
        return Kind.SOUND
    if session == Kind.SOUND.value or (codec.content and session == Kind.PICTURE.value):
        raise Refusal("invalidSessionID")
    return Kind.CONTENT if codec.content or session > Kind.PICTURE.value else Kind.PICTURE


def _payload_type(codec: Codec, parameters: Fields, *, secured: bool) -> int:
    static = codecs.STATIC.get(codec.name)
    told = number(parameters.get("dynamicRTPPayloadType"))
    if told is None:
        told = number(inner(parameters, "mediaPacketization", "rtpPayloadType", "payloadType"))
    if static is not None and not (secured and told in codecs.NUMBERS):
        return static
    if told not in codecs.NUMBERS or told is None:
        raise Refusal("dataTypeNotSupported")
    return told


def asked(ours: Ours, session: int, secret: Secret | None) -> Choice:
    """Our request for a channel."""
    fields: dict[str, object] = {"forwardLogicalChannelNumber": ours.number, **forward(ours, session, secret)}
    if ours.key is not None and secret is not None:
        fields["encryptionSync"] = secret.sync(ours.key, ours.settled.payload_type)
    return ("request", ("openLogicalChannel", fields))


def forward(ours: Ours, session: int, secret: Secret | None) -> Fields:
    """The parameters of a channel from us: where its receiver reports to."""
    told = {**parameters_of(ours.settled, session), "mediaControlChannel": transport(ours.line.rtcp)}
    data = data_type(ours.settled, secret)
    return {"forwardLogicalChannelParameters": {"dataType": data, "multiplexParameters": (PARAMETERS, told)}}


def data_type(settled: Settled, secret: Secret | None) -> Choice:
    """What a channel carries, protected where that is so."""
    plain = codecs.data_type(settled.codec)
    if settled.algorithm is None or secret is None:
        return plain
    protection = secret.protection(settled.algorithm)
    return ("h235Media", {"encryptionAuthenticationAndIntegrity": protection, "mediaType": plain})


def parameters_of(settled: Settled, session: int) -> dict[str, object]:
    """What both directions of fast start and a request say of a channel, without places."""
    told: dict[str, object] = {"sessionID": session, "mediaGuaranteedDelivery": False}
    if settled.codec.name in codecs.CLOCKS:
        told["silenceSuppression"] = False
    if settled.payload_type in codecs.NUMBERS:
        told["dynamicRTPPayloadType"] = settled.payload_type
    return told | dict(codecs.packetization(settled.codec, settled.payload_type))


def acknowledged(theirs: Theirs, line: OurLine, session: int, secret: Secret | None, *, master: bool) -> Choice:
    """Our yes to a channel, with where we take it."""
    told: dict[str, object] = {
        "sessionID": session,
        "mediaChannel": transport(line.rtp),
        "mediaControlChannel": transport(line.rtcp),
        "flowControlToZero": False,
    }
    if theirs.settled.payload_type in codecs.NUMBERS:
        told["dynamicRTPPayloadType"] = theirs.settled.payload_type
    fields: dict[str, object] = {
        "forwardLogicalChannelNumber": theirs.number,
        "forwardMultiplexAckParameters": ("h2250LogicalChannelAckParameters", told),
    }
    if master and theirs.key is not None and secret is not None:
        fields["encryptionSync"] = secret.sync(theirs.key, theirs.settled.payload_type)
    return ("response", ("openLogicalChannelAck", fields))


def rejected(channel: int, cause: str) -> Choice:
    """Our no to a channel."""
    fields = {"forwardLogicalChannelNumber": channel, "cause": (cause, NULL)}
    return ("response", ("openLogicalChannelReject", fields))


def closed(channel: int) -> Choice:
    """The end of a channel of ours."""
    fields = {"forwardLogicalChannelNumber": channel, "source": ("user", NULL), "reason": ("unknown", NULL)}
    return ("request", ("closeLogicalChannel", fields))


def close_acknowledged(channel: int) -> Choice:
    """The end of a channel of theirs."""
    return ("response", ("closeLogicalChannelAck", {"forwardLogicalChannelNumber": channel}))


def close_wanted(channel: int) -> Choice:
    """Our wish that the peer ends a channel and opens it anew."""
    fields = {"forwardLogicalChannelNumber": channel, "reason": ("reopen", NULL)}
    return ("request", ("requestChannelClose", fields))


def close_answered(channel: int, *, known: bool) -> Choice:
    """Our answer to the peer's wish that we end a channel of ours."""
    fields: dict[str, object] = {"forwardLogicalChannelNumber": channel}
    if known:
        return ("response", ("requestChannelCloseAck", fields))
    return ("response", ("requestChannelCloseReject", fields | {"cause": ("unspecified", NULL)}))


def limited(channel: int, bit_rate: int) -> Choice:
    """Our wish that a channel of theirs takes no more than so many bit/s."""
    restriction = ("maximumBitRate", max(1, bit_rate // codecs.RATE_UNIT))
    scope = ("logicalChannelNumber", channel)
    return ("command", ("flowControlCommand", {"scope": scope, "restriction": restriction}))
