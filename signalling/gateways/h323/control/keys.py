"""New keys for channels that stand (H.235.6): the master makes them, the slave asks for them or is told."""

from typing import Final

from signalling.gateways.h323.control.codecs import NUMBERS
from signalling.gateways.h323.control.medium import Ours, Theirs
from signalling.gateways.h323.control.opening import Channels
from signalling.gateways.h323.control.rations import Ration
from signalling.gateways.h323.control.values import Choice, Fields, choice, inner, number, parts
from signalling.gateways.h323.secret import MediaKey

MASTERS: Final = "masterToSlave"
SLAVES: Final = "slaveToMaster"
"""Whose channel it is about."""


class Keys:
    """The changes of one call's keys. Packets tell by their payload type under which key they are."""

    def __init__(self, channels: Channels) -> None:
        self._channels = channels
        self._ration = Ration(6, 10.0)

    def take(self, fields: Fields, now: float) -> list[Choice]:
        """Take a command of the peer's about a key; what is to be said to it."""
        name, value = choice(fields.get("type"))
        whose = choice(fields.get("direction"))[0]
        if not self._ration.take(now):
            return []
        match name:
            case "encryptionUpdateRequest" if self._channels.master:
                return self._asked(fields["logicalChannelNumber"], parts(value))
            case "encryptionUpdateCommand" if not self._channels.master:
                sync = parts(inner(value, "encryptionSync"))
                return self._told(fields["logicalChannelNumber"], whose, sync)
        return []

    def _asked(self, channel: int, wish: Fields) -> list[Choice]:
        theirs, secret = self._channels.theirs.get(channel), self._channels.secret
        if theirs is None or theirs.key is None or secret is None:
            return []
        before = theirs.key_type or theirs.settled.payload_type
        wished = number(wish.get("synchFlag"))
        theirs.key = secret.new_key(theirs.key.algorithm)
        theirs.key_type = wished if wished in NUMBERS and wished != before else _next(before)
        sync = secret.sync(theirs.key, theirs.key_type or before)
        return [_message(channel, "encryptionUpdateCommand", {"encryptionSync": sync}, SLAVES)]

    def _told(self, channel: int, whose: str, sync: Fields) -> list[Choice]:
        about: Theirs | Ours | None = self._channels.theirs.get(channel)
        if whose == SLAVES:
            about = self._channels.ours.get(channel)
        key, flag = self._read(about, sync), number(sync.get("synchFlag"))
        if about is None or key is None or flag not in NUMBERS:
            return []
        about.key, about.key_type = key, flag
        return [] if whose == SLAVES else [_message(channel, "encryptionUpdateAck", {"synchFlag": flag}, MASTERS)]

    def _read(self, about: Theirs | Ours | None, sync: Fields) -> MediaKey | None:
        secret = self._channels.secret
        if about is None or secret is None or about.settled.algorithm is None:
            return None
        return secret.key_of(sync, about.settled.algorithm)


def _next(before: int) -> int:
    return NUMBERS[(before - NUMBERS.start + 1) % len(NUMBERS)]


def _message(channel: int, name: str, value: Fields, whose: str) -> Choice:
    fields = {"logicalChannelNumber": channel, "type": (name, value), "direction": (whose, 0)}
    return ("command", ("miscellaneousCommand", fields))
