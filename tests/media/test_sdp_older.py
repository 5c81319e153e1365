"""H.261 and H.263 in descriptions of calls: what is agreed, and that nobody gets it who has something better."""

import pytest

from media.description import Format
from media.sdp import Capabilities, older
from media.sdp.calls import CallPolicy, LocalLine, Written, agree_lines, answer, offer, read
from media.sdp.codecs import Agreed
from tests.media.call_offers import HEAD

CALLERS = CallPolicy(Capabilities(video=("vp8", "h264", *older.CODECS)), allow_plain=True)


def line(formats: str, *attributes: str) -> str:
    """An offer of pictures in the clear."""
    return f"{HEAD}m=video 5006 RTP/AVP {formats}\r\n" + "".join(f"a={one}\r\n" for one in attributes)


def agreed(told: str) -> tuple[Agreed, ...]:
    """What is taken of it."""
    (one,) = agree_lines(read(told), CALLERS, "192.0.2.10")
    return one.agreed


def test_static_numbers_need_no_name() -> None:
    """The largest size of which the peer says how often it takes it, and QCIF where it says nothing."""
    sizes = agreed(line("31 34", "fmtp:31 QCIF=1;CIF=2", "fmtp:34 CIF4=1;CIF=1;QCIF=1;MAXBR=3840"))
    assert [one.format for one in sizes] == [
        Format(pt=34, codec="h263", clock_rate=90_000, lines=288, interval=1),
        Format(pt=31, codec="h261", clock_rate=90_000, lines=288, interval=2),
    ]
    silent = agreed(line("31 34"))
    assert [(one.format.lines, one.format.interval) for one in silent] == [(144, 2), (144, 1)]


@pytest.mark.parametrize(
    "sizes", ["CIF=0;QCIF=2", "CIF=33;QCIF=2", "CIF=x;QCIF=2", "CIF;QCIF=2", "QCIF=2;custom=1,2,3"]
)
def test_sizes_that_say_nothing_are_passed_over(sizes: str) -> None:
    """Intervals are from 1 to 32."""
    (one,) = agreed(line("31", f"fmtp:31 {sizes}"))
    assert (one.format.lines, one.format.interval) == (144, 2)


def test_what_is_older_comes_after_what_is_not_under_any_number() -> None:
    """Also after H.264 in packetization mode 1; both later versions of H.263 are packed alike."""
    told = line(
        "120 121 97 98 99",
        "rtpmap:120 H261/90000",
        "fmtp:120 CIF=1",
        "rtpmap:121 H263-2000/90000",
        "fmtp:121 CIF=1;PROFILE=0",
        "rtpmap:97 H264/90000",
        "fmtp:97 packetization-mode=1;profile-level-id=42e01f",
        "rtpmap:98 H263-1998/90000",
        "rtpmap:99 VP8/90000",
        "rtcp-fb:* nack pli",
    )
    found = agreed(told)
    assert [(one.format.pt, one.format.codec) for one in found] == [
        *[(99, "vp8"), (97, "h264"), (121, "h263-1998"), (98, "h263-1998"), (120, "h261")],
    ]
    assert all(one.format.pli for one in found)


def test_the_answer_says_what_converters_read() -> None:
    """By the names that were offered."""
    told = line("31 34 96", "rtpmap:96 H263-2000/90000", "fmtp:96 CIF=1", "fmtp:31 CIF=1")
    lines = agree_lines(read(told), CALLERS, "192.0.2.10")
    text = answer(read(told), lines, {0: LocalLine(42_000)}, Written(7, 1, "198.51.100.1"), None)
    assert "m=video 42000 RTP/AVP 96 34 31\r\n" in text
    for expected in (
        "a=rtpmap:96 H263-2000/90000\r\na=fmtp:96 CIF=1;QCIF=1;SQCIF=1",
        "a=rtpmap:31 H261/90000\r\na=fmtp:31 CIF=1;QCIF=1\r\n",
        "a=rtpmap:34 H263/90000\r\na=fmtp:34 CIF=1;QCIF=1;SQCIF=1\r\n",
    ):
        assert expected in text


def test_larger_and_faster_pictures_do_not_fit() -> None:
    """As the engine has it."""
    cif, quarter = (Format(pt=31, codec="h261", clock_rate=90_000, lines=lines) for lines in (288, 144))
    slow = Format(pt=31, codec="h261", clock_rate=90_000, interval=2)
    assert cif.takes(quarter)
    assert cif.takes(slow)
    assert not quarter.takes(cif)
    assert not slow.takes(cif)


def test_only_peers_of_h323_are_offered_them() -> None:
    """Last, and with what converters read."""
    written, ports = Written(7, 1, "198.51.100.1"), (42_000, 42_002, 42_004)
    capabilities = CALLERS.capabilities
    plain, older_too = (
        offer(ports, ((),) * 3, written, capabilities, best_effort=True, h323=h323) for h323 in (False, True)
    )
    assert plain.count("RTP/AVP 97 98 99\r\n") == 2
    assert "H26" not in plain.replace("H264", "")
    assert older_too.count("RTP/AVP 97 98 99 34 31\r\n") == 2
    assert older_too.count("a=rtpmap:31 H261/90000\r\na=fmtp:31 CIF=1;QCIF=1\r\n") == 2
    assert agree_lines(read(older_too), CALLERS, "192.0.2.10")[1].agreed[-1].format.codec == "h261"
