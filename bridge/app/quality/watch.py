"""Watches every leg: snapshots of the engine come in, figures and a verdict for each leg come out.

It holds what has to be remembered for that: the last readings, and the judge of each leg. Nothing here waits or
reads a clock.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final, Protocol

import numpy as np

from bridge.app.live import LiveRoom, MediaLeg
from bridge.app.ports import Legs
from bridge.app.quality.figures import History, LegFigures, Rows, as_heard, read
from bridge.app.quality.lines import Assessment
from bridge.app.quality.sockets import Counts, counted, lost, share
from bridge.app.quality.verdict import BridgeView, Judge, View
from bridge.rooms.model import ParticipantId

# What is forwarded later than this adds a delay that a jitter buffer feels.
LATE_US: Final = 16_384


class Latency(Protocol):
    """Forwarding delays (media/api.py)."""

    @property
    def bounds_us(self) -> np.ndarray[Any, np.dtype[np.uint64]]:
        """Microseconds that each bucket stays below."""

    @property
    def counts(self) -> np.ndarray[Any, np.dtype[np.uint64]]:
        """A row a shard, a column a bucket."""


class Snapshot(Protocol):
    """What is read of the engine's snapshot."""

    @property
    def legs(self) -> Rows:
        """A row a leg."""

    @property
    def streams(self) -> Rows:
        """A row a source or slot, and encoding."""

    @property
    def shards(self) -> Rows:
        """A row a shard."""

    @property
    def latency(self) -> Latency:
        """Forwarding delays."""


class Watch:
    """Assesses the legs of rooms. Call `observe` once for each snapshot, then `assess` for each room."""

    def __init__(self) -> None:
        self._history = History()
        self._shards = ShardWatch()
        self._judges: dict[int, Judge] = {}
        self._now = 0.0
        self._latest: dict[int, Assessment] = {}

    @property
    def latest(self) -> list[Assessment]:
        """The last assessment of every leg that is there."""
        return list(self._latest.values())

    def observe(self, snapshot: Snapshot, now: float) -> None:
        """Take a snapshot; `now` in seconds rises."""
        reading = read(snapshot.streams, snapshot.legs, now, self._history.latest)
        self._history.push(reading)
        self._shards.observe(snapshot)
        self._now = now
        self._judges = {leg: judge for leg, judge in self._judges.items() if leg in reading.round_trips}
        self._latest = {leg: known for leg, known in self._latest.items() if leg in reading.round_trips}

    def assess(self, live: LiveRoom, legs: Legs) -> dict[ParticipantId, Assessment]:
        """Everybody's figures and verdict, but of who is gone: a leg that is kept for them has only old ones."""
        for media in live.legs.values():
            if media.alone:
                self._latest.pop(media.leg, None)
        here = {owner: media for owner, media in live.legs.items() if not media.alone}
        figures = {media.leg: self._figures(media) for media in here.values()}
        bridge = self._shards.view(legs.shard_of(live.number))
        hears = _hears(live)
        found = {}
        for owner, media in here.items():
            senders = [leg for leg in hears.get(media.leg, ()) if leg in figures]
            hint = media.hints.hint(self._now)
            own = figures[media.leg]
            senders_jitter = max((figures[leg].all_up.jitter_ms or 0.0 for leg in senders), default=0.0)
            view = View(own.all_up, own.all_down, hint, senders_jitter, own.carries)
            if (judge := self._judges.get(media.leg)) is None:
                judge = self._judges[media.leg] = Judge()
            found[owner] = Assessment(
                leg=media.leg,
                figures=own,
                hint=hint,
                verdict=judge.judge(self._now, view, bridge),
                since=judge.since,
                senders_rtt_ms=max((figures[leg].rtt_ms or 0.0 for leg in senders), default=0.0),
                content_slots=legs.description(media.leg).content_slots,
                freezes_total=media.hints.freezes_total,
                frozen_total_s=media.hints.frozen_total_s,
            )
            self._latest[media.leg] = found[owner]
        return found

    def _figures(self, media: MediaLeg) -> LegFigures:
        found, hint = self._history.leg(media.leg), media.hints.hint(self._now)
        if hint is None:
            return found
        if found.rtt_ms is None:
            # Nothing is sent to it that it could report on: its page's own word, for those who hear it as well.
            found = replace(found, rtt_ms=hint.rtt_ms)
        return as_heard(found, hint.concealed_share)


def _hears(live: LiveRoom) -> Mapping[int, set[int]]:
    """The legs whose sources fill the slots of each leg."""
    senders: dict[int, set[int]] = {}
    for (leg, _), (sender, _) in live.plan.items():
        senders.setdefault(leg, set()).add(sender)
    return senders


class ShardWatch:
    """How each shard of the engine did between the last two snapshots."""

    def __init__(self) -> None:
        self._before: tuple[Counts, Counts] | None = None
        self._views: list[BridgeView] = []

    def observe(self, snapshot: Snapshot) -> None:
        """Take a snapshot."""
        latency = snapshot.latency
        # A bucket is late when it begins where the bucket before it ends, at or beyond the limit.
        is_late = np.concatenate([[False], latency.bounds_us[:-1] >= LATE_US])
        counts = latency.counts.astype(np.int64)
        sockets = counted(snapshot.shards)
        if (
            self._before is not None
            and self._before[0].shape == counts.shape
            and len(self._before[1]) == len(sockets)
        ):
            forwarded = np.maximum(counts - self._before[0], 0)
            late, total = forwarded[:, is_late].sum(axis=1).tolist(), forwarded.sum(axis=1).tolist()
            rests = (snapshot.shards["pictures_resting"] > 0).astype(float).tolist()
            self._views = [
                BridgeView(share(slow, all_), *at_sockets, left_out)
                for slow, all_, at_sockets, left_out in zip(
                    late, total, lost(self._before[1], sockets), rests, strict=True
                )
            ]
        self._before = counts, sockets

    def view(self, shard: int) -> BridgeView:
        """How this shard did; nothing to say of one that is not known."""
        return self._views[shard] if shard < len(self._views) else BridgeView()
