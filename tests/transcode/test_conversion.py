"""One picture through a job, from each codec to each other, told by its content; on a clock of the test's own."""

import random
from typing import Any

import pytest

from tests.transcode.peers import Camera, Screen, Stand, picture_format
from transcode import rtp
from transcode.jobs import Compose, PictureCodec, PictureIn, PictureOut, Scene, Tile
from transcode.older import OLDER

CAMERA, OUT, OTHER = 11, 21, 22
OLDER_SIZE = (352, 288)
ALONE = Scene(tiles=(Tile(input=CAMERA),))


def out(codec: PictureCodec, ssrc: int = OUT, mode: int = 1, **more: Any) -> PictureOut:
    """An out that shows the camera alone."""
    return PictureOut(
        ssrc=ssrc,
        format=picture_format(codec, mode),
        scene=ALONE,
        **{"width": 320, "height": 240, "bitrate": 400_000} | more,
    )


def conversion(*outs: PictureOut, came: PictureCodec = "vp8") -> Compose:
    """A job with one camera."""
    return Compose(id=1, peer=9, inputs=(PictureIn(ssrc=CAMERA, formats=(picture_format(came),)),), outs=outs)


@pytest.mark.parametrize(
    ("came", "goes"),
    [
        *[("vp8", "h264"), ("h264", "vp8"), ("vp9", "h264"), ("vp8", "vp9"), ("h264", "h264")],
        *[("h261", "vp8"), ("vp8", "h261"), ("h263", "h264"), ("h264", "h263"), ("h263-1998", "h263-1998")],
    ],
)
def test_a_picture_comes_out_in_another_codec(came: PictureCodec, goes: PictureCodec) -> None:
    """Every picture, in order, with one key frame."""
    width, height = OLDER_SIZE if came in OLDER else (320, 240)
    size = {"width": 352, "height": 288} if goes in OLDER else {}
    stand = Stand(conversion(out(goes, **size), came=came))
    camera = Camera(7, CAMERA, came, width, height)
    screen = stand.outs[OUT] = Screen(goes)
    for _ in range(10):
        stand.pass_time(0.04, *camera.packets())
    assert [reading.identity for reading in screen.readings] == [7] * 10
    assert [reading.counter for reading in screen.readings] == list(range(10))
    assert stand.job.figures().key_frames_made == 1


def test_each_picture_leaves_in_the_turn_in_which_its_last_packet_came() -> None:
    """Nothing is held back, neither by the decoder nor by the encoder."""
    stand, camera = Stand(conversion(out("h264"))), Camera(7, CAMERA, "vp8", 640, 480)
    screen = stand.outs[OUT] = Screen("h264")
    for n in range(5):
        *others, last = camera.packets()
        stand.pass_time(0.02, *others)
        assert len(screen.readings) == n
        stand.pass_time(0.02, last)
        assert len(screen.readings) == n + 1


def test_mode_0_has_one_nal_unit_in_each_packet() -> None:
    """Neither fragments nor aggregates, and none too large."""
    stand, camera = Stand(conversion(out("h264", mode=0, bitrate=2_000_000))), Camera(7, CAMERA, "vp8", 640, 480)
    screen = stand.outs[OUT] = Screen("h264")
    for _ in range(5):
        stand.pass_time(0.04, *camera.packets())
    assert screen.seen.identity == 7
    assert all(packet.payload[0] & 0x1F in range(1, 24) for packet in screen.packets)
    assert max(len(packet.payload) for packet in screen.packets) <= 1200


def test_outs_that_want_the_same_share_an_encoder_and_others_have_their_own() -> None:
    """Same bytes for the same wish."""
    stand = Stand(
        conversion(out("h264"), out("h264", OTHER), out("vp8", 23), out("h264", 24, width=160, height=120))
    )
    camera = Camera(7, CAMERA, "vp8")
    screens = {ssrc: Screen(codec) for ssrc, codec in ((OUT, "h264"), (OTHER, "h264"), (23, "vp8"), (24, "h264"))}
    stand.outs.update(screens)
    for _ in range(6):
        stand.pass_time(0.04, *camera.packets())
    assert [screen.seen.identity for screen in screens.values()] == [7] * 4
    assert [a.payload for a in screens[OUT].packets] == [b.payload for b in screens[OTHER].packets]
    assert stand.job.figures().frames_out == 3 * 6


def test_a_key_frame_comes_at_once_when_asked_by_pli_or_fir_and_not_more_than_three_a_second() -> None:
    """Without a new picture coming in."""
    stand, camera = Stand(conversion(out("h264"))), Camera(7, CAMERA, "vp8")
    screen = stand.outs[OUT] = Screen("h264")
    for _ in range(10):
        stand.pass_time(0.04, *camera.packets())
    assert screen.keys == 1
    stand.pass_time(0.01, rtp.pli(5, OUT))
    assert screen.keys == 2
    stand.pass_time(0.5)
    fir = bytes((0x84, 206, 0, 4)) + (5).to_bytes(4, "big") + bytes(4) + OUT.to_bytes(4, "big") + bytes(4)
    stand.pass_time(0.01, fir)
    assert screen.keys == 3
    for _ in range(50):
        stand.pass_time(0.02, rtp.pli(5, OUT))
    assert screen.keys <= 7


