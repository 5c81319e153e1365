"""H.239 of `h323_caller`: content on a channel of its own, and the token by which one side at a time shows it.

Written from the recommendation and capture c6, beside the gateway's: it shares nothing with that.
"""

from collections.abc import Callable
from typing import Any, Final

MESSAGE: Final = (0, 0, 8, 239, 2)
CONTROL: Final = ("genericControlCapability", {"capabilityIdentifier": ("standard", (0, 0, 8, 239, 1, 1))})
ROLE: Final = (0, 0, 8, 239, 1, 2)
REQUEST, RESPONSE, RELEASE = 3, 4, 5
CHANNEL, SYMMETRY, LABEL, YES = 42, 43, 44, 126


def _parameter(identifier: int, kind: str, value: int) -> Any:
    return {"parameterIdentifier": ("standard", identifier), "parameterValue": (kind, value)}


def shown(picture: Any) -> Any:
    """A picture's capability as one of content."""
    role = {"capabilityIdentifier": ("standard", ROLE), "collapsing": [_parameter(1, "booleanArray", 1)]}
    return ("extendedVideoCapability", {"videoCapability": [picture], "videoCapabilityExtension": [role]})


def is_content(data: Any) -> bool:
    """Whether a channel's data are content, encrypted or not."""
    name, value = data
    if name == "h235Media":
        name, value = value["mediaType"]
    return name == "videoData" and value[0] == "extendedVideoCapability"


class Token:
    """One call's. `say` takes the kind of a message, its name and its value."""

    def __init__(self, say: Callable[[str, str, Any], None], channel: int) -> None:
        self.ours = self.theirs = False
        self.refused = 0
        """How often the other side has said no."""
        self._say, self._channel = say, channel

    def ask(self) -> None:
        """Ask for it."""
        self._tell("request", "genericRequest", REQUEST, _parameter(SYMMETRY, "unsignedMin", 79))

    def release(self) -> None:
        """Give it back."""
        self.ours = False
        self._tell("command", "genericCommand", RELEASE)

    def take(self, name: str, value: Any) -> None:
        """Take what the other side says of it, whose wish is granted."""
        assert value["messageIdentifier"] == ("standard", MESSAGE)
        told = [one["parameterIdentifier"][1] for one in value["messageContent"]]
        match name, value["subMessageIdentifier"]:
            case "genericRequest", 3:
                self.ours, self.theirs = False, True
                (theirs,) = [one for one in value["messageContent"] if one["parameterIdentifier"][1] == CHANNEL]
                self._tell("response", "genericResponse", RESPONSE, _parameter(YES, "logical", 0), of=theirs)
            case "genericResponse", 4 if YES in told:
                self.ours = True
            case "genericResponse", 4:
                self.refused += 1
            case "genericCommand", 5:
                self.theirs = False

    def _tell(self, kind: str, name: str, message: int, *more: Any, of: Any | None = None) -> None:
        channel = _parameter(CHANNEL, "unsignedMin", self._channel) if of is None else of
        content = [_parameter(LABEL, "unsignedMin", 0), channel, *more]
        told = {"messageIdentifier": ("standard", MESSAGE), "subMessageIdentifier": message}
        self._say(kind, name, told | {"messageContent": content})
