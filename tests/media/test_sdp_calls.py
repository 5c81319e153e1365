"""Offers of calls: what is taken of each, what the answer says, and what no text can do."""

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from media.description import CAMERA, CONTENT, MIC, IceParams
from media.lines import Feedback, Plain, Remote
from media.sdp.calls import CallPolicy, LineAgreement, LocalLine, Written, agree_lines, answer, offer, read
from media.sdp.calls.agreement import ByDtls
from media.sdp.calls.crypto import Crypto, parse
from media.sdp.codecs import Capabilities
from media.sdp.errors import SdpError
from tests.media.call_offers import ALL, KEY, KEY_GCM, by_handshake, room_system, softphone, telephone, with_ice

CAPABLE = Capabilities(audio=("opus", "telephone-event"))
STRICT, LAX = CallPolicy(CAPABLE), CallPolicy(CAPABLE, allow_plain=True)
SEEN = "192.0.2.10"
WRITTEN = Written(7, 1, "198.51.100.1", "CD:EF")


def taken(offer: str, policy: CallPolicy = STRICT, seen_at: str = SEEN) -> tuple[LineAgreement, ...]:
    """What is taken of an offer."""
    return agree_lines(read(offer), policy, seen_at)


def answered(offer: str, policy: CallPolicy = STRICT) -> list[str]:
    """The m-lines of the answer, each with its attributes."""
    agreed = taken(offer, policy)
    local = {}
    for one in agreed:
        key = one.protection
        own = Crypto(key.tag, key.suite, b"k" * len(key.master)) if isinstance(key, Crypto) else None
        ice = IceParams(local_ufrag="ours", local_pwd="p" * 24) if one.has_ice else None
        local[one.number] = LocalLine(42_000 + 2 * one.number, own, ice)
    text = answer(read(offer), agreed, local, WRITTEN, 1_500_000)
    head, *lines = text.replace("a=ice-lite\r\n", "", 1).split("\r\nm=")
    assert head.startswith("v=0\r\no=- 7 1 IN IP4 198.51.100.1\r\n")
    assert text.endswith("\r\n")
    return lines


def code(offer: str, policy: CallPolicy = STRICT) -> str:
    """With what an offer is turned down."""
    with pytest.raises(SdpError) as caught:
        taken(offer, policy)
    return caught.value.code


def test_a_softphone_is_taken_as_it_offers() -> None:
    """Sound and pictures, RTCP on the same port, each direction with a key of its own."""
    sound, pictures = taken(softphone())
    assert (sound.source, pictures.source) == (MIC, CAMERA)
    assert [item.format.codec for item in sound.agreed] == ["opus", "telephone-event"]
    assert sound.protection == Crypto(1, "AES_CM_128_HMAC_SHA1_80", bytes(range(1, 31)))
    assert sound.remote == Remote(rtp="192.0.2.10:5004", rtcp="192.0.2.10:5005", learn=False)
    assert pictures.feedback == Feedback(pli=True)
    first, second = answered(softphone())
    assert first.startswith("audio 42000 RTP/SAVPF 96 101\r\n")
    assert "a=rtcp-mux" in first
    assert "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:a2tr" in first
    assert "b=TIAS:1500000" in second
    assert "a=rtcp-fb:97 nack pli" in second


@pytest.mark.parametrize("mux", [True, False])
def test_who_checks_is_told_where_to(mux: bool) -> None:  # noqa: FBT001 - a parameter of the test
    """Each port of the answer is a candidate, and we say that we are the lite side (RFC 8839 section 4.2.2)."""
    sound, pictures = taken(with_ice(mux=mux))
    assert sound.has_ice
    assert pictures.has_ice
    first, second = answered(with_ice(mux=mux))
    for line, port in ((first, 42_000), (second, 42_002)):
        places = [one.split() for one in line.split("\r\n") if one.startswith("a=candidate:")]
        assert [(one[1], one[2], *one[4:]) for one in places] == [
            (str(at), "udp", "198.51.100.1", str(port + at - 1), "typ", "host") for at in ([1] if mux else [1, 2])
        ]
        assert "a=ice-ufrag:ours\r\na=ice-pwd:pppp" in line
    whole = answer(read(with_ice()), taken(with_ice()), dict.fromkeys((0, 1), LocalLine(4)), WRITTEN, None)
    assert "t=0 0\r\na=ice-lite\r\nm=" in whole


