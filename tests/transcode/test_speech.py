"""Sentences become recordings, or an error that says why not; nothing is left running."""

import stat
from pathlib import Path

import numpy as np
import pytest

from transcode.errors import NoSpeech
from transcode.speech import chime, speak


async def test_a_sentence_is_spoken_in_each_language() -> None:
    """One after the other; the same text gives the same recording."""
    both = await speak({"nb": "Vent litt.", "en": "Please wait."})
    one = await speak({"nb": "Vent litt."})
    assert both.seconds > one.seconds + 0.5
    assert both.sound.startswith(one.sound)
    samples = np.frombuffer(both.sound, "<i2")
    assert 2_000 < np.abs(samples).max() <= 32_767
    assert one == await speak({"nb": "Vent litt."})
    assert "sound" not in repr(one)


def program(folder: Path, script: str) -> str:
    """Write a program that does something else."""
    made = folder / "speaks"
    made.write_text(f"#!/bin/sh\n{script}\n")
    made.chmod(made.stat().st_mode | stat.S_IXUSR)
    return str(made)


@pytest.mark.parametrize("script", ["exit 1", "echo no sound", "head -c 20000 /dev/zero"])
async def test_what_is_no_sound_is_said_to_be_none(tmp_path: Path, script: str) -> None:
    """Whatever comes instead."""
    with pytest.raises(NoSpeech):
        await speak({"nb": "Vent litt."}, program(tmp_path, script))


async def test_a_synthesiser_that_is_missing_or_hangs_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Callers hear a chime then."""
    with pytest.raises(NoSpeech):
        await speak({"nb": "Vent litt."}, str(tmp_path / "missing"))
    monkeypatch.setattr("transcode.speech._PATIENCE_S", 0.05)
    with pytest.raises(NoSpeech):
        await speak({"nb": "Vent litt."}, program(tmp_path, "exec sleep 60"))
    assert np.abs(np.frombuffer(chime().sound, "<i2")).max() > 1_000
