"""What a worker is asked to do and what it tells: plain data, all that crosses the pipe between pool and worker.

A job is one UDP socket on 127.0.0.1 with RTP and RTCP on it (RFC 5761), unprotected: the engine has it as a leg of
one line. A job says everything that is to be; `Change` brings a whole new one in the place of the old, and what is
the same in both goes on undisturbed. Inputs and outs are named by their SSRCs.
"""

from __future__ import annotations

from typing import Final, Literal

import msgspec

SoundCodec = Literal["opus", "g722", "pcmu", "pcma"]
PictureCodec = Literal["vp8", "vp9", "h264", "h261", "h263", "h263-1998"]
Layout = Literal["grid", "speaker", "beside", "content"]

MOST_TILES: Final = 16


class SoundFormat(msgspec.Struct, frozen=True, kw_only=True):
    """A payload type of sound. Opus has an RTP clock of 48 kHz, the others of 8 kHz, G.722 too (RFC 3551)."""

    pt: int
    codec: SoundCodec


class PictureFormat(msgspec.Struct, frozen=True, kw_only=True):
    """A payload type of pictures; H.264 goes out as constrained baseline, in mode 0 or 1 of RFC 6184.

    `h263` is packed by RFC 2190, `h263-1998` by RFC 4629; what goes out is of the first version in both.
    """

    pt: int
    codec: PictureCodec
    packetization_mode: int = 1


class SoundIn(msgspec.Struct, frozen=True, kw_only=True):
    """A voice that comes with this SSRC, in any of these formats; it may fall silent or never begin."""

    ssrc: int
    formats: tuple[SoundFormat, ...]


class SoundOut(msgspec.Struct, frozen=True, kw_only=True):
    """A mix of the inputs `of`, by their SSRCs: leave somebody's own out for a mix without oneself.

    Goes out in packets of 20 ms, without pause, silence too. `bitrate` in bit/s is Opus' alone.
    """

    ssrc: int
    format: SoundFormat
    of: tuple[int, ...]
    bitrate: int = 32_000


class Tile(msgspec.Struct, frozen=True, kw_only=True):
    """A place in a picture: whose, by the SSRC of an input, with a name and a sign for muted.

    `input` is None for somebody without a camera. One that has sent nothing yet is a dark tile with its name; one
    that has stopped keeps its last picture.
    """

    input: int | None
    name: str = ""
    muted: bool = False

    def __repr__(self) -> str:
        """Leave the name out: it is a person's."""
        return f"Tile(input={self.input}, muted={self.muted})"


