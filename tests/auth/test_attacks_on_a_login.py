"""Each known attack on a login, through the code that takes real ones, from beginning to end."""

import hmac
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from joserfc import jws
from joserfc.jwk import ECKey, OctKey, RSAKey

from bridge.auth.oidc.errors import ProviderError
from bridge.auth.oidc.provider import read_metadata
from bridge.rooms.model import Assurance
from signalling.errors import Code, Rejected
from tests.auth.hostile import AT, KEY, Desk, Hostile, Make, b64, desk, hostile, signed

STRANGER = ECKey.generate_key("P-256", {"kid": "provider-1"})
PUBLIC = KEY.as_dict(private=False)


@pytest.fixture
async def evil() -> AsyncIterator[Hostile]:
    """A provider that can be made to lie."""
    async with hostile() as one:
        yield one


@pytest.fixture
async def bridge(evil: Hostile) -> AsyncIterator[Desk]:
    """A bridge that trusts it."""
    async with desk(one=evil) as made:
        yield made


def saying(**changes: Any) -> Make:
    """A genuine token with these claims otherwise; None leaves one out."""

    def make(claims: dict[str, Any]) -> str:
        return signed({name: value for name, value in {**claims, **changes}.items() if value is not None})

    return make


def by_hmac(secret: bytes) -> Make:
    """HS256 by something that is known to everybody (RFC 8725 section 2.1)."""

    def make(claims: dict[str, Any]) -> str:
        said = f"{b64({'alg': 'HS256', 'kid': 'provider-1'})}.{b64(claims)}"
        return f"{said}.{b64(hmac.digest(secret, said.encode(), 'sha256'))}"

    return make


def by_stranger(**header: Any) -> Make:
    """Signed by a key of the attacker's, with a header that would have it believed."""
    return lambda claims: signed(claims, STRANGER, **header)


def unsigned(alg: str) -> Make:
    """Without a signature."""
    return lambda claims: f"{b64({'alg': alg, 'kid': 'provider-1'})}.{b64(claims)}."


def cut(claims: dict[str, Any]) -> str:
    """Signed and then changed: another subject under the same signature."""
    head, _, signature = signed(claims).split(".")
    return f"{head}.{b64({**claims, 'sub': 'another'})}.{signature}"


def critical(claims: dict[str, Any]) -> str:
    """With an extension that nobody here understands and that has to be understood (RFC 7515 section 4.1.11)."""
    header = {"alg": "ES256", "kid": "provider-1", "crit": ["exp"], "exp": AT + 60}
    try:
        return jws.serialize_compact(header, json.dumps(claims), KEY, algorithms=["ES256"])
    except Exception:  # noqa: BLE001 - the library makes none, so it is made by hand
        return f"{b64(header)}.{b64(claims)}.{b64(bytes(64))}"


ATTACKS: dict[str, Make] = {
    "forged": by_stranger(),
    "changed": cut,
    "alg-none": unsigned("none"),
    "alg-None": unsigned("None"),
    "no-signature": unsigned("ES256"),
    "hs256-by-public-pem": by_hmac(KEY.as_pem(private=False)),
    "hs256-by-public-jwk": by_hmac(json.dumps(PUBLIC).encode()),
    "hs256-by-client-id": by_hmac(b"brotjeneste"),
    "hs256-by-nothing": by_hmac(b""),
    "another-kind-of-key": lambda claims: signed(claims, RSAKey.generate_key(2048), "RS256"),
    "jwk-in-header": by_stranger(jwk=STRANGER.as_dict(private=False)),
    "jku-in-header": by_stranger(jku="https://evil.example/keys"),
    "x5u-in-header": by_stranger(x5u="https://evil.example/certificate"),
    "kid-of-nobody": lambda claims: signed(claims, STRANGER, kid="provider-2"),
    "kid-that-is-a-path": lambda claims: signed(claims, STRANGER, kid="../../dev/null"),
    "critical-extension": critical,
    "shared-secret": lambda claims: signed(claims, OctKey.generate_key(256), "HS256"),
    "access-token": lambda claims: signed(claims, typ="at+jwt"),
    "logout-token": lambda claims: signed(claims, typ="logout+jwt"),
    "launch": lambda claims: signed(claims, typ="launch+jwt"),
    "expired": saying(exp=AT - 31),
    "never-expires": saying(exp=None),
    "made-long-ago": saying(iat=AT - 700),
    "made-tomorrow": saying(iat=AT + 86_400),
    "not-valid-yet": saying(nbf=AT + 100),
    "wrong-audience": saying(aud="another-service"),
    "no-audience": saying(aud=None),
    "id-token-of-another-client": saying(aud="other", azp="other"),
    "azp-of-another-client": saying(azp="other"),
    "several-audiences-and-no-azp": saying(aud=["brotjeneste", "other"]),
    "audience-is-an-object": saying(aud={"brotjeneste": True}),
    "wrong-issuer": saying(iss="https://evil.example"),
    "issuer-with-a-slash-more": lambda claims: signed({**claims, "iss": f"{claims['iss']}/"}),
    "nonce-of-another-login": saying(nonce="replayed"),
    "no-nonce": saying(nonce=None),
    "of-nobody": saying(sub=None),
    "huge": lambda claims: signed({**claims, "x": "x" * 40_000}),
    "not-a-token": lambda _: "x.y.z",
    "empty": lambda _: "",
}


@pytest.mark.parametrize("attack", ATTACKS)
async def test_a_bad_token_lets_nobody_in(evil: Hostile, bridge: Desk, attack: str) -> None:
    """Whatever it is that is wrong, the login is rejected; with a good token the same one succeeds."""
    evil.make = ATTACKS[attack]
    with pytest.raises(Rejected) as raised:
        await bridge.log_in(evil)
    assert raised.value.code is Code.LOGIN_REJECTED
    assert bridge.seen == ["login_rejected"]
    evil.make = signed
    identity = await bridge.log_in(evil)
    assert identity is not None
    assert identity.assurance is Assurance.HIGH


