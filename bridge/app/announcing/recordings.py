"""All prompts, spoken and written, made once after the start and shared by everybody who is told something."""

from collections.abc import Sequence
from typing import Final

import structlog

from bridge.app.announcing.prompts import LANGUAGES, Caption, spoken, written
from bridge.app.calls.reception import Prompt
from transcode.errors import NoSpeech
from transcode.speech import PROGRAM, Recording, chime, speak

LOG: Final = structlog.get_logger("bridge.recordings")


class Recordings:
    """One for each prompt, in all languages after each other; until it is made, or if it cannot be, a chime."""

    def __init__(self, languages: Sequence[str] = LANGUAGES, program: str = PROGRAM) -> None:
        self._languages = languages
        self._program = program
        self._chime = chime()
        self._made: dict[Prompt, Recording] = {}

    def of(self, prompt: Prompt) -> Recording:
        """Give what is to be heard."""
        return self._made.get(prompt, self._chime)

    def written(self, prompt: Prompt) -> Caption:
        """Give what is to be read."""
        return written(prompt, self._languages)

    async def make(self) -> None:
        """Make all, those first that come first in a call. Tells an operator if nothing can be spoken."""
        try:
            for prompt in Prompt:
                self._made[prompt] = await speak(spoken(prompt, self._languages), self._program)
        except NoSpeech as error:
            LOG.warning("nothing_is_spoken", program=self._program, error=error.code)
