"""Every prompt has words in every language, short enough to be read from the other end of a room."""

from pathlib import Path

import pytest

from bridge.app.announcing.prompts import LANGUAGES, TEXTS, written
from bridge.app.announcing.recordings import Recordings
from bridge.app.calls.reception import Prompt
from transcode.captions import announcement, band
from transcode.speech import chime

LONGEST_HEADING, LONGEST_LINE, LONGEST_S = 24, 34, 13.0
SIZES = ((1280, 720), (848, 480), (400, 224))


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("prompt", Prompt)
def test_every_prompt_has_words(prompt: Prompt, language: str) -> None:
    """To be spoken and to be read."""
    text = TEXTS[language][prompt]
    assert text.spoken.endswith(".")
    assert 0 < len(text.heading) <= LONGEST_LINE
    assert len(text.below) <= LONGEST_LINE
    assert language != LANGUAGES[0] or len(text.heading) <= LONGEST_HEADING


@pytest.mark.parametrize("size", SIZES)
def test_no_line_is_cut_off(size: tuple[int, int]) -> None:
    """Nor does one leave the picture."""
    width, height = size
    for prompt in Prompt:
        caption = written(prompt)
        lines = announcement(caption.alone, width, height)
        assert len(lines) == sum(bool(line) for line in caption.alone)
        for line in (*lines, *band(caption.below, width, 0, height // 10)):
            assert line.x >= 0
            assert line.x + line.add.shape[1] <= width - 2
            assert 0 <= line.y <= height - line.add.shape[0]


def test_one_language_can_do() -> None:
    """The first line is the heading."""
    assert written(Prompt.WAITING, ["en"]).alone == ("You are in the waiting room", "Please hold")


async def test_all_are_recorded_once_and_a_chime_stands_in() -> None:
    """Until they are, and for good where nothing can be spoken."""
    recordings = Recordings()
    assert recordings.of(Prompt.WAITING) == chime()
    await recordings.make()
    spoken = {prompt: recordings.of(prompt) for prompt in Prompt}
    assert len({one.sound for one in spoken.values()}) == len(Prompt)
    assert all(one.seconds < LONGEST_S for one in spoken.values())
    assert recordings.of(Prompt.WAITING) is spoken[Prompt.WAITING]
    silent = Recordings(program=str(Path("/nowhere/espeak-ng")))
    await silent.make()
    assert silent.of(Prompt.WAITING) == chime()
