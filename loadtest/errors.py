"""What can go wrong for a synthetic participant."""

from __future__ import annotations


class LoadtestError(Exception):
    """Base of every error that this package raises on purpose; `code` is stable and machine-readable."""

    code = "loadtest"


class BadLink(LoadtestError):  # noqa: N818 - named for what happened
    """The text is no join link. The message never holds the link, which is a secret."""

    code = "bad_link"


class Unreachable(LoadtestError):  # noqa: N818 - named for what happened
    """No WebSocket could be opened at the link's host."""

    code = "unreachable"


class NoNetwork(LoadtestError):  # noqa: N818 - named for what happened
    """The machine has no address but loopback, and aiortc gathers no candidate from that."""

    code = "no_network"


class MediaFailed(LoadtestError):  # noqa: N818 - named for what happened
    """ICE or DTLS failed, or the answer could not be used."""

    code = "media_failed"


class ProtocolBroken(LoadtestError):  # noqa: N818 - named for what happened
    """The bridge sent a message that its protocol does not know, or at the wrong moment."""

    code = "protocol_broken"


class Rejected(LoadtestError):  # noqa: N818 - named for what happened
    """The bridge said no to a join or an act; `code` is the bridge's own."""

    def __init__(self, code: str) -> None:
        self.code = code
        super().__init__(f"the bridge said no: {code}")


class TooManyRequests(LoadtestError):  # noqa: N818 - named for what happened
    """More requests wait for a reply than a robot keeps."""

    code = "too_many_requests"


class TargetRefused(LoadtestError):  # noqa: N818 - named for what happened
    """The machine that was named is not to be loaded without its owner's word."""

    code = "target_refused"


class NoCapacity(LoadtestError):  # noqa: N818 - named for what happened
    """What the bridge can carry could not be estimated."""

    code = "no_capacity"


class EngineSilent(LoadtestError):  # noqa: N818 - named for what happened
    """The robots' own engine does not tell its counters any more."""

    code = "engine_silent"


class NoFigures(LoadtestError):  # noqa: N818 - named for what happened
    """A file of figures is missing, or the README has no place for them."""

    code = "no_figures"


class NetworkFailed(LoadtestError):  # noqa: N818 - named for what happened
    """A pretended network could not be made, or broke; the message says which part."""

    code = "network_failed"


class NotInstalled(LoadtestError):  # noqa: N818 - named for what happened
    """A program that is needed is not on this machine."""

    code = "not_installed"
