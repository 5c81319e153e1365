"""A robot that sends what it encodes and decodes what comes: it knows whom it sees and hears, by content."""

from __future__ import annotations

import ssl
from dataclasses import dataclass

from loadtest.media_client import MediaClient, MediaOptions
from loadtest.participant import Participant
from loadtest.slots import Slot
from signalling.messages import Language, Welcome
from transcode.pictures import PictureReading


@dataclass(frozen=True)
class RobotOptions:
    """How a robot behaves; `resume` and `tls` as `Participant` takes them."""

    media: MediaOptions
    language: Language = Language.EN
    resume: str | None = None
    tls: ssl.SSLContext | bool = True


@dataclass(frozen=True)
class RobotCounters:
    """What one robot has counted since its start."""

    messages: int
    pictures_skipped: int
    tone_blocks_skipped: int
    frames_received: int
    pictures_unreadable: int
    faults_dropped: int
    unclean_closes: int


class Robot(Participant):
    """A participant with aiortc's media."""

    _media: MediaClient | None

    def __init__(self, link: str, options: RobotOptions) -> None:
        super().__init__(link, language=options.language, resume=options.resume, tls=options.tls)
        self.options = options

    def _open_media(self, welcome: Welcome) -> MediaClient:
        return MediaClient(self.options.media, welcome.ice_servers, self._changed)

    @property
    def slots(self) -> dict[str, Slot]:
        """The receiving slots by mid."""
        return self._media.slots if self._media else {}

    def seen(self, source: str = "camera") -> dict[str, PictureReading]:
        """Newest reading of each participant whose `source` (`camera`, `content`) is in a slot."""
        return {
            slot.occupant.participant: reading
            for slot in self.slots.values()
            if slot.occupant and slot.occupant.source == source and (reading := slot.picture())
        }

    def heard(self) -> dict[str, float]:
        """Frequency in Hz of each participant whose microphone is in a slot and gives a clear tone."""
        return {
            slot.occupant.participant: hz
            for slot in self.slots.values()
            if slot.occupant and slot.occupant.source == "mic" and (hz := slot.tone_hz()) is not None
        }

    def counters(self) -> RobotCounters:
        """Everything counted so far."""
        media = self._media
        return RobotCounters(
            messages=self._count["messages"],
            pictures_skipped=media.picture_track.pacer.skipped if media else 0,
            tone_blocks_skipped=media.tone_track.pacer.skipped if media else 0,
            frames_received=sum(slot.frames for slot in self.slots.values()),
            pictures_unreadable=sum(slot.unreadable for slot in self.slots.values()),
            faults_dropped=self._count["faults_dropped"],
            unclean_closes=self._count["unclean_closes"],
        )
