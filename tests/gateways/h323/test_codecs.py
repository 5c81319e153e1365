"""Codecs of H.245 as the bridge's formats."""

import pytest

from signalling.gateways.h323.control import codecs
from signalling.gateways.h323.control.codecs import Codec

OF_H264 = {"capabilityIdentifier": ("standard", codecs.H264), "maxBitRate": 3_840}


def h264(*parameters: tuple[int, str, int]) -> tuple:
    """A capability with these parameters."""
    told = [
        {"parameterIdentifier": ("standard", at), "parameterValue": (kind, value)}
        for at, kind, value in parameters
    ]
    return ("genericVideoCapability", OF_H264 | {"collapsing": told})


@pytest.mark.parametrize(
    ("parameters", "level"),
    [
        ([(42, "unsignedMin", 36)], "0d"),
        ([(42, "unsignedMin", 71)], "1f"),
        ([(42, "unsignedMin", 85)], "1f"),
        ([(42, "unsignedMin", 36), (3, "unsignedMin", 216), (4, "unsignedMin", 15)], "1f"),
        ([(42, "unsignedMin", 36), (3, "unsignedMin", 216)], "0d"),
        ([(42, "unsignedMin", 50), (3, "unsignedMin", 81), (4, "unsignedMin", 7)], "1e"),
    ],
    ids=["1.3", "3.1", "4", "1.3 and 720p beside it", "1.3 and faster", "2.1 and 3.0 beside it"],
)
def test_a_level_is_what_a_receiver_comes_up_to(parameters: list, level: str) -> None:
    """H.241 lets it say more than its level holds; and a channel of ours repeats what was said."""
    codec = codecs.read_picture(h264((41, "booleanArray", 64), *parameters))
    assert codec is not None
    assert codec.bit_rate == 384_000
    assert f"a=fmtp:96 packetization-mode=0;profile-level-id=42e0{level}" in codecs.sdp(codec, 96)
    assert codecs.read_picture(codecs.written(codec)) == codec


@pytest.mark.parametrize(("profiles", "taken"), [(64, True), (32, True), (8, True), (16, False), (0, False)])
def test_who_decodes_no_baseline_is_sent_none(profiles: int, taken: bool) -> None:  # noqa: FBT001
    """Main and high do, extended does not."""
    codec = codecs.read_picture(h264((41, "booleanArray", profiles), (42, "unsignedMin", 71)))
    assert (codec is not None) == taken


@pytest.mark.parametrize(
    "codec",
    [
        Codec("h261", sizes=(("QCIF", 2), ("CIF", 1)), bit_rate=384_000),
        Codec("h263", sizes=(("SQCIF", 1), ("CIF", 2), ("CIF4", 3)), bit_rate=768_000),
        Codec("h264", level=31, bit_rate=1_500_000, content=True),
        Codec("pcmu", most_ms=20),
        Codec("g722", most_ms=40),
    ],
    ids=lambda codec: codec.name,
)
def test_what_is_written_is_read_again(codec: Codec) -> None:
    """Each as capability and as SDP."""
    read = codecs.read_sound if codec.name in codecs.CLOCKS else codecs.read_picture
    assert read(codecs.written(codec)) == codec
    told = codecs.sdp(codec, 34)
    assert told[0].startswith(f"a=rtpmap:34 {codec.name.upper()}/")
    assert [size for size, _ in codec.sizes] == [] or told[1].endswith(
        ";".join(f"{size}={interval}" for size, interval in codec.sizes)
    )
