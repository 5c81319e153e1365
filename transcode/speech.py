"""Sentences to recordings, by the speech synthesiser espeak-ng, which Debian has; and a sound for where it is not.

One process of it says one sentence and ends. What it is given are texts of our own, never a person's name.
"""

from __future__ import annotations

import asyncio
import io
import wave
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from transcode.errors import NoSpeech

PROGRAM: Final = "espeak-ng"
# Voice, and words a minute: slower than its own pace, for those who hear badly.
VOICES: Final[Mapping[str, tuple[str, int]]] = {"nb": ("nb", 140), "en": ("en-gb", 150)}
_PATIENCE_S: Final = 20.0
_RATE: Final = 22_050
_PAUSE_S: Final = 0.35
# What a peer has to hear before it is sure to play all: keys may be settled a moment after the call.
_LEAD_S: Final = 0.3


@dataclass(frozen=True, slots=True)
class Recording:
    """16-bit little-endian samples, mono, `rate` Hz."""

    sound: bytes = field(repr=False)
    rate: int

    @property
    def seconds(self) -> float:
        """How long it is."""
        return len(self.sound) / 2 / self.rate


async def speak(texts: Mapping[str, str], program: str = PROGRAM) -> Recording:
    """Say a text for each language, one after the other. Raises `NoSpeech`."""
    parts = [_silence(_LEAD_S)]
    for language, text in texts.items():
        parts += [await _say(program, VOICES[language], text), _silence(_PAUSE_S)]
    return Recording(b"".join(parts), _RATE)


def chime() -> Recording:
    """Two soft tones: something is to be seen, or to be done."""
    time = np.arange(round(0.4 * _RATE)) / _RATE
    tones = [np.sin(2 * np.pi * hz * time) * np.exp(-6 * time) * 9_000 for hz in (660, 880)]
    return Recording(_silence(_LEAD_S) + np.concatenate(tones).astype("<i2").tobytes(), _RATE)


async def _say(program: str, voice: tuple[str, int], text: str) -> bytes:
    name, pace = voice
    arguments = ("-v", name, "-s", str(pace), "--stdout", text)
    try:
        child = await asyncio.create_subprocess_exec(
            program, *arguments, stdin=DEVNULL, stdout=PIPE, stderr=DEVNULL
        )
    except OSError as error:
        raise NoSpeech("the speech synthesiser cannot be started") from error
    try:
        async with asyncio.timeout(_PATIENCE_S):
            sound, _ = await child.communicate()
    except BaseException as error:
        child.kill()
        await child.wait()
        if isinstance(error, TimeoutError):
            raise NoSpeech("the speech synthesiser does not end") from error
        raise
    return _samples(sound)


def _samples(sound: bytes) -> bytes:
    """Take the samples out of a WAV file, whose header does not know its length where it went through a pipe."""
    try:
        with wave.open(io.BytesIO(sound)) as file:
            if (file.getnchannels(), file.getsampwidth(), file.getframerate()) != (1, 2, _RATE):
                raise NoSpeech("the speech synthesiser speaks in another form")
            samples: bytes = file.readframes(len(sound))
    except (wave.Error, EOFError) as error:
        raise NoSpeech("the speech synthesiser gives no sound") from error
    if not samples:
        raise NoSpeech("the speech synthesiser gives no sound")
    return samples[: len(samples) // 2 * 2]


def _silence(seconds: float) -> bytes:
    return bytes(2 * round(seconds * _RATE))
