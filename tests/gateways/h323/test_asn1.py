"""Messages of H.225.0, RAS and H.245 to values and back, whatever the bytes are."""

import importlib
import importlib.metadata
import random
import tracemalloc
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from signalling.gateways.h323.errors import MalformedError, UnavailableError
from signalling.gateways.h323.wire import tables
from signalling.gateways.h323.wire.asn1 import Kind, available, decode, encode
from tests.gateways.h323.arbitrary import arbitrary
from tests.gateways.h323.captured import encodings

MEMORY_PER_BYTE = 400
MEMORY_BESIDE = 100_000

CHANNEL = {
    "forwardLogicalChannelNumber": 1,
    "forwardLogicalChannelParameters": {
        "dataType": ("audioData", ("g711Alaw64k", 20)),
        "multiplexParameters": (
            "h2250LogicalChannelParameters",
            {
                "sessionID": 1,
                "mediaControlChannel": (
                    "unicastAddress",
                    ("iPAddress", {"network": bytes(4), "tsapIdentifier": 5001}),
                ),
                "transportCapability": {"mediaChannelCapabilities": [{"mediaTransport": ("ip-UDP", 0)}]},
            },
        ),
    },
}


def libraries(kind: Kind) -> Any:
    """The same type in the library, with its own coder."""
    recommendation, module, name = kind.value
    return getattr(getattr(importlib.import_module(f"pycrate_asn1dir.{recommendation}"), module), name)


def test_captured_messages() -> None:
    """Ours and the library read the same in what others wrote and in what we write of it."""
    assert len(encodings()) > 150
    for kind, data in encodings():
        value = decode(kind, data)
        library = libraries(kind)
        library.from_aper(data)
        assert value == library.get_val()
        again = encode(kind, value)
        assert decode(kind, again) == value
        library.from_aper(again)
        assert value == library.get_val()


def test_any_value() -> None:
    """What has never been captured is written so that the library reads it, and we."""
    chance = random.Random(11)
    for kind in Kind:
        library = libraries(kind)
        for _ in range(25):
            value = arbitrary(tables.load(*kind.value), chance)
            encoding = encode(kind, value)
            assert decode(kind, encoding) == value
            library.from_aper(encoding)
            assert library.get_val() == value


def test_the_librarys_own_coder_is_still_wrong() -> None:
    """When this fails it is mended, and it can be asked again whether ours is needed."""
    wrong = 0
    for kind, data in encodings():
        library = libraries(kind)
        library.from_aper(data)
        value = library.get_val()
        wrong += library.to_aper() != encode(kind, value)
    assert wrong


@given(st.sampled_from(list(Kind)), st.binary(max_size=400))
def test_any_bytes(kind: Kind, data: bytes) -> None:
    """A value or our error."""
    read_and_write(kind, data)


@settings(max_examples=200)
@given(st.data())
def test_captured_messages_with_faults(data: st.DataObject) -> None:
    """A value or our error, also of what is nearly right."""
    kind, whole = data.draw(st.sampled_from(encodings()))
    damaged = bytearray(whole)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(damaged)))
        damaged[at : at + data.draw(st.integers(0, 4))] = data.draw(st.binary(max_size=4))
    read_and_write(kind, bytes(damaged))


def read_and_write(kind: Kind, data: bytes) -> None:
    """What is read can be written, and is the same then."""
    try:
        value = decode(kind, data)
    except MalformedError:
        return
    assert decode(kind, encode(kind, value)) == value


def test_memory_is_in_proportion() -> None:
    """Whatever counts and lists say."""
    samples = [(kind, data) for kind, data in encodings() if len(data) > 200]
    chance = random.Random(7)
    for kind, data in encodings()[::7]:
        cut = data[: chance.randrange(1, len(data))]
        samples += [
            (kind, (cut + filler * 60_000)[:60_000]) for filler in (b"\x00", b"\xff", b"\x80", b"\x01\x00")
        ]
    # An endless list of what is hardly there, found by trying.
    samples += [
        (Kind.H245, bytes.fromhex("0622a87ba4") + b"\x80" * 60_000),
        (Kind.RAS, b"\x1a\xd0\xc2\x52\x91\x95\x99" * 8000),
    ]
    for kind, data in samples:
        tracemalloc.start()
        try:
            decode(kind, data)
        except MalformedError:
            pass
        finally:
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
        assert peak < MEMORY_PER_BYTE * len(data) + MEMORY_BESIDE, (kind, data[:40])


