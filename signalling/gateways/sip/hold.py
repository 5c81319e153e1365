"""Whether a session description puts a call on hold (RFC 3264 section 8.4, RFC 6337 section 5.3)."""

import re
from typing import Final

_QUIET: Final = re.compile(rb"^a=(sendonly|inactive)[ \t]*\r?$", re.MULTILINE)
_LIVE: Final = re.compile(rb"^a=(sendrecv|recvonly)[ \t]*\r?$", re.MULTILINE)
_NOWHERE: Final = re.compile(rb"^c=IN (IP4 0\.0\.0\.0|IP6 ::)[ \t]*\r?$", re.MULTILINE)
_UNUSED: Final = re.compile(rb"^m=[a-z]+ 0[ /]")
_SECTION: Final = re.compile(rb"^(?=m=)", re.MULTILINE)


def is_hold(sdp: bytes) -> bool:
    """Whether whoever wrote this wants to receive nothing: on no media line in use is it ready to."""
    session, *sections = _SECTION.split(sdp)
    used = [section for section in sections if not _UNUSED.match(section)]
    return bool(used) and not any(_wants(section, session) for section in used)


def _wants(section: bytes, session: bytes) -> bool:
    """What a media line says goes before what stands above all of them."""
    for part in (section, session):
        if _NOWHERE.search(part) or _QUIET.search(part):
            return False
        if _LIVE.search(part):
            return True
    return True
