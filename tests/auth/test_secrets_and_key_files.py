"""Resume secrets, the operators' token and the files that keys live in."""

import stat
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.auth.errors import KeyFileError
from bridge.auth.links import LinkKey, LinkSigner, load_link_keys
from bridge.auth.secrets import ApiToken, hash_secret, new_secret, secret_matches

TOKEN = "operators-token-for-tests"  # noqa: S105 - opens nothing
END = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def test_secrets_are_long_and_never_the_same() -> None:
    """Each secret has 256 bits in url-safe characters."""
    secrets = {new_secret() for _ in range(200)}
    assert len(secrets) == 200
    assert {len(secret) for secret in secrets} == {43}


def test_only_the_secret_itself_matches_its_hash() -> None:
    """A secret matches its own hash, and neither another secret nor the hash itself does."""
    secret = new_secret()
    stored = hash_secret(secret)
    assert secret_matches(secret, stored)
    assert not secret_matches(new_secret(), stored)
    assert not secret_matches(stored, stored)
    assert secret not in stored


@given(st.text(st.characters(exclude_categories=())), st.text(st.characters(exclude_categories=())))
def test_any_text_can_be_compared(secret: str, stored: str) -> None:
    """Text from outside, lone surrogates included, is compared and never raises."""
    assert not secret_matches(secret, stored)


@pytest.mark.parametrize("header", [f"Bearer {TOKEN}", f"bearer {TOKEN}", f"BEARER   {TOKEN} "])
def test_the_operators_token_is_accepted(header: str) -> None:
    """The scheme's case does not matter (RFC 9110 section 11.1), nor do spaces around the token."""
    assert ApiToken(TOKEN).accepts(header)


@pytest.mark.parametrize(
    "header",
    [None, "", "Bearer", "Bearer ", TOKEN, f"Basic {TOKEN}", f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}"],
)
def test_everything_else_is_not_the_operators_token(header: str | None) -> None:
    """A missing, cut, extended or otherwise presented token is refused."""
    assert not ApiToken(TOKEN).accepts(header)


def test_a_short_operators_token_is_refused() -> None:
    """A token that could be guessed is refused when the bridge starts."""
    with pytest.raises(KeyFileError):
        ApiToken("hunter2")


def test_a_key_file_is_made_once_and_kept_private(tmp_path: Path) -> None:
    """The first start makes the key with mode 0600, the next one reads the same key."""
    path = tmp_path / "state" / "link.key"
    first = load_link_keys(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert load_link_keys(path) == first
    assert [entry.name for entry in path.parent.iterdir()] == ["link.key"]


def test_processes_that_start_together_agree_on_the_key(tmp_path: Path) -> None:
    """However many make the file at once, all of them end with one key."""
    path = tmp_path / "link.key"
    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(lambda _: load_link_keys(path), range(32)))
    assert all(keys == results[0] for keys in results)
    assert [entry.name for entry in tmp_path.iterdir()] == ["link.key"]


def test_a_key_added_in_front_signs_and_the_old_one_still_verifies(tmp_path: Path) -> None:
    """Rotation is one line at the top of the file."""
    path = tmp_path / "link.key"
    old = LinkSigner(load_link_keys(path), "here").sign("r_1", "i_1", END)
    path.write_text(f"# new on Monday\n{new_secret()}\n\n{path.read_text()}")
    keys = load_link_keys(path)
    assert len(keys) == 2
    rotated = LinkSigner(keys, "here")
    assert rotated.verify(old, END).room == "r_1"
    assert LinkSigner(keys[:1], "here").verify(rotated.sign("r_2", "i_2", END), END).room == "r_2"


def test_a_key_file_open_to_everybody_is_refused(tmp_path: Path) -> None:
    """A key that any account on the machine can read is not used."""
    path = tmp_path / "link.key"
    load_link_keys(path)
    path.chmod(0o644)
    with pytest.raises(KeyFileError, match="open to everybody"):
        load_link_keys(path)


@pytest.mark.parametrize("content", ["", "# only a comment\n", "not!base64url*\n", "c2hvcnQ\n", "kløver\n"])
def test_a_key_file_without_a_usable_key_is_refused(tmp_path: Path, content: str) -> None:
    """An empty, garbled or short key stops the start, and the message shows no key material."""
    path = tmp_path / "link.key"
    path.write_text(content, "utf-8")
    path.chmod(0o600)
    with pytest.raises(KeyFileError) as error:
        load_link_keys(path)
    assert content.strip() not in str(error.value) or not content.strip()


def test_a_key_file_that_cannot_be_made_is_an_error_of_its_own(tmp_path: Path) -> None:
    """A path below a plain file gives KeyFileError, no stray OSError."""
    (tmp_path / "file").write_text("")
    with pytest.raises(KeyFileError):
        ApiToken.from_file(tmp_path / "file" / "token")


def test_a_weak_key_is_refused() -> None:
    """HS256 needs 32 bytes of key (RFC 7518 section 3.2)."""
    with pytest.raises(KeyFileError):
        LinkKey(b"short")
