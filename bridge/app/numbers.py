"""What of a caller's number others than the host see. Pure."""

import re
from typing import Final

_NUMBER: Final = re.compile(r"\+?[0-9]{5,}")
# Country codes that are no two digits long: of one, and of three (ITU-T E.164).
_ONE: Final = frozenset("17")
_THREE: Final = frozenset(
    {
        *("21", "22", "23", "24", "25", "26", "29", "35", "37", "38", "42", "50", "59"),
        *("67", "68", "69", "80", "85", "87", "88", "96", "97", "99"),
    }
)
"""By their first two."""
_SHOWN: Final = 2
HIDDEN: Final = "\u2022\u2022\u2022"


def masked(address: str) -> str | None:
    """A number with its country and last two digits, as `+47 ••• 45`; None for any other address."""
    if _NUMBER.fullmatch(address) is None:
        return None
    country = f"+{address[1 : 1 + _country_digits(address[1:])]} " if address.startswith("+") else ""
    return f"{country}{HIDDEN} {address[-_SHOWN:]}"


def _country_digits(digits: str) -> int:
    if digits[0] in _ONE:
        return 1
    return 3 if digits[:2] in _THREE else 2
