"""Pages are asked for the codec that everybody takes as it comes, and only as long as that is another one."""

from bridge.app.feeds.asking import wishes
from bridge.app.feeds.planner import Present
from media.description import CAMERA, CONTENT, MIC, Encoding, Format, Kind, Slot, Source
from signalling import messages as m
from tests.app.rig import Rig

VP8 = Format(pt=96, codec="vp8", clock_rate=90_000)
MODE_1 = Format(
    pt=108, codec="h264", clock_rate=90_000, packetization_mode=1, profile=0x42E01F, level_asymmetry=True
)
MODE_0 = Format(
    pt=114, codec="h264", clock_rate=90_000, packetization_mode=0, profile=0x42E01F, level_asymmetry=True
)
OPUS = Format(pt=111, codec="opus", clock_rate=48_000)
BROWSER, FIREFOX, NEW_ROOM, OLD_ROOM = (VP8, MODE_1, MODE_0), (VP8,), (MODE_1, MODE_0), (MODE_0,)


def leg(number: int, takes: tuple[Format, ...], *, content: tuple[Format, ...] = ()) -> Present:
    """Somebody who sends and takes pictures in these formats, sound in Opus, and content in its own."""
    sent: list[tuple[int, Kind, tuple[Format, ...]]] = [(MIC, "audio", (OPUS,)), (CAMERA, "video", takes)]
    sent += [(CONTENT, "video", content)] if content else []
    sources = tuple(
        Source(source=source, kind=kind, mid=str(source), encodings=(Encoding(),), formats=formats)
        for source, kind, formats in sent
    )
    slots = [
        Slot(slot=source, kind=kind, ssrc=source + 1, rtx_ssrc=None, formats=formats)
        for source, kind, formats in sent
    ]
    return Present(number, sources, tuple(slots), frozenset({CONTENT} if content else ()))


def wish(*present: Present, asked: frozenset[tuple[int, int]] = frozenset()) -> dict[tuple[int, int], int]:
    """What is wished for of leg 1."""
    return wishes(present, {1}, asked)


def test_browsers_alone_send_what_they_like() -> None:
    """Nothing is said to them, also when nobody else is there."""
    assert wish(leg(1, BROWSER)) == {}
    assert wish(leg(1, BROWSER), leg(2, BROWSER), leg(3, FIREFOX)) == {}


def test_a_room_system_that_takes_h264_alone_is_sent_that() -> None:
    """In the packetization mode that it takes; others take it, too."""
    assert wish(leg(1, BROWSER), leg(2, BROWSER), leg(3, NEW_ROOM)) == {(1, CAMERA): MODE_1.pt}
    assert wish(leg(1, BROWSER), leg(2, NEW_ROOM), leg(3, OLD_ROOM)) == {(1, CAMERA): MODE_0.pt}


def test_where_nothing_suits_all_pages_send_what_they_like() -> None:
    """Somebody has to be converted for anyway."""
    assert wish(leg(1, BROWSER), leg(2, FIREFOX), leg(3, OLD_ROOM)) == {}


def test_who_takes_nothing_that_a_page_sends_has_no_say() -> None:
    """It is converted for in any case; the others need not be."""
    old = Format(pt=31, codec="h261", clock_rate=90_000)
    assert wish(leg(1, BROWSER), leg(2, NEW_ROOM), leg(3, (old,))) == {(1, CAMERA): MODE_1.pt}


def test_what_was_asked_for_is_taken_back() -> None:
    """By name: a browser stays with the last codec that it was told."""
    assert wish(leg(1, BROWSER), leg(2, BROWSER), asked=frozenset({(1, CAMERA)})) == {(1, CAMERA): VP8.pt}


def test_who_cannot_be_asked_is_not() -> None:
    """Room systems, and pages that did not say that they can."""
    assert wishes([leg(1, BROWSER), leg(2, OLD_ROOM)], {2}) == {}


def test_content_is_for_those_who_have_a_place_for_it() -> None:
    """A room system without one has no say in it."""
    sharing = leg(1, BROWSER, content=BROWSER)
    assert wish(sharing, leg(2, OLD_ROOM)) == {(1, CAMERA): MODE_0.pt}
    assert wish(sharing, leg(2, OLD_ROOM, content=OLD_ROOM)) == {
        (1, CAMERA): MODE_0.pt,
        (1, CONTENT): MODE_0.pt,
    }


async def test_a_page_is_told_once_and_again_when_it_comes_back() -> None:
    """As long as its leg is the same; one that has not said that it heeds such wishes hears of none."""
    rig = Rig()
    room = await rig.open_room()
    doctor = await rig.enter(room, m.Role.DOCTOR, host=True)
    live = rig.live(room)
    told = [message for message in doctor.connection.sent if isinstance(message, m.Codec)]
    assert told == []
    media = live.legs[doctor.participant]
    live.wishes = {(media.leg, CAMERA): 114}
    rig.service._ask(live)
    rig.service._ask(live)
    wished = m.Codec(source=m.SourceName.CAMERA, payload_type=114, leg=str(media.leg))
    assert [message for message in doctor.connection.sent if isinstance(message, m.Codec)] == [wished]
    await rig.lose(doctor)
    await rig.join(doctor)
    assert [message for message in doctor.connection.sent if isinstance(message, m.Codec)] == [wished]