@pytest.mark.parametrize("acr", ["idporten-loa-substantial", "idporten-loa-low", "Level3", "", "invented", "None"])
async def test_a_weaker_login_than_was_asked_for_is_none(evil: Hostile, bridge: Desk, acr: str) -> None:
    """The level is read from what is signed, whatever the request said."""
    evil.acr = acr
    with pytest.raises(Rejected) as raised:
        await bridge.log_in(evil)
    assert evil.pushed[-1]["acr_values"] == "idporten-loa-high"
    assert raised.value.code is Code.LOGIN_TOO_WEAK


async def test_a_replayed_answer_is_stale(evil: Hostile, bridge: Desk) -> None:
    """Code, state and cookie together, once more: nobody is asked about it again."""
    sealed, answer = await bridge.begin(evil)
    await bridge.logins.finish(sealed, answer)
    for _ in range(3):
        assert await refused(bridge, sealed, answer) is Code.LOGIN_STALE
    assert len(evil.exchanged) == 1


async def test_a_token_of_another_login_is_rejected(evil: Hostile, bridge: Desk) -> None:
    """Whoever has seen the token of one login cannot have it answer the next: its nonce is the first one's."""
    taken: list[str] = []

    def keep(claims: dict[str, Any]) -> str:
        taken.append(signed(claims))
        return taken[0]

    evil.make = keep
    await bridge.log_in(evil)
    sealed, answer = await bridge.begin(evil)
    assert await refused(bridge, sealed, answer) is Code.LOGIN_REJECTED


async def test_a_code_is_bound_to_its_login(evil: Hostile, bridge: Desk) -> None:
    """Somebody's code under one's own cookie: another state is stale, and each login has a verifier (PKCE)."""
    sealed, answer = await bridge.begin(evil)
    _, of_victim = await bridge.begin(evil)
    assert await refused(bridge, sealed, {**answer, "state": of_victim["state"]}) is Code.LOGIN_STALE
    assert await refused(bridge, sealed, {"code": "c-1"}) is Code.LOGIN_STALE
    assert evil.exchanged == []
    own, first = evil.pushed[0], evil.pushed[1]
    assert own["code_challenge"] != first["code_challenge"]
    assert own["code_challenge_method"] == "S256"


async def test_a_cookie_of_another_browser_or_time_is_stale(evil: Hostile, bridge: Desk) -> None:
    """Without the cookie that the login began with, with one that was changed, and after a quarter of an hour."""
    sealed, answer = await bridge.begin(evil)
    other, _ = await bridge.begin(evil)
    for kept in (None, "", other, sealed[:-3] + "AAA", sealed + "A", "x" * 4_000):
        assert await refused(bridge, kept, answer) is Code.LOGIN_STALE
    bridge.time += timedelta(minutes=16)
    assert await refused(bridge, sealed, answer) is Code.LOGIN_STALE
    assert evil.exchanged == []


async def test_providers_cannot_be_mixed_up(evil: Hostile) -> None:
    """A code of the honest one is not brought to the other, in whose login the browser is (RFC 9207)."""
    async with hostile() as honest, desk(one=evil, honest=honest) as bridge:
        sealed, answer = await bridge.begin(evil)
        assert await refused(bridge, sealed, {**answer, "iss": honest.issuer}) is Code.LOGIN_REFUSED
        sealed, answer = await bridge.begin(evil)
        del answer["iss"]
        assert await refused(bridge, sealed, answer) is Code.LOGIN_REFUSED
        assert evil.exchanged == honest.exchanged == []
        # Each token is read with the keys, and for the issuer, of the provider at which the login began.
        evil.make = lambda claims: signed({**claims, "iss": honest.issuer})
        sealed, answer = await bridge.begin(evil)
        assert await refused(bridge, sealed, answer) is Code.LOGIN_REJECTED


@pytest.mark.parametrize(
    "changes",
    [
        {"issuer": "https://evil.example"},
        {"token_endpoint": "http://evil.example/token"},
        {"jwks_uri": "file:///etc/passwd"},
        {"pushed_authorization_request_endpoint": None},
        {"token_endpoint": "https://"},
    ],
    ids=str,
)
async def test_a_lying_description_begins_no_login(evil: Hostile, bridge: Desk, changes: dict[str, Any]) -> None:
    """Another issuer's, one that leads out of TLS, or one without pushed requests."""
    evil.described = changes
    with pytest.raises(Rejected) as raised:
        await bridge.logins.begin("one")
    assert raised.value.code is Code.LOGIN_UNAVAILABLE
    assert evil.pushed == []


def test_a_provider_elsewhere_leads_nowhere_on_this_machine() -> None:
    """What listens on loopback trusts who is here: no provider has the bridge post to it."""
    there = "https://id.example"
    described = {
        "issuer": there,
        "authorization_endpoint": f"{there}/a",
        "token_endpoint": "http://127.0.0.1:9464/drain",
        "jwks_uri": f"{there}/k",
        "pushed_authorization_request_endpoint": f"{there}/p",
    }
    with pytest.raises(ProviderError):
        read_metadata(json.dumps(described).encode(), there)
    honest = json.dumps({**described, "token_endpoint": f"{there}/t"}).encode()
    assert read_metadata(honest, there).token_endpoint == f"{there}/t"


async def refused(bridge: Desk, sealed: str | None, answer: dict[str, str]) -> Code:
    """The code with which an answer is turned down."""
    with pytest.raises(Rejected) as raised:
        await bridge.logins.finish(sealed, answer)
    return raised.value.code
