"""A camera and a microphone for Chromium, as files: pictures that move and can be recognised, speech-like sound.

Chromium plays them over and over (`--use-file-for-fake-video-capture`, `--use-file-for-fake-audio-capture`),
evenly and at no cost of drawing; a loop of pictures is as long as the counter that they carry.
"""

from __future__ import annotations

import wave
from pathlib import Path
from typing import Final

import av
import numpy as np
from numpy.typing import NDArray

from transcode.pictures import CODE_TOP, COUNTERS, TestPicture
from transcode.tones import tone_for

WIDTH, HEIGHT, RATE = 640, 360, 25
_SAMPLE_RATE: Final = 48_000
_SECONDS: Final = 10
_GRAIN: Final = 3.0
_SWAY: Final = 60


def write_camera(path: Path, identity: int) -> None:
    """Write 256 pictures of 640x360 as YUV4MPEG2 at 25 a second: 88 MB.

    A textured room that sways as if held in a hand, with a camera's grain: no encoder has it for nothing.
    """
    picture, noise = TestPicture(identity, WIDTH, HEIGHT), np.random.default_rng(identity)
    room = _texture(noise, HEIGHT + 2 * _SWAY, WIDTH + 2 * _SWAY)
    with path.open("wb") as file:
        file.write(f"YUV4MPEG2 W{WIDTH} H{HEIGHT} F{RATE}:1 Ip A1:1 C420\n".encode())
        for index in range(COUNTERS):
            seen = picture.frame(index)
            turn = 2 * np.pi * index / COUNTERS
            top = round(_SWAY * (1 + np.sin(4 * turn)))
            left = round(_SWAY * (1 + np.sin(6 * turn + 1)))
            upper = round(HEIGHT * CODE_TOP)
            part = room[top : top + upper, left : left + WIDTH].astype(np.float32)
            part += noise.normal(0.0, _GRAIN, part.shape[:2])[..., None]
            mixed = 0.5 * seen[:upper].astype(np.float32) + 0.5 * part
            seen[:upper] = np.clip(mixed, 0, 255).astype(np.uint8)
            file.write(b"FRAME\n")
            file.write(
                av.VideoFrame.from_ndarray(seen, format="rgb24").reformat(format="yuv420p").to_ndarray().tobytes()
            )


def write_microphone(path: Path, identity: int) -> None:
    """Write 10 s of a voice-like sound: harmonics of the identity's tone, four syllables a second."""
    times = np.arange(_SECONDS * _SAMPLE_RATE) / _SAMPLE_RATE
    pitch = tone_for(identity).frequency_hz
    voice = sum(np.sin(2 * np.pi * pitch * order * times) / order for order in (1, 2, 3, 4))
    loudness = 0.35 + 0.65 * np.sin(2 * np.pi * 2 * times) ** 2
    samples = np.asarray(6_000 * voice * loudness, np.int16)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(_SAMPLE_RATE)
        file.writeframes(samples.tobytes())


def _texture(noise: np.random.Generator, height: int, width: int) -> NDArray[np.uint8]:
    """Draw patches of several sizes, as walls, shelves and curtains have."""
    picture = np.full((height, width, 3), 128.0)
    for size, contrast in ((64, 40.0), (16, 30.0), (4, 22.0)):
        patches = noise.normal(0.0, contrast, (height // size + 1, width // size + 1, 3))
        picture += patches.repeat(size, 0).repeat(size, 1)[:height, :width]
    return np.clip(picture, 0, 255).astype(np.uint8)
