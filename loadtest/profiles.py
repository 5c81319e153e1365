"""What robots send: named profiles, and the clips that they play, made once in a process."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Final, Literal

from transcode.clips import Clip, picture_clip, tone_clip
from transcode.pictures import TestPicture
from transcode.tones import tone_for

# One face serves all: robots are told apart by what their senders put beside the picture, not by the picture.
CLIP_IDENTITY: Final = 7


@dataclass(frozen=True)
class Video:
    """A camera: size in pixels, pictures a second, bit/s."""

    width: int
    height: int
    fps: int
    bitrate: int


@dataclass(frozen=True)
class Profile:
    """One kind of participant. Without `video` they only speak."""

    name: str
    sentence: str
    video: Video | None
    audio_bitrate: int = 32_000

    @property
    def seconds_bits(self) -> int:
        """Bits that one participant sends in a second, payloads only."""
        return self.audio_bitrate + (self.video.bitrate if self.video else 0)


PROFILES: Final = {
    profile.name: profile
    for profile in (
        Profile("consultation", "640x360 at 25/s, 700 kbit/s, and speech", Video(640, 360, 25, 700_000)),
        Profile("720p", "1280x720 at 30/s, 1.5 Mbit/s, and speech", Video(1280, 720, 30, 1_500_000)),
        Profile("thin", "320x180 at 15/s, 270 kbit/s, and speech", Video(320, 180, 15, 270_000)),
        Profile("audio", "speech alone", None),
    )
}


@dataclass(frozen=True)
class Clips:
    """What a profile's robots play."""

    audio: Clip
    video: Clip | None


@cache
def clips_for(name: str, codec: Literal["vp8", "h264"]) -> Clips:
    """Encode the clips of a profile; takes up to six seconds of CPU, the first time."""
    profile = PROFILES[name]
    audio = tone_clip(tone_for(CLIP_IDENTITY), bitrate=profile.audio_bitrate)
    if profile.video is None:
        return Clips(audio, None)
    video = profile.video
    picture = TestPicture(CLIP_IDENTITY, video.width, video.height)
    return Clips(audio, picture_clip(codec, picture, fps=video.fps, bitrate=video.bitrate))