def test_what_is_lost_is_answered_by_asking_for_a_key_frame_and_no_torn_picture_goes_out() -> None:
    """Every twentieth packet is lost."""
    stand, camera, lossy = Stand(conversion(out("h264"))), Camera(7, CAMERA, "vp8", grain=True), random.Random(4)
    screen = stand.outs[OUT] = Screen("h264")
    for _ in range(100):
        camera.key |= CAMERA in stand.plis_since_asked()
        stand.pass_time(0.04, *(one for one in camera.packets() if lossy.random() > 0.05))
    assert all(reading is not None and reading.identity == 7 for reading in screen.readings)
    counters = [reading.counter for reading in screen.readings]
    assert counters == sorted(counters)
    assert len(set(counters)) > 15
    figures = stand.job.figures()
    assert figures.broken_frames > 0
    assert figures.key_frames_wanted > 0


def test_packets_out_of_order_are_put_in_order_and_late_ones_are_waited_for() -> None:
    """Shuffled within a picture and with the next."""
    stand, camera, shuffled = Stand(conversion(out("h264"))), Camera(7, CAMERA, "vp8", 640, 480), random.Random(1)
    screen = stand.outs[OUT] = Screen("h264")
    waiting = []
    for _ in range(30):
        waiting += camera.packets()
        head, waiting = waiting[:-3], waiting[-3:]
        shuffled.shuffle(head)
        stand.pass_time(0.04, *head)
    assert stand.job.figures().broken_frames == 0
    assert screen.seen.counter >= 27


def test_a_camera_may_change_its_size_and_its_codec() -> None:
    """As when a slot gets another source."""
    formats = (picture_format("vp8"), picture_format("h264"))
    job = Compose(id=1, peer=9, inputs=(PictureIn(ssrc=CAMERA, formats=formats),), outs=(out("h264"),))
    stand = Stand(job)
    screen = stand.outs[OUT] = Screen("h264")
    seq = 0
    for identity, codec, size in ((1, "vp8", (320, 240)), (2, "vp8", (640, 480)), (3, "h264", (480, 360))):
        camera = Camera(identity, CAMERA, codec, *size)
        camera.seq, camera.start = seq, seq * 3600
        for _ in range(4):
            stand.pass_time(0.04, *camera.packets())
        seq = camera.seq
        assert screen.seen.identity == identity
    assert screen.last.shape == (240, 320)


def test_pictures_are_no_more_than_asked_for() -> None:
    """25 a second come, ten go."""
    stand, camera = Stand(conversion(out("h264", fps=10))), Camera(7, CAMERA, "vp8")
    screen = stand.outs[OUT] = Screen("h264")
    for _ in range(60):
        stand.pass_time(0.04, *camera.packets())
    assert 23 <= len(screen.readings) <= 26


@pytest.mark.parametrize("codec", ["h264", "vp8"])
def test_the_bit_rate_follows_what_receivers_can_take(codec: PictureCodec) -> None:
    """x264 without a key frame; libvpx begins anew."""
    stand = Stand(conversion(out(codec, bitrate=800_000)))
    camera = Camera(7, CAMERA, "vp8", bitrate=2_000_000, grain=True)
    screen = stand.outs[OUT] = Screen(codec)

    def rate(seconds: float) -> float:
        before = sum(len(packet.payload) for packet in screen.packets)
        for _ in range(round(seconds * 25)):
            stand.pass_time(0.04, *camera.packets())
        return (sum(len(packet.payload) for packet in screen.packets) - before) * 8 / seconds

    rate(1)
    high = rate(1)
    stand.job.set_rate(OUT, 250_000)
    rate(1.5)
    low = rate(1)
    assert low < high / 2
    if codec == "h264":
        assert screen.keys == 1


def test_an_input_that_nobody_watches_is_not_decoded() -> None:
    """And nothing is asked of it."""
    stand, camera = Stand(conversion()), Camera(7, CAMERA, "vp8")
    for _ in range(5):
        stand.pass_time(0.04, *camera.packets())
    assert stand.job.figures().frames_out == 0
    assert not stand.plis_since_asked()


def test_numbers_go_on_where_a_worker_that_died_left_off() -> None:
    """Sequence numbers without a gap, times never back."""
    memory = bytearray(4096)
    numbers = []
    for life in range(2):
        stand, camera = Stand(conversion(out("vp8")), memory=memory, now=100.0 + life), Camera(7, CAMERA, "vp8")
        screen = stand.outs[OUT] = Screen("vp8")
        for _ in range(3):
            stand.pass_time(0.04, *camera.packets())
        assert screen.keys == 1
        numbers += [(packet.seq, packet.timestamp) for packet in screen.packets]
    assert [seq for seq, _ in numbers] == list(range(len(numbers)))
    times = [time for _, time in numbers]
    assert times == sorted(times)
