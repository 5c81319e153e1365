"""What callers are told, in words: spoken, and as lines of a picture; Norwegian (bokmål) and English.

Nothing in here is about anybody: no name is ever spoken or written by it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

LANGUAGES: Final = ("nb", "en")


class Prompt(StrEnum):
    """What a caller is told, by voice and on the picture."""

    ENTER_PIN = "enter_pin"
    PIN_WRONG = "pin_wrong"
    PIN_WRONG_AGAIN = "pin_wrong_again"
    """There is one try left."""
    PIN_SPENT = "pin_spent"
    NO_PIN = "no_pin"
    NO_ENTRY = "no_entry"
    WAITING = "waiting"
    NOTICE = "notice"
    """What is put on record, for who waits; a page says it beside its button."""
    STILL_WAITING = "still_waiting"
    ADMITTED = "admitted"
    CALLED_IN = "called_in"
    """Admitted by having taken a call of the host's."""
    WAITING_AGAIN = "waiting_again"
    NEXT = "next"
    """Waits, and nobody is before them; the others say how many are."""
    AHEAD_1 = "ahead_1"
    AHEAD_2 = "ahead_2"
    AHEAD_3 = "ahead_3"
    AHEAD_4 = "ahead_4"
    AHEAD_MORE = "ahead_more"
    LATE = "late"
    """Waits, and it takes longer than was said; the others say for how long from now."""
    LATE_10 = "late_10"
    LATE_20 = "late_20"
    LATE_30 = "late_30"
    LATE_45 = "late_45"
    LATE_60 = "late_60"
    LATE_MORE = "late_more"
    CANCELLED = "cancelled"
    REFUSED = "refused"
    REMOVED = "removed"
    ENDED = "ended"
    LET_IN = "let_in"
    NOBODY_WAITS = "nobody_waits"
    SOMEBODY_WAITS = "somebody_waits"
    LOCKED = "locked"
    UNLOCKED = "unlocked"
    NOT_DONE = "not_done"
    IDLE = "idle"
    """Is in, and there is nothing to be seen of others; only ever written."""


@dataclass(frozen=True, slots=True)
class Text:
    """One prompt in one language: the sentences that are spoken, a heading, and a line below it."""

    spoken: str
    heading: str
    below: str = ""


AHEAD: Final = (Prompt.NEXT, Prompt.AHEAD_1, Prompt.AHEAD_2, Prompt.AHEAD_3, Prompt.AHEAD_4, Prompt.AHEAD_MORE)
"""By how many are before somebody."""
LATE: Final[Mapping[int, Prompt]] = {
    10: Prompt.LATE_10,
    20: Prompt.LATE_20,
    30: Prompt.LATE_30,
    45: Prompt.LATE_45,
    60: Prompt.LATE_60,
}
"""By the minutes from now, up to which each is said; beyond them it is `LATE_MORE`."""


def _ahead_nb(words: str, short: str) -> Text:
    return Text(f"Du er i venterommet. {words} Bli på linjen.", short, "Vent, så slippes du inn")


def _ahead_en(words: str, short: str) -> Text:
    return Text(f"You are in the waiting room. {words} Please hold.", short, "Please hold")


def _late_nb(minutes: str, short: str) -> Text:
    words = f"Legen er forsinket. Det tar omtrent {minutes}. Bli på linjen."
    return Text(words, "Legen er forsinket", f"Omtrent {short}")


def _late_en(minutes: str, short: str) -> Text:
    words = f"The doctor is late. It will take about {minutes}. Please hold."
    return Text(words, "The doctor is late", f"About {short}")


