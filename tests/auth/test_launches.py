"""A launch from a portal: signed for this bridge, for two minutes, for once; read by the rules of a login."""

import json
import warnings
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc.jwk import ECKey, KeySet, OctKey, RSAKey

from bridge.auth.links import LinkKey
from bridge.auth.oidc.errors import SettingsError
from bridge.auth.oidc.launches import Launches, Portal
from bridge.auth.oidc.logins import Logins
from bridge.auth.oidc.once import Once
from bridge.auth.oidc.provider import Dialect
from bridge.auth.oidc.settings import read_all, read_portal
from bridge.rooms.model import Assurance, Relation
from signalling.errors import Code, Rejected
from tests.auth.hostile import AT, KEY, NOW, b64, signed

HERE = "https://video.example"
PORTAL = Portal(
    name="helsenorge",
    dialect=Dialect.HELSENORGE,
    issuer="https://portal.example",
    least=Assurance.SUBSTANTIAL,
    represented_claim="represented",
    relation_claim="relation",
    keys=KeySet([ECKey.import_key(KEY.as_dict(private=False))]),
)
SAID = {
    "iss": PORTAL.issuer,
    "aud": HERE,
    "sub": "somebody",
    "pid": "01017012345",
    "acr": "Level4",
    "iat": AT,
    "exp": AT + 60,
    "jti": "0123456789abcdef",
}


class Desk:
    """Logins of a bridge that knows one portal; a clock that a test moves."""

    def __init__(self, began_at: datetime = NOW - timedelta(hours=1)) -> None:
        self.time = NOW
        self.seen: list[str] = []
        launches = Launches([PORTAL], HERE, began_at)
        self.logins = Logins([], [LinkKey(b"k" * 32)], self, self, timedelta(minutes=60), launches=launches)

    def now(self) -> datetime:
        """The time of day."""
        return self.time

    def inc(self, _name: str, code: str) -> None:
        """Count."""
        self.seen.append(code)

    def refused(self, token: str) -> Code:
        """The code with which a launch is turned down."""
        with pytest.raises(Rejected) as raised:
            self.logins.launch(token)
        return raised.value.code


def launch(header: dict[str, Any] | None = None, key: Any = KEY, **changes: Any) -> str:
    """A launch that says this otherwise; None leaves a claim out."""
    claims = {name: value for name, value in {**SAID, **changes}.items() if value is not None}
    return signed(claims, key, **{"typ": "launch+jwt", **(header or {})})


def test_a_launch_is_a_login() -> None:
    """With the level and the person that the portal says, who is the same by any other login with that number."""
    desk = Desk()
    identity = desk.logins.identity(desk.logins.launch(launch()).sealed)
    assert identity is not None
    assert (identity.assurance, identity.provider, identity.represents) == (Assurance.HIGH, "helsenorge", None)
    assert "01017012345" not in identity.subject
    assert desk.seen == ["ok"]


def test_whoever_comes_for_another_is_known_as_that() -> None:
    """The relation as a word, and of the represented one a name that nobody else can make."""
    desk = Desk()
    token = launch(represented="02020212345", relation="Forelder")
    identity = desk.logins.identity(desk.logins.launch(token).sealed)
    child = desk.logins.identity(desk.logins.launch(launch(jti="another-0123456789", pid="02020212345")).sealed)
    assert identity is not None
    assert child is not None
    assert identity.relation is Relation.PARENT
    assert identity.represents == child.subject != identity.subject
    assert "02020212345" not in repr(identity)


@pytest.mark.parametrize(
    ("claims", "relation"),
    [
        ({"represented": "02020212345"}, Relation.OTHER),
        ({"represented": "02020212345", "relation": ["parent"]}, Relation.OTHER),
        ({"represented": "02020212345", "relation": "fullmakt"}, Relation.POWER_OF_ATTORNEY),
        ({"represented": "02020212345", "relation": "tildelt"}, Relation.GUARDIAN),
        ({"represented": {"pid": "02020212345"}}, Relation.OTHER),
        ({"represented": "01017012345", "relation": "parent"}, None),
        ({"relation": "parent"}, None),
    ],
    ids=str,
)
def test_relations_in_each_words(claims: dict[str, Any], relation: Relation | None) -> None:
    """What is not known is told as something else, never as nothing; nobody represents themselves."""
    desk = Desk()
    identity = desk.logins.identity(desk.logins.launch(launch(**claims)).sealed)
    assert identity is not None
    assert identity.relation is relation
    assert (identity.represents is None) is (relation is None)


