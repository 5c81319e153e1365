"""Telephone numbers and addresses, as persons write them and as they are shown to them. Pure."""

import re
from typing import Final

MAX_ADDRESS: Final = 255
PREFIX: Final = re.compile(r"\+[1-9][0-9]{0,14}")
"""With what a number may begin: `+` and a country's code, or more of it."""
_E164: Final = re.compile(r"\+[1-9][0-9]{7,14}")
"""Eight digits at least, so that no short number of an emergency service looks like one of a country."""
_BETWEEN: Final = re.compile(r"[\s().\-]")
ROOM: Final = re.compile(r"[0-9]{4,12}")
"""What may be the number of a room."""


def international(text: str, country_code: str) -> str | None:
    """A number with `+` and its country's code, written with or without it and with signs between its digits.

    None for what is none. Without a `country_code`, a number that is written without one is none either.
    """
    number = _BETWEEN.sub("", text)
    if number.startswith("00"):
        number = "+" + number[2:]
    elif not number.startswith("+") and country_code:
        number = f"+{country_code}{number}"
    return number if number.isascii() and _E164.fullmatch(number) is not None else None


def shown(text: str) -> str:
    """What a person is shown of somebody's number or address; nothing of one who writes what no address has.

    It may be made to be read as something else.
    """
    return text if text.isprintable() and len(text) <= MAX_ADDRESS else ""
