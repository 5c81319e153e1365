"""Links that are moved with their appointment, and what became of the text messages with them."""

from datetime import timedelta

import pytest

from bridge.rooms import commands as c
from bridge.rooms.model import Actor, TextState
from tests.rooms.rig import ADMINISTRATION, BRIDGE, OPERATOR, START, iid, opened, person


def moved(by: Actor, name: str = "relative", hours: int = 24) -> c.MoveInvitation:
    """Return that somebody moves the appointment of one."""
    return c.MoveInvitation(by=by, invitation=iid(name), expires_at=START + timedelta(hours=hours))


def noted(state: TextState, by: Actor = BRIDGE, name: str = "relative") -> c.NoteText:
    """Return what is said of a text message."""
    return c.NoteText(by=by, invitation=iid(name), state=state)


def test_a_link_that_has_expired_is_good_again_when_its_appointment_is_moved() -> None:
    """To a later time and to an earlier one; the same link, and nothing happens twice."""
    room = opened()
    room.invite("relative")
    room.now += timedelta(hours=3)
    assert room.refused(room.knocking("relative")) == "link_expired"
    assert len(room.happens(moved(ADMINISTRATION))) == 1
    assert room.happens(moved(ADMINISTRATION)) == []
    room.happens(moved(ADMINISTRATION, hours=4))
    room.now += timedelta(hours=2)
    assert room.refused(room.knocking("relative")) == "link_expired"
    room.happens(moved(ADMINISTRATION))
    room.happens(room.knocking("relative"))


def test_only_the_administration_moves() -> None:
    """Nor does it move what it does not know, what was taken back, or to a time that has passed."""
    room = opened()
    room.invite("relative")
    for by in (person("doctor"), person("patient"), OPERATOR, BRIDGE):
        assert room.refused(moved(by)) == "not_host"
    assert room.refused(moved(ADMINISTRATION, "x")) == "link_invalid"
    assert room.refused(moved(ADMINISTRATION, hours=0)) == "bad_message"
    room.happens(c.RevokeInvitation(by=ADMINISTRATION, invitation=iid("relative")))
    assert room.happens(moved(ADMINISTRATION)) == []


@pytest.mark.parametrize("last", [TextState.DELIVERED, TextState.FAILED])
def test_a_text_message_is_sent_and_then_comes_or_does_not(last: TextState) -> None:
    """What a supplier says again, or in another order, changes nothing."""
    room = opened()
    room.invite("relative")
    assert room.happens(noted(TextState.DELIVERED)) == []
    assert len(room.happens(noted(TextState.SENT))) == 1
    assert room.happens(noted(TextState.SENT)) == []
    assert len(room.happens(noted(last))) == 1
    for state in TextState:
        assert room.happens(noted(state)) == []
    assert room.refused(noted(TextState.SENT, name="x")) == "link_invalid"
    assert room.refused(noted(TextState.SENT, by=person("doctor"))) == "not_host"
