"""Commands for legs that nobody waits for: what a busy engine did not take is told, and removals are repeated."""

from collections.abc import Callable, Iterable

from media.api import Command, Engine, EngineError, RemoveLeg


class Errands:
    """What is asked of the engine for legs of one kind."""

    def __init__(self, engine: Engine, on_delay: Callable[[int, str], None]) -> None:
        """Take the engine, and whom to tell which leg has to wait, and by which code."""
        self._engine = engine
        self._on_delay = on_delay
        # Closed here, and not yet taken back by the engine: it was too busy to be told.
        self._leaving: set[int] = set()

    def submit(self, leg: int, command: Command) -> bool:
        """Hand over a command; tell whether the engine took it."""
        return self._refusal(leg, command) is None

    def remove(self, leg: int) -> None:
        """Have the engine forget a leg, now or by `repeat`: one that it kept would keep its gate as well."""
        self._leaving.add(leg)
        self.repeat()

    def repeat(self) -> None:
        """Ask once more for what was not taken; to be called every 50 ms or so."""
        # A shard that has stopped has no legs.
        refusals = {leg: self._refusal(leg, RemoveLeg(leg=leg)) for leg in self._leaving}
        self._leaving = {leg for leg, code in refusals.items() if code not in (None, "stopped")}

    def forget(self, legs: Iterable[int]) -> None:
        """Ask nothing more for legs that the engine has lost."""
        self._leaving.difference_update(legs)

    def _refusal(self, leg: int, command: Command) -> str | None:
        try:
            self._engine.submit(command)
        except EngineError as error:
            self._on_delay(leg, f"engine_{error.code}")
            return error.code
        return None
