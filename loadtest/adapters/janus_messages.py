"""Janus' JSON API and its VideoRoom plugin as plain data: requests out, messages in. No sockets.

Source: the "JSON-based API" and "VideoRoom plugin" pages of Janus' documentation, release 1.1.2. A request for the
core is answered once. A request for a plugin is answered at once (`success`), or acknowledged (`ack`) and answered
later by an `event` with the same transaction.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal

import msgspec

from loadtest.adapters.errors import Refused, Unreadable

SUBPROTOCOL: Final = "janus-protocol"
ADMIN_SUBPROTOCOL: Final = "janus-admin-protocol"
PLUGIN: Final = "janus.plugin.videoroom"

Json = dict[str, Any]


class Jsep(msgspec.Struct, frozen=True):
    """An SDP and what it is."""

    type: Literal["offer", "answer"]
    sdp: str


class _Fault(msgspec.Struct, frozen=True):
    code: int
    reason: str = ""


class _Id(msgspec.Struct, frozen=True):
    id: int


class _PluginData(msgspec.Struct, frozen=True):
    plugin: str = ""
    data: dict[str, Any] = {}


class _Out(msgspec.Struct, frozen=True):
    packets: int = 0


class _MediumStats(msgspec.Struct, frozen=True):
    out: _Out = _Out()


class _Medium(msgspec.Struct, frozen=True):
    stats: _MediumStats = _MediumStats()


class _Dtls(msgspec.Struct, frozen=True, rename={"srtp_profile": "srtp-profile"}):
    srtp_profile: str = ""


class _Webrtc(msgspec.Struct, frozen=True):
    dtls: _Dtls = _Dtls()
    media: dict[str, _Medium] = {}


class _Info(msgspec.Struct, frozen=True):
    webrtc: _Webrtc = _Webrtc()


class HandleInfo(msgspec.Struct, frozen=True, kw_only=True):
    """What the Admin API says of a connection: packets that Janus has sent on it, and how it encrypts."""

    packets_out: int
    srtp_profile: str


class _Raw(msgspec.Struct, frozen=True):
    janus: str
    transaction: str | None = None
    sender: int | None = None
    reason: str = ""
    data: _Id | None = None
    error: _Fault | None = None
    plugindata: _PluginData | None = None
    jsep: Jsep | None = None
    info: _Info | None = None


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """One message from Janus.

    `kind` is its own word (`success`, `ack`, `event`, `webrtcup`, `hangup`, ...), `sender` the handle that it is
    about, `id` that of a new session or handle, `data` what the plugin says.
    """

    kind: str
    transaction: str | None = None
    sender: int | None = None
    id: int | None = None
    reason: str = ""
    data: Mapping[str, Any] = {}
    jsep: Jsep | None = None
    fault: Refused | None = None
    info: HandleInfo | None = None

    @property
    def is_final(self) -> bool:
        """Whether nothing more comes for this transaction."""
        return self.kind != "ack"


_DECODER: Final = msgspec.json.Decoder(_Raw)


def decode(text: str | bytes) -> Message:
    """Read one message; an error, of the core or of the plugin, is in `fault`. Raises `Unreadable`."""
    try:
        raw = _DECODER.decode(text)
    except msgspec.DecodeError as error:
        raise Unreadable(f"Janus sent a message that cannot be read: {error}") from None
    data = raw.plugindata.data if raw.plugindata else {}
    return Message(
        kind=raw.janus,
        transaction=raw.transaction,
        sender=raw.sender,
        id=raw.data.id if raw.data else None,
        reason=raw.reason,
        data=data,
        jsep=raw.jsep,
        fault=_fault(raw, data),
        info=_info(raw.info) if raw.info else None,
    )


def _info(raw: _Info) -> HandleInfo:
    return HandleInfo(
        packets_out=sum(medium.stats.out.packets for medium in raw.webrtc.media.values()),
        srtp_profile=raw.webrtc.dtls.srtp_profile,
    )


def _fault(raw: _Raw, data: Mapping[str, Any]) -> Refused | None:
    if raw.janus == "error":
        return Refused(raw.error.code, raw.error.reason) if raw.error else Refused(0, "no reason given")
    number = data.get("error_code")
    return None if number is None else Refused(int(number), str(data.get("error", "")))


def create_session() -> Json:
    """Ask the core for a session."""
    return {"janus": "create"}


def attach(session: int) -> Json:
    """Ask for a handle of the VideoRoom plugin: one publisher or one subscriber."""
    return {"janus": "attach", "session_id": session, "plugin": PLUGIN}


def create_room(session: int, handle: int, room: int, options: Mapping[str, str | int | bool]) -> Json:
    """Make a room that lasts until the server stops; `options` are settings of the plugin's rooms."""
    return _to_plugin(session, handle, {"request": "create", "room": room, "permanent": False, **options})


def publish(session: int, handle: int, room: int, offer: str) -> Json:
    """Enter a room and send what the offer holds; the event brings the answer and the publisher's id."""
    body = {"request": "joinandconfigure", "ptype": "publisher", "room": room}
    return _to_plugin(session, handle, body, Jsep("offer", offer))


def subscribe(session: int, handle: int, room: int, feed: int) -> Json:
    """Ask for everything that a publisher sends; the event brings an offer."""
    streams = [{"feed": feed}]
    return _to_plugin(
        session, handle, {"request": "join", "ptype": "subscriber", "room": room, "streams": streams}
    )


def start(session: int, handle: int, answer: str) -> Json:
    """Answer a subscription's offer; media flows once ICE and DTLS are through."""
    return _to_plugin(session, handle, {"request": "start"}, Jsep("answer", answer))


def handle_info(session: int, handle: int) -> Json:
    """Ask the Admin API about a connection."""
    return {"janus": "handle_info", "session_id": session, "handle_id": handle}


def encode(request: Json, transaction: str, secret: str) -> str:
    """Put a request into words that Janus takes; both of its APIs are given the one secret."""
    words = {**request, "transaction": transaction, "apisecret": secret, "admin_secret": secret}
    return msgspec.json.encode(words).decode()


def publisher_id(message: Message) -> int:
    """Read the id under which a publisher can be subscribed to; raises `Unreadable`."""
    number = message.data.get("id")
    if message.data.get("videoroom") != "joined" or not isinstance(number, int):
        raise Unreadable("Janus did not say as whom the publisher joined")
    return number


def description(message: Message, kind: Literal["offer", "answer"]) -> str:
    """Read the SDP that came with a message; raises `Unreadable`."""
    if message.jsep is None or message.jsep.type != kind:
        raise Unreadable(f"Janus sent no {kind}")
    return message.jsep.sdp


def _to_plugin(session: int, handle: int, body: Json, jsep: Jsep | None = None) -> Json:
    request: Json = {"janus": "message", "session_id": session, "handle_id": handle, "body": body}
    return request if jsep is None else request | {"jsep": msgspec.to_builtins(jsep)}
