"""Offers of room systems and telephones: m-lines with addresses and keys of their own (RFC 3264, RFC 4568)."""

from media.sdp.calls.agreement import CallPolicy, LineAgreement, agree_lines
from media.sdp.calls.answer import LocalLine, Written, answer
from media.sdp.calls.offer import offer
from media.sdp.calls.reader import CallOffer, read

__all__ = [
    "CallOffer",
    "CallPolicy",
    "LineAgreement",
    "LocalLine",
    "Written",
    "agree_lines",
    "answer",
    "offer",
    "read",
]
