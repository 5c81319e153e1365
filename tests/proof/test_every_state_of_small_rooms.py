"""Small rooms in every state that they can come to: what has to hold does, whatever anybody tries.

Here with few people, for seconds; `make prove` does the same with two hosts and three guests.
"""

from collections import Counter
from dataclasses import replace

import pytest

from bridge.rooms import commands as c
from bridge.rooms.evolve import EVOLVERS
from tests.proof.event_rules import RULES
from tests.proof.explore import Broken, Found, explore
from tests.proof.holding import Rules
from tests.proof.tries import SmallRoom
from tests.proof.worlds import REDUCED, WHOLE

# Seconds of one processor, which others may need as well.
pytestmark = pytest.mark.timeout(600)

TWINS = 150


@pytest.fixture(scope="module")
def found() -> dict[str, Found]:
    """What was found in each world."""
    RULES.used.clear()
    return {world.name: explore(world, RULES, each_twin=TWINS) for world in REDUCED}


def test_every_rule_holds_in_every_state(found: dict[str, Found]) -> None:
    """A rule that did not would have raised; and none was idle."""
    assert set(RULES.used) == RULES.names
    assert min(one.states for one in found.values()) > 10


def test_every_command_is_tried_and_every_event_happens(found: dict[str, Found]) -> None:
    """A new command has to be tried in some world, and a new event has to come of it."""
    tried = sum((one.tried for one in found.values()), Counter[type]())
    happened = sum((one.happened for one in found.values()), Counter[type]())
    assert set(c.Command.__args__) - {c.CreateRoom} - set(tried) == set()
    assert set(EVOLVERS) - set(happened) == set()


def test_rooms_that_are_taken_for_the_same_lead_to_the_same(found: dict[str, Found]) -> None:
    """Looked at in each world; one that differed would have raised."""
    assert all(one.twins for one in found.values())


def test_what_matters_cannot_be_left_out_of_a_state() -> None:
    """Where microphones are no part of a state, rooms are taken for the same that are not."""
    blind = replace(_world("microphones"), seen=())
    with pytest.raises(Broken, match="states_are_told_apart"):
        explore(blind, Rules(), each_twin=1)


def test_the_whole_is_the_same_with_more_people() -> None:
    """What is tried, and what of people is seen, is no less where more of them are."""
    for small, whole in zip(REDUCED, WHOLE, strict=True):
        assert (small.name, small.tries, small.seen) == (whole.name, whole.tries, whole.seen)
        assert len(small.names) <= len(whole.names)
    assert sum(link.host for link in WHOLE[0].links) == 2
    assert sum(not link.host for link in WHOLE[0].links) == 3


def _world(name: str) -> SmallRoom:
    return next(world for world in REDUCED if world.name == name)
