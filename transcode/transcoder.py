"""One encoder and the outs that share it: when a picture is encoded, and how it goes out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from transcode import h261, h263
from transcode.capture import Captures, middle
from transcode.feed import Feed
from transcode.figures import Counters
from transcode.payloads import h264_payloads, nal_units, vp8_payloads, vp9_payloads
from transcode.stage import Stage
from transcode.targets import LOWEST_BPS, Receiver, Shape
from transcode.video import CLOCK, LARGEST_PAYLOAD, Coded, VideoEncoder

_FAR: Final = float("inf")
# A picture that stands still is sent anew so often: what was lost of it comes back, and its receiver sees it live.
_REFRESH_S: Final = 1.0
_KEY_FRAMES_APART_S: Final = 0.3
# Pictures do not come evenly: one may come so much sooner, as a part of its time, than the rate allows.
_EARLY: Final = 0.75
_RATE_DOWN, _RATE_UP = 0.85, 1.3
_DOWN_AFTER_S, _UP_AFTER_S = 2.0, 6.0
# So long before its turn a picture begins to be made ready.
_DECODING_S: Final = 0.006
# Pictures over which their age is smoothed: receivers play evenly what is stamped evenly.
_AGES: Final = 16


class Target:
    """Encodes a stage for its receivers; `key_wanted` asks for a key frame at once, if anything can be shown."""

    def __init__(self, shape: Shape) -> None:
        self.shape = shape
        self.receivers: dict[int, Receiver] = {}
        self.key_wanted = True
        self._stage: Stage | None = None
        self._encoder: VideoEncoder | None = None
        self._shown = 0
        self._sent_at = self._key_at = self._opened_at = -_FAR
        self._next_at = 0.0
        self._due = self._age = 0.0

    @property
    def due(self) -> float:
        """When to call `run` again, if nothing comes."""
        return self._due

    @property
    def rests_until(self) -> float:
        """Until when nothing that comes would be shown any later for not being looked at."""
        if self.key_wanted or self._stage is None or self._shown == 0:
            return -_FAR
        return self._next_at - _EARLY / self.shape.fps - _DECODING_S

    def serve(self, members: Sequence[Receiver], stage: Stage) -> None:
        """Serve these; whoever is new among them gets a key frame."""
        receivers = {one.out.ssrc: one for one in members}
        self.key_wanted |= bool(receivers.keys() - self.receivers.keys())
        self.receivers = receivers
        if stage is not self._stage:
            self._stage, self._shown = stage, 0
        self._due = 0.0

    def run(self, now: float, counters: Counters, feeds: Mapping[int, Feed], captures: Captures) -> bool:
        """Encode and send if it is time; tell whether that was done."""
        stage = self._stage
        if stage is None or not stage.moving:
            self._due = _FAR
            return False
        at, key = self._moment(stage, feeds)
        self._due = at
        if now < at:
            return False
        coded = self._encode(stage, feeds, now, key=key)
        self._grow_old(stage, feeds, captures, now)
        self._send(coded, now, counters)
        self._note(stage, feeds, now, counters)
        self._due = self._moment(stage, feeds)[0]
        return True

    def _moment(self, stage: Stage, feeds: Mapping[int, Feed]) -> tuple[float, bool]:
        """When the next picture is to be encoded, and whether as a key frame."""
        if self.key_wanted:
            return self._key_at + _KEY_FRAMES_APART_S, True
        if self._shown == stage.version:
            return self._sent_at + _REFRESH_S, False
        apart = 1 / self.shape.fps
        soonest = self._next_at - _EARLY * apart
        fresh = [
            feeds[ssrc].arrived for ssrc in stage.inputs if ssrc in feeds and feeds[ssrc].arrived > self._sent_at
        ]
        first = feeds.get(stage.first or -1)
        if stage.equal or not fresh or (first is not None and first.arrived > self._sent_at):
            return soonest, False
        return max(soonest, min(fresh) + apart), False

    def _encode(self, stage: Stage, feeds: Mapping[int, Feed], now: float, *, key: bool) -> Coded:
        rate = max(LOWEST_BPS, min(one.rate for one in self.receivers.values()))
        if self._encoder is None:
            shape = self.shape
            self._encoder = VideoEncoder(
                shape.codec, shape.width, shape.height, fps=shape.fps, bitrate=rate, single=shape.single
            )
            self._opened_at = now
        elif self._steers(self._encoder, rate, now) and self._encoder.set_bitrate(rate):
            self._opened_at = now
        return self._encoder.encode(stage.picture(feeds), now, key=key)

    def _steers(self, encoder: VideoEncoder, rate: int, now: float) -> bool:
        """Whether the encoder should be told: what costs a key frame is done seldom."""
        if rate == encoder.bitrate:
            return False
        if encoder.follows(rate):
            return True
        since = now - self._opened_at
        if rate < encoder.bitrate * _RATE_DOWN:
            return since > _DOWN_AFTER_S
        return rate > encoder.bitrate * _RATE_UP and since > _UP_AFTER_S

    def _grow_old(self, stage: Stage, feeds: Mapping[int, Feed], captures: Captures, now: float) -> None:
        """Follow how long ago what is seen was captured: the large picture, or most of the new ones."""
        first = feeds.get(stage.first or -1)
        large = [first] if first is not None and not stage.equal else []
        seen = large or [feeds[ssrc] for ssrc in stage.inputs & feeds.keys()]
        new = [one for one in seen if one.arrived > self._sent_at]
        age = middle(captures.age(one.ssrc, one.timestamp, CLOCK, now) for one in new)
        if age is not None:
            self._age += (age - self._age) / (_AGES if self._age else 1)

    def _send(self, coded: Coded, now: float, counters: Counters) -> None:
        if not coded.data:
            return
        if coded.key:
            self.key_wanted, self._key_at = False, now
            counters.key_frames_made += 1
        counters.frames_out += 1
        timestamp = round(now * CLOCK)
        # Payloads that do not number pictures are the same for all.
        whole = None if self.shape.codec in ("vp8", "vp9") else self._payloads(coded, 0)
        for receiver in self.receivers.values():
            stream = receiver.stream
            stream.sent.age = self._age
            stream.send(whole or self._payloads(coded, stream.picture), timestamp, now)

    def _payloads(self, coded: Coded, picture: int) -> list[bytes]:
        if self.shape.codec == "vp8":
            return vp8_payloads(coded.data, picture, LARGEST_PAYLOAD)
        if self.shape.codec == "vp9":
            return vp9_payloads(coded.data, picture, LARGEST_PAYLOAD, key=coded.key)
        if self.shape.codec == "h264":
            return nal_units(coded.data) if self.shape.single else h264_payloads(coded.data, LARGEST_PAYLOAD)
        if self.shape.codec == "h261":
            return h261.payloads(coded.data, LARGEST_PAYLOAD)
        if self.shape.codec == "h263":
            return h263.payloads(coded.data, LARGEST_PAYLOAD)
        return h263.plus_payloads(coded.data, LARGEST_PAYLOAD)

    def _note(self, stage: Stage, feeds: Mapping[int, Feed], now: float, counters: Counters) -> None:
        arrived = [feeds[ssrc].arrived for ssrc in stage.inputs if ssrc in feeds]
        counters.shown += [at for at in arrived if at > self._sent_at]
        self._shown, self._sent_at = stage.version, now
        self._next_at = max(self._next_at, now) + 1 / self.shape.fps
