"""What sources come in is seen once a second, and a page that does not do what it is asked is not waited for."""

from datetime import UTC, datetime

from bridge.app.feeds.sending import PATIENCE_LOOKS, codecs_of, heed
from bridge.app.live import LiveRoom, MediaLeg
from bridge.rooms.model import ParticipantId, Pii, Room, RoomId
from media.api import CODECS
from media.description import CAMERA
from tests.app import engine_rows

LEG = 5


def room() -> LiveRoom:
    """One with a page in it."""
    now = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
    live = LiveRoom(Room(id=RoomId("r"), name=Pii("r"), created_at=now, max_participants=9, revision=1), 7)
    live.legs[ParticipantId("p")] = MediaLeg(LEG)
    return live


def test_the_codec_of_a_camera_is_that_of_its_lowest_encoding() -> None:
    """Others may be off, and tell of what was long ago; what a slot is sent is not looked at."""
    rows = engine_rows.streams(
        {"leg": LEG, "index": CAMERA, "codec": CODECS.index("h264")},
        {"leg": LEG, "index": CAMERA, "encoding": 1, "codec": CODECS.index("vp8")},
        {"leg": LEG, "index": CAMERA, "direction": 1, "codec": CODECS.index("vp8")},
        {"leg": LEG, "index": 2, "codec": 0},
    )
    codecs = codecs_of(engine_rows.snapshot(rows, engine_rows.legs({LEG: 0})))
    assert codecs == {(LEG, CAMERA): "h264"}
    live = room()
    assert heed(live, codecs)
    assert live.legs[ParticipantId("p")].sending == {CAMERA: "h264"}
    assert not heed(live, codecs)


def test_a_page_has_a_few_seconds_to_do_what_it_is_asked() -> None:
    """Then the room is planned anew; one that sends nothing at all has all the time."""
    live = room()
    live.asked = {(LEG, CAMERA): "h264"}
    heed(live, {(LEG, CAMERA): "vp8"})
    told = [heed(live, {(LEG, CAMERA): "vp8"}) for _ in range(PATIENCE_LOOKS)]
    assert told == [False] * (PATIENCE_LOOKS - 2) + [True, False]
    assert heed(live, {(LEG, CAMERA): "h264"})
    assert not live.unheeded
    heed(live, {})
    assert not any(heed(live, {}) for _ in range(2 * PATIENCE_LOOKS))
