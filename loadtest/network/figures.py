"""A recorded call as figures, units in the names."""

from __future__ import annotations

import bisect
import statistics
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any, Final

import numpy as np

from loadtest.network.floor import HELD_MS, REPORT_MS, Stream, least_concealed_ms
from loadtest.network.profile import Profile
from loadtest.network.recording import Recording, Shown, Stats

FREEZE_MS: Final = 200.0
_RATE: Final = 25
_PERIOD_MS: Final = 1000.0 / _RATE
# Chromium's camera from a file shows one of its 256 pictures twice before it begins again.
_LOOP_MS: Final = 257 * _PERIOD_MS
_SOONER_MS: Final = 1000.0
# Pictures in a second that nobody takes for a frozen one.
_LIVELY: Final = 20
# IP, UDP, RTP with its extension and SRTP's tag: what statistics count as bytes is payload.
BELOW: Final = 64
Figures = dict[str, float | None]


def figures(recording: Recording) -> Figures:
    """Give the figures of the time in which the link was bad.

    `frozen_percent`: share of that time in gaps of 200 ms and more between pictures shown.
    `audio_concealed_percent`: all samples that the browser made up, the silent ones too, of all that it played.
    `assembled_fps_mean`: pictures that came whole, in time or not; `dropped_fps_mean`: those that the browser let
    go, since they came late, in whole or in part, and no other refers to them.
    `delay_ms_*`: from the picture at the sender's own page to the same picture at the receiver's;
    `delay_added_ms_*` is held against the median of the clean time of the same call.
    """
    start, end = recording.bad
    pictures = pictures_between(recording.shown, start, end)
    gaps = gaps_between(recording.shown, start, end)
    found: Figures = {
        "fps_mean": _fps(recording.shown, start, end),
        "frozen_percent": 100 * sum(gap for gap in gaps if gap >= FREEZE_MS) / (end - start),
        "longest_freeze_ms": max(gaps),
        "freezes": float(sum(gap >= FREEZE_MS for gap in gaps)),
        "lines_p50": _median([float(one.height) for one in pictures]),
        "clean_fps_mean": _fps(recording.shown, recording.clean_ms, start),
        "missed_percent": _missed_percent(pictures),
    }
    found |= _delays(recording) | _statistics(recording) | _link(recording)
    found |= {f"{name}_cpu_percent": 100_000 * used / (end - start) for name, used in recording.cpu_s.items()}
    found["back_s"] = back_s(recording)
    return {name: None if value is None else round(value, 3) for name, value in found.items()}


def pictures_between(shown: Iterable[Shown], start: float, end: float) -> list[Shown]:
    """Pictures shown in this time."""
    return [one for one in shown if start <= one.at_ms < end]


def times_between(shown: Iterable[Shown], start: float, end: float) -> list[float]:
    """When pictures were shown in this time.

    Those that the browser counted but the page was too busy to note are put evenly between those that it noted.
    """
    times: list[float] = []
    last: Shown | None = None
    for one in shown:
        between = 1 if last is None else max(1, one.presented - last.presented)
        if last is not None:
            step = (one.at_ms - last.at_ms) / between
            times += [last.at_ms + step * place for place in range(1, between)]
        times.append(one.at_ms)
        last = one
    return [time for time in times if start <= time < end]


def gaps_between(shown: Iterable[Shown], start: float, end: float) -> list[float]:
    """Times without a new picture, in ms, that lie in this time, the parts at both ends included."""
    times = [start, *times_between(shown, start, end), end]
    return [after - before for before, after in pairwise(times)]


def delays(recording: Recording) -> list[tuple[float, float]]:
    """When a picture was shown, and how many ms after the sender's page had it; those that could be read."""
    origin = _origin(recording.sent)
    if origin is None:
        return []
    found = []
    for one in recording.shown:
        if one.counter >= 0:
            since = one.at_ms - origin - one.counter * _PERIOD_MS
            # The sender's own page may have its picture later than the receiver's.
            found.append((one.at_ms, (since + _SOONER_MS) % _LOOP_MS - _SOONER_MS))
    return found


