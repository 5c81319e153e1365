"""Join links: what the bridge signed comes back as it was, everything else is refused with its code."""

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from bridge.auth.errors import LinkExpired, LinkInvalid
from bridge.auth.links import LinkClaims, LinkKey, LinkSigner

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
LATER = NOW + timedelta(minutes=30)
KEY = LinkKey(b"\x01" * 32)
OTHER_KEY = LinkKey(b"\x02" * 32)
SIGNER = LinkSigner([KEY], "https://bridge.test")
TOKEN = SIGNER.sign("r_room", "i_invitation", LATER)
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.=+/ \n%"


def _forge(header: object, claims: object, key: bytes = KEY.material, digest: str = "sha256") -> str:
    """Make a token by hand, correctly signed by `key` whatever it says."""
    parts = [
        base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in (header, claims)
    ]
    mac = hmac.digest(key, ".".join(parts).encode(), digest)
    return ".".join([*parts, base64.urlsafe_b64encode(mac).rstrip(b"=").decode()])


def _header(**changes: object) -> dict[str, object]:
    return {"alg": "HS256", "typ": "JWT", "kid": KEY.kid} | changes


def _claims(**changes: object) -> dict[str, object]:
    claims = {
        "purpose": "join",
        "room": "r_room",
        "invitation": "i_invitation",
        "exp": int(LATER.timestamp()),
        "aud": "https://bridge.test",
    }
    return {name: value for name, value in (claims | changes).items() if value is not None}


@given(
    st.from_regex(r"r_[A-Za-z0-9_-]{1,22}", fullmatch=True),
    st.from_regex(r"i_[A-Za-z0-9_-]{1,22}", fullmatch=True),
    st.integers(0, 10**6),
)
def test_a_signed_link_comes_back_as_it_was(room: str, invitation: str, seconds: int) -> None:
    """A link says what was signed until its time, in whole seconds."""
    end = NOW + timedelta(seconds=seconds)
    assert SIGNER.verify(SIGNER.sign(room, invitation, end), NOW) == LinkClaims(room, invitation, end)


def test_a_hand_made_token_of_the_same_form_is_accepted() -> None:
    """The forger of these tests makes valid tokens, so that refusals are for the reason under test."""
    assert SIGNER.verify(_forge(_header(), _claims()), NOW).room == "r_room"


def test_a_link_ends_after_its_last_second() -> None:
    """A link is good at its end, and expired just after it."""
    assert SIGNER.verify(TOKEN, LATER).invitation == "i_invitation"
    with pytest.raises(LinkExpired) as refusal:
        SIGNER.verify(TOKEN, LATER + timedelta(microseconds=1))
    assert refusal.value.code == "link_expired"


@given(st.integers(0, len(TOKEN) - 1), st.sampled_from(ALPHABET))
def test_any_changed_character_is_refused(place: int, character: str) -> None:
    """No single character can be replaced, not even one whose spare bits a lax decoder ignores."""
    assume(TOKEN[place] != character)
    with pytest.raises(LinkInvalid):
        SIGNER.verify(TOKEN[:place] + character + TOKEN[place + 1 :], NOW)


def test_every_last_character_but_the_true_one_is_refused() -> None:
    """The signature's last character has two spare bits, and all four spellings but one are refused."""
    accepted = []
    for character in ALPHABET:
        try:
            SIGNER.verify(TOKEN[:-1] + character, NOW)
            accepted.append(character)
        except LinkInvalid:
            pass
    assert accepted == [TOKEN[-1]]


@given(st.integers(0, len(TOKEN)), st.text(ALPHABET, min_size=1, max_size=6))
def test_any_inserted_text_is_refused(place: int, text: str) -> None:
    """Nothing can be put into a token, in front of it or behind it."""
    with pytest.raises(LinkInvalid):
        SIGNER.verify(TOKEN[:place] + text + TOKEN[place:], NOW)


@given(st.integers(0, len(TOKEN) - 1), st.integers(1, len(TOKEN)))
def test_any_missing_text_is_refused(start: int, length: int) -> None:
    """A token with a piece cut out is refused."""
    with pytest.raises(LinkInvalid):
        SIGNER.verify(TOKEN[:start] + TOKEN[start + length :], NOW)


