"""A mix of sound: everybody hears the others and not themselves, told by the tones; the clock is the test's."""

import random

import numpy as np
import pytest

from tests.transcode.peers import Loudspeaker, Microphone, Stand, sound_format
from transcode.errors import BadJob
from transcode.jobs import Mix, SoundCodec, SoundIn, SoundOut
from transcode.tones import SAMPLE_RATE, Tone, dominant_frequency

ALICE, BOB, CAROL = 11, 12, 13
HZ = {ALICE: 440.0, BOB: 700.0, CAROL: 1000.0}
EVERY = tuple(sound_format(codec) for codec in ("opus", "g722", "pcmu", "pcma"))


def room(*outs: SoundOut, voices: tuple[int, ...] = (ALICE, BOB, CAROL)) -> Mix:
    """A job with these voices."""
    return Mix(id=1, peer=9, inputs=tuple(SoundIn(ssrc=one, formats=EVERY) for one in voices), outs=outs)


def out(ssrc: int, *of: int, codec: SoundCodec = "opus") -> SoundOut:
    """A mix of these."""
    return SoundOut(ssrc=ssrc, format=sound_format(codec), of=of)


def heard(loudspeaker: Loudspeaker) -> set[int]:
    """Those of the three tones that can be heard."""
    samples = loudspeaker.samples(15).astype(float)
    power = np.abs(np.fft.rfft(samples * np.hanning(samples.size))) ** 2
    near = {one: power[round(hz * samples.size / SAMPLE_RATE) + np.arange(-2, 3)].sum() for one, hz in HZ.items()}
    return {one for one, strength in near.items() if strength > 0.05 * power.sum() / len(HZ)}


def play(stand: Stand, microphones: list[Microphone], packets: int, *, phase: float = 0.004) -> None:
    """Everybody speaks, each a little after the one before."""
    for _ in range(packets):
        for one in microphones:
            stand.pass_time(phase, one.packet())
        stand.pass_time(0.02 - phase * len(microphones))


@pytest.mark.parametrize("codec", ["opus", "g722", "pcmu", "pcma"])
def test_everybody_hears_the_others_and_not_themselves(codec: SoundCodec) -> None:
    """Three people, in each codec."""
    stand = Stand(room(*(out(20 + n, *(HZ.keys() - {one}), codec=codec) for n, one in enumerate(HZ))))
    speakers = [Loudspeaker(codec) for _ in HZ]
    stand.outs.update({20 + n: one for n, one in enumerate(speakers)})
    play(stand, [Microphone(Tone(hz), ssrc, codec) for ssrc, hz in HZ.items()], 25)
    assert [heard(one) for one in speakers] == [HZ.keys() - {ssrc} for ssrc in HZ]


def test_each_may_have_a_codec_of_their_own() -> None:
    """In one room."""
    stand = Stand(
        room(out(20, BOB, CAROL, codec="pcma"), out(21, ALICE, CAROL), out(22, ALICE, BOB, codec="g722"))
    )
    speakers = [Loudspeaker("pcma"), Loudspeaker("opus"), Loudspeaker("g722")]
    stand.outs.update({20 + n: one for n, one in enumerate(speakers)})
    codecs = zip(HZ.items(), ("pcma", "opus", "g722"), strict=True)
    play(stand, [Microphone(Tone(hz), ssrc, codec) for (ssrc, hz), codec in codecs], 25)
    assert [heard(one) for one in speakers] == [HZ.keys() - {ssrc} for ssrc in HZ]


def test_a_tone_comes_through_pure_and_as_loud_as_it_was() -> None:
    """From 8 kHz to 48."""
    stand = Stand(room(out(20, ALICE)))
    speaker = stand.outs[20] = Loudspeaker("opus")
    play(stand, [Microphone(Tone(440.0), ALICE, "pcmu")], 40)
    samples = speaker.samples(20)
    frequency, purity = dominant_frequency(samples, SAMPLE_RATE)
    assert abs(frequency - 440) < 2
    assert purity > 0.98
    assert 0.7 < np.abs(samples).max() / (0.25 * 32767) < 1.3


