"""H.235.6's agreement: by hand, with captured tokens, and with everything that a stranger may send."""

import base64
from itertools import pairwise
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from hypothesis import given, settings
from hypothesis import strategies as st

from signalling.gateways.h323.groups import GENERATOR, GROUPS, Group
from signalling.gateways.h323.secret import AES_128, AES_256, KEY_BYTES, V3, MediaKey, Secret, crypto_line
from signalling.gateways.h323.wire import asn1
from tests.gateways.h323.captured import outermost, packets

BY_BITS = {group.bits: group for group in GROUPS}
OAKLEY = BY_BITS[1024]


def described(group: Group, public: int, **other: tuple[int, int]) -> dict[str, Any]:
    """A token as endpoints of h323plus write it."""
    half = {"halfkey": (public, group.bits)}
    whole = {"modSize": (group.prime, group.bits), "generator": (GENERATOR, group.bits)}
    return {"tokenOID": group.oid, "dhkey": half | whole | other}


def captured(number: int) -> Any:
    """A message of the encrypted call."""
    return asn1.decode(*outermost(packets("c4")[number]))["h323-uu-pdu"]


def by_hand(iv: bytes, key: bytes, text: bytes) -> bytes:
    """Cipher block chaining of blocks, one by one."""
    out, block = b"", Cipher(algorithms.AES(key), modes.ECB()).encryptor()  # noqa: S305 - of which it is made
    for at in range(0, len(text), 16):
        iv = block.update(bytes(a ^ b for a, b in zip(text[at : at + 16], iv, strict=True)))
        out += iv
    return out


