"""What becomes of a gateway's calls, whatever its protocol: each goes wrong alone, and its end is told once."""

from collections.abc import Awaitable, Callable, Iterable
from typing import Protocol

from signalling.gateways.interface import Ending, Host, MediaRefused, Miss, TurnedAway, Visit


class Fated(Protocol):
    """A call of a gateway's, as far as its fate goes. Hanging up makes it `over`."""

    visit: Visit | None
    over: bool
    unanswered: bool
    """Whether it is one of ours that nobody has taken yet."""

    def hang_up(self, why: Ending) -> None:
        """End or turn down."""


class Fates:
    """The ends that calls come to by themselves, by what goes wrong in them, and with their gateway."""

    def __init__(self, host: Host) -> None:
        """Take who is to know."""
        self._host = host

    async def begin(self, call: Fated, beginning: Callable[[], Awaitable[None]]) -> None:
        """Let a call begin. Raises nothing, since one call must not end the group of all tasks."""
        try:
            await beginning()
        except Exception as error:  # noqa: BLE001 - whatever it is, it is this call's alone
            self.fail(call, error)

    def take(self, call: Fated, tell: Callable[[], None], refuse: Callable[[], None]) -> None:
        """Have something told that may bring other media; `refuse` it where those cannot be had."""
        try:
            tell()
        except (MediaRefused, TurnedAway) as error:
            self._host.count(error.code)
            refuse()
        except Exception as error:  # noqa: BLE001 - whatever it is, it is this call's alone
            self.fail(call, error)

    def fail(self, call: Fated, error: Exception) -> None:
        """Report what went wrong with a call, and end it."""
        self._host.report(error)
        self.give_up(call, Ending.FAILED)

    @staticmethod
    def give_up(call: Fated, why: Ending) -> None:
        """End a call for a reason of ours."""
        _part(call, why, Miss.NO_MEDIA if why is Ending.NO_MEDIA else Miss.UNREACHABLE, lost=False)

    @staticmethod
    def stop(calls: Iterable[Fated]) -> None:
        """End all, with their gateway."""
        for call in list(calls):
            _part(call, Ending.STOPPING, Miss.UNREACHABLE, lost=True)


def tell_end(call: Fated, visit: Visit, miss: Miss, *, lost: bool) -> None:
    """A call of ours that nobody took was missed; any other has ended."""
    if call.unanswered:
        visit.missed(miss)
    else:
        visit.ended(lost=lost)


def _part(call: Fated, why: Ending, miss: Miss, *, lost: bool) -> None:
    visit, over = call.visit, call.over
    call.hang_up(why)
    if visit is not None and not over:
        tell_end(call, visit, miss, lost=lost)
