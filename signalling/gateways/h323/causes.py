"""Why a call ends, in H.323's words: Q.850 causes and H.225.0 reasons (its table 5 goes from one to the other)."""

from typing import Final

from signalling.gateways.interface import Ending, Miss

NORMAL: Final = 16
BUSY: Final = 17
NO_ANSWER: Final = 19
TIMER: Final = 102
"""Recovery on expiry of a timer."""
UNKNOWN_REFERENCE: Final = 81
NOT_IMPLEMENTED: Final = 79
ASKED: Final = 30
"""An answer to a StatusEnquiry."""
RELEASES: Final[dict[Ending, tuple[int, str]]] = {
    Ending.NO_ROOM: (1, "calledPartyNotRegistered"),
    Ending.NO_MEDIA: (88, "neededFeatureNotSupported"),
    Ending.NO_PLACE: (BUSY, "inConf"),
    Ending.NOT_ANSWERED: (TIMER, ""),
    Ending.NO_PIN: (TIMER, ""),
    Ending.WRONG_PIN: (21, "noPermission"),
    Ending.TOO_MANY: (42, "gatewayResources"),
    Ending.TURNED_AWAY: (21, "destinationRejection"),
    Ending.REMOVED: (NORMAL, ""),
    Ending.ROOM_ENDED: (NORMAL, ""),
    Ending.REPLACED: (NORMAL, ""),
    Ending.STOPPING: (41, "gatewayResources"),
    Ending.FAILED: (41, "undefinedReason"),
}
"""The cause, and a reason where H.225.0 has one that says it better. Others than these are hung up on normally."""
NOT_ADMITTED: Final = (21, "noPermission")
"""The gatekeeper of who is called does not want it."""
_BY_REASON: Final = {
    **dict.fromkeys(("inConf", "adaptiveBusy"), Miss.BUSY),
    **dict.fromkeys(("destinationRejection", "noPermission"), Miss.DECLINED),
    **dict.fromkeys(("securityDenied", "securityError", "neededFeatureNotSupported"), Miss.NO_MEDIA),
}
_BY_CAUSE: Final = {
    BUSY: Miss.BUSY,
    **dict.fromkeys((18, NO_ANSWER, TIMER), Miss.NO_ANSWER),
    # Cleared normally before it was taken: somebody pressed the button for that.
    **dict.fromkeys((NORMAL, 21), Miss.DECLINED),
    **dict.fromkeys((58, 63, 65, 70, NOT_IMPLEMENTED, 88), Miss.NO_MEDIA),
}


def miss(cause: int | None, reason: str) -> Miss:
    """Why a call of ours was not taken, by what its release says. What neither knows leads nowhere."""
    known = _BY_REASON.get(reason)
    if known is not None:
        return known
    return Miss.UNREACHABLE if cause is None else _BY_CAUSE.get(cause, Miss.UNREACHABLE)
