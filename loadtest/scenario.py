"""What a load test does, as plain data: sizes, their bounds, and who joins when."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from loadtest.native import NativeOptions
from loadtest.profiles import PROFILES
from signalling.messages import Role

MAX_ROOMS: Final = 1000
LEGS: Final = (2, 50)
MAX_MINUTES: Final = 240
MAX_JOINS_PER_SECOND: Final = 200
_ROLES: Final = (Role.PATIENT, Role.INTERPRETER, Role.RELATIVE, Role.SPECIALIST)
# The doctor of a room comes this long before the first who knocks there, as doctors do.
_DOCTOR_AHEAD_S: Final = 2.0


@dataclass(frozen=True)
class Scenario:
    """A load test. Raises `ValueError` out of bounds; `max_loss_percent` is what still counts as passed."""

    rooms: int = 10
    legs: int = 4
    profile: str = "consultation"
    steady_s: float = 60.0
    joins_per_second: float = 20.0
    max_loss_percent: float = 0.1
    native: NativeOptions = field(default_factory=NativeOptions)

    def __post_init__(self) -> None:
        if not 1 <= self.rooms <= MAX_ROOMS:
            raise ValueError(f"rooms must be 1 to {MAX_ROOMS}")
        if not LEGS[0] <= self.legs <= LEGS[1]:
            raise ValueError(f"legs must be {LEGS[0]} to {LEGS[1]}")
        if not 0 < self.steady_s <= MAX_MINUTES * 60:
            raise ValueError(f"the time must be above 0 and at most {MAX_MINUTES} minutes")
        if not 0 < self.joins_per_second <= MAX_JOINS_PER_SECOND:
            raise ValueError(f"joins a second must be above 0 and at most {MAX_JOINS_PER_SECOND}")
        if self.profile not in PROFILES:
            raise ValueError(f"there are the profiles {', '.join(PROFILES)}")

    @property
    def people(self) -> int:
        """How many robots there are."""
        return self.rooms * self.legs

    @property
    def streams_each(self) -> int:
        """How many streams each robot receives when everybody is in: a microphone and mostly a camera of each."""
        return self.legs - 1 + self.pictures_each

    @property
    def pictures_each(self) -> int:
        """How many of them are pictures."""
        return self.legs - 1 if PROFILES[self.profile].video else 0


@dataclass(frozen=True, order=True)
class Arrival:
    """Who comes when: seconds after the start, room, seat in it; seat 0 is the doctor."""

    at_s: float
    room: int
    seat: int

    @property
    def role(self) -> Role:
        """What they are in the consultation."""
        return Role.DOCTOR if self.seat == 0 else _ROLES[(self.seat - 1) % len(_ROLES)]

    @property
    def name(self) -> str:
        """What the others see."""
        return f"Robot {self.room + 1}.{self.seat + 1}"


def arrivals(scenario: Scenario) -> list[Arrival]:
    """Everybody in the order in which they come, one every 1/`joins_per_second` seconds.

    Rooms fill one after another, so that most join while other rooms are in full call; a doctor comes some time
    before the people of their room.
    """
    ahead = max(1, round(_DOCTOR_AHEAD_S * scenario.joins_per_second))

    def turn(seat: tuple[int, int]) -> int:
        room, number = seat
        return room * scenario.legs + number - (ahead if number == 0 else 0)

    seats: Iterable[tuple[int, int]] = (
        (room, number) for room in range(scenario.rooms) for number in range(scenario.legs)
    )
    ordered = sorted(seats, key=turn)
    return [Arrival(place / scenario.joins_per_second, *seat) for place, seat in enumerate(ordered)]
