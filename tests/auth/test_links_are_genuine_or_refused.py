"""Join links: what the bridge signed comes back as it was, everything else is refused with its code."""

import base64
import hashlib
import hmac
import json
import secrets
import struct
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from bridge.app.ids import ID_BYTES
from bridge.auth import links
from bridge.auth.claims import LinkClaims
from bridge.auth.errors import KeyFileError, LinkExpired, LinkInvalid
from bridge.auth.links import KID_CHARS, PURPOSE, LinkKey, LinkSigner

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
LATER = NOW + timedelta(minutes=30)
KEY = LinkKey(b"\x01" * 32)
OTHER_KEY = LinkKey(b"\x02" * 32)
ADDRESS = "https://bridge.test"
SIGNER = LinkSigner([KEY], ADDRESS)
TOKEN = SIGNER.sign("r_room", "i_invitation", LATER)
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.=+/ \n%"


def _derived(material: bytes, info: bytes) -> bytes:
    """HKDF-SHA256 (RFC 5869) for 32 bytes without salt, written out."""
    extracted = hmac.digest(bytes(32), material, "sha256")
    return hmac.digest(extracted, info + b"\x01", "sha256")


SIGNING = _derived(KEY.material, PURPOSE + b"\0" + ADDRESS.encode())


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _json(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _kid(key: bytes) -> str:
    thumbprint = hashlib.sha256(_json({"k": _base64(key), "kty": "oct"})).digest()  # RFC 7638
    return _base64(thumbprint)[:KID_CHARS]


def _header(**changes: object) -> bytes:
    header = {"alg": "HS256", "kid": _kid(SIGNING)} | changes
    return _json({name: value for name, value in header.items() if value is not None})


def _payload(room: bytes = b"room", invitation: bytes = b"invitation", end: datetime = LATER) -> bytes:
    return struct.pack(">IB", int(end.timestamp()), len(room)) + room + invitation


def _forge(header: bytes, payload: bytes, key: bytes = SIGNING, digest: str = "sha256") -> str:
    """Make a token by hand, correctly signed by `key` whatever it says."""
    head_and_body = f"{_base64(header)}.{_base64(payload)}"
    return f"{head_and_body}.{_base64(hmac.digest(key, head_and_body.encode(), digest))}"


@given(
    st.from_regex(r"r_[A-Za-z0-9_-]{1,40}", fullmatch=True),
    st.from_regex(r"i_[A-Za-z0-9_-]{1,40}", fullmatch=True),
    st.integers(0, 10**6),
)
def test_a_signed_link_comes_back_as_it_was(room: str, invitation: str, seconds: int) -> None:
    """A link says what was signed until its time, in whole seconds."""
    end = NOW + timedelta(seconds=seconds)
    assert SIGNER.verify(SIGNER.sign(room, invitation, end), NOW) == LinkClaims(room, invitation, end)


def test_a_hand_made_token_of_the_same_form_is_accepted() -> None:
    """The forger of these tests makes valid tokens, so that refusals are for the reason under test."""
    assert _forge(_header(), _payload()) == TOKEN
    assert SIGNER.verify(TOKEN, NOW) == LinkClaims("r_room", "i_invitation", LATER)


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


@given(st.binary(max_size=60), st.binary(max_size=60), st.booleans())
def test_correctly_signed_nonsense_is_only_ever_invalid(header: bytes, payload: bytes, named: bool) -> None:  # noqa: FBT001
    """Even with the right key, a token of another shape is refused in the same way."""
    head = _header() if named else header
    try:
        claims = SIGNER.verify(_forge(head, payload), NOW)
    except (LinkInvalid, LinkExpired):
        return
    assert named
    room, invitation = claims.room.removeprefix("r_"), claims.invitation.removeprefix("i_")
    assert _payload(room.encode(), invitation.encode(), claims.expires_at) == payload


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        _payload()[:4],
        _payload(room=b""),
        _payload(invitation=b""),
        _payload(room=b"room" * 11),
        _payload(invitation=b"i" * 41),
        _payload(room=b"ro m"),
        _payload(invitation=b"invit\n"),
        _payload(room="r\u00f8m".encode()),
        _payload()[:4] + b"\xff" + _payload()[5:],
        _payload()[:4] + b"\x00" + _payload()[5:],
        _json({"purpose": "join", "room": "r_room", "invitation": "i_invitation", "exp": 2_000_000_000}),
    ],
    ids=range(12),
)
def test_what_no_link_says_is_refused(payload: bytes) -> None:
    """End, room and invitation must all be there and be ids, however genuine the signature."""
    with pytest.raises(LinkInvalid):
        SIGNER.verify(_forge(_header(), payload), NOW)


