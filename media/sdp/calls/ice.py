"""ICE in descriptions of calls (RFC 8839). The peer checks as the full side, we answer as the lite one."""

import ipaddress
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Final

from media.description import IceParams
from media.sdp.offer import ICE_PWD, ICE_UFRAG
from media.sdp.writer import candidate_line

RTP: Final = 1
RTCP: Final = 2
MOST_CANDIDATES: Final = 64
_CANDIDATE: Final = re.compile(
    r"[A-Za-z0-9+/]{1,32} ([12]) [Uu][Dd][Pp] [0-9]{1,10} ([0-9A-Fa-f.:]{2,45}) ([0-9]{1,5}) typ \S+.*"
)
Place = tuple[str, int]
"""Numeric address and port."""


@dataclass(frozen=True, slots=True)
class PeerIce:
    """What a description says of ICE for one m-line; names and password empty where it says nothing."""

    ufrag: str = ""
    pwd: str = field(default="", repr=False)
    lite: bool = False
    trickles: bool = False
    candidates: tuple[tuple[int, Place], ...] = field(default=(), repr=False)
    """Component, and where it may be; over UDP alone."""

    def with_attribute(self, name: str, value: str) -> "PeerIce":
        """Take one attribute in; what is malformed counts as not said."""
        match name:
            case "ice-ufrag" if ICE_UFRAG.fullmatch(value):
                return replace(self, ufrag=value)
            case "ice-pwd" if ICE_PWD.fullmatch(value):
                return replace(self, pwd=value)
            case "ice-lite":
                return replace(self, lite=True)
            case "ice-options":
                return replace(self, trickles="trickle" in value.split())
            case "candidate" if len(self.candidates) < MOST_CANDIDATES:
                return replace(self, candidates=(*self.candidates, *_candidate(value)))
        return self

    @property
    def checks(self) -> bool:
        """Whether the peer will check. Of two lite sides neither does, and both send where descriptions say."""
        return bool(self.ufrag and self.pwd) and not self.lite

    def fits(self, rtp: Place, rtcp: Place | None) -> bool:
        """Whether the addresses of the m-line are among the candidates (RFC 8839 section 5.4).

        Where they are not, something on the way has changed the one and does not know of the other. A peer that
        trickles names its candidates later (RFC 8840), to whom needs them.
        """
        if self.trickles and not self.candidates:
            return True
        known = set(self.candidates)
        return (RTP, rtp) in known and (rtcp is None or (RTCP, rtcp) in known)


NO_ICE: Final = PeerIce()


def _candidate(value: str) -> Iterator[tuple[int, Place]]:
    match = _CANDIDATE.fullmatch(value)
    if match is not None and 0 < int(match[3]) < 2**16:
        with suppress(ValueError):
            yield int(match[1]), (str(ipaddress.ip_address(match[2])), int(match[3]))


def written(ours: IceParams, rtp: Place, rtcp: Place | None) -> list[str]:
    """Return our side of one m-line: the same in every description, until the peer begins anew."""
    lines = [f"a=ice-ufrag:{ours.local_ufrag}", f"a=ice-pwd:{ours.local_pwd}"]
    lines.append(candidate_line(1, (1, RTP), rtp))
    if rtcp is not None:
        lines.append(candidate_line(1, (1, RTCP), rtcp))
    return lines