@given(st.text() | st.text(ALPHABET, max_size=300))
def test_arbitrary_text_is_only_ever_invalid(text: str) -> None:
    """Whatever comes instead of a token, the answer is LinkInvalid and no other exception."""
    with pytest.raises(LinkInvalid) as refusal:
        SIGNER.verify(text, NOW)
    assert refusal.value.code == "link_invalid"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(JSON, JSON, st.booleans())
def test_correctly_signed_nonsense_is_only_ever_invalid(header: object, claims: object, named: bool) -> None:  # noqa: FBT001
    """Even with the right key, a token of another shape is refused in the same way."""
    if named:
        header = _header(x=header)
    with pytest.raises(LinkInvalid):
        SIGNER.verify(_forge(header, claims), NOW)


@pytest.mark.parametrize(
    "changes",
    [
        {"purpose": "record"},
        {"purpose": None},
        {"aud": "https://elsewhere.test"},
        {"aud": ["https://bridge.test"]},
        {"aud": None},
        {"exp": None},
        {"exp": str(int(LATER.timestamp()))},
        {"exp": LATER.timestamp() + 0.5},
        {"exp": 10**30},
        {"exp": True},
        {"room": 7},
        {"invitation": None},
        {"name": "a claim that the bridge never makes"},
    ],
    ids=str,
)
def test_claims_of_another_meaning_are_refused(changes: dict[str, object]) -> None:
    """Purpose, audience, end, room and invitation must all be there, of the right type, and nothing else."""
    with pytest.raises(LinkInvalid):
        SIGNER.verify(_forge(_header(), _claims(**changes)), NOW)


@pytest.mark.parametrize(
    ("header", "digest"),
    [
        ({"alg": "none"}, "sha256"),
        ({"alg": "HS512"}, "sha512"),
        ({"alg": "HS384"}, "sha384"),
        ({"kid": OTHER_KEY.kid}, "sha256"),
        ({"kid": None}, "sha256"),
        ({"crit": ["b64"], "b64": False}, "sha256"),
    ],
    ids=str,
)
def test_the_algorithm_and_the_key_are_not_the_tokens_choice(header: dict[str, object], digest: str) -> None:
    """A token that asks for another algorithm, another key or another encoding is refused."""
    with pytest.raises(LinkInvalid):
        SIGNER.verify(_forge(_header(**header), _claims(), digest=digest), NOW)


def test_an_unsigned_token_is_refused() -> None:
    """A token of algorithm none with an empty signature is refused."""
    head, body, _ = _forge(_header(alg="none"), _claims()).split(".")
    with pytest.raises(LinkInvalid):
        SIGNER.verify(f"{head}.{body}.", NOW)


def test_a_forged_and_expired_link_is_called_invalid() -> None:
    """Only genuine links are told that they expired."""
    with pytest.raises(LinkInvalid):
        SIGNER.verify(_forge(_header(), _claims(), key=b"\x09" * 32), LATER + timedelta(days=1))


def test_links_survive_a_key_rotation_until_the_old_key_goes() -> None:
    """With a new key in front the old links still work; without the old key they do not."""
    both = LinkSigner([OTHER_KEY, KEY], "https://bridge.test")
    new = LinkSigner([OTHER_KEY], "https://bridge.test")
    assert both.verify(TOKEN, NOW).room == "r_room"
    assert new.verify(both.sign("r_new", "i_new", LATER), NOW).room == "r_new"
    with pytest.raises(LinkInvalid):
        new.verify(TOKEN, NOW)


def test_a_token_holds_only_ids_and_times() -> None:
    """What anybody can read in a link is exactly the claims of the contract."""
    body = TOKEN.split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    assert claims == _claims()


def test_keys_do_not_show_in_their_repr() -> None:
    """A key that reaches a log by accident shows nothing, and its id is a one-way hash."""
    assert "\\x01" not in repr(KEY)
    assert hashlib.sha256(KEY.material).hexdigest()[:8] not in KEY.kid
