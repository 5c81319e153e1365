"""H.261 and H.263 in RTP: what another stack sent, content, and what packets say of those before."""

import random
from collections.abc import Iterator
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.transcode.peers import Camera, Screen, Stand, picture_format
from transcode import h261, h263, h263_walk, rtp
from transcode.bits import Piece, cut, joined, packed
from transcode.codec import luma
from transcode.errors import Malformed
from transcode.frames import Assembler
from transcode.jobs import Compose, PictureCodec, PictureIn, PictureOut, Scene, Tile
from transcode.older import POINT
from transcode.pictures import read_picture
from transcode.unpack import unpack
from transcode.video import LARGEST_PAYLOAD, VideoDecoder, VideoEncoder

CODECS: tuple[PictureCodec, ...] = ("h261", "h263", "h263-1998")
SEEN = Path(__file__).parents[1] / "vectors" / "h261" / "h323plus.hex"
CAMERA, OUT = 11, 21


def of_h323plus() -> list[bytes]:
    """The payloads of the first picture of a call between two endpoints of the h323plus stack."""
    return [bytes.fromhex(line) for line in SEEN.read_text().split()]


def detailed(codec: PictureCodec, count: int = 6) -> list[list[bytes]]:
    """Pictures of more bits than groups of blocks may have in a packet: a first and predicted ones."""
    camera = Camera(7, CAMERA, codec, 352, 288, bitrate=1_500_000, grain=True)
    packets = ([rtp.parse_rtp(one) for one in camera.packets()] for _ in range(count))
    return [[one.payload for one in of if one is not None] for of in packets]


def test_what_the_h323plus_stack_sends_is_whole_and_decoded() -> None:
    """Cut within groups of blocks, and in the midst of bytes."""
    picture, key = unpack("h261", of_h323plus())
    assert key
    assert h261.is_whole(picture)
    seen = VideoDecoder("h261").decode(picture)
    assert seen is not None
    assert (seen.width, seen.height) == (352, 288)
    assert luma(seen).std() > 10
    assert unpack("h261", h261.payloads(picture, LARGEST_PAYLOAD))[0] == picture


def test_the_last_packet_says_where_its_picture_ends() -> None:
    """In the midst of a byte: there is nothing in the bits behind it, as the other stack has it."""
    assert of_h323plus()[-1][0] >> 2 & 7 == 6
    picture, _ = unpack("h261", of_h323plus())
    assert h261.payloads(picture, LARGEST_PAYLOAD)[-1][0] >> 2 & 7 == 6
    unused = {payloads[-1][0] >> 2 & 7 for payloads in detailed("h261", 8)}
    assert len(unused) > 2


@pytest.mark.parametrize("codec", CODECS)
def test_large_pictures_fit_their_packets_and_are_whole_again(codec: PictureCodec) -> None:
    """With groups of blocks that are longer than a packet, in the first picture and in predicted ones."""
    pictures, decoder = detailed(codec), VideoDecoder(codec)
    assert max(len(payload) for picture in pictures for payload in picture) <= LARGEST_PAYLOAD
    if codec == "h261":
        within = [payload for picture in pictures for payload in picture if payload[1] >> 4]
    else:
        within = [one for picture in pictures for one in picture if not one[2:].startswith((b"\x00\x00", b"\x80"))]
    assert len(within) > 10
    for number, payloads in enumerate(pictures):
        picture, key = unpack(codec, payloads)
        assert not number or codec == "h261" or not key
        seen = decoder.decode(picture)
        assert seen is not None
        reading = read_picture(luma(seen))
        assert reading is not None
        assert (reading.identity, reading.counter) == (7, number)
    assert decoder.point == POINT


