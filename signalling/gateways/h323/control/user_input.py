"""Keys of the peer's keypad (H.245 section 7.13): as text, or one at a time."""

from typing import Final

from signalling.gateways.h323.control.values import choice, inner, parts

KEYS: Final = frozenset("0123456789*#ABCD")
MOST_KEYS: Final = 32
"""Of one message."""


def read(indication: object) -> str:
    """The keys that were pressed, in order; none of what is neither."""
    name, value = choice(indication)
    text: object = ""
    match name:
        case "alphanumeric":
            text = value
        case "signal":
            text = parts(value).get("signalType")
        case "extendedAlphanumeric":
            text = inner(value, "alphanumeric")
    return "".join(key for key in _text(text)[:MOST_KEYS].upper() if key in KEYS)


def _text(text: object) -> str:
    if isinstance(text, bytes):
        return text.decode("latin-1")
    return text if isinstance(text, str) else ""
