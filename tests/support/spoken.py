"""What was said into a recording, and what is written in a picture: by comparison with what should be."""

import wave
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from transcode.canvas import Canvas
from transcode.codec import luma
from transcode.jobs import Scene
from transcode.pictures import Picture
from transcode.sound import resampled
from transcode.speech import Recording

Sound = NDArray[np.float64]
RATE: Final = 8_000
# Of the voice: what every codec of a call carries, without the tones of identities below 6.
BAND_HZ: Final = (600, 3_000)
PIECE_S: Final = 1.2


def read_wave(path: Path) -> Sound:
    """The first channel of a file, at 8 kHz."""
    with wave.open(str(path)) as file:
        rate, channels = file.getframerate(), file.getnchannels()
        samples = np.frombuffer(file.readframes(file.getnframes()), np.int16)[::channels]
    return _narrowed(samples.astype(float), rate)


def likeness(heard: Sound, recording: Recording, seconds: tuple[float, float]) -> float:
    """How alike a part of a recording is to what stands anywhere in what was heard, 0 to 1.

    Piece by piece, since a player stretches time by a few milliseconds; the median counts.
    """
    said = _narrowed(resampled(recording.sound, recording.rate).astype(float), 48_000)
    size, (begin, end) = round(PIECE_S * RATE), (round(second * RATE) for second in seconds)
    pieces = [said[at : at + size] for at in range(begin, min(end, len(said)) - size + 1, size)]
    return float(np.median([_best(heard, piece) for piece in pieces]))


def _best(heard: Sound, piece: Sound) -> float:
    """The highest normalised correlation of a piece over all places."""
    if len(heard) <= len(piece):
        return 0.0
    size = 1 << (len(heard) + len(piece) - 1).bit_length()
    product = np.fft.rfft(heard, size) * np.conj(np.fft.rfft(piece, size))
    found = np.fft.irfft(product, size)[: len(heard) - len(piece)]
    sums = np.concatenate([[0.0], np.cumsum(heard**2)])
    energy = sums[len(piece) :][: len(found)] - sums[: len(found)]
    floor = float(np.sum(piece**2)) / 100
    return float(np.max(found / np.sqrt(np.maximum(energy, floor) * np.sum(piece**2))))


def _narrowed(samples: Sound, rate: int) -> Sound:
    """The band of the voice alone, at 8 kHz."""
    spectrum = np.fft.rfft(samples)
    hz = np.arange(len(spectrum)) * rate / max(len(samples), 1)
    spectrum[(hz < BAND_HZ[0]) | (hz > BAND_HZ[1])] = 0
    size = round(len(samples) * RATE / rate)
    return np.fft.irfft(spectrum[: size // 2 + 1], size) if size else np.zeros(0)


def reads(picture: Picture, scene: Scene, *, band: bool = False) -> bool:
    """Whether a picture shows the words of a scene; `band` looks at its lowest tenth alone."""
    height, width = picture.shape
    wanted: Any = luma(Canvas(scene, width, height).frame).astype(float)
    seen: Any = picture.astype(float)
    if band:
        wanted, seen = wanted[-(height // 10) :], seen[-(height // 10) :]
    if not seen.std():
        return False
    return float(np.corrcoef(wanted.ravel(), seen.ravel())[0, 1]) > 0.95
