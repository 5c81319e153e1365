"""Examples of who is shown where."""

from bridge.app.feeds.planner import (
    ANYONE,
    INTERPRETER,
    NO_PLAN,
    SPEAKER,
    WANTED_MOST,
    Plan,
    Present,
    can_forward,
    plan,
    weigh,
)
from media.description import CAMERA, CONTENT, MIC, Slot
from tests.app.legs import slot, source

EVERYTHING = (source(MIC), source(CAMERA), source(CONTENT))


def browser(
    leg: int,
    *,
    people: int = 2,
    content: int = 1,
    sharing: bool = False,
    pinned: int | None = None,
    interpreter: bool = False,
) -> Present:
    """A browser with as many audio as video slots, numbered like its m-lines: audio, video, content."""
    ears = [slot(n, "audio") for n in range(people)]
    eyes = [slot(people + n, "video") for n in range(people)]
    screens = [slot(2 * people + n, "video") for n in range(content)]
    return Present(
        leg=leg,
        sources=EVERYTHING,
        slots=(*ears, *eyes, *screens),
        content_slots=frozenset(screen.slot for screen in screens),
        sharing=sharing,
        pinned=pinned,
        interpreter=interpreter,
    )


def weighed(present: list[Present], speakers: list[int], receiver: int) -> dict[tuple[int, int], int]:
    """How much each source that `receiver` is sent matters to it."""
    filled = plan(present, speakers)
    weights = weigh(present, speakers, filled)
    assert weights.keys() == filled.keys()
    return {filled[place]: weight for place, weight in weights.items() if place[0] == receiver}


def seen(found: Plan, leg: int, people: int = 2) -> list[int | None]:
    """Who is in each of a browser's video slots."""
    return [found.get((leg, people + n), (None, 0))[0] for n in range(people)]


def test_one_alone_sees_nobody() -> None:
    """A plan for one leg is empty."""
    assert plan([browser(1)], []) == NO_PLAN


def test_two_see_and_hear_each_other() -> None:
    """Each has the other's sound and picture, and nobody's content, since nobody shares."""
    assert plan([browser(1), browser(2)], []) == {
        (1, 0): (2, MIC),
        (1, 2): (2, CAMERA),
        (2, 0): (1, MIC),
        (2, 2): (1, CAMERA),
    }


def test_content_goes_to_content_slots_from_who_shares() -> None:
    """Only the one who shares fills content slots, and not their own."""
    found = plan([browser(1, sharing=True), browser(2), browser(3)], [])
    assert {place: key for place, key in found.items() if key[1] == CONTENT} == {
        (2, 4): (1, CONTENT),
        (3, 4): (1, CONTENT),
    }


def test_a_leg_without_a_content_slot_gets_no_content() -> None:
    """Content never lands in a person's slot."""
    found = plan([browser(1, sharing=True), browser(2, content=0)], [])
    assert (1, CONTENT) not in found.values()


def test_a_speaker_takes_the_slot_of_the_least_important() -> None:
    """Out of four others in two slots, who spoke comes in, and who stays does not move."""
    people = [browser(n) for n in range(1, 6)]
    before = plan(people, [])
    assert seen(before, 1) == [2, 3]
    after = plan(people, [5, 3], before)
    assert seen(after, 1) == [5, 3]


def test_a_pinned_person_stays_whoever_speaks() -> None:
    """The pinned one is shown beside the latest speaker."""
    people = [browser(1, pinned=4), *(browser(n) for n in range(2, 6))]
    assert 4 in seen(plan(people, [2, 3, 5]), 1)


def test_a_speaker_who_is_gone_disturbs_nothing() -> None:
    """Legs that are not present are passed over in the list of speakers."""
    people = [browser(1), browser(2)]
    assert plan(people, [77, 2]) == plan(people, [2])


def test_a_picture_that_fits_no_slot_is_left_out_and_the_next_takes_its_place() -> None:
    """A camera in H.264 alone is not sent to who takes VP8 alone; its sound is."""
    odd = Present(leg=2, sources=(source(MIC), source(CAMERA, "h264")), slots=())
    found = plan([browser(1, people=1), odd, browser(3, people=1)], [])
    assert found[1, 0] == (2, MIC)
    assert found[1, 1] == (3, CAMERA)


def test_slots_that_differ_get_what_each_can_take() -> None:
    """Where one slot takes VP8 and one H.264, each source goes to its own."""
    slots: tuple[Slot, ...] = (slot(0, "video", "h264"), slot(1, "video", "vp8"))
    receiver = Present(leg=1, sources=(), slots=slots)
    senders = [
        Present(leg=n, sources=(source(CAMERA, codec),), slots=()) for n, codec in ((2, "vp8"), (3, "h264"))
    ]
    assert plan([receiver, *senders], []) == {(1, 1): (2, CAMERA), (1, 0): (3, CAMERA)}


def test_who_sends_no_sound_does_not_push_a_picture_from_beside_its_sound() -> None:
    """A silent camera takes the slot that is left over, however important it is."""
    silent = Present(leg=2, sources=(source(CAMERA),), slots=())
    found = plan([browser(1), silent, browser(3)], [2])
    assert found[1, 0] == (3, MIC)
    assert seen(found, 1) == [3, 2]


def test_forwarding_takes_the_same_kind_codec_and_clock() -> None:
    """Sound never goes into a picture's slot, nor one codec into another's."""
    assert can_forward(source(MIC), slot(0, "audio", "pcmu", "opus"))
    assert not can_forward(source(MIC), slot(0, "audio", "pcmu"))
    assert not can_forward(source(MIC), slot(0, "video"))


def test_who_speaks_matters_more_than_others_and_an_interpreter_more_than_who_speaks() -> None:
    """Hands and captions outlast the face of the speaker, and that the faces of the others."""
    present = [browser(1, people=4), browser(2), browser(3), browser(4, interpreter=True)]
    weights = weighed(present, [3, 2], receiver=1)
    assert {leg: weight for (leg, source), weight in weights.items() if source == CAMERA} == {
        2: ANYONE,
        3: SPEAKER,
        4: INTERPRETER,
    }
    assert WANTED_MOST < INTERPRETER < SPEAKER < ANYONE


def test_who_was_pinned_and_what_is_shared_come_first() -> None:
    """A pin is of the one who pinned alone; content matters most to everyone."""
    present = [browser(1, people=3, pinned=2), browser(2, sharing=True), browser(3, people=3)]
    mine, theirs = weighed(present, [], receiver=1), weighed(present, [], receiver=3)
    assert (mine[2, CAMERA], mine[2, CONTENT], mine[3, CAMERA]) == (WANTED_MOST, WANTED_MOST, ANYONE)
    assert (theirs[2, CAMERA], theirs[2, CONTENT]) == (ANYONE, WANTED_MOST)


def test_to_who_speaks_the_one_before_them_is_the_speaker() -> None:
    """Nobody is their own speaker: whom they answer matters to them."""
    present = [browser(1), browser(2), browser(3)]
    weights = weighed(present, [1, 3], receiver=1)
    assert (weights[3, CAMERA], weights[2, CAMERA]) == (SPEAKER, ANYONE)
