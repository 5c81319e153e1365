"""A job of pictures: decodes each input once, paints each scene once, encodes each distinct target once.

Nothing ticks. A picture that comes in is decoded and, where it is the only or the first one of a scene, encoded at
once; others of a scene wait for the first, or for as long as one picture lasts. Pure: `now` is in seconds of the
machine's clock.
"""

from __future__ import annotations

from collections.abc import Iterator

from transcode.checks import check
from transcode.feed import Feed
from transcode.figures import Counters
from transcode.jobs import Compose, JobFigures, PictureOut, Scene
from transcode.rtp import Packet
from transcode.rtp_leg import Ledger, RtpLeg
from transcode.stage import Stage
from transcode.targets import Receiver, grouped
from transcode.transcoder import Target
from transcode.video import CLOCK


class ComposeJob:
    """One `Compose` at work. Raises `BadJob` from `__init__` and `change`, which then change nothing."""

    def __init__(self, job: Compose, ledger: Ledger) -> None:
        self.leg = RtpLeg(job.id, ledger)
        self.counters = Counters(job.id)
        self._feeds: dict[int, Feed] = {}
        self._receivers: dict[int, Receiver] = {}
        self._targets: list[Target] = []
        self._stages: dict[tuple[Scene, int, int], Stage] = {}
        self._watching: dict[int, list[Stage]] = {}
        # Inputs of which packets have come, or that wait for some.
        self._busy: set[int] = set()
        self.change(job)

    def change(self, job: Compose) -> None:
        """Become this job; feeds, encoders and streams that are in both go on."""
        check(job)
        receivers = {out.ssrc: self._receiver(out) for out in job.outs}
        feeds = {}
        for one in job.inputs:
            feed = feeds[one.ssrc] = self._feeds.get(one.ssrc) or Feed(one.ssrc)
            feed.set_formats(one.formats)
        self._feeds, self._receivers = feeds, receivers
        self.leg.keep(feeds, receivers)
        self._busy &= feeds.keys()
        self._regroup()

    def take(self, data: bytes, now: float) -> None:
        """Take a datagram from the engine."""
        got = self.leg.take(data, self._feeds, now)
        if isinstance(got, Packet):
            self._feeds[got.ssrc].take(got, now)
            self._busy.add(got.ssrc)
        elif got:
            for ssrc in got:
                self.want_key_frame(ssrc)

    def want_key_frame(self, ssrc: int) -> None:
        """Have an out begin anew; of no effect where there is no such out."""
        for target in self._targets:
            if ssrc in target.receivers:
                target.key_wanted = True

    def set_rate(self, ssrc: int, bitrate: int) -> None:
        """Aim at what an out's receivers can take."""
        receiver = self._receivers.get(ssrc)
        if receiver is not None:
            receiver.rate = bitrate
            self._regroup()

    def run(self, now: float) -> Iterator[None]:
        """Do all that can be done now, with a pause wherever something is in `leg.outbox` that should not wait."""
        for ssrc in list(self._busy):
            self._decode(ssrc, now)
        for target in self._targets:
            if target.run(now, self.counters, self._feeds, self.leg.captures):
                yield
        self.leg.report(now)
        yield

    def _decode(self, ssrc: int, now: float) -> None:
        feed, watching = self._feeds[ssrc], self._watching.get(ssrc, [])
        if feed.run(now, self.counters, watched=bool(watching)):
            for stage in watching:
                stage.note(feed)
        wants = bool(watching) and feed.wants_key(now)
        if wants:
            self.leg.ask_key_frame(ssrc, now)
        if feed.due is None and not wants:
            self._busy.discard(ssrc)

    def due(self, now: float) -> float:  # noqa: ARG002 - a mix has to know
        """When to call `run` again, if nothing comes."""
        moments = [self.leg.due, *(target.due for target in self._targets)]
        for ssrc in self._busy:
            due = self._feeds[ssrc].due
            if due is not None:
                moments.append(due)
        return min(moments)

    def rests_until(self, now: float) -> float:
        """Until when nothing that comes would be of use: `take` may have it then, all at once."""
        return min((target.rests_until for target in self._targets), default=now)

    def figures(self) -> JobFigures:
        """Give what was counted; times begin anew."""
        return self.counters.told(self.leg)

    def _receiver(self, out: PictureOut) -> Receiver:
        stream = self.leg.open(out.ssrc, out.format.pt, CLOCK)
        known = self._receivers.get(out.ssrc)
        if known is None:
            return Receiver(out, stream)
        known.change(out)
        return known

    def _regroup(self) -> None:
        """Give each group of outs the encoder that most of it had, or a new one."""
        left, targets = list(self._targets), []
        stages: dict[tuple[Scene, int, int], Stage] = {}
        for group, members in grouped(self._receivers.values()).items():
            place = (group.scene, *group.shape.painted)
            stage = stages.get(place) or self._stages.get(place) or Stage(*place, self._feeds)
            stages[place] = stage
            ssrcs = {one.out.ssrc for one in members}
            fitting = [one for one in left if one.shape == group.shape and ssrcs & one.receivers.keys()]
            target = max(fitting, key=lambda one: len(ssrcs & one.receivers.keys()), default=None)
            if target is None:
                target = Target(group.shape)
            else:
                left.remove(target)
            target.serve(members, stage)
            targets.append(target)
        self._targets, self._stages = targets, stages
        self._watching = {ssrc: [one for one in stages.values() if ssrc in one.inputs] for ssrc in self._feeds}
