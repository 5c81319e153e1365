"""An ID token is believed only when everything about it is as it was asked for."""

import hmac
import json
from base64 import urlsafe_b64encode
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, OctKey, RSAKey

from bridge.auth.oidc import tokens
from bridge.auth.oidc.errors import LoginError, TokenRejected, TooWeak
from bridge.auth.oidc.levels import identify
from bridge.auth.oidc.provider import Dialect, Provider
from bridge.rooms.model import Assurance

NOW = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
AT = int(NOW.timestamp())
KEY = RSAKey.generate_key(2048, {"kid": "provider-1", "use": "sig"})
KEYS = KeySet([KEY, RSAKey.generate_key(2048, {"kid": "provider-0"})])
PROVIDER = Provider(
    name="idporten",
    dialect=Dialect.IDPORTEN,
    issuer="https://id.example",
    client_id="brotjeneste",
    key=ECKey.generate_key("P-256"),
    algorithm="ES256",
)
GOOD = {
    "iss": "https://id.example",
    "aud": "brotjeneste",
    "sub": "one",
    "nonce": "n-1",
    "iat": AT - 2,
    "exp": AT + 60,
    "acr": "idporten-loa-high",
}


def signed(key: Any = KEY, alg: str = "RS256", kid: str | None = "provider-1", **changes: Any) -> str:
    """A token with these claims otherwise; None leaves one out."""
    claims = {name: value for name, value in {**GOOD, **changes}.items() if value is not None}
    header = {"alg": alg} if kid is None else {"alg": alg, "kid": kid}
    return jwt.encode(header, claims, key, algorithms=[alg])


def read(token: str) -> Any:
    """Read it as the answer to the login with the nonce `n-1`."""
    return tokens.read(token, KEYS, PROVIDER, "n-1", NOW)


def test_a_good_token_is_read() -> None:
    """By its named key, or by whichever fits where none is named; the client may be one of several audiences."""
    assert read(signed())["sub"] == "one"
    assert read(signed(kid=None))["sub"] == "one"
    assert read(signed(aud=["brotjeneste", "api"], azp="brotjeneste"))["sub"] == "one"


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "https://evil.example"},
        {"iss": None},
        {"aud": "another"},
        {"aud": None},
        {"aud": ["brotjeneste", "another"]},
        {"azp": "another"},
        {"nonce": "n-2"},
        {"nonce": None},
        {"sub": None},
        {"sub": ""},
        {"sub": 7},
        {"sub": "x" * 256},
        {"exp": AT - 31},
        {"exp": None},
        {"exp": "soon"},
        {"exp": True},
        {"iat": AT - 700},
        {"iat": AT + 100},
        {"iat": None},
        {"nbf": AT + 100},
    ],
    ids=str,
)
def test_a_token_for_anything_else_is_rejected(changes: dict[str, Any]) -> None:
    """Another provider's, another client's, another login's, an old one, one of nobody."""
    with pytest.raises(TokenRejected):
        read(signed(**changes))


def test_a_token_of_another_key_is_rejected() -> None:
    """Signed by a stranger under the provider's name for a key, and under one that it does not have."""
    stranger = RSAKey.generate_key(2048)
    with pytest.raises(TokenRejected):
        read(signed(stranger))
    with pytest.raises(tokens.UnknownKey):
        read(signed(stranger, kid="provider-2"))


def test_no_signature_and_a_borrowed_key_are_rejected() -> None:
    """`alg: none`, and HS256 with the provider's public key as the secret (RFC 8725 section 2.1)."""
    unsigned = ".".join([_b64(json.dumps({"alg": "none", "kid": "provider-1"})), _b64(json.dumps(GOOD)), ""])
    with pytest.raises(TokenRejected):
        read(unsigned)
    said = f"{_b64(json.dumps({'alg': 'HS256', 'kid': 'provider-1'}))}.{_b64(json.dumps(GOOD))}"
    borrowed = hmac.digest(KEY.as_pem(private=False), said.encode(), "sha256")
    with pytest.raises(TokenRejected):
        read(f"{said}.{_b64(borrowed)}")


