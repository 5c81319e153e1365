"""Logs as JSON lines, with everything that could say who somebody is taken out last of all.

Three nets: by key (`display_name`, `sdp`, `remote_address`), by type (`Pii`, and every object that is not
plain data, whose repr nobody has checked), and by the look of a text (tokens, addresses, telephone and
national id numbers). A name inside a free text is caught by none of them: log events are fixed words, and
data goes into keys. Of an exception its kind and its places are told and never its text, which may quote what
somebody wrote: a library's at a request that it cannot read quotes the request.
"""

import ipaddress
import logging
import re
import sys
import traceback
from collections.abc import Iterable, Mapping, MutableMapping
from datetime import date
from enum import Enum
from typing import Any, Final, TextIO

import structlog

from bridge.rooms.model import Pii

REDACTED: Final = "[redacted]"
_OURS: Final = ("bridge", "signalling", "media", "transcode")
_MAX_DEPTH: Final = 6
_MAX_CAUSES: Final = 4
_MAX_PLACES: Final = 8
_SENSITIVE: Final = frozenset(
    {
        "addr",
        "address",
        "addresses",
        "answer",
        "authorization",
        "candidate",
        "candidates",
        "cookie",
        "email",
        "fnr",
        "fragment",
        "ip",
        "key",
        "keys",
        "link",
        "links",
        "mail",
        "name",
        "names",
        "offer",
        "password",
        "peer",
        "phone",
        "pin",
        "pwd",
        "reason",
        "remote",
        "resume",
        "sdp",
        "secret",
        "secrets",
        "tel",
        "telephone",
        "token",
        "tokens",
        "ufrag",
    }
)
_WORDS: Final = re.compile(r"[A-Z]?[a-z0-9]+|[A-Z]+(?![a-z])")
_LOOKS: Final = re.compile(
    r"eyJ[\w-]{4,}\.[\w-]+(?:\.[\w-]*)*"  # a JWT: its header always begins so
    r"|(?<![\w-])[\w-]{43}(?![\w-])"  # 256 bits in base64url: our secrets and keys
    r"|(?i:bearer)\s+\S+"
    r"|[\w.+-]+@[\w-]+\.[\w.-]+"
    r"|\+\d[\d ]{6,}\d"
    r"|\b\d{6} ?\d{5}\b"  # a Norwegian national id number
    r"|(?s:v=0\s.*)"  # an SDP to its end
    r"|a=(?:candidate|ice-\w+|fingerprint|crypto):.*",
    re.ASCII,
)
_ADDRESSES: Final = re.compile(
    r"(?<![\w.:])(?:\d{1,3}(?:\.\d{1,3}){3}|[0-9A-Fa-f]*:[0-9A-Fa-f:.]*:[0-9A-Fa-f.]*)(?![\w:])"
)


def redact(_logger: object, _method: str, event: Mapping[str, Any]) -> dict[str, Any]:
    """Give the log entry without personal data; a structlog processor, to stand just before the renderer."""
    return {str(key): _clean(value, str(key), 0) for key, value in event.items()}


def redact_text(text: str) -> str:
    """Give a text without tokens, keys, SDP, numbers of people, and addresses beyond loopback."""
    return _ADDRESSES.sub(_clean_address, _LOOKS.sub(REDACTED, text))


def tell_fault(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Put kinds and places of an exception and its causes in place of the exception; a structlog processor."""
    given = event.pop("exc_info", None)
    if isinstance(given, tuple):
        fault = given[1]
    else:
        fault = given if isinstance(given, BaseException) else sys.exc_info()[1] if given else None
    told: list[dict[str, Any]] = []
    while isinstance(fault, BaseException) and len(told) < _MAX_CAUSES:
        places = traceback.extract_tb(fault.__traceback__)[-_MAX_PLACES:]
        where = [f"{place.filename}:{place.lineno}:{place.name}" for place in places]
        told.append({"fault": type(fault).__qualname__, "where": where})
        fault = fault.__cause__ or (None if fault.__suppress_context__ else fault.__context__)
    if told:
        event["faults"] = told
    return event


def configure(
    level: str,
    form: str = "json",
    stream: TextIO | None = None,
) -> None:
    """Send structlog's and the standard library's logs to `stream` (default: standard error), redacted.

    `level` is "debug", "info", "warning" or "error", `form` "json" or "console" (for people at a terminal). It is
    that of our own code: below a warning libraries say anything, as of a database's statements their values.

    Logging belongs to the whole process, so this is called once, by the composition.
    """
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        tell_fault,
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
    )
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(_formatter(shared, form))
    logging.basicConfig(
        level=max(logging.WARNING, logging.getLevelName(level.upper())), handlers=[handler], force=True
    )
    for package in _OURS:
        logging.getLogger(package).setLevel(level.upper())


def _formatter(shared: list[Any], form: str) -> logging.Formatter:
    renderer: Any = structlog.processors.JSONRenderer(ensure_ascii=False)
    if form == "console":
        plain = structlog.dev.plain_traceback
        renderer = structlog.dev.ConsoleRenderer(colors=False, exception_formatter=plain)
    remove = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    return structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=[remove, redact, renderer])


def _clean(value: object, key: str, depth: int) -> object:
    # Whether there is a token or a name says nothing about whom it belongs to.
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, Pii) or _sensitive(key):
        return REDACTED
    return _clean_plain(value, key, depth)


def _clean_plain(value: object, key: str, depth: int) -> object:
    if isinstance(value, Enum):
        value = value.value
    if isinstance(value, Mapping | list | tuple | set | frozenset) and depth < _MAX_DEPTH:
        return _clean_parts(value, key, depth + 1)
    match value:
        case int() | float():
            return value
        case str():
            return redact_text(value)
        case date():
            return value.isoformat()
        case BaseException():
            return type(value).__name__
    # Its repr may hold anything, a participant's name for one.
    return f"[{type(value).__name__}]"


def _clean_parts(value: Mapping[Any, Any] | Iterable[Any], key: str, depth: int) -> object:
    if isinstance(value, Mapping):
        return {redact_text(str(name)): _clean(part, str(name), depth) for name, part in value.items()}
    return [_clean(part, key, depth) for part in value]


def _sensitive(key: str) -> bool:
    return any(word.lower() in _SENSITIVE for word in _WORDS.findall(key))


def _clean_address(found: re.Match[str]) -> str:
    text = found.group()
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return text
    return text if address.is_loopback or address.is_unspecified else REDACTED
