"""A job of sound: each voice decoded once, each distinct mix encoded once, a packet of 20 ms each.

A block is mixed as soon as every voice that speaks has it. What is missing is waited for until 40 ms after the
block began, which is also when silence goes out. Pure: `now` is in seconds of the machine's clock.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from transcode.checks import check
from transcode.errors import Undecodable
from transcode.figures import Counters
from transcode.jobs import JobFigures, Mix, Said, SoundCodec, SoundOut
from transcode.rtp import Packet
from transcode.rtp_leg import Ledger, Outgoing, RtpLeg
from transcode.sound import SoundDecoder, SoundEncoder, clock_rate, resampled
from transcode.tones import SAMPLE_RATE, Samples
from transcode.voice import BLOCK, Voice

_BLOCK_S: Final = BLOCK / SAMPLE_RATE
# A block may be mixed when its second half has begun, and has to be when it is so old.
_SOONEST_S: Final = _BLOCK_S / 2
_PATIENCE_S: Final = 0.04
# Further behind than that the line of time goes on at the present instead of being caught up with.
_BEHIND_S: Final = 0.3
_LOUDEST: Final = 30_000.0
_RECOVERY: Final = 1.05
# By so much others are turned down while something is said.
_DUCKED: Final = 4
_LONGEST_PROMPT: Final = 120 * SAMPLE_RATE

Sum = NDArray[np.int32]


class _Input:
    """A voice with its decoder; `arrivals` are of packets that no mix has taken yet."""

    def __init__(self) -> None:
        self.voice = Voice()
        self.codecs: dict[int, SoundCodec] = {}
        self.arrivals: list[float] = []
        self._decoder: SoundDecoder | None = None

    def decode(self, packet: Packet, codec: SoundCodec) -> Samples:
        """Give a packet's samples. Raises `Undecodable`."""
        if self._decoder is None or self._decoder.codec != codec:
            self._decoder = SoundDecoder(codec)
        return self._decoder.decode(packet.payload)


class _Group:
    """Outs that hear the same in the same codec, and the encoder that they share."""

    def __init__(self, out: SoundOut) -> None:
        self.out = out
        self.streams: dict[int, Outgoing] = {}
        self.of: tuple[int, ...] = ()
        self._encoder = SoundEncoder(out.format.codec, bitrate=out.bitrate)
        self._clock = clock_rate(out.format.codec)
        self._gain = 1.0

    def send(self, total: Sum, block: int) -> None:
        """Encode a block and send it to all."""
        data = self._encoder.encode(self._limited(total))
        if not data:
            return
        ticks = block * BLOCK * self._clock // SAMPLE_RATE
        for stream in self.streams.values():
            stream.send((data,), ticks, block * _BLOCK_S, marker=False)

    def _limited(self, total: Sum) -> Samples:
        """Turn down what would be too loud, at once, and up again slowly: clipping is a crackle."""
        peak = max(int(total.max()), -int(total.min()))
        self._gain = min(1.0, self._gain * _RECOVERY, _LOUDEST / max(peak, 1))
        return total.astype(np.int16) if self._gain == 1.0 else (total * self._gain).astype(np.int16)