def test_a_packet_within_a_group_says_all_that_its_decoder_must_know() -> None:
    """A group of blocks that is begun anew by what the header says shows the same macroblock."""
    payloads = detailed("h261", 1)[0]
    picture, _ = unpack("h261", payloads)
    whole = luma(decoded(picture)).copy()
    within = [one for one in payloads if one[1] >> 4]
    assert within
    for payload in within:
        header = int.from_bytes(payload[:4], "big")
        group, before, quantizer = header >> 20 & 15, (header >> 15 & 31) + 1, header >> 10 & 31
        # The first macroblock is told by its distance of one, for which there is the distance from the beginning.
        address = int(h261._ADDRESSES.split()[before], 2)
        length = len(h261._ADDRESSES.split()[before])
        begun = joined(
            [
                Piece(picture[:4], 0, 0),
                bits(1, 16),
                bits(group, 4),
                bits(quantizer << 1, 6),
                bits(address, length),
                Piece(payload[4:], (payload[0] >> 5) + 1, payload[0] >> 2 & 7),
            ]
        )
        seen = luma(decoded(begun))
        row, column = (group - 1) // 2 * 48 + before // 11 * 16, (group - 1) % 2 * 176 + before % 11 * 16
        assert (seen[row : row + 16, column : column + 16] == whole[row : row + 16, column : column + 16]).all()


