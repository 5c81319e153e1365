"""What is told of events, how it is signed, and when it is tried again."""

import json
import types
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Union, get_args, get_origin, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook, WebhookVerificationError

from bridge.integration.webhooks import payload
from bridge.integration.webhooks.retry import FIRST, GIVEN_UP_AFTER, LONGEST, next_try
from bridge.integration.webhooks.signing import Secret, SecretError, headers, new_secret
from bridge.rooms import events as ev
from bridge.rooms.model import (
    Actor,
    Assurance,
    ByParticipant,
    Identity,
    Office,
    ParticipantId,
    Pii,
    PinDigest,
    ResumeHash,
    RoomNumber,
    SubjectDigest,
    System,
)

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
PLANTED = "Ola Nordmann 01017012345"
SECRET_TYPES = (ResumeHash, PinDigest, RoomNumber, SubjectDigest)
IDENTITY = Identity(
    assurance=Assurance.HIGH, provider="idporten", subject=SubjectDigest(PLANTED), organisation=PLANTED
)


def example(kind: Any) -> Any:
    """A value of a type: something about a person, or a secret, wherever there could be one."""
    if kind == Actor:
        return ByParticipant(ParticipantId("p_actor"))
    if get_origin(kind) in (Union, types.UnionType):
        return example(next(one for one in get_args(kind) if one is not type(None)))
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return next(iter(kind))
    made = {Pii: Pii(PLANTED), datetime: NOW, bool: True, int: 7, Identity: IDENTITY, str: PLANTED}
    if kind in made:
        return made[kind]
    supertype = getattr(kind, "__supertype__", None)
    if kind in SECRET_TYPES or supertype is None:
        return PLANTED
    return f"x_{kind.__name__}" if supertype is str else 7


def made(kind: type[ev.Event]) -> ev.Event:
    """One event of a kind."""
    return kind(**{name: example(hint) for name, hint in get_type_hints(kind).items()})


@pytest.mark.parametrize("kind", get_args(ev.Event), ids=lambda kind: kind.__name__)
def test_nobody_is_named(kind: type[ev.Event]) -> None:
    """Of each event there is type, time, room and who did it, and nothing that could be a name or a secret."""
    text = payload.body(made(kind), 7)
    told = json.loads(text)
    assert PLANTED not in text
    assert "Nordmann" not in text
    assert told["type"] == payload.type_of(kind)
    assert told["timestamp"] == "2026-03-02T09:00:00Z"
    assert (told["data"]["room"], told["data"]["revision"], told["data"]["by"]) == ("x_RoomId", 7, "p_actor")
    assert set(told["data"]) <= {"room", "revision", "by", "assurance", "provider", *payload.TOLD}


def test_types_are_words_with_a_full_stop() -> None:
    """As the standard has them, and each its own."""
    kinds = [payload.type_of(kind) for kind in get_args(ev.Event)]
    assert len(kinds) == len(set(kinds))
    assert {"room.created", "room.invited", "room.admitted", "room.host_taken", "room.ended"} <= set(kinds)


def test_offices_are_words() -> None:
    """What nobody in the room did, an office did."""
    ended = ev.RoomEnded(room="r_a", at=NOW, by=System(Office.ADMINISTRATION))
    assert json.loads(payload.body(ended, 3))["data"] == {"room": "r_a", "revision": 3, "by": "administration"}


def test_a_library_of_others_verifies_it() -> None:
    """Each secret's holder finds a signature of theirs; a changed body, id or secret has none."""
    mine, other, stranger = new_secret(), new_secret(), new_secret()
    body = payload.body(made(ev.Admitted), 7).encode()
    at = int(datetime.now(UTC).timestamp())
    sent = headers([Secret.read(mine), Secret.read(other)], "r_a_7", at, body)
    for secret in (mine, other):
        assert Webhook(secret).verify(body, sent)["type"] == "room.admitted"
    for secret, text, changed in (
        (stranger, body, sent),
        (mine, body.replace(b"7", b"8"), sent),
        (mine, body, {**sent, "webhook-id": "r_a_8"}),
        (mine, body, {**sent, "webhook-timestamp": str(at - 1)}),
    ):
        with pytest.raises(WebhookVerificationError):
            Webhook(secret).verify(text, changed)


@pytest.mark.parametrize("key", ["", "!!!!", "YWJj", "QUFB" * 40])
def test_what_is_no_secret_is_refused_unquoted(key: str) -> None:
    """Too short, too long, not base64, or without its prefix."""
    for text in (f"whsec_{key}", "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0"):
        with pytest.raises(SecretError) as raised:
            Secret.read(text)
        assert not key or key not in str(raised.value)


@given(tries=st.integers(1, 10_000), age=st.integers(0, 86_400), chance=st.floats(0, 1))
def test_waits_grow_and_end(tries: int, age: int, chance: float) -> None:
    """A wait is never longer than an hour nor shorter than 3.75 s, and none leads beyond a day."""
    now = NOW + timedelta(seconds=age)
    at = next_try(tries, NOW, now, chance)
    if at is not None:
        assert FIRST * 0.75 <= at - now <= LONGEST
        assert at - NOW <= GIVEN_UP_AFTER
    else:
        assert now + LONGEST > NOW + GIVEN_UP_AFTER


def test_a_day_of_failures_is_a_few_dozen_attempts() -> None:
    """From 5 s on the wait doubles; after a day of it the letter is given up."""
    now, waits = NOW, []
    while (at := next_try(len(waits) + 1, NOW, now, 0.0)) is not None:
        waits.append((at - now).total_seconds())
        now = at
    assert waits[:4] == [5, 10, 20, 40]
    assert 30 < len(waits) < 40
