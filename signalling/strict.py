"""Decoding of JSON from strangers: a size limit first, then the schema, and errors that quote none of it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, TypeVar

import msgspec

from signalling.errors import BadMessage, TooLarge

if TYPE_CHECKING:
    from collections.abc import Mapping

    from msgspec.json import Decoder

Shape = TypeVar("Shape")

_FAULT_PATH: Final = re.compile(r" - at `(\$[^`]*)`$")


def decode(decoder: Decoder[Shape], data: str | bytes, limit: int) -> Shape:
    """Decode at most `limit` bytes; raise `TooLarge` or `BadMessage` and nothing else, whatever the input."""
    raw = _within(data, limit)
    try:
        return decoder.decode(raw)
    except (ValueError, RecursionError) as fault:
        raise BadMessage(_safe(fault)) from None


def convert(words: Mapping[str, str], kind: type[Shape]) -> Shape:
    """Read words as a struct, numbers and times among them; raise `BadMessage`. A word twice is the first one."""
    try:
        return msgspec.convert(dict(words), kind, strict=False)
    except ValueError as fault:
        raise BadMessage(_safe(fault)) from None


def _within(data: str | bytes, limit: int) -> bytes:
    # A character is at least a byte, so an overlong text is refused before it is copied.
    if len(data) > limit:
        raise TooLarge(limit)
    if isinstance(data, bytes):
        return data
    try:
        raw = data.encode()
    except UnicodeEncodeError:
        raise BadMessage("The text holds a lone surrogate.") from None
    if len(raw) > limit:
        raise TooLarge(limit)
    return raw


def _safe(fault: Exception) -> str:
    """Say what is wrong from the schema's side only: some of msgspec's own texts quote the input."""
    if not isinstance(fault, msgspec.ValidationError):
        return "The text is not valid JSON in UTF-8."
    text = str(fault)
    if text.startswith(("Expected ", "Object missing ")) and "matching regex" not in text:
        return f"{text}."
    if text.startswith("Object contains unknown field"):
        return "The message has a field that its type does not know."
    path = _FAULT_PATH.search(text)
    if path is None or text.startswith("Invalid value"):
        return "The message has no known type."
    return f"The value at `{path[1]}` is not allowed."
