"""Real offers, and short ways to answer them and to look into answers."""

import itertools
from pathlib import Path

from media.description import REPAIRS, LegDescription
from media.sdp import Answer, Capabilities, LocalTransport, OfferRoles, answer_offer

VECTORS = Path(__file__).parent.parent / "vectors" / "sdp"
PEERS = ("chromium", "firefox", "aiortc")
SIMULCAST = ("chromium-simulcast", "firefox-simulcast")
ROLES = OfferRoles(mic="0", camera="1", content="2")
PLAIN = Capabilities(camera_max_bitrate=1_500_000, content_max_bitrate=2_500_000, without=REPAIRS - {"nack"})
ALL = Capabilities()
FIRST_SSRC = 1000


def recorded(peer: str) -> str:
    """Return the offer of a real peer: mic, camera, empty content, 2 audio, 2 video and 1 content slot.

    Those of SIMULCAST are what the page offers of a 1280x720 camera.
    """
    return (VECTORS / f"{peer}.sdp").read_bytes().decode()


def transport(fingerprint: str = ":".join(["AB"] * 32)) -> LocalTransport:
    """Return a bridge's end on loopback."""
    return LocalTransport(
        ice_ufrag="bridge01",
        ice_pwd="0123456789abcdefghijklmn",  # noqa: S106 - the password of a test
        fingerprint=fingerprint,
        candidates=(("127.0.0.1", 4000), ("2001:db8::1", 4000)),
        cname="cname-of-this-leg",
    )


def answered(
    offer: str,
    roles: OfferRoles = ROLES,
    capabilities: Capabilities = PLAIN,
    *,
    content_slots: int = 1,
    previous: LegDescription | None = None,
    local: LocalTransport | None = None,
) -> Answer:
    """Answer with SSRCs that count up from 1000."""
    return answer_offer(
        offer,
        roles,
        local or transport(),
        itertools.count(FIRST_SSRC),
        capabilities,
        content_slots=content_slots,
        previous=previous,
    )


def sections(sdp: str) -> list[list[str]]:
    """Return the lines of each m-section."""
    found: list[list[str]] = []
    for line in sdp.splitlines():
        if line.startswith("m="):
            found.append([line])
        elif found:
            found[-1].append(line)
    return found


def payload_types(section: list[str]) -> set[str]:
    """Return the formats of an m-line."""
    return set(section[0].split()[3:])


def in_section(offer: str, number: int, old: str, new: str) -> str:
    """Replace `old`, which must be there, in the m-section of that number only."""
    head, *rest = offer.split("m=")
    assert old in rest[number]
    rest[number] = rest[number].replace(old, new)
    return "m=".join([head, *rest])
