"""Messages and bodies to JSON and back; what is read keeps to its limits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, TypeVar

import msgspec

from signalling import strict
from signalling.errors import SignallingError
from signalling.messages.client import ClientMessage
from signalling.messages.server import ServerMessage
from signalling.messages.words import MAX_BODY_BYTES, MAX_MESSAGE_BYTES, MAX_SERVER_BYTES, Part, Ref


class _Envelope(msgspec.Struct):
    """The little that can be read of a message that breaks its schema."""

    type: str = ""
    version: int | None = None
    ref: Ref | None = None


_CLIENT: Final[msgspec.json.Decoder[ClientMessage]] = msgspec.json.Decoder(ClientMessage)
_SERVER: Final[msgspec.json.Decoder[ServerMessage]] = msgspec.json.Decoder(ServerMessage)
_ENVELOPE: Final = msgspec.json.Decoder(_Envelope)
_ENCODER: Final = msgspec.json.Encoder()

Body = TypeVar("Body", bound=Part)


def decode_client(data: str | bytes) -> ClientMessage:
    """Read a client's message; raise `TooLarge` or `BadMessage`, whose texts hold nothing of the input."""
    return strict.decode(_CLIENT, data, MAX_MESSAGE_BYTES)


def decode_server(data: str | bytes) -> ServerMessage:
    """Read a server's message, as clients in Python do; errors as in `decode_client`."""
    return strict.decode(_SERVER, data, MAX_SERVER_BYTES)


def decode_body(data: bytes, kind: type[Body]) -> Body:
    """Read a REST body of the given struct; errors as in `decode_client`."""
    return strict.decode(msgspec.json.Decoder(kind), data, MAX_BODY_BYTES)


def decode_query(query: Mapping[str, str], kind: type[Body]) -> Body:
    """Read the parameters of an address as the given struct; errors as in `decode_client`."""
    return strict.convert(query, kind)


def words_of(query: Mapping[str, str], kind: type[Part]) -> dict[str, str]:
    """What an address says under the names of the given struct; others may say more there, which is not read."""
    return {name: query[name] for name in kind.__struct_fields__ if name in query}


def peek(data: str | bytes) -> tuple[int | None, int | None]:
    """Return `(version, ref)` of a message that `decode_client` refused.

    `version` is there for a first message only: a newer client's may have fields unknown here, and should yet
    hear `unsupported_version`. `ref` lets the error name the message at fault.
    """
    try:
        envelope = strict.decode(_ENVELOPE, data, MAX_MESSAGE_BYTES)
    except SignallingError:
        return None, None
    return (envelope.version if envelope.type in {"join", "test"} else None), envelope.ref


def encode(message: Part) -> str:
    """Any message or body as JSON text."""
    return _ENCODER.encode(message).decode()


def encode_server(message: ServerMessage) -> str:
    """JSON text for a WebSocket frame."""
    return encode(message)


def encode_client(message: ClientMessage) -> str:
    """JSON text for a WebSocket frame, for clients written in Python."""
    return encode(message)
