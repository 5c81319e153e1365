"""Values of H.245 and H.225.0 that `h323_caller` says."""

import ipaddress
from typing import Any, Final

HOST: Final = "127.0.0.1"
PATIENCE_S: Final = 10.0
VERSION: Final = (0, 0, 8, 2250, 0, 5)
H264: Final = (0, 0, 8, 241, 0, 0, 1)
H264_MODES: Final = {0: (0, 0, 8, 241, 0, 0, 0, 0), 1: (0, 0, 8, 241, 0, 0, 0, 1)}
PCMA: Final = ("g711Alaw64k", 20)
PCMU: Final = ("g711Ulaw64k", 20)
SOUND, PICTURES, CONTENT = 1, 2, 3
TERMINAL: Final = 50
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
    number: int, sound: Any = PCMA, pictures: Any | None = None, algorithm: Any | None = None
) -> Any:
    """What we can receive; each of it encrypted as well where there is an algorithm for that."""
    none = dict.fromkeys(("centralizedControl", "distributedControl", "centralizedAudio"), False)
    none |= dict.fromkeys(("distributedAudio", "centralizedVideo", "distributedVideo"), False)
    many = {"multicastCapability": False, "multiUniCastConference": False, "mediaDistributionCapability": [none]}
    table = [{"capabilityTableEntryNumber": 1, "capability": ("receiveAudioCapability", sound)}]
    table.append({"capabilityTableEntryNumber": 2, "capability": ("receiveUserInputCapability", ("dtmf", 0))})
    at_once = [[1], [2]]
    if pictures is not None:
        table.append({"capabilityTableEntryNumber": 3, "capability": ("receiveVideoCapability", pictures)})
        at_once.append([3])
    for one in (1, 3)[: len(at_once) - 1] if algorithm is not None else ():
        secured = {"encryptionAuthenticationAndIntegrity": algorithm, "mediaCapability": one}
        entry = {"capabilityTableEntryNumber": 100 + one, "capability": ("h235SecurityCapability", secured)}
        table.append(entry)
        next(several for several in at_once if one in several).append(100 + one)
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


def channel(
    session: int, data: Any, control_port: int, *, mode: int, payload_type: int, algorithm: Any | None = None
) -> Any:
    """A channel of ours that we ask for; its number is that of its session and 200."""
    parameters: dict[str, Any] = {
        "sessionID": session,
        "mediaGuaranteedDelivery": False,
        "mediaControlChannel": address(control_port),
    }
    if session == SOUND:
        parameters["silenceSuppression"] = False
    elif data[1][0] == "genericVideoCapability":
        form = {"payloadDescriptor": ("oid", H264_MODES[mode]), "payloadType": payload_type}
        parameters["dynamicRTPPayloadType"] = payload_type
        parameters["mediaPacketization"] = ("rtpPayloadType", form)
    if algorithm is not None:
        parameters.setdefault("dynamicRTPPayloadType", SECURED[session])
        data = ("h235Media", {"encryptionAuthenticationAndIntegrity": algorithm, "mediaType": data})
    return {
        "forwardLogicalChannelNumber": 200 + session,
        "forwardLogicalChannelParameters": {
            "dataType": data,
            "multiplexParameters": ("h2250LogicalChannelParameters", parameters),
        },
    }
