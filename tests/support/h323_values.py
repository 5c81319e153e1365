"""Values of H.245 and H.225.0 that `h323_caller` says."""

import ipaddress
from typing import Any, Final

from tests.support.h323_content import CONTROL, is_content, shown

HOST: Final = "127.0.0.1"
PATIENCE_S: Final = 10.0
VERSION: Final = (0, 0, 8, 2250, 0, 5)
H264: Final = (0, 0, 8, 241, 0, 0, 1)
H264_MODES: Final = {0: (0, 0, 8, 241, 0, 0, 0, 0), 1: (0, 0, 8, 241, 0, 0, 0, 1)}
PCMA: Final = ("g711Alaw64k", 20)
PCMU: Final = ("g711Ulaw64k", 20)
G722: Final = ("g722-64k", 20)
SOUND, PICTURES, CONTENT = 1, 2, 3
CHANNELS: Final = 200
"""A channel of ours has the number of its session and this."""
TERMINAL: Final = 50
INFO: Final[dict[str, Any]] = {"terminal": {}, "mc": False, "undefinedNode": False}
ONE_CALL: Final = {"multipleCalls": False, "maintainConnection": False}
SECURED: Final = {SOUND: 120, PICTURES: 121}
"""Payload types of what has a static one in the clear."""

Ports = dict[int, tuple[int, int]]
"""For each session the ports of RTP and RTCP."""


def picture_capability(kilobits: int = 1_500) -> Any:
    """H.264 constrained baseline, level 3.1."""
    return (
        "genericVideoCapability",
        {
            "capabilityIdentifier": ("standard", H264),
            "maxBitRate": kilobits * 10,
            "collapsing": [
                {"parameterIdentifier": ("standard", 41), "parameterValue": ("booleanArray", 64)},
                {"parameterIdentifier": ("standard", 42), "parameterValue": ("unsignedMin", 71)},
            ],
        },
    )


def older_capability(codec: str, kilobits: int = 384) -> Any:
    """H.261 or H.263 in QCIF and CIF, 30 pictures a second."""
    told: dict[str, Any] = {"qcifMPI": 1, "cifMPI": 1, "temporalSpatialTradeOffCapability": False}
    told["maxBitRate"] = kilobits * 10
    if codec == "h261":
        return ("h261VideoCapability", told | {"stillImageTransmission": False})
    names = ("unrestrictedVector", "arithmeticCoding", "advancedPrediction", "pbFrames", "errorCompensation")
    return ("h263VideoCapability", told | dict.fromkeys(names, False))


def address(port: int) -> Any:
    """Of media or H.245."""
    network = ipaddress.ip_address(HOST).packed
    return ("unicastAddress", ("iPAddress", {"network": network, "tsapIdentifier": port}))


def capability_set(
    number: int, sound: Any, pictures: Any | None, algorithm: Any | None, *, content: bool = False
) -> Any:
    """What we can receive; each of it encrypted as well where there is an algorithm for that.

    `content` comes in the form of the pictures.
    """
    none = dict.fromkeys(("centralizedControl", "distributedControl", "centralizedAudio"), False)
    none |= dict.fromkeys(("distributedAudio", "centralizedVideo", "distributedVideo"), False)
    many = {"multicastCapability": False, "multiUniCastConference": False, "mediaDistributionCapability": [none]}
    has = [("receiveUserInputCapability", ("dtmf", 0)), ("receiveAudioCapability", sound)]
    has += [] if pictures is None else [("receiveVideoCapability", pictures)]
    has += [("receiveVideoCapability", shown(pictures)), CONTROL] if content else []
    table = [{"capabilityTableEntryNumber": at, "capability": one} for at, one in enumerate(has, 1)]
    at_once = [[at] for at in range(1, len(has) + 1)]
    for at, (name, _) in enumerate(has, 1):
        if algorithm is not None and name in ("receiveAudioCapability", "receiveVideoCapability"):
            secured = {"encryptionAuthenticationAndIntegrity": algorithm, "mediaCapability": at}
            entry = {"capabilityTableEntryNumber": 100 + at, "capability": ("h235SecurityCapability", secured)}
            table.append(entry)
            at_once[at - 1].append(100 + at)
    return {
        "sequenceNumber": number,
        "protocolIdentifier": (0, 0, 8, 245, 0, 13),
        "multiplexCapability": (
            "h2250Capability",
            {
                "maximumAudioDelayJitter": 60,
                "receiveMultipointCapability": many,
                "transmitMultipointCapability": many,
                "receiveAndTransmitMultipointCapability": many,
                "mcCapability": {"centralizedConferenceMC": False, "decentralizedConferenceMC": False},
                "rtcpVideoControlCapability": False,
                "mediaPacketizationCapability": {
                    "h261aVideoPacketization": False,
                    "rtpPayloadType": [{"payloadDescriptor": ("oid", H264_MODES[mode])} for mode in (0, 1)],
                },
            },
        ),
        "capabilityTable": table,
        "capabilityDescriptors": [{"capabilityDescriptorNumber": 0, "simultaneousCapabilities": at_once}],
    }


def events_of(table: list[Any]) -> int | None:
    """The payload type by which a capability table takes keys as RFC 4733 has them."""
    said = dict(one["capability"] for one in table if "capability" in one)
    events = said.get("receiveRTPAudioTelephonyEventCapability")
    return None if events is None else int(events["dynamicRTPPayloadType"])


def channel(
    session: int, data: Any, control_port: int, *, mode: int, payload_type: int, algorithm: Any | None = None
) -> Any:
    """A channel of ours that we ask for; its number is that of its session and `CHANNELS`.

    The number of the session of content is the master's to give.
    """
    parameters: dict[str, Any] = {
        "sessionID": 0 if session == CONTENT else session,
        "mediaGuaranteedDelivery": False,
        "mediaControlChannel": address(control_port),
    }
    if session == SOUND:
        parameters["silenceSuppression"] = False
    elif data[1][0] == "genericVideoCapability" or is_content(data):
        form = {"payloadDescriptor": ("oid", H264_MODES[mode]), "payloadType": payload_type}
        parameters["dynamicRTPPayloadType"] = payload_type
        parameters["mediaPacketization"] = ("rtpPayloadType", form)
    if algorithm is not None:
        parameters = {"dynamicRTPPayloadType": SECURED.get(session), **parameters}
        data = ("h235Media", {"encryptionAuthenticationAndIntegrity": algorithm, "mediaType": data})
    return {
        "forwardLogicalChannelNumber": CHANNELS + session,
        "forwardLogicalChannelParameters": {
            "dataType": data,
            "multiplexParameters": ("h2250LogicalChannelParameters", parameters),
        },
    }