@pytest.mark.parametrize(("bits", "tail"), [(1024, 129093), (1536, 741804), (2048, 124476)])
def test_primes_are_those_of_their_formula(bits: int, tail: int) -> None:
    """They are made of the digits of pi (RFC 2412 appendix E, RFC 3526), so that nobody could choose them."""
    one = 1 << (bits + 64)

    def arctan(inverse: int) -> int:
        total = term = one // inverse
        odd = 1
        while term:
            term, odd = -(term // inverse**2) if term > 0 else -term // inverse**2, odd + 2
            total += term // odd if term > 0 else -(-term // odd)
        return total

    pi = 4 * (4 * arctan(5) - arctan(239)) >> (64 + 130)
    assert BY_BITS[bits].prime == 2**bits - 2 ** (bits - 64) - 1 + 2**64 * (pi + tail)


@pytest.mark.parametrize(("bits", "wanted"), [(2048, AES_256), (1536, AES_128), (1024, AES_128)])
def test_both_ends_have_the_same_keys(bits: int, wanted: tuple[int, ...]) -> None:
    """Whichever group the called end can do; the master's keys come to the slave, and nobody sees them."""
    caller, called = Secret(), Secret()
    offer = caller.tokens()
    assert [token["tokenOID"] for token in offer] == [*(group.oid for group in GROUPS), V3]
    offer = [asn1.decode(asn1.Kind.CLEAR_TOKEN, asn1.encode(asn1.Kind.CLEAR_TOKEN, token)) for token in offer]
    assert called.take([token for token in offer if token["tokenOID"] in (BY_BITS[bits].oid, V3)])
    answer = called.tokens()
    assert [token["tokenOID"] for token in answer] == [BY_BITS[bits].oid, V3]
    assert caller.take(answer)
    assert caller.algorithms == called.algorithms
    assert caller.accepts(called.protection()) == caller.algorithms[0]
    assert caller.accepts(called.protection(wanted)) == wanted
    key = called.new_key(wanted)
    told = called.sync(key, 121)
    assert told["synchFlag"] == 121
    assert key.key not in told["h235Key"]
    assert caller.key_of(told, wanted) == key
    for secret in (repr(caller), repr(key), str(key)):
        assert key.key.hex() not in secret
        assert repr(key.key) not in secret
    assert not caller.refused
    assert not called.refused


@pytest.mark.parametrize("algorithm", [AES_128, AES_256])
def test_keys_are_those_that_anybody_finds_by_hand(algorithm: tuple[int, ...]) -> None:
    """The end of the secret, and under it the key in whole blocks from an initial value of zeros."""
    group, size = BY_BITS[2048], KEY_BYTES[algorithm]
    ours, private = Secret(lambda count: bytes(range(count))), 0x1234567890ABCDEF << 900
    theirs = pow(GENERATOR, private, group.prime)
    assert ours.take([described(group, theirs)])
    public = ours.tokens()[0]["dhkey"]["halfkey"][0]
    kek = pow(public, private, group.prime).to_bytes(256, "big")[-size:]
    key = bytes(range(size))
    told = ours.sync(ours.new_key(algorithm), 96)
    form, value = asn1.decode(asn1.Kind.H235_KEY, told["h235Key"])
    assert (form, value["algorithmOID"]) == ("secureSharedSecret", algorithm)
    assert value["encryptedSessionKey"] == by_hand(bytes(16), kek, key)
    begun = value | {"paramS": {"iv16": b"i" * 16}, "encryptedSessionKey": by_hand(b"i" * 16, kek, key)}
    told["h235Key"] = asn1.encode(asn1.Kind.H235_KEY, (form, begun))
    assert ours.key_of(told, algorithm) == MediaKey(algorithm, key)


def test_captured_tokens_and_keys_are_read() -> None:
    """Those of two endpoints of h323plus (capture c4): 1,024 bits and AES-128."""
    setup, connect = captured(0)["h323-message-body"], captured(2)["h323-message-body"]
    called, caller = Secret(), Secret()
    assert called.take(setup[1]["tokens"])
    assert [token["tokenOID"] for token in called.tokens()] == [OAKLEY.oid, V3]
    assert {name: bits for name, (_, bits) in called.tokens()[0]["dhkey"].items()} == {
        name: bits for name, (_, bits) in setup[1]["tokens"][0]["dhkey"].items()
    }, "in the same form"
    caller.tokens()
    assert caller.take(connect[1]["tokens"])
    assert caller.algorithms == (AES_128,)
    opened = [asn1.decode(asn1.Kind.H245, one)[1][1] for one in captured(9)["h245Control"]]
    for channel in opened:
        media = channel["forwardLogicalChannelParameters"]["dataType"]
        assert caller.accepts(media[1]["encryptionAuthenticationAndIntegrity"]) == AES_128
        key = caller.key_of(channel["encryptionSync"], AES_128)
        assert key is not None, "which nobody here can check: our secret is another one"
        assert len(key.key) == 16
        form, value = asn1.decode(asn1.Kind.H235_KEY, channel["encryptionSync"]["h235Key"])
        written = asn1.encode(asn1.Kind.H235_KEY, (form, value))
        assert written == channel["encryptionSync"]["h235Key"]
    assert [channel["encryptionSync"]["synchFlag"] for channel in opened] == [120, 121]


P = OAKLEY.prime


@pytest.mark.parametrize(
    ("tokens", "word"),
    [
        ([], "no_token"),
        ([{"tokenOID": V3}], "no_group"),
        ([{"tokenOID": (0, 0, 8, 235, 0, 3, 40), "dhkey": {"halfkey": (9, 512)}}], "no_group"),
        ([{"tokenOID": OAKLEY.oid}], "public_value"),
        *(([described(OAKLEY, value)], "public_value") for value in (0, 1, P - 2, P - 1, P, P + 1, 2 * P + 4)),
        ([described(OAKLEY, 4, modSize=(P - 2, 1024))], "other_group"),
        ([described(OAKLEY, 4, modSize=(P >> 512, 512))], "other_group"),
        ([described(OAKLEY, 4, generator=(1, 8))], "other_group"),
        ([described(OAKLEY, 4, generator=(P - 1, 1024))], "other_group"),
        ([described(BY_BITS[2048], 4, modSize=(P, 2048))], "other_group"),
    ],
)
def test_tokens_that_are_too_weak_or_false_are_refused(tokens: list[Any], word: str) -> None:
    """And counted; what comes of them is a call without encryption, which the room's policy may refuse."""
    secret = Secret()
    assert not secret.take(tokens)
    assert secret.refused == {word: 1}
    assert (secret.agreed, secret.algorithms, secret.tokens()) == (False, (), [])
    assert secret.accepts({"encryptionCapability": [("algorithm", AES_128)]}) is None
    assert secret.key_of({"synchFlag": 96, "h235Key": b"\x80"}, AES_128) is None


def test_the_strongest_counts_in_whatever_order() -> None:
    """A token that is no good is no reason to refuse a good one beside it; a second Connect changes nothing."""
    ours = Secret()
    good = [described(OAKLEY, 4), described(BY_BITS[1536], 16), described(BY_BITS[2048], 1), {"tokenOID": V3}]
    assert ours.take(good)
    assert ours.refused == {"public_value": 1}
    assert ours.tokens()[0]["tokenOID"] == BY_BITS[1536].oid
    before = ours.sync(MediaKey(AES_128, bytes(16)), 96)
    assert ours.take([described(BY_BITS[1536], 64)])
    assert ours.sync(MediaKey(AES_128, bytes(16)), 96) == before


def test_nothing_needs_to_be_said_of_a_group_that_is_named() -> None:
    """As h323plus does with its larger groups; a generator may be padded or not."""
    for other in ({"modSize": (0, 0), "generator": (0, 0)}, {"generator": (2, 8)}):
        assert Secret().take([described(BY_BITS[2048], 4, **other)])


@pytest.mark.parametrize(
    "change",
    [
        {"encryptedSessionKey": b"k" * 15},
        {"encryptedSessionKey": b"k" * 32},
        {"encryptedSessionKey": None},
        {"algorithmOID": AES_256},
        {"paramS": {"iv": b"short"}},
    ],
)
def test_keys_that_cannot_be_used_are_refused(change: dict[str, Any]) -> None:
    """One at a time: the next may be good."""
    ours = Secret()
    assert ours.take([described(OAKLEY, 4)])
    good = ours.sync(ours.new_key(AES_128), 96)
    form, value = asn1.decode(asn1.Kind.H235_KEY, good["h235Key"])
    changed = {name: one for name, one in (value | change).items() if one is not None}
    assert ours.key_of(good | {"h235Key": asn1.encode(asn1.Kind.H235_KEY, (form, changed))}, AES_128) is None
    plain = asn1.encode(asn1.Kind.H235_KEY, ("secureChannel", (5, 128)))
    assert ours.key_of(good | {"h235Key": plain}, AES_128) is None
    assert ours.key_of(good, AES_256) is None
    assert ours.key_of(ours.sync(MediaKey(AES_128, bytes(16)), 96), AES_128) is None, "zeros stand for no key"
    assert ours.key_of(good, AES_128) is not None


@given(st.binary(max_size=80))
@settings(max_examples=100, deadline=None)
def test_any_bytes_are_a_key_or_none(data: bytes) -> None:
    """No other exception leaves."""
    ours = Secret()
    ours.take([described(OAKLEY, 4)])
    assert ours.key_of({"synchFlag": 96, "h235Key": data}, AES_128) is None or data


numbers = st.tuples(st.integers(0, 2**1024 - 1), st.sampled_from([0, 8, 512, 1024]))
sets = st.dictionaries(st.sampled_from(["halfkey", "modSize", "generator"]), numbers)
oids = st.sampled_from([V3, (0, 0), *(group.oid for group in GROUPS)])


@given(st.lists(st.fixed_dictionaries({"tokenOID": oids}, optional={"dhkey": sets}), max_size=40))
@settings(max_examples=100, deadline=None)
def test_any_tokens_are_taken_or_refused(tokens: list[Any]) -> None:
    """Whatever they say of themselves."""
    ours = Secret()
    assert ours.take(tokens) == ours.agreed
    assert ours.agreed or ours.refused


def test_squares_are_told_from_other_numbers() -> None:
    """By the same answer as Euler's criterion."""
    for value, after in pairwise(range(2, 60)):
        expected = pow(value, (P - 1) // 2, P) == 1
        assert OAKLEY.has(value) == expected, after


def test_the_bridge_is_told_both_keys() -> None:
    """Zeros where there is none yet; the types on the wire once a key has followed another."""
    theirs, ours = MediaKey(AES_128, b"t" * 16), MediaKey(AES_128, b"o" * 16)
    both = base64.b64encode(b"t" * 16 + b"o" * 16).decode()
    assert crypto_line(theirs, ours) == f"1 H235_AES_128_CBC inline:{both}"
    assert crypto_line(theirs, ours, 121, 122) == f"1 H235_AES_128_CBC inline:{both} IN=121 OUT=122"
    half = base64.b64encode(bytes(32) + b"o" * 32).decode()
    assert crypto_line(None, MediaKey(AES_256, b"o" * 32)) == f"1 H235_AES_256_CBC inline:{half}"
