"""Writes the offer to a peer that wants one: what the bridge would take of anybody's."""

import ipaddress
from collections.abc import Iterator
from typing import Final

from media.sdp.calls.answer import SLIDES, Written
from media.sdp.calls.crypto import Crypto
from media.sdp.calls.h235 import CHANNEL_SUITES, ChannelKeys
from media.sdp.codecs import Capabilities
from media.sdp.older import fmtp

# Payload types of our own choice. H.264 comes first: room systems have no VP8, and what has both takes either; of
# its modes 0, which goes on to every receiver as it is.
VOICES: Final = {
    "opus": ("96", "a=rtpmap:96 opus/48000/2", "a=fmtp:96 useinbandfec=1"),
    "g722": ("9", "a=rtpmap:9 G722/8000"),
    "pcma": ("8", "a=rtpmap:8 PCMA/8000"),
    "pcmu": ("0", "a=rtpmap:0 PCMU/8000"),
    "telephone-event": ("101", "a=rtpmap:101 telephone-event/8000", "a=fmtp:101 0-15"),
}
PICTURES: Final = (
    "a=rtpmap:97 H264/90000",
    "a=fmtp:97 packetization-mode=0;profile-level-id=42e01f",
    "a=rtpmap:98 H264/90000",
    "a=fmtp:98 packetization-mode=1;profile-level-id=42e01f",
    "a=rtpmap:99 VP8/90000",
    "a=rtcp-fb:* nack",
    "a=rtcp-fb:* nack pli",
    "a=rtcp-fb:* ccm fir",
    "a=rtcp-fb:* ccm tmmbr",
)
OLDER_PICTURES: Final = {"h263": ("34", "H263"), "h261": ("31", "H261")}
"""Numbers and names of what peers of H.323 are offered as well: some have nothing else."""


LINES: Final = 3
"""Those of an offer of all that there is."""
SOUND: Final = 1
"""Those of one that telephones are made."""


def offer(
    ports: tuple[int, ...],
    keys: tuple[tuple[Crypto | ChannelKeys, ...], ...],
    written: Written,
    capabilities: Capabilities,
    *,
    best_effort: bool,
    h323: bool = False,
) -> str:
    """Return an offer of sound, pictures and content, or of the first of these; `ports` and `keys` are of them.

    With `best_effort` a peer may leave the keys unused and send in the clear; `h323` says that it has H.323.
    """
    family = f"IN IP{ipaddress.ip_address(written.host).version} {written.host}"
    lines = ["v=0", f"o=- {written.session} {written.version} {family}", "s=-", f"c={family}", "t=0 0"]
    voices = [VOICES[codec] for codec in capabilities.audio]
    sound = ("audio", " ".join(number for number, *_ in voices), [line for _, *own in voices for line in own])
    max_bitrate = capabilities.camera_max_bitrate
    older = [OLDER_PICTURES[codec] for codec in capabilities.video if h323 and codec in OLDER_PICTURES]
    numbers = " ".join(["97 98 99", *(number for number, _ in older)])
    pictures = (*PICTURES, *(line for number, name in older for line in _older(number, name)))
    media = (sound, ("video", numbers, pictures), ("video", numbers, (*SLIDES, *pictures)))
    for (kind, formats, attributes), port, own in zip(media[: len(ports)], ports, keys, strict=True):
        lines.append(f"m={kind} {port} {'RTP/AVP' if best_effort else 'RTP/SAVP'} {formats}")
        if kind == "video" and max_bitrate is not None:
            lines.append(f"b=TIAS:{max_bitrate}")
        lines += [f"a=crypto:{key}" for key in own]
        lines += [f"a=rtcp:{port + 1}", "a=rtcp-mux", "a=sendrecv", *attributes]
    return "\r\n".join([*lines, ""])


def _older(number: str, name: str) -> tuple[str, str]:
    return f"a=rtpmap:{number} {name}/90000", f"a=fmtp:{number} {fmtp(name.lower())}"


def tagged(masters: Iterator[tuple[str, bytes]]) -> tuple[Crypto, ...]:
    """Keys with the tags under which they are offered, in order."""
    return tuple(Crypto(tag, suite, master) for tag, (suite, master) in enumerate(masters, 1))


def channels() -> tuple[ChannelKeys, ...]:
    """What is offered to H.323: the suites, since keys come with its channels."""
    return tuple(ChannelKeys(tag, suite) for tag, suite in enumerate(CHANNEL_SUITES, 1))