_NB: Final[Mapping[Prompt, Text]] = {
    Prompt.NEXT: _ahead_nb("Du er neste.", "Du er neste"),
    Prompt.AHEAD_1: _ahead_nb("Det er én foran deg.", "Én foran deg"),
    Prompt.AHEAD_2: _ahead_nb("Det er to foran deg.", "To foran deg"),
    Prompt.AHEAD_3: _ahead_nb("Det er tre foran deg.", "Tre foran deg"),
    Prompt.AHEAD_4: _ahead_nb("Det er fire foran deg.", "Fire foran deg"),
    Prompt.AHEAD_MORE: _ahead_nb("Det er flere foran deg.", "Flere foran deg"),
    Prompt.LATE: Text("Du er i venterommet. Legen er forsinket.", "Legen er forsinket", "Bli på linjen"),
    Prompt.LATE_10: _late_nb("ti minutter", "10 minutter"),
    Prompt.LATE_20: _late_nb("tjue minutter", "20 minutter"),
    Prompt.LATE_30: _late_nb("en halv time", "30 minutter"),
    Prompt.LATE_45: _late_nb("tre kvarter", "45 minutter"),
    Prompt.LATE_60: _late_nb("en time", "en time"),
    Prompt.LATE_MORE: Text(
        "Du er i venterommet. Legen er mer enn en time forsinket.", "Legen er forsinket", "Mer enn en time"
    ),
    Prompt.CANCELLED: Text("Timen er avlyst. Samtalen avsluttes.", "Timen er avlyst", "Samtalen avsluttes"),
    Prompt.ENTER_PIN: Text(
        "Velkommen. Tast koden du har fått, og avslutt med firkant.", "Tast koden din", "og avslutt med #"
    ),
    Prompt.PIN_WRONG: Text(
        "Koden er feil. Du har to forsøk igjen. Tast koden på nytt.",
        "Koden er feil",
        "Tast på nytt, to forsøk igjen",
    ),
    Prompt.PIN_WRONG_AGAIN: Text(
        "Koden er feil. Du har ett forsøk igjen. Tast koden på nytt.",
        "Koden er feil",
        "Tast på nytt, ett forsøk igjen",
    ),
    Prompt.PIN_SPENT: Text(
        "Koden var feil tre ganger. Samtalen avsluttes.", "Feil kode tre ganger", "Samtalen avsluttes"
    ),
    Prompt.NO_PIN: Text("Ingen kode ble tastet. Samtalen avsluttes.", "Ingen kode", "Samtalen avsluttes"),
    Prompt.NO_ENTRY: Text("Du kan ikke komme inn nå. Prøv igjen senere.", "Ikke åpent nå", "Prøv igjen senere"),
    Prompt.WAITING: Text(
        "Takk. Du er i venterommet. Bli på linjen, så slippes du inn.",
        "Du er i venterommet",
        "Vent, så slippes du inn",
    ),
    Prompt.NOTICE: Text(
        "Samtalen blir ikke tatt opp. Det blir notert at du har vært med.",
        "Du er i venterommet",
        "Samtalen blir ikke tatt opp",
    ),
    Prompt.STILL_WAITING: Text(
        "Du er i venterommet. Bli på linjen, så slippes du inn.", "Du er i venterommet", "Vent, så slippes du inn"
    ),
    Prompt.ADMITTED: Text("Nå slippes du inn.", "Nå slippes du inn"),
    Prompt.CALLED_IN: Text(
        "Dette er en videosamtale. Du er med nå, og de andre hører deg.", "Du er med nå", "De andre hører deg"
    ),
    Prompt.IDLE: Text("Du er inne i samtalen.", "Du er inne", "Ingen andre viser bilde nå"),
    Prompt.WAITING_AGAIN: Text(
        "Du er tilbake i venterommet. Bli på linjen.", "Tilbake i venterommet", "Vent, så slippes du inn"
    ),
    Prompt.REFUSED: Text("Du ble ikke sluppet inn. Samtalen avsluttes.", "Ikke sluppet inn", "Samtalen avsluttes"),
    Prompt.REMOVED: Text("Du er tatt ut av samtalen.", "Du er tatt ut", "Samtalen er avsluttet for deg"),
    Prompt.ENDED: Text("Samtalen er avsluttet. Ha det bra.", "Samtalen er avsluttet"),
    Prompt.LET_IN: Text("Neste er sluppet inn.", "Neste er sluppet inn"),
    Prompt.SOMEBODY_WAITS: Text("Noen venter. Tast stjerne en for å slippe inn.", "Noen venter: tast *1"),
    Prompt.NOBODY_WAITS: Text("Ingen venter.", "Ingen venter"),
    Prompt.LOCKED: Text("Rommet er låst.", "Rommet er låst"),
    Prompt.UNLOCKED: Text("Rommet er åpent.", "Rommet er åpent"),
    Prompt.NOT_DONE: Text("Det gikk ikke. Prøv igjen.", "Det gikk ikke", "Prøv igjen"),
}
_EN: Final[Mapping[Prompt, Text]] = {
    Prompt.NEXT: _ahead_en("You are next.", "You are next"),
    Prompt.AHEAD_1: _ahead_en("One is before you.", "One is before you"),
    Prompt.AHEAD_2: _ahead_en("Two are before you.", "Two are before you"),
    Prompt.AHEAD_3: _ahead_en("Three are before you.", "Three are before you"),
    Prompt.AHEAD_4: _ahead_en("Four are before you.", "Four are before you"),
    Prompt.AHEAD_MORE: _ahead_en("Several are before you.", "Several are before you"),
    Prompt.LATE: Text("You are in the waiting room. The doctor is late.", "The doctor is late", "Please hold"),
    Prompt.LATE_10: _late_en("ten minutes", "10 minutes"),
    Prompt.LATE_20: _late_en("twenty minutes", "20 minutes"),
    Prompt.LATE_30: _late_en("half an hour", "30 minutes"),
    Prompt.LATE_45: _late_en("three quarters of an hour", "45 minutes"),
    Prompt.LATE_60: _late_en("an hour", "an hour"),
    Prompt.LATE_MORE: Text(
        "You are in the waiting room. The doctor is more than an hour late.",
        "The doctor is late",
        "More than an hour",
    ),
    Prompt.CANCELLED: Text(
        "Your appointment has been cancelled. This call ends now.",
        "Appointment cancelled",
        "This call ends now",
    ),
    Prompt.ENTER_PIN: Text(
        "Welcome. Please enter your code, then press hash.", "Enter your code", "and end with #"
    ),
    Prompt.PIN_WRONG: Text(
        "Wrong code. You have two tries left. Please enter it again.",
        "Wrong code",
        "Enter it again, two tries left",
    ),
    Prompt.PIN_WRONG_AGAIN: Text(
        "Wrong code. You have one try left. Please enter it again.", "Wrong code", "Enter it again, one try left"
    ),
    Prompt.PIN_SPENT: Text("Wrong code, three times. This call ends now.", "Wrong code", "This call ends now"),
    Prompt.NO_PIN: Text("No code was entered. This call ends now.", "No code was entered", "This call ends now"),
    Prompt.NO_ENTRY: Text("You cannot come in now. Please try later.", "Not open now", "Please try later"),
    Prompt.WAITING: Text(
        "Thank you. You are in the waiting room. Please hold, and you will be let in.",
        "You are in the waiting room",
        "Please hold",
    ),
    Prompt.NOTICE: Text(
        "This call is not recorded. It is put on record that you took part.",
        "You are in the waiting room",
        "This call is not recorded",
    ),
    Prompt.STILL_WAITING: Text(
        "You are in the waiting room. Please hold, and you will be let in.",
        "You are in the waiting room",
        "Please hold",
    ),
    Prompt.ADMITTED: Text("You are being let in.", "You are being let in"),
    Prompt.CALLED_IN: Text(
        "This is a video call. You are in it now, and the others hear you.", "You are in", "The others hear you"
    ),
    Prompt.IDLE: Text("You are in the meeting.", "You are in", "Nobody else shows a picture"),
    Prompt.WAITING_AGAIN: Text(
        "You are back in the waiting room. Please hold.", "Back in the waiting room", "Please hold"
    ),
    Prompt.REFUSED: Text("You were not let in. This call ends now.", "You were not let in", "This call ends now"),
    Prompt.REMOVED: Text(
        "You have been removed from the meeting.", "You have been removed", "The call has ended for you"
    ),
    Prompt.ENDED: Text("The meeting has ended. Goodbye.", "The meeting has ended"),
    Prompt.LET_IN: Text("The next one has been let in.", "The next one is let in"),
    Prompt.SOMEBODY_WAITS: Text("Somebody waits. Press star one to let them in.", "Somebody waits: press *1"),
    Prompt.NOBODY_WAITS: Text("Nobody is waiting.", "Nobody is waiting"),
    Prompt.LOCKED: Text("The room is locked.", "The room is locked"),
    Prompt.UNLOCKED: Text("The room is open.", "The room is open"),
    Prompt.NOT_DONE: Text("That did not work. Please try again.", "That did not work", "Please try again"),
}
TEXTS: Final[Mapping[str, Mapping[Prompt, Text]]] = {"nb": _NB, "en": _EN}


@dataclass(frozen=True, slots=True)
class Caption:
    """What is written: `alone` on a picture of its own, `below` in a line under the pictures of others."""

    alone: tuple[str, ...]
    below: tuple[str, ...]


def spoken(prompt: Prompt, languages: Sequence[str] = LANGUAGES) -> dict[str, str]:
    """What is said, by language."""
    return {language: TEXTS[language][prompt].spoken for language in languages}


def written(prompt: Prompt, languages: Sequence[str] = LANGUAGES) -> Caption:
    """What is to be read; alone, the first line is a heading, and an empty one keeps languages apart."""
    lines: list[str] = []
    texts = [TEXTS[language][prompt] for language in languages]
    for text in texts:
        lines += [""] * bool(lines) + [line for line in (text.heading, text.below) if line]
    return Caption(tuple(lines), (" / ".join(text.heading for text in texts),))