@pytest.mark.parametrize(
    ("change", "mismatch"),
    [
        (("m=audio 5004", "m=audio 7004"), True),
        (("c=IN IP4 192.0.2.10", "c=IN IP4 192.0.2.99"), True),
        (("t=0 0", "t=0 0\r\na=ice-lite"), False),
        (("a=ice-pwd:", "a=ice-pwd:short "), False),
        (("a=ice-ufrag:", "a=ice-ufrag:?"), False),
        (("a=ice-ufrag:", "a=x:"), False),
    ],
)
def test_who_cannot_check_is_where_its_description_says(change: tuple[str, str], mismatch: bool) -> None:  # noqa: FBT001
    """Also where something on the way has changed the description: it is told so (RFC 8839 section 5.4)."""
    offer = with_ice().replace(*change)
    sound = taken(offer)[0]
    assert not sound.has_ice
    assert sound.mismatch == mismatch
    line = answered(offer)[0]
    assert ("a=ice-mismatch" in line) == mismatch
    assert "candidate" not in line


def test_who_names_its_addresses_later_may_check_too() -> None:
    """The lite side needs none of them (RFC 8840); what it has to be sent is not on hold for that."""
    offer = "\r\n".join(one for one in with_ice().split("\r\n") if "candidate" not in one and "a=rtcp:" not in one)
    offer = offer.replace("c=IN IP4 192.0.2.10", "c=IN IP4 0.0.0.0").replace(
        "t=0 0", "t=0 0\r\na=ice-options:trickle"
    )
    sound, _ = taken(offer)
    assert sound.has_ice
    assert sound.direction == "sendrecv"
    assert not taken(offer.replace("a=ice-options:trickle", "a=x"))[0].has_ice


def test_a_room_system_gets_an_answer_for_every_line() -> None:
    """What is not used has port 0, in its place; BFCP is another's business."""
    lines = answered(room_system())
    assert [line.split()[:2] for line in lines] == [
        ["audio", "42000"],
        ["video", "42002"],
        ["application", "0"],
        ["video", "42006"],
        ["application", "0"],
        ["image", "0"],
    ]
    assert lines[5] == "image 0 udptl t38\r\n"
    assert lines[1].startswith("video 42002 RTP/AVP 97 126\r\n"), "so it sends in mode 0"
    assert "a=rtcp:42001" in lines[0]
    assert "a=rtcp-fb:* ccm tmmbr" in lines[1]
    assert "a=rtcp-fb:97 ccm fir" in lines[1]
    assert "a=content:slides\r\na=label:3\r\na=sendrecv" in lines[3]
    assert "a=content" not in lines[1]
    _, pictures, content = taken(room_system())
    assert (content.source, content.number, content.remote.rtp) == (CONTENT, 3, "192.0.2.10:2330")
    assert [(item.format.packetization_mode, item.format.profile) for item in pictures.agreed] == [
        (0, 0x420016),
        (1, 0x428016),
    ]
    assert pictures.feedback == Feedback(pli=True, fir=True, tmmbr=True)
    assert pictures.line.max_bitrate == 4_000_000
    assert pictures.parameter_sets == (b"\x67\x42\x80\x16", b"\x68\xce\x31")
    assert pictures.remote.rtcp is None


def test_the_strongest_usable_key_is_taken() -> None:
    """Not one with an identifier in each packet, nor one that leaves RTCP open; best effort counts at its best."""
    sound, *_ = taken(room_system())
    assert sound.protection == Crypto(4, "AEAD_AES_128_GCM", bytes(range(1, 29)))
    assert "a=crypto:4 AEAD_AES_128_GCM inline:" in answered(room_system())[0]


@pytest.mark.parametrize("profile", ["UDP/TLS/RTP/SAVPF", "UDP/TLS/RTP/SAVP", "RTP/SAVPF", "RTP/SAVP"])
@pytest.mark.parametrize("setup", ["actpass", "active"])
def test_keys_by_handshake(profile: str, setup: str) -> None:
    """We wait for the peer to begin; a certificate above all m-lines is that of each."""
    sound, pictures = taken(by_handshake(profile, setup))
    assert isinstance(sound.protection, ByDtls)
    assert sound.protection == pictures.protection
    first, _ = answered(by_handshake(profile, setup))
    assert "a=fingerprint:sha-256 CD:EF\r\na=setup:passive" in first


@pytest.mark.parametrize("setup", ["passive", "holdconn", "nonsense"])
def test_who_waits_for_us_to_begin_is_turned_down(setup: str) -> None:
    """Both would wait."""
    assert code(by_handshake(setup=setup)) == "sdp_unusable"