def test_what_takes_long_to_read_is_refused() -> None:
    """A list of lists of what is hardly there; nothing else in a message takes time."""
    with pytest.raises(MalformedError, match="more values"):
        decode(Kind.H245, bytes.fromhex("06") + b"\x80" * 32_000)


def test_what_is_too_long_or_too_deep_is_refused() -> None:
    """In either direction."""
    with pytest.raises(MalformedError, match="too long"):
        decode(Kind.H245, bytes(70_000))
    value: tuple[str, object] = ("standard", 0)
    for _ in range(100):
        value = ("genericParameter", [{"parameterIdentifier": ("standard", 1), "parameterValue": value}])
    with pytest.raises(MalformedError, match="deep"):
        encode(Kind.H245, generic(value))


def generic(value: object) -> tuple[str, object]:
    """A message with a parameter that may hold others."""
    content = [{"parameterIdentifier": ("standard", 0), "parameterValue": value}]
    return "request", (
        "genericRequest",
        {"messageIdentifier": ("standard", (0, 0, 8, 239, 2)), "messageContent": content},
    )


def test_a_type_may_stand_in_itself() -> None:
    """Where the library overwrites the outer by the inner."""
    inner = [{"parameterIdentifier": ("standard", at), "parameterValue": ("unsignedMin", at)} for at in (3, 4)]
    both = [
        {"parameterIdentifier": ("standard", 1), "parameterValue": ("genericParameter", inner)},
        {"parameterIdentifier": ("standard", 2), "parameterValue": ("logical", 0)},
    ]
    value = generic(("genericParameter", both))
    assert decode(Kind.H245, encode(Kind.H245, value)) == value


@pytest.mark.parametrize(
    ("value", "where"),
    [
        (
            ("request", ("openLogicalChannel", CHANNEL | {"forwardLogicalChannelNumber": 0})),
            "forwardLogicalChannelNumber",
        ),
        (
            ("request", ("openLogicalChannel", CHANNEL | {"nosuch": 0})),
            "openLogicalChannel: there is no such name",
        ),
        (("request", ("openLogicalChannel", {})), "forwardLogicalChannelNumber is missing"),
        (("request", ("nosuch", 0)), "request: there is no such name"),
        (("request", ("roundTripDelayRequest", {"sequenceNumber": "1"})), "roundTripDelayRequest.sequenceNumber"),
        (("request", 5), "request"),
        (5, "another type"),
    ],
)
def test_a_wrong_value_is_named(value: object, where: str) -> None:
    """By the names of the standard."""
    with pytest.raises(MalformedError, match=where):
        encode(Kind.H245, value)


def test_what_later_versions_add_is_kept() -> None:
    """As bytes, under a number."""
    later = ("request", ("_ext_40", b"whatever"))
    assert decode(Kind.H245, encode(Kind.H245, later)) == later
    channel = ("request", ("openLogicalChannel", CHANNEL | {"_ext_9": b"\x01\x02", "_ext_70": b"\x03"}))
    assert decode(Kind.H245, encode(Kind.H245, channel)) == channel
    # An addition that has grown since: what is behind its known part is passed over.
    ended = encode(Kind.H245, ("command", ("endSessionCommand", ("disconnect", 0))))
    assert decode(Kind.H245, ended + b"more") == ("command", ("endSessionCommand", ("disconnect", 0)))


def test_what_is_longer_than_a_piece_goes_in_pieces() -> None:
    """Of 16 K each."""
    message = {
        "h323-uu-pdu": {"h323-message-body": ("empty", 0), "h245Tunnelling": True, "h245Control": [bytes(40_000)]}
    }
    encoding = encode(Kind.H225, message)
    assert len(encoding) > 40_000
    assert decode(Kind.H225, encoding) == message


def test_without_the_library_there_is_a_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also with one whose tables may be others."""
    assert available()
    monkeypatch.setattr(tables, "available", lambda: False)
    tables.load.cache_clear()
    with pytest.raises(UnavailableError, match=r"brotjeneste\[h323\]"):
        decode(Kind.RAS, b"")
    monkeypatch.undo()
    monkeypatch.setattr(importlib.metadata, "version", lambda _: "0.9.0")
    with pytest.raises(UnavailableError, match=r"0\.9\.0"):
        decode(Kind.RAS, b"")