def back_s(recording: Recording) -> float | None:
    """From the link's return to a second with 20 pictures: 0 where they had not ceased, None where none came."""
    back = recording.bad[1]
    if (_fps(recording.shown, back - 3000, back) or 0) >= _LIVELY:
        return 0.0
    times = times_between(recording.shown, back, recording.end_ms)
    for first, time in enumerate(times):
        if bisect.bisect_left(times, time + 1000) - first >= _LIVELY:
            return (time - back) / 1000
    return None


def least_concealed_percent(recording: Recording, link: Profile) -> float | None:
    """The bound of `loadtest.network.floor` for a call whose link became this one, in percent of the bad time.

    What was sent before is what the receiver got in the clean time. None where no rate bounds the link.
    """
    start, end = recording.bad
    if link.rate_bps is None:
        return None
    first, last = _nearest(recording.receiver, recording.clean_ms), _nearest(recording.receiver, start)
    grown, span_s = _growth(first, last), (last.at_ms - first.at_ms) / 1000
    if span_s <= 0:
        return None
    emitted = grown("audio", "jitterBufferEmittedCount")
    pictures, sound = (
        (grown(kind, "bytesReceived") + BELOW * grown(kind, "packetsReceived")) * 8 / span_s
        for kind in ("video", "audio")
    )
    held_ms = 1000 * grown("audio", "jitterBufferDelay") / emitted if emitted else HELD_MS
    stream = Stream(pictures, sound, round_trip_ms=2 * link.delay_ms, held_ms=held_ms)
    return 100 * least_concealed_ms(stream, link.rate_bps, link.queue_ms, REPORT_MS) / (end - start)


def samples(recording: Recording) -> list[dict[str, float | None]]:
    """The call second by second, for plots; `at_s` is after the link went bad."""
    start = recording.bad[0]
    noted = delays(recording)
    found: list[dict[str, float | None]] = []
    for before, after in pairwise(recording.receiver):
        span = (after.at_ms - before.at_ms) / 1000
        pictures = pictures_between(recording.shown, before.at_ms, after.at_ms)
        gaps = gaps_between(recording.shown, before.at_ms, after.at_ms)
        late = [delay for at, delay in noted if before.at_ms <= at < after.at_ms]
        grown = _growth(before, after)
        found.append(
            {
                "at_s": round((after.at_ms - start) / 1000, 2),
                "fps": round(len(times_between(recording.shown, before.at_ms, after.at_ms)) / span, 2),
                "longest_gap_ms": round(max(gaps), 1),
                "lines": _median([float(one.height) for one in pictures]),
                "delay_ms": _median(late),
                "video_kbps": round(grown("video", "bytesReceived") * 8 / span / 1000, 1),
                "audio_concealed_percent": _share(
                    grown("audio", "concealedSamples"), grown("audio", "totalSamplesReceived")
                ),
            }
        )
    return found


def _delays(recording: Recording) -> Figures:
    start, end = recording.bad
    noted = delays(recording)
    clean = [delay for at, delay in noted if recording.clean_ms <= at < start]
    bad = [delay for at, delay in noted if start <= at < end]
    if not clean or not bad:
        return {"delay_ms_p50": None, "delay_ms_p95": None, "clean_delay_ms_p50": None, "delay_added_ms_p50": None}
    half, most = np.percentile(bad, [50, 95])
    usual = statistics.median(clean)
    return {
        "delay_ms_p50": float(half),
        "delay_ms_p95": float(most),
        "clean_delay_ms_p50": usual,
        "delay_added_ms_p50": float(half) - usual,
        "delay_added_ms_p95": float(most) - usual,
    }


def _origin(sent: Iterable[Shown]) -> float | None:
    """When picture 0 was at the sender's own page, were it as punctual as the soonest."""
    phases = [one.at_ms - one.counter * _PERIOD_MS for one in sent if one.counter >= 0]
    if not phases:
        return None
    first, half = phases[0], _LOOP_MS / 2
    return first + float(np.percentile([(phase - first + half) % _LOOP_MS - half for phase in phases], 5))