class MixJob:
    """One `Mix` at work. Raises `BadJob` from `__init__` and `change`, which then change nothing."""

    def __init__(self, job: Mix, ledger: Ledger, now: float) -> None:
        self.leg = RtpLeg(job.id, ledger)
        self.counters = Counters(job.id)
        self._inputs: dict[int, _Input] = {}
        self._groups: list[_Group] = []
        self._prompts: dict[int, Samples] = {}
        self._said: list[Said] = []
        self._block = int(now / _BLOCK_S)
        self.change(job)

    def change(self, job: Mix) -> None:
        """Become this job; voices, encoders and streams that are in both go on."""
        check(job)
        self._job = job
        inputs = {}
        for one in job.inputs:
            known = inputs[one.ssrc] = self._inputs.get(one.ssrc) or _Input()
            known.codecs = {form.pt: form.codec for form in one.formats}
        self._inputs = inputs
        outs = {out.ssrc for out in job.outs}
        self._prompts = {ssrc: prompt for ssrc, prompt in self._prompts.items() if ssrc in outs}
        self.leg.keep(inputs, outs)
        self._regroup()

    def say(self, ssrc: int, sound: bytes, rate: int) -> None:
        """Play a recording into an out, from now on, in the place of any that is being played."""
        if not any(out.ssrc == ssrc for out in self._job.outs):
            return
        self._prompts.pop(ssrc, None)
        samples = resampled(sound, rate)[:_LONGEST_PROMPT]
        if samples.size:
            self._prompts[ssrc] = samples
        self._regroup()

    def said(self) -> list[Said]:
        """Give the prompts that have ended since this was asked."""
        said, self._said = self._said, []
        return said

    def take(self, data: bytes, now: float) -> None:
        """Take a datagram from the engine."""
        packet = self.leg.take(data, self._inputs)
        if not isinstance(packet, Packet) or not packet.payload:
            return
        source = self._inputs[packet.ssrc]
        codec = source.codecs.get(packet.pt)
        if codec is None:
            return
        self.counters.frames_in += 1
        try:
            samples = source.decode(packet, codec)
        except Undecodable:
            self.counters.broken_frames += 1
            return
        source.voice.add(packet.timestamp, SAMPLE_RATE // clock_rate(codec), samples, now, self._block)
        source.arrivals.append(now)

    def run(self, now: float) -> Iterator[None]:
        """Mix all blocks whose time has come, with a pause after each, when it is in `leg.outbox`."""
        if now - self._block * _BLOCK_S > _BEHIND_S:
            skipped = int((now - _PATIENCE_S) / _BLOCK_S) - self._block
            self._block += skipped
            self.counters.dropped_frames += skipped
        while now >= self._time(now):
            self._mix()
            self._block += 1
            yield
        self.leg.report(now)
        yield

    def due(self, now: float) -> float:
        """When to call `run` again, if nothing comes."""
        return min(self.leg.due, self._time(now))

    def figures(self) -> JobFigures:
        """Give what was counted; times begin anew."""
        return self.counters.told(self.leg)

    def _time(self, now: float) -> float:
        """When the next block is to be mixed."""
        began = self._block * _BLOCK_S
        speaking = False
        for one in self._inputs.values():
            if one.voice.until > now:
                speaking = True
                if not one.voice.has(self._block):
                    return began + _PATIENCE_S
        return began + (_SOONEST_S if speaking else _PATIENCE_S)

    def _mix(self) -> None:
        blocks = {}
        for ssrc, source in self._inputs.items():
            block = source.voice.take(self._block)
            if block is not None:
                blocks[ssrc] = block.astype(np.int32)
            self.counters.shown += source.arrivals
            source.arrivals.clear()
        for group in self._groups:
            total = _sum(blocks[ssrc] for ssrc in group.of if ssrc in blocks)
            prompt = self._prompt(group)
            group.send(total if prompt is None else total // _DUCKED + prompt, self._block)
            self.counters.frames_out += len(group.streams)

    def _prompt(self, group: _Group) -> Sum | None:
        """Take the next block of what is said to a group, which then is one out alone."""
        ssrc = next((one for one in group.streams if one in self._prompts), None)
        if ssrc is None:
            return None
        prompt = self._prompts[ssrc]
        self._prompts[ssrc] = prompt[BLOCK:]
        if prompt.size <= BLOCK:
            del self._prompts[ssrc]
            self._said.append(Said(job=self._job.id, ssrc=ssrc))
        return np.pad(prompt[:BLOCK], (0, max(0, BLOCK - prompt.size))).astype(np.int32)

    def _regroup(self) -> None:
        """Give each distinct mix the encoder that one of its outs had, or a new one."""
        wanted: dict[object, list[SoundOut]] = {}
        for out in self._job.outs:
            alone = out.ssrc if out.ssrc in self._prompts else None
            wanted.setdefault((out.format.codec, out.bitrate, frozenset(out.of), alone), []).append(out)
        left, groups = list(self._groups), []
        for outs in wanted.values():
            group = next((one for one in left if _fits(one, outs)), None)
            if group is None:
                group = _Group(outs[0])
            else:
                left.remove(group)
            group.of = outs[0].of
            rate = clock_rate(outs[0].format.codec)
            group.streams = {out.ssrc: self.leg.open(out.ssrc, out.format.pt, rate) for out in outs}
            groups.append(group)
        self._groups = groups


def _fits(group: _Group, outs: list[SoundOut]) -> bool:
    """Whether a group's encoder is right for these outs, one of which it served."""
    out = outs[0]
    same = (group.out.format.codec, group.out.bitrate) == (out.format.codec, out.bitrate)
    return same and any(one.ssrc in group.streams for one in outs)


def _sum(blocks: Iterable[Sum]) -> Sum:
    total: Sum = np.zeros(BLOCK, np.int32)
    for block in blocks:
        total += block
    return total
