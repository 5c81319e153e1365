"""Tones name their sender by frequency."""

from __future__ import annotations

import numpy as np
import pytest

from transcode.tones import SAMPLE_RATE, Tone, dominant_frequency, identity_of, tone_for


@pytest.mark.parametrize("identity", range(64))
def test_every_identity_is_told_by_a_tenth_of_a_second(identity: int) -> None:
    """A tenth of a second of each tone gives its identity back, with high confidence."""
    hz, confidence = dominant_frequency(tone_for(identity).samples(12_345, 4_800), SAMPLE_RATE)
    assert identity_of(hz) == identity
    assert confidence > 0.95


def test_blocks_join_without_a_seam() -> None:
    """Two blocks in a row are the same samples as one long block."""
    tone = Tone(777.0, 0.5)
    joined = np.concatenate([tone.samples(0, 960), tone.samples(960, 960)])
    assert np.array_equal(joined, tone.samples(0, 1_920))
    assert joined.dtype == np.int16


def test_the_amplitude_is_the_peak() -> None:
    """The peak of the samples is the amplitude of full scale."""
    peak = int(np.abs(Tone(1_000.0, 0.5).samples(0, 4_800)).max())
    assert abs(peak - 16_384) < 10


def test_silence_and_too_few_samples_have_no_frequency() -> None:
    """Silence, noise near silence, and a handful of samples give no frequency and no confidence."""
    quiet = np.random.default_rng(3).integers(-5, 6, 9_600).astype(np.int16)
    for samples in (np.zeros(9_600, np.int16), quiet, np.ones(10, np.int16), np.zeros(0, np.float32)):
        assert dominant_frequency(samples, SAMPLE_RATE) == (0.0, 0.0)


def test_noise_has_no_confidence() -> None:
    """White noise has a strongest line, but hardly any of its power lies there."""
    noise = np.random.default_rng(4).integers(-8_000, 8_000, 9_600).astype(np.int16)
    assert dominant_frequency(noise, SAMPLE_RATE)[1] < 0.1


def test_the_stronger_of_two_tones_wins() -> None:
    """In a mix the louder tone is found, with less confidence than alone."""
    mix = Tone(900.0, 0.4).samples(0, 9_600) + Tone(1_400.0, 0.2).samples(0, 9_600)
    hz, confidence = dominant_frequency(mix, SAMPLE_RATE)
    assert hz == pytest.approx(900.0, abs=1.0)
    assert 0.7 < confidence < 0.9


def test_other_rates_and_floating_point_are_understood() -> None:
    """The frequency is right for 16 kHz floating point samples too."""
    wave = np.sin(2 * np.pi * 440.0 * np.arange(4_000) / 16_000).astype(np.float32) * 0.3
    assert dominant_frequency(wave, 16_000)[0] == pytest.approx(440.0, abs=1.0)


def test_frequencies_between_tones_name_nobody() -> None:
    """A frequency off every tone, below the lowest or above the highest, has no identity."""
    assert identity_of(300.0) == 0
    assert [identity_of(hz) for hz in (0.0, 325.0, 250.0, 3_500.0, 20_000.0)] == [None] * 5


def test_impossible_identities_are_refused() -> None:
    """There are tones for 0 to 63 alone."""
    for identity in (-1, 64):
        with pytest.raises(ValueError, match="identity"):
            tone_for(identity)
