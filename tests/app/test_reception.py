"""The desk: a PIN by keypad, three tries, and an end for who enters none."""

from hypothesis import given
from hypothesis import strategies as st

from bridge.app.calls.reception import (
    ASKED,
    LONGEST,
    MOST_S,
    PATIENCE_S,
    PAUSE_S,
    SHORTEST,
    TRIES,
    GiveUp,
    Prompt,
    Reception,
    Say,
    Step,
    Try,
)
from signalling.gateways.interface import Ending

KEYS = "0123456789*#ABCD"


def typed(desk: Reception, keys: str, now: float = 0.0) -> list[Step]:
    """Press one key after the other, at once."""
    return [step for key in keys for step in desk.press(key, now)]


def greeted() -> Reception:
    """Return a desk that has asked."""
    desk = Reception()
    assert desk.greet(0.0) == [Say(Prompt.ENTER_PIN)]
    return desk


def test_a_hash_ends_a_pin_and_a_star_begins_it_anew() -> None:
    """What was keyed in between counts."""
    assert typed(greeted(), "123*654321#") == [Try("654321")]


def test_a_pause_ends_a_pin_for_those_who_do_not_know_of_the_hash() -> None:
    """It begins with the last key."""
    desk = greeted()
    assert typed(desk, "65432", 1.0) == []
    assert desk.press("1", 3.0) == []
    assert desk.next_timeout() == 3.0 + PAUSE_S
    assert desk.timeout(2.9 + PAUSE_S) == []
    assert desk.timeout(3.0 + PAUSE_S) == [Try("654321")]


def test_the_longest_pin_needs_neither() -> None:
    """More digits there are not."""
    assert typed(greeted(), "1" * LONGEST) == [Try("1" * LONGEST)]


def test_three_wrong_ones_end_the_call() -> None:
    """Each is said to be wrong; the last says goodbye."""
    desk = greeted()
    for said in (Prompt.PIN_WRONG, Prompt.PIN_WRONG_AGAIN):
        assert typed(desk, "1234#") == [Try("1234")]
        assert desk.told(right=False, now=1.0) == [Say(said)]
    typed(desk, "1234#")
    assert desk.told(right=False, now=1.0) == [GiveUp(Ending.WRONG_PIN, Prompt.PIN_SPENT)]
    assert typed(desk, "1234#") == []
    assert desk.next_timeout() is None


def test_keys_that_make_no_pin_keep_nobody_at_the_desk() -> None:
    """Its places are few, and a PIN that is never tried is never wrong."""
    desk, now = greeted(), 0.0
    steps: list[Step] = []
    while not steps and now < 2 * MOST_S:
        now += PAUSE_S / 2
        steps = [*desk.press("*", now), *desk.timeout(now)]
    assert steps == [GiveUp(Ending.NO_PIN, Prompt.NO_PIN)]
    assert now <= MOST_S + PAUSE_S


def test_keys_before_the_call_is_up_are_passed_over() -> None:
    """Nothing can be answered to them yet."""
    desk = Reception()
    assert typed(desk, "1234#") == []
    assert desk.greet(1.0) == [Say(Prompt.ENTER_PIN)]
    assert typed(desk, "4321#") == [Try("4321")]


def test_who_enters_nothing_is_asked_again_and_then_let_go() -> None:
    """A line that nobody speaks on is not kept."""
    desk, now = greeted(), 0.0
    for _ in range(ASKED - 1):
        now += PATIENCE_S
        assert desk.timeout(now) == [Say(Prompt.ENTER_PIN)]
    assert desk.timeout(now + PATIENCE_S) == [GiveUp(Ending.NO_PIN, Prompt.NO_PIN)]


def test_a_few_stray_keys_are_no_pin() -> None:
    """They cost no try; the question comes again."""
    desk = greeted()
    typed(desk, "12", 0.0)
    assert desk.timeout(PAUSE_S) == [Say(Prompt.ENTER_PIN)]
    assert typed(desk, "#", 5.0) == []
    assert typed(desk, "123456#", 6.0) == [Try("123456")]


def test_keys_during_a_try_are_passed_over() -> None:
    """The right one ends the desk's business."""
    desk = greeted()
    typed(desk, "123456#")
    assert typed(desk, "999999#") == []
    assert desk.next_timeout() is None
    assert desk.told(right=True, now=1.0) == []
    assert typed(desk, "999999#") == []
    assert desk.next_timeout() is None


def test_a_pin_is_shown_in_no_log() -> None:
    """Neither by the desk nor by what it asks for."""
    desk = greeted()
    typed(desk, "98765")
    assert "98765" not in repr(desk)
    assert "98765" not in repr(Try("98765"))


@given(st.lists(st.one_of(st.sampled_from(KEYS), st.text(max_size=2), st.floats(0, 30)), max_size=80))
def test_whatever_is_pressed_there_is_an_end(acts: list[str | float]) -> None:
    """Tries are of the right length, three at most, and never two at a time; then time alone ends the call."""
    desk, now, tries, ended = Reception(), 0.0, 0, False
    steps = desk.greet(now)
    for act in [*acts, *[PATIENCE_S] * (ASKED + 2)]:
        if isinstance(act, float):
            now += act
            steps = desk.timeout(now)
        else:
            steps = desk.press(act, now)
        for step in steps:
            assert not ended
            if isinstance(step, Try):
                tries += 1
                assert 1 <= len(step.pin) <= LONGEST
                more = desk.told(right=False, now=now)
                ended = any(isinstance(one, GiveUp) for one in more)
            ended = ended or isinstance(step, GiveUp)
    assert ended
    assert tries <= TRIES
    assert SHORTEST <= LONGEST