ATTACKS: dict[str, Callable[[], str]] = {
    "forged": lambda: launch(key=ECKey.generate_key("P-256")),
    "alg-none": lambda: f"{b64({'alg': 'none', 'typ': 'launch+jwt'})}.{b64(SAID)}.",
    "jwk-in-header": lambda: launch({"jwk": (key := ECKey.generate_key("P-256")).as_dict(private=False)}, key),
    "id-token-of-the-portal": lambda: launch({"typ": "JWT"}),
    "no-type": lambda: signed(SAID),
    "another-portal": lambda: launch(iss="https://evil.example"),
    "no-issuer": lambda: launch(iss=None),
    "another-bridge": lambda: launch(aud="https://other.example"),
    "no-audience": lambda: launch(aud=None),
    "one-audience-of-several": lambda: launch(aud=[HERE, "https://other.example"]),
    "expired": lambda: launch(iat=AT - 100, exp=AT - 31),
    "never-expires": lambda: launch(exp=None),
    "lasts-for-an-hour": lambda: launch(exp=AT + 3_600),
    "made-in-the-future": lambda: launch(iat=AT + 60, exp=AT + 120),
    "ends-before-it-begins": lambda: launch(iat=AT + 20, exp=AT + 10),
    "infinite": lambda: launch(exp=float("inf")),
    "no-name-of-its-own": lambda: launch(jti=None),
    "short-name": lambda: launch(jti="1"),
    "name-that-is-a-number": lambda: launch(jti=1234567890123456),
    "of-nobody": lambda: launch(sub=None),
    "huge": lambda: launch(x="x" * 40_000),
    "nothing": lambda: "",
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_bad_launch_is_no_login(attack: str) -> None:
    """Whatever it is that is wrong; it is counted, and a good one still counts."""
    desk = Desk()
    assert desk.refused(ATTACKS[attack]()) is Code.LOGIN_REJECTED
    assert desk.seen == ["login_rejected"]
    desk.logins.launch(launch())


def test_a_launch_counts_once() -> None:
    """For as long as it would be valid, and then it is too old; also one whose level was too low."""
    desk = Desk()
    desk.logins.launch(launch())
    for seconds in (0, 30, 60, 89, 90, 200):
        desk.time = NOW + timedelta(seconds=seconds)
        assert desk.refused(launch()) is Code.LOGIN_REJECTED
    desk.time = NOW
    weak = launch(acr="Level2", jti="weak-0123456789abc")
    assert desk.refused(weak) is Code.LOGIN_TOO_WEAK
    assert desk.refused(weak) is Code.LOGIN_REJECTED


def test_a_bridge_that_began_anew_takes_nothing_from_before() -> None:
    """Since it has forgotten what was used."""
    desk = Desk(began_at=NOW + timedelta(seconds=1))
    assert desk.refused(launch()) is Code.LOGIN_REJECTED
    desk.time = NOW + timedelta(seconds=5)
    desk.logins.launch(launch(iat=AT + 3, exp=AT + 60))


@given(st.one_of(st.text(max_size=200), st.lists(st.text("abcAB01_-=", max_size=40), max_size=6).map(".".join)))
def test_any_text_is_a_launch_or_turned_down(text: str) -> None:
    """Nothing else leaves this module."""
    assert Desk().refused(text) is Code.LOGIN_REJECTED


def test_what_cannot_be_remembered_is_not_new() -> None:
    """The memory is bounded, and forgets what could not be used any more."""
    once = Once(2)
    assert [once.take(name, NOW, NOW) for name in ("a", "b", "a", "c")] == [True, True, False, False]
    later = NOW + timedelta(seconds=1)
    assert once.take("c", later, later)


def written(path: Path, keys: list[Any], *, private: bool = False) -> dict[str, object]:
    """The settings of a portal with these keys."""
    path.write_text(json.dumps({"keys": [key.as_dict(private=private) for key in keys]}))
    return {"issuer": "https://portal.example", "keys_file": str(path)}


def test_a_portals_settings_are_checked(tmp_path: Path) -> None:
    """Public keys alone, of a kind by which nobody else can sign; records tell each portal and login apart."""
    path = tmp_path / "portal.jwks"
    good = written(path, [KEY])
    assert read_portal("portal", good).least is Assurance.SUBSTANTIAL
    assert read_portal("portal", good).ceiling is Assurance.SUBSTANTIAL
    assert read_portal("portal", {**good, "most": "high"}).ceiling is Assurance.HIGH
    assert read_portal("portal", {**good, "dialect": "helsenorge"}).ceiling is Assurance.HIGH
    for changes in (
        {"issuer": "http://portal.example"},
        {"relation_claim": "relation"},
        {"keys_file": str(tmp_path / "none")},
        {"least": "very"},
        {"least": "high", "most": "substantial"},
        {"secret": "x"},
    ):
        with pytest.raises(SettingsError):
            read_portal("portal", {**good, **changes})
    with warnings.catch_warnings():
        # The library only warns of it.
        warnings.simplefilter("ignore")
        bad = {"secret": [OctKey.generate_key(256)], "short": [RSAKey.generate_key(1024)], "none": []}
        for name, keys in bad.items():
            with pytest.raises(SettingsError):
                read_portal("portal", written(tmp_path / name, keys))
    with pytest.raises(SettingsError, match="no public one"):
        read_portal("portal", written(tmp_path / "private", [KEY], private=True))
    with pytest.raises(SettingsError, match="name of a login"):
        read_all({"portal": {}}, {"portal": good})
    with pytest.raises(SettingsError, match="same issuer"):
        read_all({}, {"one": good, "two": good})
