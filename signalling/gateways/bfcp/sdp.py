"""BFCP in descriptions of calls (RFC 8856, and RFC 4583 before it): one m-line among those of media. Pure.

The line is the gateway's own: to who describes the media it is one of many that are not used, and has port 0. Here
it is put in its place, or behind the others in an offer of ours, where there is content to have the floor of.
Taken is UDP in the clear, as room systems have it; lines of TCP and TLS keep port 0.
"""

import ipaddress
import re
from dataclasses import dataclass, field
from typing import Final

PROFILE: Final = "UDP/BFCP"
FLOOR: Final = 1
_M: Final = re.compile(r"m=application ([0-9]{1,5}) UDP/BFCP(?: .*)?", re.IGNORECASE)
_VIDEO: Final = re.compile(r"m=video [1-9]")
_C: Final = re.compile(r"c=IN IP[46] ([0-9A-Fa-f.:]{2,45})")
_LABEL: Final = re.compile(r"a=label:(\S{1,64})")
CLIENTS: Final = frozenset({"c-only", "c-s"})


@dataclass(frozen=True, slots=True)
class PeerLine:
    """Where a peer has BFCP: the place of its line in the description, and the address."""

    number: int
    host: str = field(repr=False)
    port: int


@dataclass(frozen=True, slots=True)
class OwnLine:
    """What our line says: our address, and the numbers of conference and peer."""

    host: str = field(repr=False)
    port: int
    conference: int
    user: int


def find(description: str) -> PeerLine | None:
    """The first line of a peer that would be our client; None for any text without one."""
    head, *sections = _sections(description)
    for number, section in enumerate(sections):
        match = _M.fullmatch(section[0])
        host = _host(section) or _host(head)
        roles = next((one[12:].split() for one in section if one.startswith("a=floorctrl:")), ["c-only"])
        if match is None or host is None or not CLIENTS & set(roles) or not 0 < int(match[1]) < 2**16:
            continue
        return PeerLine(number, host, int(match[1]))
    return None


def shows(description: str) -> str | None:
    """The label of the line on which a description of ours has content, None where it has none."""
    for section in _sections(description)[1:]:
        if _VIDEO.match(section[0]) and "a=content:slides" in section:
            return next((match[1] for one in section if (match := _LABEL.fullmatch(one))), None)
    return None


def put(description: str, number: int, line: OwnLine) -> str:
    """Put our line in the place of the one of this number. Of no effect on a description without content."""
    label = shows(description)
    if label is None:
        return description
    sections = _sections(description)
    sections[1 + number] = _written(line, label)
    return _joined(sections)


def add(description: str, line: OwnLine) -> str:
    """Put our line in an offer of ours: where BFCP was before, else behind all others."""
    label = shows(description)
    if label is None:
        return description
    sections = _sections(description)
    at = next((at for at in range(1, len(sections)) if _M.fullmatch(sections[at][0])), len(sections))
    sections[at : at + 1] = [_written(line, label)]
    return _joined(sections)


def _written(line: OwnLine, label: str) -> list[str]:
    return [
        f"m=application {line.port} {PROFILE} *",
        f"c=IN IP{ipaddress.ip_address(line.host).version} {line.host}",
        "a=floorctrl:s-only",
        f"a=confid:{line.conference}",
        f"a=userid:{line.user}",
        f"a=floorid:{FLOOR} mstrm:{label}",
    ]


def _sections(description: str) -> list[list[str]]:
    """The lines above all m-lines, then those of each."""
    sections: list[list[str]] = [[]]
    for line in description.replace("\r\n", "\n").rstrip("\n").split("\n"):
        if line.startswith("m="):
            sections.append([])
        sections[-1].append(line)
    return sections


def _joined(sections: list[list[str]]) -> str:
    return "".join(f"{line}\r\n" for section in sections for line in section)


def _host(section: list[str]) -> str | None:
    for line in section:
        if (match := _C.fullmatch(line)) is None:
            continue
        try:
            address = ipaddress.ip_address(match[1])
        except ValueError:
            return None
        return None if address.is_unspecified or address.is_multicast else str(address)
    return None