def test_sound_that_comes_evenly_leaves_within_forty_milliseconds_and_without_a_hole() -> None:
    """One packet waits for the next of the others, 20 ms at the most."""
    stand = Stand(room(out(20, ALICE, BOB, CAROL)))
    stand.outs[20] = Loudspeaker("opus")
    play(stand, [Microphone(Tone(hz), ssrc, "opus") for ssrc, hz in HZ.items()], 50)
    figures = stand.job.figures()
    assert figures.delay_ms_max <= 21
    stamps = [packet.timestamp for _, packet in stand.sent]
    assert np.diff(stamps).tolist() == [960] * (len(stamps) - 1)
    assert [packet.seq for _, packet in stand.sent] == list(range(len(stamps)))


def test_three_voices_take_one_look_for_a_block_and_wait_no_longer() -> None:
    """As a worker does it: nothing is taken while the job rests."""
    stand = Stand(room(out(20, ALICE, BOB, CAROL)))
    stand.outs[20] = Loudspeaker("opus")
    microphones = [Microphone(Tone(hz), ssrc, "opus") for ssrc, hz in HZ.items()]
    phases, blocks, looks = (0.011, 0.014, 0.018), 100, 0
    came = [(stand.now + n / 50 + phase, one) for n in range(blocks) for one, phase in enumerate(phases)]
    waiting: list[tuple[float, bytes]] = []
    for n, (at, one) in enumerate(came):
        waiting.append((at, microphones[one].packet()))
        look = max(at, stand.job.rests_until(at))
        if n + 1 < len(came) and look > came[n + 1][0]:
            continue
        stand.pass_time(look - stand.now)
        for arrived, packet in waiting:
            stand.job.take(packet, arrived)
        stand.pass_time(0.0)
        looks, waiting = looks + 1, []
    made = [moment for moment, _ in stand.sent[blocks // 2 :]]
    late = [min(moment - arrived for arrived, _ in came if arrived < moment + 1e-9) for moment in made]
    assert looks < 1.3 * blocks
    assert np.median(late) < 0.001


def test_silence_goes_out_evenly_when_nobody_speaks() -> None:
    """Fifty packets a second."""
    stand = Stand(room(out(20, ALICE)))
    speaker = stand.outs[20] = Loudspeaker("pcmu")
    stand.job.change(room(out(20, ALICE, codec="pcmu")))
    stand.pass_time(1.0)
    assert 48 <= len(speaker.packets) <= 50
    assert np.abs(speaker.samples(40)).max() < 20
    assert np.ptp(np.diff([at for at, _ in stand.sent])) < 1e-6


def test_one_who_stops_holds_nobody_up_for_long_and_is_heard_again() -> None:
    """The others are as soon as if they were alone."""
    stand = Stand(room(out(20, ALICE, BOB)))
    speaker = stand.outs[20] = Loudspeaker("opus")
    alice, bob = (Microphone(Tone(HZ[one]), one, "opus") for one in (ALICE, BOB))
    play(stand, [alice, bob], 20)
    play(stand, [alice], 20)
    assert heard(speaker) == {ALICE}
    stand.job.figures()
    play(stand, [alice], 20)
    assert stand.job.figures().delay_ms_max < 12
    bob.count += 40
    play(stand, [alice, bob], 20)
    assert heard(speaker) == {ALICE, BOB}


def test_jitter_costs_delay_once_and_then_hardly_a_hole() -> None:
    """Up to 60 ms, in order."""
    stand, uneven = Stand(room(out(20, ALICE))), random.Random(2)
    speaker = stand.outs[20] = Loudspeaker("opus")
    alice = Microphone(Tone(440.0), ALICE, "opus")
    begin = stand.now
    for n in range(200):
        stand.pass_time(max(0.0, begin + n * 0.02 + uneven.uniform(0, 0.06) - stand.now), alice.packet())
    frequency, purity = dominant_frequency(speaker.samples(100), SAMPLE_RATE)
    assert abs(frequency - 440) < 2
    assert purity > 0.9


def test_packets_that_overtake_each_other_find_their_places() -> None:
    """Up to 50 ms."""
    stand, uneven = Stand(room(out(20, ALICE, codec="pcmu"))), random.Random(2)
    speaker = stand.outs[20] = Loudspeaker("pcmu")
    alice = Microphone(Tone(500.0), ALICE, "pcmu")
    begin = stand.now
    for at, packet in sorted((n * 0.02 + uneven.uniform(0, 0.05), alice.packet()) for n in range(200)):
        stand.pass_time(max(0.0, begin + at - stand.now), packet)
    assert dominant_frequency(speaker.samples(100), SAMPLE_RATE)[1] > 0.9


def test_loss_is_faded_over_and_the_tone_goes_on() -> None:
    """Every twentieth packet is lost; none is missing in what goes out."""
    stand, lossy = Stand(room(out(20, ALICE))), random.Random(3)
    speaker = stand.outs[20] = Loudspeaker("opus")
    alice = Microphone(Tone(440.0), ALICE, "opus")
    for _ in range(100):
        packet = alice.packet()
        stand.pass_time(0.02, *([packet] if lossy.random() > 0.05 else []))
    assert abs(dominant_frequency(speaker.samples(50), SAMPLE_RATE)[0] - 440) < 2
    stamps = [packet.timestamp for _, packet in stand.sent]
    assert set(np.diff(stamps)) == {960}


def test_many_loud_voices_are_turned_down_and_not_clipped() -> None:
    """Eight that are nearly full scale each."""
    voices = tuple(range(100, 108))
    stand = Stand(room(out(20, *voices, codec="pcmu"), voices=voices))
    speaker = stand.outs[20] = Loudspeaker("pcmu")
    play(stand, [Microphone(Tone(440.0, amplitude=0.9), one, "opus") for one in voices], 25, phase=0.001)
    samples = speaker.samples(10)
    assert np.abs(samples).max() < 32_500
    assert dominant_frequency(samples, SAMPLE_RATE)[1] > 0.95


def test_outs_that_hear_the_same_share_an_encoder() -> None:
    """In whichever order their inputs are named."""
    stand = Stand(room(out(20, ALICE, BOB), out(21, BOB, ALICE), out(22, ALICE)))
    play(stand, [Microphone(Tone(440.0), ALICE, "opus")], 10)
    of = {ssrc: [packet.payload for _, packet in stand.sent if packet.ssrc == ssrc] for ssrc in (20, 21, 22)}
    assert of[20] == of[21]
    assert len(stand.job._groups) == 2


def test_a_prompt_is_heard_by_one_alone_and_its_end_is_told() -> None:
    """Half a second at another rate, over the mix."""
    stand = Stand(room(out(20, ALICE), out(21, ALICE)))
    one, other = Loudspeaker("opus"), Loudspeaker("opus")
    stand.outs.update({20: one, 21: other})
    alice = Microphone(Tone(440.0), ALICE, "opus")
    play(stand, [alice], 10)
    rate = 22_050
    prompt = (np.sin(np.arange(rate // 2) / rate * 2 * np.pi * 1000.0) * 8000).astype("<i2")
    stand.job.say(20, prompt.tobytes(), rate)
    play(stand, [alice], 20)
    assert heard(one) == {ALICE, CAROL}
    assert heard(other) == {ALICE}
    assert stand.job.said() == []
    play(stand, [alice], 25)
    assert heard(one) == {ALICE}
    assert [said.ssrc for said in stand.job.said()] == [20]


def test_who_is_in_changes_without_a_pause() -> None:
    """Somebody more, then another one alone."""
    stand = Stand(room(out(20, ALICE)))
    speaker = stand.outs[20] = Loudspeaker("opus")
    microphones = [Microphone(Tone(HZ[one]), one, "opus") for one in (ALICE, BOB)]
    play(stand, microphones, 20)
    assert heard(speaker) == {ALICE}
    stand.job.change(room(out(20, ALICE, BOB)))
    play(stand, microphones, 20)
    assert heard(speaker) == {ALICE, BOB}
    stand.job.change(room(out(20, BOB), voices=(BOB,)))
    play(stand, microphones, 25)
    assert heard(speaker) == {BOB}
    assert set(np.diff([packet.timestamp for _, packet in stand.sent])) == {960}


def test_a_job_that_contradicts_itself_is_refused_and_changes_nothing() -> None:
    """Unknown inputs, an SSRC twice."""
    stand = Stand(room(out(20, ALICE)))
    with pytest.raises(BadJob):
        stand.job.change(room(out(20, 99)))
    with pytest.raises(BadJob):
        stand.job.change(room(out(20, ALICE), out(20, BOB)))
    play(stand, [Microphone(Tone(440.0), ALICE, "opus")], 5)
    assert stand.sent


def test_after_the_machine_stood_still_it_goes_on_at_the_present() -> None:
    """What was missed is not sent in a burst."""
    stand = Stand(room(out(20, ALICE)))
    stand.pass_time(0.2)
    before = len(stand.sent)
    stand.now += 3.0
    stand.pass_time(0.1)
    assert len(stand.sent) - before <= 8
    assert stand.job.figures().dropped_frames > 100
