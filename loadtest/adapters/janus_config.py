"""The configuration folder of a Janus of our own: two variants, written to a temporary folder.

Source: the comments of Debian's /etc/janus/*.jcfg (package janus 1.1.2) and measurements of ours; the README says
which setting did what.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

LIBRARIES: Final = Path("/usr/lib/x86_64-linux-gnu/janus")
_KEPT_PLUGIN: Final = "libjanus_videoroom.so"
_KEPT_TRANSPORT: Final = "libjanus_websockets.so"

Value = str | int | bool
Section = Mapping[str, Value]


@dataclass(frozen=True)
class Variant:
    """A way to configure Janus: what is set beyond its defaults, and what its rooms are made with.

    Every variant has ICE-lite, so that the robots are the ones who choose the path, and one address. Neither is on
    the way of a media packet.
    """

    name: str
    general: Section = field(default_factory=dict)
    media: Section = field(default_factory=dict)
    room: Section = field(default_factory=dict)


AS_IT_COMES: Final = Variant("janus-default")
AT_ITS_BEST: Final = Variant(
    "janus-best",
    general={"event_loops": 1, "debug_level": 3},
    media={"no_media_timer": 0},
    room={
        "transport_wide_cc_ext": False,
        "videoorient_ext": False,
        "playoutdelay_ext": False,
        "audiolevel_ext": False,
    },
)


@dataclass(frozen=True)
class Place:
    """Where a Janus listens, and the secret that its API asks for."""

    folder: Path
    address: str
    port: int
    admin_port: int
    secret: str = field(repr=False)


def write(place: Place, variant: Variant) -> None:
    """Fill the configuration folder: WebSocket on loopback, media on one address, nothing else loaded."""
    files: dict[str, dict[str, Section]] = {
        "janus.jcfg": _core(place, variant),
        "janus.transport.websockets.jcfg": {
            "general": {"json": "compact", "ws": True, "ws_ip": "127.0.0.1", "ws_port": place.port, "wss": False},
            "admin": {
                "admin_ws": True,
                "admin_ws_ip": "127.0.0.1",
                "admin_ws_port": place.admin_port,
                "admin_wss": False,
            },
        },
        "janus.plugin.videoroom.jcfg": {"general": {"events": False}},
    }
    for name, sections in files.items():
        (place.folder / name).write_text(render(sections))


def render(sections: Mapping[str, Section]) -> str:
    """Write sections of settings in libconfig's notation."""
    lines = []
    for name, settings in sections.items():
        inside = "".join(f"\t{key} = {json.dumps(value)}\n" for key, value in settings.items())
        lines.append(f"{name}: {{\n{inside}}}\n")
    return "".join(lines)


def settings(variant: Variant) -> dict[str, Value]:
    """What a report has to say about a variant, as one flat table."""
    groups: dict[str, Section] = {
        "general": variant.general,
        "media": variant.media,
        "nat": {"ice_lite": True},
        "room": variant.room,
    }
    return {f"{group}.{key}": value for group, section in groups.items() for key, value in section.items()}


def _core(place: Place, variant: Variant) -> dict[str, Section]:
    general: dict[str, Value] = {
        "configs_folder": str(place.folder),
        "plugins_folder": str(LIBRARIES / "plugins"),
        "transports_folder": str(LIBRARIES / "transports"),
        "events_folder": str(place.folder),
        "loggers_folder": str(place.folder),
        "api_secret": place.secret,
        "admin_secret": place.secret,
        "debug_colors": False,
        # Without it a session ends after a minute in which nothing was asked.
        "session_timeout": 0,
    }
    return {
        "general": {**general, **variant.general},
        "media": {"ipv6": False, **variant.media},
        "nat": {"ice_lite": True, "ice_enforce_list": place.address, "nice_debug": False},
        "plugins": {"disable": _others("plugins", _KEPT_PLUGIN)},
        "transports": {"disable": _others("transports", _KEPT_TRANSPORT)},
        "events": {"broadcast": False},
    }


def _others(folder: str, kept: str) -> str:
    return ",".join(sorted(file.name for file in (LIBRARIES / folder).glob("*.so") if file.name != kept))
