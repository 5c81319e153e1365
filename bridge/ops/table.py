"""Which column of the engine's snapshot becomes which metric: the one place to change when a column does.

Columns are those of media/engine/core/src/stats.rs. A column that is absent is an error, unless its row here
says `optional`. The series of a single leg have the same name with `brotjeneste_leg_` in front.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from media.api import CODECS

KINDS: Final = ("audio", "video")
DIRECTIONS: Final = ("in", "out")
QUANTILES: Final = (0.5, 0.9, 0.99, 1.0)

# The columns that tell a row from all others, and those that become labels, with the words for their numbers.
STREAM_KEYS: Final = ("leg", "direction", "index", "encoding")
STREAM_LABELS: Final[Mapping[str, tuple[str, ...]]] = {
    "direction": DIRECTIONS,
    "kind": KINDS,
    "codec": CODECS,
}
LEG_KEYS: Final = ("leg",)
SHARD_KEYS: Final = ("shard",)
LINE_KEYS: Final = ("leg", "line")
# In the order of the engine's numbers for them.
CIPHERS: Final = (
    "no_keys",
    "plain",
    "h235_aes_128_cbc",
    "h235_aes_256_cbc",
    "aes_cm_128_hmac_sha1_32",
    "aes_cm_128_hmac_sha1_80",
    "aead_aes_128_gcm",
    "aead_aes_256_gcm",
)


@dataclass(frozen=True, slots=True)
class Row:
    """One column and its metric. `scale` turns the column's unit into the metric's."""

    column: str
    metric: str
    help: str
    labels: Mapping[str, str] = field(default_factory=dict)
    scale: float = 1.0
    optional: bool = False


def _stream(column: str, metric: str, text: str, *, optional: bool = False) -> Row:
    return Row(column, f"brotjeneste_rtp_{metric}_total", text, optional=optional)


def _leg(column: str, metric: str, text: str, **labels: str) -> Row:
    return Row(column, f"brotjeneste_{metric}_total", text, labels)


def _refused(column: str, reason: str) -> Row:
    text = "Datagrams that were turned away on arrival."
    return Row(column, "brotjeneste_datagrams_refused_total", text, {"reason": reason})


def _of_line(column: str, reason: str) -> Row:
    text = "Datagrams that were turned away on the ports of calls."
    return Row(column, "brotjeneste_line_datagrams_refused_total", text, {"reason": reason})


STREAM_COUNTERS: Final = (
    _stream("packets", "packets", "RTP packets, without retransmissions."),
    _stream("bytes", "payload_bytes", "RTP payload bytes, without retransmissions."),
    _stream("expected", "packets_expected", "RTP packets that should have arrived."),
    _stream(
        "lost", "packets_lost", "RTP packets lost before repair: seen here (in), reported by receivers (out)."
    ),
    _stream(
        "recovered",
        "packets_recovered",
        "Lost RTP packets that repair brought; where receivers do not tell of each, that were sent again.",
        optional=True,
    ),
    _stream(
        "red_packets",
        "packets_with_redundancy",
        "RTP packets that carry earlier ones: taken in (in), sent (out).",
        optional=True,
    ),
    _stream(
        "red_recovered",
        "packets_recovered_by_redundancy",
        "Lost RTP packets that a later one carried (in).",
        optional=True,
    ),
    _stream(
        "red_malformed",
        "packets_with_bad_redundancy",
        "RTP packets whose redundancy did not parse (in).",
        optional=True,
    ),
    _stream("fec_packets", "repair_packets", "Forward error correction packets sent (out).", optional=True),
    _stream("bursts", "loss_bursts", "Runs of lost RTP packets without one between them that came (in)."),
    _stream("frames", "frames", "Pictures, or packets of sound (in)."),
    _stream("nacks", "packets_nacked", "RTP packets asked for again: by the bridge (in), by receivers (out)."),
    _stream(
        "rtx_packets",
        "packets_retransmitted",
        "Retransmissions: taken in (in), sent (out), copies that nobody asked for included.",
    ),
    _stream(
        "rtx_misses",
        "retransmissions_missed",
        "Packets asked for that were too old to resend.",
        optional=True,
    ),
    _stream(
        "keyframe_requests",
        "keyframe_requests",
        "Key frames asked for: by the bridge (in), by receivers (out).",
    ),
    _stream("keyframes", "keyframes", "Key frames: seen (in), forwarded (out).", optional=True),
    _stream("switches", "switches", "Changes of the source in a slot (out).", optional=True),
)

LEG_COUNTERS: Final = (
    _leg("silences", "silent_packets_left_out", "Packets of sound in which nobody spoke, left out on thin links."),
    _leg("rtp_out", "sent_packets", "Packets sent, retransmissions included.", protocol="rtp"),
    _leg("rtcp_out", "sent_packets", "Packets sent, retransmissions included.", protocol="rtcp"),
    _leg("bytes_out", "sent_bytes", "Bytes of RTP and RTCP sent, as UDP payload."),
    _leg("copies_out", "copied_packets", "Packets of pictures sent twice unasked, towards links that lose."),
    _leg("copied_bytes_out", "copied_bytes", "Their bytes, as UDP payload."),
    _leg("gate_drops_in", "gate_drops", "Packets stopped by a closed gate.", direction="in"),
    _leg("gate_drops_out", "gate_drops", "Packets stopped by a closed gate.", direction="out"),
    _leg("muted_drops", "muted_drops", "RTP packets dropped because a host muted the source."),
    _leg("srtp_failures", "srtp_failures", "Packets that failed authentication."),
    _leg("replays", "srtp_replays", "Packets that the replay window refused."),
    _leg("unknown_streams", "unknown_streams", "RTP packets of no known stream."),
    _leg("malformed_rtcp", "rtcp_malformed", "RTCP that did not parse."),
    _leg("dtls_drops", "dtls_drops", "DTLS datagrams dropped by the rate limit."),
)

# Of media lines of calls.
LINE_COUNTERS: Final = (
    _of_line("wrong_source", "wrong_source"),
    _of_line("misplaced", "misplaced"),
)

# Columns of 0 or 1, counted over the legs.
LEG_STATES: Final = (
    Row(
        "gate_open",
        "brotjeneste_legs_admitted",
        "Legs whose gate is open; so are converters', and callers' who are spoken to in a lobby.",
    ),
    Row("connected", "brotjeneste_legs_connected", "Legs with an address to send to."),
    Row("secured", "brotjeneste_legs_secured", "Legs with SRTP keys."),
)

SHARD_COUNTERS: Final = (
    Row("datagrams_in", "brotjeneste_datagrams_in_total", "Datagrams taken in."),
    Row("bytes_in", "brotjeneste_bytes_in_total", "Bytes taken in, as UDP payload."),
    Row("datagrams_out", "brotjeneste_datagrams_out_total", "Datagrams sent."),
    Row("sends", "brotjeneste_sends_total", "Calls that sent datagrams, several in one where segmentation is."),
    Row("send_drops", "brotjeneste_send_drops_total", "Datagrams that the socket did not take."),
    Row(
        "receive_drops",
        "brotjeneste_receive_drops_total",
        "Datagrams that the kernel dropped at the shard's ports, since nobody had read what came before.",
    ),
    Row(
        "pictures_rested_us",
        "brotjeneste_pictures_rested_seconds_total",
        "For how long pictures were left out since the shard did not keep up, each counted by itself.",
        scale=1e-6,
    ),
    Row(
        "uplink_falls",
        "brotjeneste_uplink_falls_total",
        "Times that the link of a sender became thin so fast that the sender was told at once.",
    ),
    Row(
        "event_drops",
        "brotjeneste_engine_event_drops_total",
        "Engine events dropped because nobody read them.",
    ),
    Row("commands_refused", "brotjeneste_engine_commands_refused_total", "Commands that the engine refused."),
    Row("cpu_us", "brotjeneste_engine_cpu_seconds_total", "CPU time of the shard.", scale=1e-6, optional=True),
    Row(
        "panics",
        "brotjeneste_engine_panics_total",
        "Faults of the engine's own: each ended a room, or cost one datagram where no room was known.",
    ),
    _refused("unclassified", "unclassified"),
    _refused("stun_malformed", "stun_malformed"),
    _refused("stun_unknown_user", "stun_unknown_user"),
    _refused("stun_unauthenticated", "stun_unauthenticated"),
    _refused("dtls_unknown_address", "dtls_unknown_address"),
    _refused("media_unknown_address", "media_unknown_address"),
    _refused("rtp_malformed", "rtp_malformed"),
    _refused("media_before_keys", "media_before_keys"),
)

# Present values of each shard.
SHARD_STATES: Final = (
    Row("stopped", "brotjeneste_shard_stopped", "1 when the shard's thread has ended by itself."),
    Row(
        "pictures_resting",
        "brotjeneste_pictures_resting",
        "Pictures that are left out now since the shard does not keep up; each is of one participant for another.",
    ),
)

# Present values, of which the scrape shows quantiles over all legs, and the legs' endpoint each one.
STREAM_VALUES: Final = (
    Row("jitter_us", "brotjeneste_rtp_jitter_seconds", "Interarrival jitter (RFC 3550) now.", scale=1e-6),
    Row(
        "fraction_lost",
        "brotjeneste_rtp_loss_ratio",
        "Loss in the last report interval, 0 to 1.",
        scale=1 / 256,
    ),
)
LEG_VALUES: Final = (Row("rtt_us", "brotjeneste_rtt_seconds", "Last measured round trip.", scale=1e-6),)


def measured(rows: np.ndarray, column: str) -> np.ndarray:
    """Tell which rows have a measurement in `column`: no packets or no round trip yet is not a value of 0."""
    there: np.ndarray = rows["rtt_us" if column == "rtt_us" else "packets"] > 0
    return there