def test_a_key_for_something_else_signs_nothing() -> None:
    """What the provider has for encryption, or shares with somebody, is not asked."""
    private = RSAKey.generate_key(2048)
    other = RSAKey.import_key(private.as_dict(private=False), {"kid": "provider-1", "use": "enc"})
    shared = OctKey.generate_key(256, {"kid": "provider-1"})
    with pytest.raises(tokens.UnknownKey):
        tokens.read(signed(private), KeySet([other, shared]), PROVIDER, "n-1", NOW)


def test_a_changed_token_is_rejected() -> None:
    """One character of the claims, and everything that is cut off."""
    head, body, signature = signed().split(".")
    with pytest.raises(TokenRejected):
        read(f"{head}.{body[:-3]}AAA.{signature}")
    with pytest.raises(TokenRejected):
        read(f"{head}.{body}.")
    with pytest.raises(TokenRejected):
        read("x" * (tokens.MAX_TOKEN_CHARS + 1))


@given(st.one_of(st.text(max_size=200), st.lists(st.text("abcAB01_-=", max_size=40), max_size=6).map(".".join)))
def test_any_text_is_a_token_or_an_error_of_ours(text: str) -> None:
    """Nothing else leaves this module."""
    with pytest.raises(TokenRejected):
        read(text)


@pytest.mark.parametrize(
    ("dialect", "claims", "level"),
    [
        (Dialect.IDPORTEN, {"acr": "idporten-loa-high"}, Assurance.HIGH),
        (Dialect.IDPORTEN, {"acr": "idporten-loa-substantial"}, Assurance.SUBSTANTIAL),
        (Dialect.HELSENORGE, {"acr": "Level4"}, Assurance.HIGH),
        (Dialect.HELSENORGE, {"acr": "Level3"}, Assurance.SUBSTANTIAL),
        (Dialect.HELSEID, {"helseid://claims/identity/security_level": "4"}, Assurance.HIGH),
        (Dialect.HELSEID, {"helseid://claims/identity/security_level": "3"}, Assurance.SUBSTANTIAL),
    ],
)
def test_each_provider_has_its_words(dialect: Dialect, claims: dict[str, Any], level: Assurance) -> None:
    """Levels in the vocabulary of each come to the same three."""
    assert identify(_of(dialect), {"sub": "x", **claims}, str).assurance is level


@pytest.mark.parametrize(
    ("dialect", "claims"),
    [
        (Dialect.IDPORTEN, {"acr": "idporten-loa-low"}),
        (Dialect.IDPORTEN, {}),
        (Dialect.IDPORTEN, {"acr": ["idporten-loa-high"]}),
        (Dialect.IDPORTEN, {"acr": "invented"}),
        (Dialect.HELSEID, {"helseid://claims/identity/security_level": "2"}),
        (Dialect.HELSEID, {"acr": "Level4"}),
    ],
)
def test_less_than_is_asked_for_is_no_login(dialect: Dialect, claims: dict[str, Any]) -> None:
    """A weaker level, none, and one in words that are not this provider's."""
    with pytest.raises(TooWeak) as raised:
        identify(_of(dialect, least=Assurance.SUBSTANTIAL), {"sub": "x", **claims}, str)
    assert isinstance(raised.value, LoginError)


def test_a_person_is_the_same_by_whichever_login() -> None:
    """The national identity number names the person where it is told, else the provider's own name for them."""
    by_one = identify(_of(Dialect.IDPORTEN), {"sub": "a", "pid": "01017012345"}, str)
    by_other = identify(_of(Dialect.HELSEID), {"sub": "b", "helseid://claims/identity/pid": "01017012345"}, str)
    unlike = identify(_of(Dialect.IDPORTEN), {"sub": "a"}, str)
    by_anybody = identify(_of(Dialect.OPENID), {"sub": "a", "pid": "01017012345"}, str)
    assert by_one.subject == by_other.subject != unlike.subject == by_anybody.subject


def test_health_personnel_and_their_organisation() -> None:
    """The part of the organisation before the whole; what is no organisation number is none."""
    claims = {
        "sub": "x",
        "helseid://claims/identity/security_level": "4",
        "helseid://claims/hpr/hpr_number": "9144900",
        "helseid://claims/client/claims/orgnr_parent": "983658725",
        "helseid://claims/client/claims/orgnr_child": "<script>",
    }
    found = identify(_of(Dialect.HELSEID), claims, str)
    assert (found.health_personnel, found.organisation) == (True, "983658725")
    assert "983658725" not in repr(found)


