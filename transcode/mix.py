"""A job of sound: each voice decoded once, each distinct mix encoded once, a packet of 20 ms each.

A block is mixed as soon as every voice that speaks has it. What is missing is waited for until 40 ms after the
block began, which is also when silence goes out. Pure: `now` is in seconds of the machine's clock.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from transcode.capture import middle
from transcode.checks import check
from transcode.errors import Undecodable
from transcode.figures import Counters
from transcode.jobs import JobFigures, Mix, Said, SoundCodec, SoundOut
from transcode.rest import Rest
from transcode.rtp import Packet
from transcode.rtp_leg import Ledger, Outgoing, RtpLeg
from transcode.sound import SoundDecoder, SoundEncoder, clock_rate, resampled
from transcode.sums import Row, Sums
from transcode.tones import SAMPLE_RATE, Samples
from transcode.voice import BLOCK, Voice

_BLOCK_S: Final = BLOCK / SAMPLE_RATE
# A block may be mixed when its second half has begun, and has to be when it is so old.
_SOONEST_S: Final = _BLOCK_S / 2
_PATIENCE_S: Final = 0.04
# Further behind than that the line of time goes on at the present instead of being caught up with.
_BEHIND_S: Final = 0.3
_LONGEST_PROMPT: Final = 120 * SAMPLE_RATE


class _Input:
    """A voice with its decoder; `arrivals` are of packets that no mix has taken yet."""

    def __init__(self) -> None:
        self.voice = Voice()
        self.codecs: dict[int, SoundCodec] = {}
        self.arrivals: list[float] = []
        self.clock_rate = SAMPLE_RATE
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
        # Where its sum stands; less than zero before there was one.
        self.row = -1
        self.of: tuple[int, ...] = ()
        self.streams: dict[int, Outgoing] = {}
        self._encoder = SoundEncoder(out.format.codec, bitrate=out.bitrate)
        self.factor = self._encoder.factor
        self._clock = clock_rate(out.format.codec)

    def send(self, samples: Samples, block: int) -> None:
        """Encode a block and send it to all."""
        data = self._encoder.encode(samples)
        if not data:
            return
        ticks = block * BLOCK * self._clock // SAMPLE_RATE
        for stream in self.streams.values():
            stream.send((data,), ticks, block * _BLOCK_S, marker=False)


class MixJob:
    """One `Mix` at work. Raises `BadJob` from `__init__` and `change`, which then change nothing."""

    def __init__(self, job: Mix, ledger: Ledger, now: float) -> None:
        self.leg = RtpLeg(job.id, ledger)
        self.counters = Counters(job.id)
        self._inputs: dict[int, _Input] = {}
        self._groups: list[_Group] = []
        self._factors: dict[int, list[_Group]] = {}
        self._sums = Sums()
        self._prompts: dict[int, Samples] = {}
        self._said: list[Said] = []
        self._block = int(now / _BLOCK_S)
        self._rest = Rest()
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
        packet = self.leg.take(data, self._inputs, now)
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
        source.clock_rate = clock_rate(codec)
        source.voice.add(packet.timestamp, SAMPLE_RATE // source.clock_rate, samples, now, self._block)
        source.arrivals.append(now)

    def run(self, now: float) -> Iterator[None]:
        """Mix all blocks whose time has come, with a pause after each, when it is in `leg.outbox`."""
        if now - self._block * _BLOCK_S > _BEHIND_S:
            skipped = int((now - _PATIENCE_S) / _BLOCK_S) - self._block
            self._block += skipped
            self.counters.dropped_frames += skipped
        while now >= (time := self._time(now)):
            began = self._block * _BLOCK_S
            came = self._mix()
            if time == began + _SOONEST_S and came is not None:
                self._rest.note(came - began)
            self._block += 1
            yield
        if now >= self.leg.due:
            self._set_ages(now)
        self.leg.report(now)
        yield

    def due(self, now: float) -> float:
        """When to call `run` again, if nothing comes."""
        return min(self.leg.due, self._time(now))

    def rests_until(self, now: float) -> float:
        """Until when nothing that comes would be of use: `take` may have it then, all at once."""
        speaking = any(one.voice.until > now for one in self._inputs.values())
        return self._block * _BLOCK_S + self._rest.after if speaking else now

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

    def _mix(self) -> float | None:
        """Mix a block and send it; give when the last packet came that is new in it."""
        blocks, came = {}, None
        for ssrc, source in self._inputs.items():
            block = source.voice.take(self._block)
            if block is not None:
                blocks[ssrc] = block
            if source.arrivals:
                came = max(came or 0.0, source.arrivals[-1])
                self.counters.shown += source.arrivals
                source.arrivals.clear()
        self._sums.add(blocks, self._prompted())
        for factor, groups in self._factors.items():
            for group, samples in zip(groups, self._sums.rows(factor), strict=True):
                group.send(samples, self._block)
                self.counters.frames_out += len(group.streams)
        return came

    def _set_ages(self, now: float) -> None:
        """Find how long ago what each mix holds was captured, on the line of time: as most of who speaks."""
        ages = {}
        for ssrc, source in self._inputs.items():
            if source.voice.until > now and source.voice.anchor is not None:
                timestamp, start = source.voice.anchor
                ages[ssrc] = self.leg.captures.age(ssrc, timestamp, source.clock_rate, start / SAMPLE_RATE)
        for group in self._groups:
            age = middle(ages.get(ssrc) for ssrc in group.of)
            if age is None:
                continue
            for stream in group.streams.values():
                stream.sent.age = age

    def _prompted(self) -> dict[int, Samples]:
        """Take the next block of all that is said; those to whom it is are a group of one out each."""
        rows = {}
        for group in self._groups if self._prompts else ():
            ssrc = next(iter(group.streams))
            prompt = self._prompts.get(ssrc)
            if prompt is None:
                continue
            rows[group.row], self._prompts[ssrc] = prompt[:BLOCK], prompt[BLOCK:]
            if prompt.size <= BLOCK:
                del self._prompts[ssrc]
                self._said.append(Said(job=self._job.id, ssrc=ssrc))
        return rows

    def _regroup(self) -> None:
        """Give each distinct mix the encoder and the row that one of its outs had, or new ones."""
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
        groups.sort(key=lambda group: group.factor)
        rows = [Row(group.row, group.factor) for group in groups]
        self._sums.arrange(list(self._inputs), [group.of for group in groups], rows)
        self._groups, self._factors = groups, {}
        for row, group in enumerate(groups):
            group.row = row
            self._factors.setdefault(group.factor, []).append(group)


def _fits(group: _Group, outs: list[SoundOut]) -> bool:
    """Whether a group's encoder is right for these outs, one of which it served."""
    out = outs[0]
    same = (group.out.format.codec, group.out.bitrate) == (out.format.codec, out.bitrate)
    return same and any(one.ssrc in group.streams for one in outs)
