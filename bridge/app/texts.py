"""The words of text messages. They name nobody, and nothing of what the consultation is about. Pure."""

from dataclasses import dataclass, field
from typing import Final

from bridge.rooms.model import InvitationId
from signalling.messages import Language


@dataclass(frozen=True, slots=True)
class Text:
    """What somebody is sent: a link, and where there is one the number and PIN to call."""

    invitation: InvitationId
    link: str = field(repr=False)
    language: Language
    number: str | None = None
    pin: str | None = field(default=None, repr=False)


# All letters are in the alphabet of GSM 03.38, so that none of them makes a message dearer.
_LINK: Final = {
    Language.NB: "Du er invitert til en videosamtale. Åpne lenken på telefon eller PC når du skal delta: {link}",
    Language.NN: "Du er invitert til ein videosamtale. Opne lenkja på telefon eller PC når du skal delta: {link}",
    Language.EN: "You are invited to a video call. Open the link on a phone or computer when it is time: {link}",
}
_CALL: Final = {
    Language.NB: " Kan du ikke bruke video, ring romnummer {number} og tast PIN {pin}#.",
    Language.NN: " Kan du ikkje bruke video, ring romnummer {number} og tast PIN {pin}#.",
    Language.EN: " If you cannot use video, call room number {number} and key in PIN {pin}#.",
}


def words(text: Text) -> str:
    """The whole message."""
    written = _LINK[text.language].format(link=text.link)
    if text.number is not None and text.pin is not None:
        written += _CALL[text.language].format(number=text.number, pin=text.pin)
    return written
