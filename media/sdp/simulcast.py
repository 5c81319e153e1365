"""Reads which encodings an m-line will send at once: a=rid (RFC 8851) and a=simulcast (RFC 8853)."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from media.sdp.errors import SdpError

MAX_ENCODINGS: Final = 3
# The grammar of RFC 8851 section 10, as short as a one-byte header extension must be (RFC 8285 section 4.2).
RID: Final = re.compile(r"[A-Za-z0-9_-]{1,16}")
DIRECTIONS: Final = ("send", "recv")


@dataclass(frozen=True, slots=True)
class SentEncoding:
    """One encoding by its rid; `paused`: it begins without being sent, as "~" says (RFC 8853 section 5.1)."""

    rid: str
    paused: bool = False

    def __str__(self) -> str:
        """As it stands in a list."""
        return f"~{self.rid}" if self.paused else self.rid


def sent_encodings(section: Sequence[str]) -> tuple[SentEncoding, ...]:
    """Return what an m-section offers to send at once, in its order, at most MAX_ENCODINGS.

    Of alternatives the first is taken; without a=simulcast there are none. Raises SdpError.
    """
    offered = [line.removeprefix("a=simulcast:") for line in section if line.startswith("a=simulcast:")]
    if not offered:
        return ()
    if len(offered) > 1:
        raise SdpError("sdp_invalid", "An m-line has more than one a=simulcast.")
    listed = [rid.removeprefix("~") for stream in _sent(offered[0]) for rid in stream.split(",")]
    if not all(RID.fullmatch(rid) for rid in listed):
        raise SdpError("sdp_invalid", "An a=simulcast names a rid that is none.")
    if len(set(listed)) != len(listed):
        raise SdpError("sdp_invalid", "An a=simulcast names a rid twice.")
    if not set(listed) <= _declared(section):
        raise SdpError("sdp_invalid", "An a=simulcast names a rid that no a=rid declares for sending.")
    firsts = [stream.split(",")[0] for stream in _sent(offered[0])]
    return tuple(SentEncoding(name.removeprefix("~"), name.startswith("~")) for name in firsts[:MAX_ENCODINGS])


def _sent(value: str) -> list[str]:
    """Return the streams of the `send` part; each direction comes at most once, with a list after it."""
    words = value.split()
    directions = words[::2]
    if not words or len(words) % 2 or len(set(directions)) != len(directions):
        raise SdpError("sdp_invalid", "An a=simulcast breaks the grammar.")
    if not set(directions) <= set(DIRECTIONS):
        raise SdpError("sdp_invalid", "An a=simulcast has a direction that is neither send nor recv.")
    lists = dict(zip(directions, words[1::2], strict=True))
    return lists["send"].split(";") if "send" in lists else []


def _declared(section: Sequence[str]) -> set[str]:
    """Return the rids that the a=rid lines declare for sending."""
    declared: dict[str, str] = {}
    for line in section:
        if not line.startswith("a=rid:"):
            continue
        rid, _, rest = line.removeprefix("a=rid:").partition(" ")
        direction = rest.partition(" ")[0]
        if not RID.fullmatch(rid) or direction not in DIRECTIONS:
            raise SdpError("sdp_invalid", "An a=rid breaks the grammar.")
        if rid in declared:
            raise SdpError("sdp_invalid", "Two a=rid of an m-line declare the same rid.")
        declared[rid] = direction
    return {rid for rid, direction in declared.items() if direction == "send"}