def bits(value: int, count: int) -> Piece:
    """Some bits alone."""
    return Piece((value << -count % 8).to_bytes(-(-count // 8), "big"), 0, -count % 8)


def decoded(picture: bytes, **options: str) -> Any:
    """A picture of H.261 as FFmpeg shows it, whatever is missing."""
    context: Any = av.CodecContext.create("h261", "r")
    context.options = options
    return context.decode(av.Packet(picture))[-1]


def moving(codec: PictureCodec) -> Iterator[tuple[bytes, dict[tuple[int, int], tuple[int, int]]]]:
    """Pictures whose halves move by different ways, and vectors of predicted ones as FFmpeg finds them."""
    encoder = VideoEncoder(codec, 352, 288, fps=25, bitrate=600_000)
    context: Any = av.CodecContext.create(codec, "r")
    context.options = {"flags2": "+export_mvs"}
    ground = np.kron(np.random.default_rng(3).integers(0, 255, (80, 90)), np.ones((8, 8))).astype(np.uint8)
    for number in range(4):
        halves = [ground[5 * number :, side * number :][:288, :176] for side in (3, 7)]
        seen = np.ascontiguousarray(np.repeat(np.hstack(halves)[:, :, None], 3, axis=2))
        frame = av.VideoFrame.from_ndarray(seen, format="rgb24").reformat(format="yuv420p")
        picture = encoder.encode(frame, number / 25, key=number == 0).data
        told = context.decode(av.Packet(picture))[-1].side_data.get("MOTION_VECTORS")
        if told is not None:
            places = ((one["dst_x"] // 16, one["dst_y"] // 16, one) for one in told.to_ndarray())
            yield picture, {(x, y): (int(one["motion_x"]), int(one["motion_y"])) for x, y, one in places}


def test_vectors_of_h261_are_those_that_ffmpeg_finds() -> None:
    """A place says the vector of the macroblock before it."""
    found = 0
    for picture, vectors in moving("h261"):
        for before, place in pairwise(h261.places(picture)):
            if before.group != place.group:
                continue
            row, column = divmod(place.address - 1, 11)
            at = (place.group - 1) % 2 * 11 + column, (place.group - 1) // 2 * 3 + row
            assert tuple(2 * part for part in place.vector) == vectors.get(at, (0, 0))
            found += place.vector != (0, 0)
    assert found > 500


def test_vectors_of_h263_are_those_that_ffmpeg_finds() -> None:
    """In the first group and behind a start code, what is expected is the vector to the left."""
    found = 0
    for picture, vectors in moving("h263"):
        starts = {place.at for place in h263_walk.places(picture) if not place.address}
        groups = {n for n in range(18) if picture.find(bytes((0, 0, 0x80 | n << 2)), 1) > 0} | {0}
        assert len(starts) == 18
        for place in h263_walk.places(picture):
            if place.group in groups and place.address:
                assert place.vector == vectors.get((place.address - 1, place.group), (0, 0))
                found += place.vector != (0, 0)
    assert found > 200


@pytest.mark.parametrize("codec", ["h261", "h263"])
def test_what_is_lost_is_asked_for_and_no_torn_picture_goes_on(codec: PictureCodec) -> None:
    """One packet in forty is lost; after each loss a picture that is whole comes first."""
    tile = Scene(tiles=(Tile(input=CAMERA),))
    out = PictureOut(ssrc=OUT, format=picture_format("vp8"), width=384, height=288, scene=tile)
    job = Compose(id=1, peer=9, inputs=(PictureIn(ssrc=CAMERA, formats=(picture_format(codec),)),), outs=(out,))
    stand, camera, lossy = Stand(job), Camera(7, CAMERA, codec, 352, 288, grain=True), random.Random(4)
    screen = stand.outs[OUT] = Screen("vp8")
    for _ in range(40):
        camera.key |= CAMERA in stand.plis_since_asked()
        stand.pass_time(0.04, *(one for one in camera.packets() if lossy.random() > 1 / 40))
    assert {reading.identity for reading in screen.readings if reading is not None} == {7}
    assert None not in screen.readings
    assert len(screen.readings) > 10
    assert stand.job.figures().broken_frames > 0
    assert screen.last.shape == (288, 384)


def test_a_sender_of_h261_that_never_sends_a_whole_picture_is_seen_after_a_while() -> None:
    """H.261 knows no key frames: what begins with an INTRA macroblock has to do, and the rest comes."""
    (*most, _), assembler = of_h323plus(), Assembler({31: "h261"})
    came = []
    for number in range(6):
        for seq, payload in enumerate(most, number * len(most)):
            packet = rtp.Packet(31, payload is most[-1], seq, number, 1, payload)
            assembler.take(packet, number / 2)
        came += [number for _ in assembler.frames(number / 2)]
    assert came == [4, 5]
    assert not assembler.wants_key


def test_numbers_of_pictures_are_of_the_clock_whatever_the_rate() -> None:
    """At ten a second every third number, in H.261 modulo 32 and in H.263 modulo 256."""
    frame = av.VideoFrame(176, 144, "yuv420p")
    for codec, behind, length in (("h261", 20, 5), ("h263", 22, 8)):
        encoder = VideoEncoder(codec, 176, 144, fps=10, bitrate=64_000)
        numbers = []
        for n in range(100):
            picture = encoder.encode(frame, 7 + n / 10, key=n == 0).data
            numbers.append(int.from_bytes(picture[:4], "big") >> (32 - behind - length) & (1 << length) - 1)
        steps = [(after - before) % (1 << length) for before, after in pairwise(numbers)]
        assert set(steps) <= {2, 3}
        assert abs(sum(steps) - 9.9 * 30_000 / 1001) <= 1


@given(st.binary(min_size=1, max_size=60), st.lists(st.integers(1, 479), max_size=8))
def test_bits_that_were_cut_anywhere_are_together_again(data: bytes, places: list[int]) -> None:
    """Also in the midst of a byte, and several times in the same one."""
    end = len(data) * 8
    edges = sorted({0, end, *(one for one in places if one < end)})
    assert joined(cut(data, *of) for of in pairwise(edges)) == data
    runs = list(packed(edges[:-1], end, 10))
    assert [first for first, _ in runs[1:]] == [last for _, last in runs[:-1]]
    assert (runs[0][0], runs[-1][1]) == (0, end)
    assert all(
        last - first <= 80 or (last in edges and not edges.index(last) - edges.index(first) > 1)
        for first, last in runs
    )


@given(st.binary(max_size=300))
@example(of_h323plus()[0][4:200])
def test_any_bytes_are_walked_through_or_refused(data: bytes) -> None:
    """As H.261 and as H.263, also with a beginning like one."""
    for picture in (data, b"\x00\x01\x00\x0e" + data, b"\x00\x01\x00\x0e\x00\x01\x15\x23" + data):
        h261.is_whole(picture)
        h261.begins_intra(picture)
        with suppress(Malformed):
            h261.payloads(picture, 50)
    with suppress(Malformed):
        h263.payloads(b"\x00\x00\x80\x02\x0c" + data, 50)
    assert b"".join(one[2:] for one in h263.plus_payloads(b"\x00\x00\x80" + data, 50))