class Scene(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be seen. A single tile fills the picture, whatever the layout.

    - `grid`: all equal.
    - `speaker`: the first large, the others small in a row below it.
    - `beside`: the first two side by side; others are left out.
    - `content`: the first large on the left, the others small in a column on the right.

    `text` is a line each: alone in the middle where there are no tiles, else on a band below the pictures.
    """

    layout: Layout = "grid"
    tiles: tuple[Tile, ...] = ()
    text: tuple[str, ...] = ()

    def __repr__(self) -> str:
        """Leave texts out: they may name somebody."""
        return f"Scene(layout={self.layout!r}, tiles={self.tiles}, lines={len(self.text)})"


class PictureIn(msgspec.Struct, frozen=True, kw_only=True):
    """A picture that comes with this SSRC, in any of these formats; size and format may change on the way."""

    ssrc: int
    formats: tuple[PictureFormat, ...]


class PictureOut(msgspec.Struct, frozen=True, kw_only=True):
    """A picture of `width` x `height` (even), at most `fps` a second, at `bitrate` bit/s until `SetRate`.

    H.261 has two sizes, 352 x 288 and 176 x 144, and H.263 those, 128 x 96 and multiples, in points of 12 to 11.
    Outs that differ in SSRC and payload type alone share one encoder. A scene without moving tiles is sent
    anew once a second.
    """

    ssrc: int
    format: PictureFormat
    width: int
    height: int
    scene: Scene
    fps: int = 30
    bitrate: int = 1_000_000


class Mix(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag=True):
    """Sound of a room: `peer` is the engine's UDP port on 127.0.0.1, where inputs come from and outs go to."""

    id: int
    peer: int
    inputs: tuple[SoundIn, ...] = ()
    outs: tuple[SoundOut, ...] = ()


class Compose(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag=True):
    """Pictures of a room. With a scene of one tile a mere conversion, without any an announcement."""

    id: int
    peer: int
    inputs: tuple[PictureIn, ...] = ()
    outs: tuple[PictureOut, ...] = ()


Job = Mix | Compose


class _Message(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag=True):
    pass


class Start(_Message, frozen=True, kw_only=True):
    """Take a job on; its socket and its memory of sequence numbers come beside this as file descriptors."""

    job: Job


class Change(_Message, frozen=True, kw_only=True):
    """Put this job in the place of the one with its id."""

    job: Job


class Stop(_Message, frozen=True, kw_only=True):
    """Give a job up."""

    job: int


class SetRate(_Message, frozen=True, kw_only=True):
    """What the receivers of an out can take, in bit/s."""

    job: int
    ssrc: int
    bitrate: int


class WantKeyFrame(_Message, frozen=True, kw_only=True):
    """Begin anew in an out of pictures; the same as a PLI for it."""

    job: int
    ssrc: int


class Say(_Message, frozen=True, kw_only=True):
    """Play a prompt into an out of sound, over its mix: 16-bit little-endian samples, mono, `rate` Hz.

    The mix is turned down meanwhile. What was still being said there is cut off; an empty `sound` does only that.
    `Said` comes at its end.
    """

    job: int
    ssrc: int
    sound: bytes
    rate: int = 48_000

    def __repr__(self) -> str:
        """Leave the sound out."""
        return f"Say(job={self.job}, ssrc={self.ssrc})"


Command = Start | Change | Stop | SetRate | WantKeyFrame | Say


class Started(_Message, frozen=True, kw_only=True):
    """A worker has taken a job on; `again` after another worker had died with it."""

    job: int
    port: int
    again: bool = False


class Failed(_Message, frozen=True, kw_only=True):
    """A job has ended by an error of this `code` (`TranscodeError.code`, or "crashed")."""

    job: int
    code: str


class Said(_Message, frozen=True, kw_only=True):
    """A prompt has been played to its end."""

    job: int
    ssrc: int


class JobFigures(msgspec.Struct, frozen=True, kw_only=True):
    """Counted from a job's beginning; times since the last `Figures`.

    `delay_ms_max` is from the last packet of a frame in to the first packet of what shows it. `dropped_frames`
    were not decoded or shown for want of time, `dropped_datagrams` did not fit a queue, `refused_datagrams` were
    no RTP or RTCP of this job's, `broken_frames` could not be put together or decoded. `cpu_s` is what it took.
    """

    job: int
    cpu_s: float = 0.0
    delay_ms_p50: float = 0.0
    delay_ms_max: float = 0.0
    frames_in: int = 0
    frames_out: int = 0
    dropped_frames: int = 0
    dropped_datagrams: int = 0
    refused_datagrams: int = 0
    broken_frames: int = 0
    key_frames_wanted: int = 0
    key_frames_made: int = 0


class Figures(_Message, frozen=True, kw_only=True):
    """What a worker tells once a second: the share of a processor that it took, 0 to 1, and its jobs'."""

    load: float
    late_ms_max: float
    jobs: tuple[JobFigures, ...]


class Overloaded(_Message, frozen=True, kw_only=True):
    """Processors are short: a worker cannot keep up. `job` is the dearest one of pictures, to be made cheaper."""

    job: int
    load: float
    late_ms_max: float


class Relieved(_Message, frozen=True, kw_only=True):
    """No worker is overloaded any more."""


class Stopped(_Message, frozen=True, kw_only=True):
    """A worker has given a job up as it was told to, and sends nothing more of it."""

    job: int


WorkerEvent = Started | Failed | Said | Stopped | Figures
Event = Started | Failed | Said | Figures | Overloaded | Relieved
