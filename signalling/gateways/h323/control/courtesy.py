"""What we say to requests that we never do: no in their own words, as far as H.245 has such."""

from typing import Final

from signalling.gateways.h323.control.values import NULL, Choice, Fields, choice, number, parts

UNKNOWN: Final[Choice] = ("indication", ("functionNotSupported", {"cause": ("unknownFunction", NULL)}))
_CONFERENCE: Final[dict[str, Choice]] = {
    "makeMeChair": ("makeMeChairResponse", ("deniedChairToken", NULL)),
    "dropTerminal": ("terminalDropReject", NULL),
    "broadcastMyLogicalChannel": (
        "broadcastMyLogicalChannelResponse",
        ("deniedBroadcastMyLogicalChannel", NULL),
    ),
    "makeTerminalBroadcaster": ("makeTerminalBroadcasterResponse", ("deniedMakeTerminalBroadcaster", NULL)),
    "sendThisSource": ("sendThisSourceResponse", ("deniedSendThisSource", NULL)),
    "remoteMCRequest": ("remoteMCResponse", ("reject", ("functionNotSupported", NULL))),
}


def no(name: str, value: object) -> Choice:
    """The answer to a request of this name; to what nobody knows that it is not known."""
    fields = parts(value)
    match name:
        case "requestMode":
            return _rejected("requestModeReject", fields, "requestDenied")
        case "maintenanceLoopRequest":
            told: Fields = {"type": fields["type"], "cause": ("canNotPerformLoop", NULL)}
            return ("response", ("maintenanceLoopReject", told))
        case "conferenceRequest" if (answer := _CONFERENCE.get(choice(value)[0])) is not None:
            return ("response", ("conferenceResponse", answer))
    return UNKNOWN


def _rejected(name: str, fields: Fields, cause: str) -> Choice:
    return (
        "response",
        (name, {"sequenceNumber": number(fields.get("sequenceNumber")) or 0, "cause": (cause, NULL)}),
    )
