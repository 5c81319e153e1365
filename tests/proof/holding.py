"""Rules, and what holds states and steps against them."""

from collections import Counter, defaultdict
from collections.abc import Callable
from typing import Any

from bridge.rooms.model import Room
from tests.proof.explore import Broken, State, Step

OfState = Callable[[State], bool]
OfStep = Callable[[Step, Any], bool]
OfEvent = Callable[[Step, Room, Any], bool]


class Rules:
    """All of them, by what they are about. `used` counts how often each was asked."""

    def __init__(self) -> None:
        self.used: Counter[str] = Counter()
        self._of_state: list[OfState] = []
        self._of_step: defaultdict[type, list[OfStep]] = defaultdict(list)
        self._of_change: list[OfStep] = []
        self._of_event: defaultdict[type, list[OfEvent]] = defaultdict(list)

    def only(self, name: str) -> "Rules":
        """One of them alone."""
        found = Rules()
        found._of_state = [rule for rule in self._of_state if rule.__name__ == name]
        found._of_change = [rule for rule in self._of_change if rule.__name__ == name]
        for command, rules in self._of_step.items():
            found._of_step[command] = [rule for rule in rules if rule.__name__ == name]
        for event, of_event in self._of_event.items():
            found._of_event[event] = [rule for rule in of_event if rule.__name__ == name]
        return found

    @property
    def names(self) -> set[str]:
        """What they are called."""
        named: list[Callable[..., bool]] = [*self._of_state, *self._of_change]
        named += [rule for rules in self._of_step.values() for rule in rules]
        named += [rule for of_event in self._of_event.values() for rule in of_event]
        return {rule.__name__ for rule in named}

    def of_state(self, rule: OfState) -> OfState:
        """Hold each state against it."""
        self._of_state.append(rule)
        return rule

    def of_step(self, *commands: type) -> Callable[[OfStep], OfStep]:
        """Hold each step by one of these commands against it, whatever came of it."""

        def add(rule: OfStep) -> OfStep:
            for command in commands:
                self._of_step[command].append(rule)
            return rule

        return add

    def of_change(self, rule: OfStep) -> OfStep:
        """Hold each step against it by which anything has happened."""
        self._of_change.append(rule)
        return rule

    def of_event(self, *events: type) -> Callable[[OfEvent], OfEvent]:
        """Hold each of these events against it, with the room just before."""

        def add(rule: OfEvent) -> OfEvent:
            for event in events:
                self._of_event[event].append(rule)
            return rule

        return add

    def state(self, state: State) -> None:
        """Raise Broken unless all is well with a state."""
        for rule in self._of_state:
            self._judge(rule, rule(state))

    def step(self, step: Step) -> None:
        """Raise Broken unless a step may be so."""
        for rule in self._of_step[type(step.command)]:
            self._judge(rule, rule(step, step.command))
        if not step.events:
            return
        for rule in self._of_change:
            self._judge(rule, rule(step, step.command))
        for room, event in zip(step.rooms, step.events, strict=True):
            for of_event in self._of_event[type(event)]:
                self._judge(of_event, of_event(step, room, event))

    def _judge(self, rule: Callable[..., bool], holds: bool) -> None:  # noqa: FBT001 - what it judges
        self.used[rule.__name__] += 1
        if not holds:
            raise Broken(rule.__name__, (rule.__doc__ or "").splitlines()[0])
