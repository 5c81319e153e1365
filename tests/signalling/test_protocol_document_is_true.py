"""`PROTOCOL.md` is read as data, and held to the schemas."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest

import signalling
from bridge.app.presence import AWAY_AFTER, CALL_AWAY_AFTER, PROBED_AFTER
from bridge.compose import GRACE_SECONDS, LEG_SECONDS
from signalling import messages as m
from signalling.errors import Code
from signalling.session import Limits
from signalling.web.openapi import OPERATIONS
from signalling.web.server import WebConfig

TEXT = (Path(signalling.__file__).parent / "PROTOCOL.md").read_text()
CLIENT, SERVER = get_args(m.ClientMessage), get_args(m.ServerMessage)
MESSAGES = [*CLIENT, *SERVER]


def chapter(number: int) -> str:
    """Return the text of `## number.` up to the next chapter."""
    return re.split(r"^## \d+\..*$", TEXT, flags=re.MULTILINE)[number]


def sections(text: str) -> dict[str, str]:
    """Return the `### ` sections of a chapter by the message that they describe."""
    found = re.split(r"^### `(\w+)`$", text, flags=re.MULTILINE)[1:]
    return dict(zip(found[::2], found[1::2], strict=True))


def rows(text: str) -> dict[str, str]:
    """Return the table rows that begin with a word in backticks, by that word."""
    return dict(re.findall(r"^\| `(\w+)` (\|.*)$", text, flags=re.MULTILINE))


def examples(text: str) -> list[tuple[str, str]]:
    """Return every JSON example with the struct named after its fence."""
    return re.findall(r"^```json ?(\w*)\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)


def tag(kind: type[m.Wire]) -> str:
    """Return the wire type of a message's struct."""
    return str(kind.__struct_config__.tag)


@pytest.mark.parametrize(("number", "kinds"), [(3, CLIENT), (4, SERVER)])
def test_each_message_is_described_where_it_belongs(number: int, kinds: tuple[type[m.Wire], ...]) -> None:
    """The chapters of client and bridge messages describe exactly those that exist, in their order."""
    assert list(sections(chapter(number))) == [tag(kind) for kind in kinds]


@pytest.mark.parametrize("kind", MESSAGES, ids=tag)
def test_fields_and_limits_are_listed(kind: type[m.Wire]) -> None:
    """A message's table has exactly its fields, with the schema's length limits and nullability."""
    table = rows(sections(chapter(3) + chapter(4))[tag(kind)])
    assert set(table) == set(kind.__struct_fields__)
    _, components = msgspec.json.schema_components([kind])
    for name, schema in components[kind.__name__]["properties"].items():
        if name in table:
            _check_row(table[name], schema, components)


def _check_row(row: str, schema: dict[str, Any], components: dict[str, Any]) -> None:
    choices = schema.get("anyOf", [schema])
    assert ({"type": "null"} in choices) == ("or null" in row.split("|")[1])
    for choice in choices:
        if "maxLength" in choice:
            assert str(choice["maxLength"]) in row or row.startswith("| id")
        _check_parts(row, choice, components)


def _check_parts(row: str, choice: dict[str, Any], components: dict[str, Any]) -> None:
    reference = choice.get("items", choice).get("$ref", "")
    part = components.get(reference.removeprefix("#/$defs/"), {})
    for name, schema in part.get("properties", {}).items():
        assert f"`{name}`" in row
        for choice_of_part in schema.get("anyOf", [schema]):
            _check_parts(row, choice_of_part, components)


@pytest.mark.parametrize("kind", MESSAGES, ids=tag)
def test_examples_of_a_message_are_valid(kind: type[m.Wire]) -> None:
    """Every message has an example that decodes to it, with all its fields written out."""
    found = examples(sections(chapter(3) + chapter(4))[tag(kind)])
    assert found
    for _, text in found:
        decoded = (m.decode_client if kind in CLIENT else m.decode_server)(text)
        assert type(decoded) is kind
        assert set(json.loads(text)) - {"type"} == set(kind.__struct_fields__)


def test_examples_of_rest_bodies_are_valid() -> None:
    """Every REST example decodes as the struct that its fence names."""
    found = examples(chapter(9))
    assert [name for name, _ in found] == [
        "Launch",
        "CreateRoom",
        "RoomInfo",
        "CreateInvitation",
        "NewTime",
        "InvitationInfo",
        "Attendance",
        "Usage",
        "ErrorInfo",
    ]
    for name, text in found:
        m.decode_body(text.encode(), getattr(m, name))
    assert len(found) + len(examples(chapter(3))) + len(examples(chapter(4))) == len(examples(TEXT))


def test_every_code_is_explained() -> None:
    """The table of codes has exactly the codes that exist."""
    assert list(rows(chapter(8))) == [code.value for code in Code]


def test_every_rest_resource_is_listed() -> None:
    """The table of requests has exactly the operations of the OpenAPI document, the socket excepted."""
    listed = set(re.findall(r"^\| `([A-Z]+ /\S+)` \|", chapter(9), flags=re.MULTILINE))
    assert listed == {f"{o.method.upper()} {o.path}" for o in OPERATIONS if o.path != "/api/v1/ws"}


def test_numbers_in_the_prose_are_the_defaults() -> None:
    """Limits that the prose states are those that the code has."""
    limits, config = Limits(), WebConfig()
    prose = " ".join(TEXT.split())
    for claim in (
        f"within {limits.join_seconds:.0f} s (`join_timeout`)",
        f"at most {m.MAX_MESSAGE_BYTES} bytes",
        f"Up to {limits.messages_per_second:.0f} messages a second are taken",
        f"with bursts of {limits.burst:.0f};",
        f"a ping every {config.heartbeat_seconds:.0f} s",
        f"does not answer the former within {config.heartbeat_seconds / 2:.1f} s,",
        f"nothing comes for {PROBED_AFTER:.0f} s, on the socket",
        f"of whom nothing comes for {GRACE_SECONDS:.0f} s, is taken for lost",
        f"nothing has come for {AWAY_AFTER:.0f} s the roster says",
        f"after {GRACE_SECONDS:.0f} s the bridge closes",
        f"without `leave` has {GRACE_SECONDS:.0f} s",
        f"Their leg is kept for {LEG_SECONDS:.0f} s more",
        f"nothing has come for {CALL_AWAY_AFTER:.0f} s the roster says the same",
        f"a queue of {config.queue_messages} messages",
        f"from 0 to {2**31} that",
        f"at most {m.MAX_BODY_BYTES} bytes in",
        f"protocol, version {m.PROTOCOL_VERSION}",
    ):
        assert claim in prose
    assert limits.bad_message_cost == 10
    properties = msgspec.json.schema_components([m.CreateRoom, m.CreateInvitation])[1]
    seats = properties["CreateRoom"]["properties"]["max_participants"]
    minutes = properties["CreateInvitation"]["properties"]["valid_minutes"]
    for name, field in (("max_participants", seats), ("valid_minutes", minutes)):
        assert f"`{name}` is {field['minimum']} to {field['maximum']} and {field['default']} by default" in prose


def test_every_role_is_named() -> None:
    """The roles that a link can carry are all listed."""
    row = rows(sections(chapter(3))["invite"])["role"]
    assert set(re.findall(r"`(\w+)`", row)) == {role.value for role in m.Role}
