"""Logs: whatever is handed to them, no token, name, number or address comes out."""

import io
import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from bridge.auth.links import LinkKey, LinkSigner
from bridge.ops.logs import REDACTED, configure, redact, redact_text
from bridge.rooms.model import Pii, Role

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
# Of the form of `bridge.auth.secrets.new_secret`, and the same in every run, so that a test has one name.
SECRET = "TJVxW7b1vk8MRcGBpfeqcmDf7iKRp7KMgyoPgF8xMrA"  # noqa: S105 - opens nothing
TOKEN = LinkSigner([LinkKey(b"k" * 32)], "here").sign("r_1", "i_1", NOW + timedelta(hours=1))


def _cleaned(**event: object) -> dict[str, Any]:
    return redact(None, "info", event)


@pytest.mark.parametrize(
    "key",
    ["name", "display_name", "displayName", "room_name", "token", "api-token", "sdp", "remote_ip", "ip",
     "address", "clientAddress", "phone", "telephone_number", "resume", "Authorization", "join_link",
     "reason", "ICEPwd"],
)  # fmt: skip
@pytest.mark.parametrize("value", ["plain", 4790000000, ["plain"], {"a": "plain"}, b"plain"], ids=str)
def test_keys_that_name_personal_data_are_redacted(key: str, value: object) -> None:
    """Whatever stands under such a key is gone, nested or not."""
    assert _cleaned(**{key: value}) == {key: REDACTED}
    assert _cleaned(outer=[{key: value}]) == {"outer": [{key: REDACTED}]}


@pytest.mark.parametrize(
    "text",
    [TOKEN, SECRET, "192.0.2.7", "2001:db8::7", "::ffff:192.0.2.7", "+47 900 00 000", "+4790000000",
     "01017012345", "010170 12345", "somebody@example.org", "Bearer abc.def", "a=ice-pwd:secretsecret"],
)  # fmt: skip
@pytest.mark.parametrize("frame", ["{}", "peer {} went away", "({})", "at={},", "https://here/join#{}"])
def test_texts_that_look_like_personal_data_are_redacted(text: str, frame: str) -> None:
    """Tokens, secrets, addresses and numbers of people are taken out of any text, and the rest stays."""
    cleaned = redact_text(frame.format(text))
    assert text not in cleaned
    assert REDACTED in cleaned
    assert cleaned.startswith(frame.split("{", maxsplit=1)[0])


def test_an_sdp_is_taken_out_to_its_end() -> None:
    """An SDP under a harmless key, or in a message, leaves nothing of itself."""
    sdp = "v=0\r\no=- 1 1 IN IP4 192.0.2.7\r\ns=-\r\na=candidate:1 1 udp 1 192.0.2.7 5000 typ host\r\n"
    assert _cleaned(detail=f"got {sdp}") == {"detail": f"got {REDACTED}"}


def test_harmless_entries_stay_as_they_are() -> None:
    """Ids, codes, counts, times, loopback addresses and versions can be read."""
    entry = {
        "event": "admitted on 127.0.0.1:8080 and ::1 at 12:30:45",
        "room": "r_8Vd0Yw3kq1uQm2rXc5n7Zg",
        "code": "not_host",
        "count": 12345678901,
        "ratio": 0.5,
        "host": True,
        "token": None,
        "version": "1.2.3",
        "digest": "0" * 64,
    }
    assert redact(None, "info", entry) == entry
    assert _cleaned(at=NOW, role=Role.DOCTOR) == {"at": "2026-03-02T09:00:00+00:00", "role": "doctor"}


def test_objects_of_unknown_content_show_their_class_only() -> None:
    """A dataclass that holds a name, wherever it is put, is no more than its class."""

    @dataclass
    class Participant:
        name: str

    person = Participant("Kari")
    assert _cleaned(who=person, many=[person], pii=Pii("Kari"), raw=b"Kari") == {
        "who": "[Participant]",
        "many": ["[Participant]"],
        "pii": REDACTED,
        "raw": "[bytes]",
    }
    assert _cleaned(problem=ValueError("no route to Kari")) == {"problem": "ValueError"}


@given(
    st.recursive(
        st.just(TOKEN) | st.just(Pii("Kari")), lambda part: st.lists(part) | st.dictionaries(st.text(), part)
    )
)
def test_no_nesting_hides_anything(value: object) -> None:
    """However deep a token or a name is put, it does not come out, and the result is JSON."""
    text = json.dumps(_cleaned(value=value))
    assert TOKEN not in text
    assert "Kari" not in text


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """Send the process's logs into a text, and put logging back afterwards."""
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    root.handlers = []  # not closed: they belong to pytest
    stream = io.StringIO()
    configure("info", "json", stream)
    yield stream
    structlog.reset_defaults()
    root.handlers = before
    root.setLevel(level)


def test_each_entry_is_one_line_of_json(lines: io.StringIO) -> None:
    """An entry has its event, level, logger and time in UTC, and its own data."""
    structlog.get_logger("bridge.app").info("admitted", room="r_1", display_name="Kari")
    (line,) = lines.getvalue().splitlines()
    entry = json.loads(line)
    assert datetime.fromisoformat(entry.pop("timestamp")).tzinfo is not None
    assert entry == {
        "event": "admitted",
        "level": "info",
        "logger": "bridge.app",
        "room": "r_1",
        "display_name": REDACTED,
    }


def test_the_standard_librarys_logs_go_the_same_way(lines: io.StringIO) -> None:
    """A library's message is JSON too, and what it says of an address is taken out."""
    logging.getLogger("aiohttp.server").warning("bad request from %s", "192.0.2.7")
    entry = json.loads(lines.getvalue())
    assert entry["event"] == f"bad request from {REDACTED}"
    assert entry["logger"] == "aiohttp.server"


def test_of_an_exception_its_kind_and_place_are_told(lines: io.StringIO) -> None:
    """And nothing of its text, or of its causes', which may quote what somebody wrote."""
    try:
        try:
            int("Kari")
        except ValueError as error:
            raise LookupError("Kari") from error
    except LookupError as error:
        structlog.get_logger("bridge").exception("failed")
        logging.getLogger("aiohttp.server").exception("failed")
        structlog.get_logger("bridge").error("failed", exc_info=error)
    structlog.get_logger("bridge").error("failed", exc_info=True)
    assert "Kari" not in lines.getvalue()
    *told, without = [json.loads(line).get("faults") for line in lines.getvalue().splitlines()]
    assert [[one["fault"] for one in faults] for faults in told] == [["LookupError", "ValueError"]] * 3
    assert all("test_logs_hold_nobody.py" in place for one in told for place in one[0]["where"])
    assert without is None


def test_the_level_holds(lines: io.StringIO) -> None:
    """Entries below the level do not come out."""
    structlog.get_logger("bridge").debug("chatter")
    assert lines.getvalue() == ""


def test_the_console_form_is_redacted_as_well(lines: io.StringIO) -> None:
    """The form for people at a terminal goes through the same nets."""
    stream = io.StringIO()
    configure("info", "console", stream)
    structlog.get_logger("bridge").info("joined", name="Kari", room="r_1")
    structlog.get_logger("bridge").error("failed", exc_info=ValueError("Kari"))
    assert "r_1" in stream.getvalue()
    assert "ValueError" in stream.getvalue()
    assert "Kari" not in stream.getvalue()
    assert lines.getvalue() == ""
