"""Digest: the RFC's own example, our two sides with each other, and what must not get in."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from signalling.gateways.sip import digest
from signalling.gateways.sip.digest import Account, Asked, Digest, Verdict, Verifier, authorize, choose
from signalling.gateways.sip.errors import MalformedError

ANNA = Account("anna", "correct horse")
INVITE = Asked("INVITE", "sip:room@bridge.example")


def _verifier() -> Verifier:
    return Verifier("bridge.example", b"secret", {"anna": ANNA.password}.get)


@pytest.mark.parametrize(
    ("algorithm", "response"),
    [
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ],
)
def test_the_example_of_rfc_7616(algorithm: str, response: str) -> None:
    """Section 3.9.1, both algorithms."""
    challenge = Digest.parse(
        'Digest realm="http-auth@example.org", qop="auth, auth-int", '
        f'algorithm={algorithm}, nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", '
        'opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"'
    )
    assert challenge is not None
    asked = Asked("GET", "/dir/index.html")
    told = authorize(
        challenge, Account("Mufasa", "Circle of Life"), asked, "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"
    )
    assert told.get("response") == response
    assert told.get("opaque") == challenge.get("opaque")


@pytest.mark.parametrize("algorithm", digest.HASHES)
def test_both_sides_agree(algorithm: str) -> None:
    """Either algorithm is good enough, and the name comes out."""
    verifier = _verifier()
    challenge = choose(value for value in verifier.challenges(10.0) if f"algorithm={algorithm}" in value)
    assert challenge is not None
    told = str(authorize(challenge, ANNA, INVITE, "cnonce"))
    assert verifier.verify([told], INVITE, 11.0) == (Verdict.GOOD, "anna")


def test_the_strongest_comes_first_and_the_first_is_taken() -> None:
    """RFC 8760 section 2.4; unknown algorithms and schemes are passed over."""
    values = [
        "Basic realm=x",
        'Digest realm="r", nonce="n", algorithm=SHA-512-256',
        "Digest =",
        'Digest realm="r"',
    ]
    assert choose(values) is None
    chosen = choose([*values, *_verifier().challenges(0.0)])
    assert chosen is not None
    assert chosen.algorithm == "SHA-256"


def test_a_server_without_qop_and_one_with_auth_int_only_are_answered() -> None:
    """RFC 2069's form has no count; auth-int has the body in it."""
    old = choose(['Digest realm="r", nonce="n"'])
    assert old is not None
    assert "nc" not in authorize(old, ANNA, INVITE, "c").params
    new = choose(['Digest realm="r", nonce="n", qop="auth-int"'])
    assert new is not None
    one = authorize(new, ANNA, Asked("INVITE", "sip:r", b"one"), "c").get("response")
    two = authorize(new, ANNA, Asked("INVITE", "sip:r", b"two"), "c").get("response")
    assert one != two


@pytest.mark.parametrize(
    ("account", "asked"),
    [
        (Account("anna", "wrong"), INVITE),
        (Account("nobody", ""), INVITE),
        (ANNA, Asked("BYE", INVITE.uri)),
        (ANNA, Asked("INVITE", "sip:other@bridge.example")),
    ],
)
def test_what_is_wrong_stays_out(account: Account, asked: Asked) -> None:
    """A wrong password, an unknown user, another method, another URI."""
    verifier = _verifier()
    challenge = choose(verifier.challenges(0.0))
    assert challenge is not None
    told = str(authorize(challenge, account, asked, "c"))
    assert verifier.verify([told], INVITE, 1.0) == (Verdict.BAD, "")


def test_a_nonce_of_somebody_else_or_of_old_is_not_taken() -> None:
    """One that we did not make is bad; one of ours that is too old is stale."""
    verifier = _verifier()
    foreign = choose(Verifier("bridge.example", b"other", {}.get).challenges(0.0))
    own = choose(verifier.challenges(0.0))
    assert foreign is not None
    assert own is not None
    assert verifier.verify([str(authorize(foreign, ANNA, INVITE, "c"))], INVITE, 1.0)[0] is Verdict.BAD
    told = [str(authorize(own, ANNA, INVITE, "c"))]
    assert verifier.verify(told, INVITE, digest.NONCE_SECONDS + 1)[0] is Verdict.STALE
    assert "stale=true" in verifier.challenges(0.0, stale=True)[0]


def test_nothing_can_be_played_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same count twice is stale, a higher one is good, and that stays so when old nonces are put out."""
    monkeypatch.setattr(digest, "MAX_NONCES", 64)
    verifier = _verifier()
    challenge = choose(verifier.challenges(0.0))
    assert challenge is not None
    first = [str(authorize(challenge, ANNA, INVITE, "c", 1))]
    second = [str(authorize(challenge, ANNA, INVITE, "c", 2))]
    assert verifier.verify(first, INVITE, 0.0)[0] is Verdict.GOOD
    assert verifier.verify(first, INVITE, 0.0)[0] is Verdict.STALE
    assert verifier.verify(second, INVITE, 0.0)[0] is Verdict.GOOD
    for number in range(digest.MAX_NONCES):
        other = choose(verifier.challenges(1.0 + number / 1000))
        assert other is not None
        assert verifier.verify([str(authorize(other, ANNA, INVITE, "c"))], INVITE, 6.0)[0] is Verdict.GOOD
    assert len(verifier._used) == digest.MAX_NONCES
    assert verifier.verify(second, INVITE, 6.0)[0] is Verdict.STALE


@given(st.text(max_size=120))
@settings(max_examples=150, deadline=None)
def test_any_text_is_bad_or_an_error_of_ours(text: str) -> None:
    """As credentials, as a challenge, and after the scheme's name."""
    for value in (text, "Digest " + text, 'Digest realm="bridge.example", ' + text):
        assert _verifier().verify([value], INVITE, 0.0) == (Verdict.BAD, "")
        choose([value])
        try:
            Digest.parse(value)
        except MalformedError:
            continue