def _statistics(recording: Recording) -> Figures:
    """From the last look before the link went bad to the first after it was as before."""
    start, end = recording.bad
    grown = _growth(_nearest(recording.receiver, start), _nearest(recording.receiver, end))
    sent = _growth(_nearest(recording.sender, start), _nearest(recording.sender, end))
    span = (end - start) / 1000
    played = grown("audio", "totalSamplesReceived")
    found: Figures = {
        "audio_concealed_percent": _share(grown("audio", "concealedSamples"), played),
        "audio_concealed_heard_percent": _share(
            grown("audio", "concealedSamples") - grown("audio", "silentConcealedSamples"), played
        ),
        "audio_concealments": grown("audio", "concealmentEvents"),
        "video_kbps": grown("video", "bytesReceived") * 8 / span / 1000,
        "audio_kbps": grown("audio", "bytesReceived") * 8 / span / 1000,
        "sent_video_kbps": sent("video", "bytesSent", "outbound-rtp") * 8 / span / 1000,
        "sent_fps_mean": sent("video", "framesEncoded", "outbound-rtp") / span,
        "assembled_fps_mean": grown("video", "framesReceived") / span,
        "decoded_fps_mean": grown("video", "framesDecoded") / span,
        "dropped_fps_mean": grown("video", "framesDropped") / span,
        "key_frames": grown("video", "keyFramesDecoded"),
        "nacks": grown("video", "nackCount"),
        "plis": grown("video", "pliCount"),
        "browser_frozen_percent": 100 * grown("video", "totalFreezesDuration") / span,
        "retransmitted_packets": grown("video", "retransmittedPacketsReceived"),
        "fec_packets": grown("video", "fecPacketsReceived") + grown("audio", "fecPacketsReceived"),
        "video_packets_lost": grown("video", "packetsLost"),
        "audio_packets_lost": grown("audio", "packetsLost"),
    }
    if emitted := grown("audio", "jitterBufferEmittedCount"):
        found["audio_buffer_ms_mean"] = 1000 * grown("audio", "jitterBufferDelay") / emitted
    return found


def _growth(before: Stats, after: Stats) -> Any:
    def grown(kind: str, name: str, what: str = "inbound-rtp") -> float:
        return after.total(kind, what, name) - before.total(kind, what, name)

    return grown


def _link(recording: Recording) -> Figures:
    before, after = recording.link
    found: Figures = {"emulator_late_ms_max": after["late_us_max"] / 1000}
    for way in ("down", "up"):
        pushed = after[way]["pushed"] - before[way]["pushed"]
        lost = sum(after[way][name] - before[way][name] for name in after[way] if name.startswith("lost_"))
        found[f"{way}_lost_percent"] = _share(lost, pushed)
        found[f"{way}_lost_by_queue_percent"] = _share(
            after[way]["lost_queue"] - before[way]["lost_queue"], pushed
        )
        found[f"{way}_packets"] = pushed
    return found


def _nearest(looks: Sequence[Stats], at_ms: float) -> Stats:
    return min(looks, key=lambda one: abs(one.at_ms - at_ms))


def _fps(shown: Iterable[Shown], start: float, end: float) -> float | None:
    return len(times_between(shown, start, end)) / (end - start) * 1000 if end > start else None


def _missed_percent(pictures: Sequence[Shown]) -> float | None:
    """Pictures that the browser showed but the page was too busy to note: a figure of the machine."""
    if len(pictures) < 2:  # noqa: PLR2004
        return None
    presented = pictures[-1].presented - pictures[0].presented + 1
    return 100 * (1 - len(pictures) / presented) if presented > 0 else None


def _median(values: Sequence[float]) -> float | None:
    return round(statistics.median(values), 1) if values else None


def _share(part: float, whole: float) -> float | None:
    return 100 * part / whole if whole else None