def test_what_nothing_protects_is_taken_only_where_that_is_said() -> None:
    """A softphone without keys, for one."""
    offer = softphone("RTP/AVP", "")
    assert code(offer) == "sdp_unusable"
    assert {type(one.protection) for one in taken(offer, LAX)} == {Plain}
    assert "crypto" not in "".join(answered(offer, LAX))
    assert code(softphone("RTP/SAVP", ""), LAX) == "sdp_unusable"


def test_a_telephone_is_turned_down_where_there_are_no_converters() -> None:
    """It would hear nobody: events alone are no sound."""
    assert code(telephone(), LAX) == "sdp_unusable"


CONVERTING = CallPolicy(Capabilities(audio=("opus", "g722", "pcma", "pcmu", "telephone-event")), allow_plain=True)


@pytest.mark.parametrize(
    ("offered", "taken_as"),
    [
        ("8 0 101", ("pcma", "telephone-event")),
        ("0 8", ("pcma",)),
        ("0", ("pcmu",)),
        ("8 9 101", ("g722", "telephone-event")),
    ],
)
def test_sound_is_taken_in_one_codec_the_best_that_is_offered(offered: str, taken_as: tuple[str, ...]) -> None:
    """G.722 before G.711, each with the clock of RFC 3551; the answer has no other, so that none other comes."""
    text = telephone().replace("8 0 101", offered)
    (sound,) = taken(text, CONVERTING)
    assert tuple(item.format.codec for item in sound.agreed) == taken_as
    assert {item.format.clock_rate for item in sound.agreed} == {8000}
    (line,) = answered(text, CONVERTING)
    numbers = {"pcma": "8", "pcmu": "0", "g722": "9", "telephone-event": "101"}
    assert line.startswith(f"audio 42000 RTP/AVP {' '.join(numbers[codec] for codec in taken_as)}\r\n")
    assert f"a=rtpmap:{numbers[taken_as[0]]} {taken_as[0].upper()}/8000" in line


def test_opus_comes_before_what_telephones_speak() -> None:
    """It is what pages send."""
    (sound, _) = taken(softphone(), CONVERTING)
    assert [item.format.codec for item in sound.agreed] == ["opus", "telephone-event"]


def test_of_an_answer_the_codec_is_taken_that_its_peer_sends() -> None:
    """The one that it names first."""
    text = telephone().replace("8 0 101", "0 9 8 101")
    (sound,) = agree_lines(read(text), CONVERTING, SEEN, is_answer=True)
    assert [item.format.codec for item in sound.agreed] == ["pcmu", "telephone-event"]


def test_an_offer_of_ours_names_what_can_be_spoken() -> None:
    """And nothing else."""
    ports, keys = (42_000, 42_002, 42_004), ((), (), ())
    ours = offer(ports, keys, WRITTEN, CONVERTING.capabilities, best_effort=True)
    assert "m=audio 42000 RTP/AVP 96 9 8 0 101\r\n" in ours
    assert [line.split()[0:2] for line in ours.split("\r\nm=")[1:]] == [
        ["audio", "42000"],
        ["video", "42002"],
        ["video", "42004"],
    ]
    assert ours.count("a=content:slides\r\na=label:3\r\n") == 1
    few = offer(ports, keys, WRITTEN, CAPABLE, best_effort=True)
    assert "m=audio 42000 RTP/AVP 96 101\r\n" in few
    assert "PCMA" not in few


@pytest.mark.parametrize(
    ("change", "sends", "receives", "direction"),
    [
        (lambda text: text, True, True, "sendrecv"),
        (lambda text: text.replace("a=sendrecv", "a=sendonly"), True, False, "recvonly"),
        (lambda text: text.replace("a=sendrecv", "a=recvonly"), False, True, "sendonly"),
        (lambda text: text.replace("a=sendrecv", "a=inactive"), False, False, "inactive"),
        (lambda text: text.replace("IP4 192.0.2.10\r\nt=", "IP4 0.0.0.0\r\nt="), True, False, "recvonly"),
    ],
)
def test_hold_in_each_of_its_ways(
    change: Callable[[str], str], direction: str, *, sends: bool, receives: bool
) -> None:
    """RFC 3264 section 8.4, and an address of zeros as of old."""
    for one in taken(change(softphone())):
        assert (one.sends, one.receives, one.direction) == (sends, receives, direction)