@pytest.mark.parametrize(
    "info",
    [
        b"brotjeneste record link 1\0" + ADDRESS.encode(),
        PURPOSE + b"\0https://elsewhere.test",
        PURPOSE + b"\0",
        PURPOSE + ADDRESS.encode(),
        b"",
    ],
    ids=range(5),
)
def test_what_was_signed_for_another_purpose_or_address_is_refused(info: bytes) -> None:
    """What the same secret signs for anything else is no link here, whichever key the token names."""
    key = _derived(KEY.material, info)
    for kid in (_kid(key), _kid(SIGNING)):
        with pytest.raises(LinkInvalid):
            SIGNER.verify(_forge(_header(kid=kid), _payload(), key), NOW)
    with pytest.raises(LinkInvalid):
        LinkSigner([KEY], "https://elsewhere.test").verify(TOKEN, NOW)


def test_the_secret_of_the_key_file_signs_nothing_itself() -> None:
    """A token signed by the bare secret is refused."""
    for kid in (_kid(KEY.material), _kid(SIGNING)):
        with pytest.raises(LinkInvalid):
            SIGNER.verify(_forge(_header(kid=kid), _payload(), KEY.material), NOW)


@pytest.mark.parametrize(
    ("header", "digest"),
    [
        (_header(alg="none"), "sha256"),
        (_header(alg="HS512"), "sha512"),
        (_header(alg="HS384"), "sha384"),
        (_header(kid=_kid(OTHER_KEY.material)), "sha256"),
        (_header(kid=None), "sha256"),
        (_header(crit=["b64"], b64=False), "sha256"),
        (_header(typ="JWT"), "sha256"),
        (_header().replace(b":", b": "), "sha256"),
        (_header().replace(b"HS256", b"\\u0048S256"), "sha256"),
    ],
    ids=range(9),
)
def test_the_algorithm_and_the_key_are_not_the_tokens_choice(header: bytes, digest: str) -> None:
    """A token that asks for another algorithm, key or encoding, or says the right ones otherwise, is refused."""
    with pytest.raises(LinkInvalid):
        SIGNER.verify(_forge(header, _payload(), digest=digest), NOW)


def test_an_unsigned_token_is_refused() -> None:
    """A token of algorithm none with an empty signature is refused."""
    for header in (_header(alg="none"), _header()):
        head, body, _ = _forge(header, _payload()).split(".")
        with pytest.raises(LinkInvalid):
            SIGNER.verify(f"{head}.{body}.", NOW)


def test_a_forged_and_expired_link_is_called_invalid() -> None:
    """Only genuine links are told that they expired."""
    with pytest.raises(LinkInvalid):
        SIGNER.verify(_forge(_header(), _payload(), key=b"\x09" * 32), LATER + timedelta(days=1))


def test_links_survive_a_key_rotation_until_the_old_key_goes() -> None:
    """With a new key in front the old links still work; without the old key they do not."""
    both = LinkSigner([OTHER_KEY, KEY], ADDRESS)
    new = LinkSigner([OTHER_KEY], ADDRESS)
    assert both.verify(TOKEN, NOW).room == "r_room"
    assert new.verify(both.sign("r_new", "i_new", LATER), NOW).room == "r_new"
    with pytest.raises(LinkInvalid):
        new.verify(TOKEN, NOW)


def test_a_token_holds_only_ids_and_times() -> None:
    """What anybody can read in a link is its end and two ids."""
    body = TOKEN.split(".")[1]
    assert base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)) == _payload()


def test_a_link_fits_one_sms() -> None:
    """With the ids that the bridge makes and a host of 20 characters it has at most 160 (GSM 03.38, one part)."""
    room, invitation = (f"{prefix}_{secrets.token_urlsafe(ID_BYTES)}" for prefix in "ri")
    address = "https://video.example.no.net"
    assert len(address.removeprefix("https://")) == 20
    assert len(f"{address}/join#{LinkSigner([KEY], address).sign(room, invitation, LATER)}") == 158


@pytest.mark.parametrize(
    ("room", "invitation", "end"),
    [
        ("room", "i_1", LATER),
        ("i_1", "i_1", LATER),
        ("r_1", "invitation", LATER),
        ("r_", "i_1", LATER),
        ("r_" + "x" * 41, "i_1", LATER),
        ("r_\u00f8", "i_1", LATER),
        ("r_1", "i_1", datetime(2107, 1, 1, tzinfo=UTC)),
        ("r_1", "i_1", datetime(1969, 1, 1, tzinfo=UTC)),
    ],
    ids=range(8),
)
def test_what_could_not_be_read_back_is_not_signed(room: str, invitation: str, end: datetime) -> None:
    """Ids of another form and impossible ends are a mistake of the caller."""
    with pytest.raises(ValueError):  # noqa: PT011 - two different texts
        SIGNER.sign(room, invitation, end)


def test_keys_of_one_short_name_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two keys that tokens could not tell apart are refused at the start; the same key twice is one."""
    assert LinkSigner([KEY, KEY], ADDRESS).verify(TOKEN, NOW).room == "r_room"
    monkeypatch.setattr(links, "KID_CHARS", 0)
    with pytest.raises(KeyFileError):
        LinkSigner([KEY, OTHER_KEY], ADDRESS)


def test_keys_do_not_show_in_their_repr() -> None:
    """A key that reaches a log by accident shows nothing, and its short name is a one-way hash."""
    assert "\\x01" not in repr(KEY)
    assert _kid(SIGNING) not in _base64(SIGNING)
