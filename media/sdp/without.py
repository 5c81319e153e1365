"""Leaves repairs out of answers, so that a bench shows what each is worth. For measurement only.

A client that was not offered a repair does without it, and so does the engine towards it: nothing else differs.
"""

from dataclasses import replace
from typing import Final

import msgspec

from media.sdp.codecs import Agreed

REPAIRS: Final = frozenset({"nack"})
"""`nack`: retransmissions both ways (RFC 4585 section 6.2.1, RFC 4588)."""


def left_out(agreed: Agreed, without: frozenset[str]) -> Agreed:
    """Give a format as it would be agreed with a client that cannot do what is left out."""
    if "nack" in without:
        plain = msgspec.structs.replace(agreed.format, nack=False, rtx_pt=None)
        agreed = replace(agreed, format=plain, feedback=tuple(one for one in agreed.feedback if one != "nack"))
    return agreed