HEALTH = {
    "helseid://claims/identity/security_level": "4",
    "helseid://claims/hpr/hpr_number": "9144900",
    "helseid://claims/client/claims/orgnr_parent": "983658725",
}


@pytest.mark.parametrize("dialect", [one for one in Dialect if one is not Dialect.HELSEID])
def test_only_helseid_makes_health_personnel(dialect: Dialect) -> None:
    """Any other provider that writes HelseID's claims makes nobody a doctor, of no organisation, however sure."""
    found = identify(_of(dialect), {"sub": "x", "acr": "idporten-loa-high", **HEALTH}, str)
    assert (found.health_personnel, found.hpr, found.organisation) == (False, None, None)
    # The same claims are worth something from HelseID: what is missing here was taken away.
    by_helseid = identify(_of(Dialect.HELSEID), {"sub": "x", **HEALTH}, str)
    assert (by_helseid.health_personnel, by_helseid.organisation) == (True, "983658725")
    assert by_helseid.hpr is not None


@pytest.mark.parametrize("number", ["", " ", "none", "9144900 ", "١٢٣", "1234567890", 9144900, ["9144900"], None])
def test_what_is_no_number_of_the_register_is_none(number: object) -> None:
    """An empty number, as a login of somebody outside the register may carry, is no health personnel."""
    found = identify(_of(Dialect.HELSEID), {"sub": "x", **HEALTH, "helseid://claims/hpr/hpr_number": number}, str)
    assert (found.health_personnel, found.hpr) == (False, None)


STRONG = ["high", "HIGH", "http://eidas.europa.eu/LoA/high", "idporten-loa-high", "Level4"]


@pytest.mark.parametrize("acr", STRONG)
def test_a_plain_provider_makes_nobody_surer_than_the_operator_said(acr: str) -> None:
    """What it calls high is what the operator asks of it at least, unless the operator says that it is more."""
    claims = {"sub": "x", "acr": acr}
    for least in (Assurance.LOW, Assurance.SUBSTANTIAL):
        assert identify(_of(Dialect.OPENID, least=least), claims, str).assurance is least
    trusted = replace(_of(Dialect.OPENID), most=Assurance.HIGH)
    assert identify(trusted, claims, str).assurance is Assurance.HIGH
    bounded = replace(_of(Dialect.IDPORTEN), most=Assurance.SUBSTANTIAL)
    assert identify(bounded, {"sub": "x", "acr": "idporten-loa-high"}, str).assurance is Assurance.SUBSTANTIAL


def test_being_trusted_for_more_proves_nothing() -> None:
    """The most that a provider may prove is a bound: what it does not say is not proven, and may be too weak."""
    trusted = replace(_of(Dialect.OPENID), most=Assurance.HIGH)
    assert identify(trusted, {"sub": "x", "acr": "substantial"}, str).assurance is Assurance.SUBSTANTIAL
    assert identify(trusted, {"sub": "x"}, str).assurance is Assurance.LOW
    with pytest.raises(TooWeak):
        identify(_of(Dialect.OPENID, least=Assurance.SUBSTANTIAL), {"sub": "x", "acr": "low"}, str)


@pytest.mark.parametrize("acr", ["high", "substantial", "http://eidas.europa.eu/loa/high"])
@pytest.mark.parametrize("dialect", [Dialect.IDPORTEN, Dialect.HELSENORGE, Dialect.HELSEID])
def test_words_that_a_scheme_does_not_have_say_nothing(dialect: Dialect, acr: str) -> None:
    """ID-porten never says a bare "high", so whatever does is not taken at its word."""
    assert identify(_of(dialect), {"sub": "x", "acr": acr}, str).assurance is Assurance.LOW


def _b64(part: str | bytes) -> str:
    return urlsafe_b64encode(part if isinstance(part, bytes) else part.encode()).decode().rstrip("=")


def _of(dialect: Dialect, least: Assurance = Assurance.LOW) -> Provider:
    return Provider(
        name="one",
        dialect=dialect,
        issuer="https://id.example",
        client_id="brotjeneste",
        key=PROVIDER.key,
        algorithm="ES256",
        least=least,
    )
