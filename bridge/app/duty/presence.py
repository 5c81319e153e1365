"""Who is on duty, and since when they are not: what is written down of it. Pure; times in seconds.

A telephone loses its line and comes back: somebody is off duty only when they have been away for a while.
"""

from collections import Counter
from dataclasses import dataclass, field
from typing import Final

from bridge.app.duty.rotas import Doctor
from bridge.rooms.model import SubjectDigest

AWAY_S: Final = 60.0


@dataclass(slots=True)
class Presence:
    """The pages of each, those who are on duty, and those who have no page left, since when."""

    _pages: Counter[SubjectDigest] = field(default_factory=Counter)
    _here: dict[SubjectDigest, Doctor] = field(default_factory=dict)
    _gone: dict[SubjectDigest, float] = field(default_factory=dict)

    def has(self, doctor: Doctor) -> bool:
        """Whether somebody is on duty already."""
        return doctor.identity.subject in self._here

    def come(self, doctor: Doctor) -> None:
        """Note one more page of somebody."""
        who = doctor.identity.subject
        self._pages[who] += 1
        self._gone.pop(who, None)
        self._here[who] = doctor

    def go(self, doctor: Doctor, now: float) -> None:
        """Note one page less."""
        who = doctor.identity.subject
        self._pages[who] -= 1
        if self._pages[who] <= 0:
            del self._pages[who]
            self._gone[who] = now

    def off(self, now: float) -> list[Doctor]:
        """Those who have been away for so long that they are off duty; each is told once."""
        away = [who for who, since in self._gone.items() if now - since >= AWAY_S]
        for who in away:
            del self._gone[who]
        return [self._here.pop(who) for who in away]
