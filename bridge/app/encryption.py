"""What protects the media of each person, as the engine tells it. Pure."""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from bridge.app.live import LiveRoom, MediaLeg
from media.lines import Cipher
from signalling import messages as m

NOTHING: Final = m.Encryption(keys=m.Keys.NONE)
_COLUMNS: Final = ("leg", "cipher_in", "cipher_out", "by_handshake")

Found = Mapping[int, tuple[Cipher, bool]]
"""By leg: the weaker cipher of both directions, and whether its keys come of a handshake on the path."""


def read(legs: np.ndarray[Any, np.dtype[Any]]) -> Found:
    """Take over a snapshot's rows."""
    columns = zip(*(legs[name].tolist() for name in _COLUMNS), strict=True)
    return {leg: (_weaker(inbound, outbound), bool(handshake)) for leg, inbound, outbound, handshake in columns}


def learn(live: LiveRoom, found: Found) -> bool:
    """Note what protects the media of everyone in a room; whether anything of it is new."""
    before = [media.encryption for media in live.legs.values()]
    for media in live.legs.values():
        media.encryption = _in_words(media, found.get(media.leg))
    return before != [media.encryption for media in live.legs.values()]


def _weaker(*ciphers: int) -> Cipher:
    """One direction that is open is open while the other has no keys yet, too."""
    return Cipher.PLAIN if Cipher.PLAIN in ciphers else Cipher(min(ciphers))


def _in_words(media: MediaLeg, found: tuple[Cipher, bool] | None) -> m.Encryption | None:
    cipher, by_handshake = found or (Cipher.NOT_YET, False)
    if cipher is Cipher.NOT_YET:
        return None
    if cipher is Cipher.PLAIN:
        return NOTHING
    if not cipher.proves:
        return m.Encryption(keys=m.Keys.UNPROVED, cipher=cipher.name)
    signalled = m.Keys.EXPOSED if media.signalled_openly else m.Keys.SIGNALLED
    return m.Encryption(keys=m.Keys.HANDSHAKE if by_handshake else signalled, cipher=cipher.name)
