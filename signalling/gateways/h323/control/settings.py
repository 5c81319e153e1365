"""What the operator and the call settle for H.245."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What we tell a peer that we take; codecs by their names in SDP, most wanted first."""

    sound: tuple[str, ...] = ("g722", "pcma", "pcmu")
    pictures: tuple[str, ...] = ("h264", "h263", "h261")
    content: bool = True
    """Whether a second picture can be shown (H.239)."""
    bit_rate: int = 2_000_000
    """Of pictures, in bit/s."""
    terminal_type: int = 60
    """H.323 table 1: a gateway without a multipoint controller."""
