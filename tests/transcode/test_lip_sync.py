"""Sound and picture of one person, through a mix and a picture of others' making: a receiver plays them together.

As a receiver does it: RTP times are taken to the clock of the sender reports. The clock is the test's.
"""

from collections.abc import Iterator

import numpy as np
import pytest

from tests.transcode.peers import Camera, Loudspeaker, Screen, SoundWriter, Stand, picture_format, sound_format
from transcode import rtp
from transcode.jobs import Compose, Mix, PictureIn, PictureOut, Scene, SoundIn, SoundOut, Tile
from transcode.layout import fit, places
from transcode.pictures import read_picture

CAMERA, OTHER, VOICE, PICTURE, SOUND = 10, 11, 12, 20, 21
# The engine's clock is another one, and a picture is longer under way than its sound.
ELSEWHERE_S, PICTURE_S, SOUND_S = 7_000.0, 0.13, 0.025
BEEP_EVERY = 50
ALONE = Scene(tiles=(Tile(input=CAMERA),))
GRID = Scene(tiles=(Tile(input=CAMERA), Tile(input=OTHER)))


class Person:
    """A camera and a microphone: a beep in each fiftieth packet, when each 25th picture is taken."""

    def __init__(self, begin: float) -> None:
        self.begin = begin
        self.camera = Camera(5, CAMERA, "vp8", 320, 240)
        self._beep = SoundWriter("opus")
        self.beeps = 0

    def moments(self, seconds: float) -> list[tuple[float, str]]:
        """When what arrives; sound is sent when it is whole."""
        pictures = [(self.begin + n / 25 + PICTURE_S, "picture") for n in range(round(seconds * 25))]
        sounds = [(self.begin + (n + 1) / 50 + SOUND_S, "sound") for n in range(round(seconds * 50))]
        reports = [(self.begin + n + 0.3, "report") for n in range(round(seconds))]
        return sorted(pictures + sounds + reports)

    def sound(self) -> bytes:
        """Give the next packet."""
        t = np.arange(960) / 48_000
        loud = np.sin(t * 2 * np.pi * 1000) * 12_000 * (self.beeps % BEEP_EVERY == 0)
        header = rtp.rtp_header(111, self.beeps, self.beeps * 960, VOICE, marker=False)
        self.beeps += 1
        return header + self._beep.encode(loud.astype(np.int16))

    def report(self, ssrc: int, clock_rate: int, first: int, now: float) -> bytes:
        """Say what the RTP time is now, where `first` is that of the beginning."""
        sent = rtp.Sent(clock_rate, first, self.begin + ELSEWHERE_S, packets=1)
        return rtp.reports(1, [(ssrc, sent)], (), "engine", now + ELSEWHERE_S)


def clock_of(stand: Stand, ssrc: int, rate: int, timestamp: int) -> float:
    """Take an RTP time to the clock of an out's newest report, in seconds."""
    found = [one for data in stand.rtcp if rtp.is_rtcp(data) for one in rtp.sender_times(data) if one[0] == ssrc]
    _, clock, known = found[-1]
    return clock + ((timestamp - known + 2**31) % 2**32 - 2**31) / rate


def shown(screen: Screen, scene: Scene) -> int | None:
    """Which picture of the person is seen."""
    area = fit((320, 240), places("grid", len(scene.tiles), 640, 480)[0])
    reading = read_picture(screen.last[area.y : area.y + area.height, area.x : area.x + area.width])
    return None if reading is None else reading.counter


def began(loudspeaker: Loudspeaker) -> Iterator[int]:
    """RTP times at which a beep begins to be heard."""
    line = np.abs(np.concatenate(loudspeaker.heard).astype(int))
    loud = np.flatnonzero(line > 3_000)
    for at in loud[np.flatnonzero(np.diff(loud, prepend=-48_000) > 24_000)]:
        yield loudspeaker.packets[at // 960].timestamp + int(at % 960)


@pytest.mark.parametrize("scene", [ALONE, GRID], ids=["converted", "composed"])
def test_what_was_taken_together_is_played_together(scene: Scene) -> None:
    """To 40 ms, though a picture comes a tenth of a second after its sound, and waits for others."""
    eyes = tuple(PictureIn(ssrc=one, formats=(picture_format("vp8"),)) for one in (CAMERA, OTHER))
    out = PictureOut(ssrc=PICTURE, format=picture_format("h264"), width=640, height=480, scene=scene)
    ears = (SoundIn(ssrc=VOICE, formats=(sound_format("opus"),)),)
    picture = Stand(Compose(id=1, peer=9, inputs=eyes, outs=(out,)))
    sound = Stand(
        Mix(id=2, peer=9, inputs=ears, outs=(SoundOut(ssrc=SOUND, format=sound_format("opus"), of=(VOICE,)),))
    )
    screen = picture.outs[PICTURE] = Screen("h264")
    speaker = sound.outs[SOUND] = Loudspeaker("opus")
    person, other = Person(picture.now + 0.5), Camera(6, OTHER, "vp8")
    seen: dict[int, int] = {}
    for at, what in person.moments(5):
        for stand, packets in (
            (picture, person.camera.packets() if what == "picture" else []),
            (sound, [person.sound()] if what == "sound" else []),
        ):
            stand.pass_time(at - stand.now, *packets)
        if what == "report":
            picture.pass_time(0.0, person.report(CAMERA, 90_000, 3_600, at))
            sound.pass_time(0.0, person.report(VOICE, 48_000, 0, at))
        picture.pass_time(0.011, *(other.packets() if what == "picture" else []))
        counter = shown(screen, scene)
        if counter is not None:
            seen.setdefault(counter, screen.packets[-1].timestamp)
    flashes = [clock_of(picture, PICTURE, 90_000, seen[n]) for n in range(50, 125, 25) if n in seen]
    beeps = [clock_of(sound, SOUND, 48_000, stamp) for stamp in began(speaker)][2:5]
    assert len(flashes) == len(beeps) == 3
    assert max(abs(flash - beep) for flash, beep in zip(flashes, beeps, strict=True)) < 0.04
