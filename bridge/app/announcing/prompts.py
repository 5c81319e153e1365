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


_NB: Final[Mapping[Prompt, Text]] = {
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
