"""What INFO bodies say: key frames and keys, however they are written, and nothing by mistake."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signalling.gateways.sip import media_control as mc
from signalling.gateways.sip.message import Request
from signalling.gateways.sip.values import Uri


def _info(kind: str, body: bytes) -> Request:
    request = Request(method="INFO", uri=Uri("sip", "h"))
    request.set_body(kind, body)
    return request


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        (mc.PICTURE_FAST_UPDATE, True),
        (b"<media_control><vc_primitive><to_encoder><picture_fast_update>\r\n</picture_fast_update>", True),
        (b"<m:media_control xmlns:m='x'><m:picture_fast_update />", True),
        (b"<media_control><general_error>picture_fast_update</general_error>", False),
        (b"<picture_fast_update_gob/>", False),
        (b"", False),
    ],
)
def test_key_frames(body: bytes, wanted: bool) -> None:  # noqa: FBT001
    """The element, with or without a prefix, but no other that begins like it."""
    assert mc.wants_key_frame(_info(mc.MEDIA_CONTROL, body)) is wanted
    assert not mc.wants_key_frame(_info("text/plain", body))


@pytest.mark.parametrize(
    ("kind", "body", "key"),
    [
        (mc.DTMF_RELAY, b"Signal=5\r\nDuration=160\r\n", mc.Key("5", 160)),
        (mc.DTMF_RELAY, b"signal = a\nduration = 99999\n", mc.Key("A", mc.MAX_MILLISECONDS)),
        (mc.DTMF_RELAY, b"Signal=*", mc.Key("*")),
        (mc.DTMF_RELAY, b"Duration=160\r\n", None),
        (mc.DTMF_RELAY, b"Signal=55\r\n", None),
        (mc.DTMF, b"#", mc.Key("#")),
        (mc.DTMF, b" 1 \r\n", mc.Key("1")),
        (mc.DTMF, b"12", None),
        ("text/plain", b"1", None),
    ],
)
def test_keys(kind: str, body: bytes, key: mc.Key | None) -> None:
    """One key a body; a PIN that came wrong is no key at all."""
    assert mc.pressed(_info(kind, body)) == key


@given(st.sampled_from(sorted(mc.TYPES)), st.binary(max_size=200))
def test_any_body_is_a_key_a_wish_or_nothing(kind: str, body: bytes) -> None:
    """Never an exception, and never another key than a telephone has."""
    info = _info(kind, body)
    mc.wants_key_frame(info)
    pressed = mc.pressed(info)
    assert pressed is None or pressed.key in mc.KEYS