def test_a_peer_behind_a_translator_is_looked_for() -> None:
    """Where its media are announced elsewhere than its signalling comes from."""
    sound, _ = taken(softphone(), seen_at="203.0.113.5")
    assert sound.remote.learn
    local = softphone().replace("m=video", "c=IN IP6 2001:db8::7\r\nm=video")
    sound, _ = taken(local, seen_at="2001:db8::7")
    assert sound.remote == Remote(rtp="[2001:db8::7]:5004", rtcp="[2001:db8::7]:5005", learn=False)


def test_a_fingerprint_of_no_form_is_a_fault() -> None:
    """It would be believed for nothing."""
    assert code(by_handshake().replace("AB:AB", "AB:A", 1)) == "sdp_invalid"


@pytest.mark.parametrize(
    "value",
    [
        "",
        "1",
        "1 AES_CM_128_HMAC_SHA1_80",
        f"1 AES_CM_128_HMAC_SHA1_80 inline:{KEY_GCM}",
        f"1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}|1:4",
        f"1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}|2^20|1:4",
        f"1 AES_CM_128_HMAC_SHA1_80 inline:{KEY};inline:{KEY}",
        f"1 AES_CM_128_HMAC_SHA1_80 inline:{KEY} UNAUTHENTICATED_SRTP",
        f"1 AES_CM_128_HMAC_SHA1_80 inline:{KEY} KDR=1",
        f"1 F8_128_HMAC_SHA1_80 inline:{KEY}",
        f"x AES_CM_128_HMAC_SHA1_80 inline:{KEY}",
        "1 AES_CM_128_HMAC_SHA1_80 inline:====",
    ],
)
def test_keys_that_cannot_be_used_are_passed_over(value: str) -> None:
    """RFC 4568 section 7.1.2: that is no fault of the offer."""
    assert parse(value) is None


@pytest.mark.parametrize("more", ["", "|2^31", "|1073741824", " WSH=128", " -FOO=1"])
def test_keys_that_can_be_used(more: str) -> None:
    """Lifetimes and windows change nothing here."""
    key = parse(f"7 AES_CM_128_HMAC_SHA1_32 inline:{KEY}{more}")
    assert key == Crypto(7, "AES_CM_128_HMAC_SHA1_32", bytes(range(1, 31)))
    assert KEY not in repr(key)
    assert str(key) == f"7 AES_CM_128_HMAC_SHA1_32 inline:{KEY}"


@pytest.mark.parametrize(
    "offer",
    [
        "",
        "v=1\r\n",
        "v=0\r\n",
        "v=0\r\nm=audio\r\n",
        "v=0\r\nm=audio 70000 RTP/AVP 0\r\n",
        "v=0\r\n" + "m=audio 1 RTP/AVP 0\r\n" * 17,
    ],
)
def test_what_is_no_description(offer: str) -> None:
    """Said to be that."""
    assert code(offer) == "sdp_invalid"


@pytest.mark.parametrize("kind", ["audio", "video"])
def test_lines_that_are_refused_stay_refused(kind: str) -> None:
    """Port 0 is an m-line that is not in use."""
    port = {"audio": "5004", "video": "5006"}[kind]
    offer = softphone().replace(f"m={kind} {port}", f"m={kind} 0")
    (one,) = taken(offer)
    assert one.line.kind != kind
    assert any(line.startswith(f"{kind} 0 ") for line in answered(offer))


@given(st.text(max_size=400))
@settings(max_examples=200, deadline=None)
def test_arbitrary_text_is_refused_in_an_orderly_way(text: str) -> None:
    """No text at all makes anything but SdpError."""
    _answered_or_refused(text)
    _answered_or_refused("v=0\r\n" + text)


@given(st.sampled_from(ALL), st.lists(st.tuples(st.integers(0, 10**6), st.text(max_size=12)), max_size=6))
@settings(max_examples=300, deadline=None)
def test_text_thrown_into_a_real_offer_is_survived(offer: str, edits: list[tuple[int, str]]) -> None:
    """Whatever is inserted wherever: an answer with as many m-lines, or SdpError."""
    for place, text in edits:
        at = place % (len(offer) + 1)
        offer = offer[:at] + text + offer[at + len(text) % 5 :]
    _answered_or_refused(offer)


def _answered_or_refused(offer: str) -> None:
    try:
        lines = answered(offer, LAX)
    except SdpError:
        return
    assert len(lines) == len(read(offer).lines)
