"""Lines of H.323, encrypted by H.235.6: who may have them, and how their keys come to the engine."""

import base64

import pytest

from media.lines import H235, AddLines, ChannelKey, Plain, SetChannelKeys, SetRemote
from media.sdp import SdpError
from media.sdp.calls import CallPolicy, agree_lines, read
from media.sdp.calls.crypto import Crypto
from media.sdp.calls.h235 import ChannelKeys, best, parse
from media.sdp.codecs import Capabilities
from tests.media.call_offers import HEAD, KEY, by_handshake, softphone, telephone
from tests.media.test_calls import ANSWER, ROOM, SEEN, House

SUITE = "H235_AES_128_CBC"
THEIRS, OURS = bytes(range(1, 17)), bytes(range(17, 33))
CAPABLE = Capabilities(audio=("opus", "g722", "pcma", "pcmu", "telephone-event"))


def keyed(theirs: bytes = bytes(16), ours: bytes = bytes(16), more: str = "") -> str:
    """A line of sound as the gateway of H.323 describes it."""
    both = base64.b64encode(theirs + ours).decode()
    return (
        f"{HEAD}m=audio 5001 RTP/SAVP 120 101\r\na=rtpmap:120 opus/48000/2\r\n"
        "a=rtpmap:101 telephone-event/8000\r\n"
        f"a=crypto:1 {SUITE} inline:{both}{more}\r\na=sendrecv\r\n"
    )


@pytest.mark.parametrize("more", ["", " IN=121", " OUT=122", " IN=0 OUT=127"])
def test_an_attribute_is_read_and_written(more: str) -> None:
    """Both keys, and the types that tell them; nothing shows them."""
    value = f"3 {SUITE} inline:{base64.b64encode(THEIRS + OURS).decode()}{more}"
    keys = parse(value)
    assert keys is not None
    assert (keys.theirs, keys.ours, str(keys)) == (THEIRS, OURS, value)
    assert repr(THEIRS)[2:-1] not in repr(keys)
    nothing = ChannelKeys(2, "H235_AES_256_CBC")
    assert parse(str(nothing)) == nothing
    assert best((keys, nothing)) == nothing


@pytest.mark.parametrize(
    "value",
    [
        f"1 {SUITE} inline:{base64.b64encode(bytes(31)).decode()}",
        f"1 {SUITE} inline:{base64.b64encode(bytes(64)).decode()}",
        f"1 {SUITE} inline:{base64.b64encode(THEIRS + OURS).decode()} IN=128",
        f"1 {SUITE} inline:{base64.b64encode(THEIRS + OURS).decode()} OUT=1 IN=2",
        f"1 {SUITE} inline:{base64.b64encode(THEIRS + OURS).decode()}|2^31",
        f"1 H235_AES_192_CBC inline:{base64.b64encode(bytes(48)).decode()}",
        f"1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}",
        f"x {SUITE} inline:====",
    ],
)
def test_what_is_no_such_key_is_passed_over(value: str) -> None:
    """As with keys of SRTP."""
    assert parse(value) is None


@pytest.mark.parametrize("profile", ["RTP/SAVP", "RTP/SAVPF", "RTP/AVP", "UDP/TLS/RTP/SAVP"])
def test_a_peer_of_sip_cannot_have_it(profile: str) -> None:
    """Neither alone, whatever the profile, nor beside keys of SRTP: the name is the gateway's of H.323 alone."""
    offer, policy = keyed(THEIRS, OURS).replace("RTP/SAVP", profile), CallPolicy(CAPABLE)
    with pytest.raises(SdpError):
        agree_lines(read(offer), policy, SEEN)
    beside = offer + f"a=crypto:9 AES_CM_128_HMAC_SHA1_32 inline:{KEY}\r\n"
    if not profile.startswith("UDP"):
        (line,) = agree_lines(read(beside), policy, SEEN)
        assert line.protection == Crypto(9, "AES_CM_128_HMAC_SHA1_32", bytes(range(1, 31)))
    home = House()
    assert "H235" not in home.calls.offer(None, ROOM, plain=False)[1]
    with pytest.raises(SdpError):
        home.offer(offer)


@pytest.mark.parametrize("offer", [softphone(), by_handshake(), telephone()])
def test_a_peer_of_h323_has_nothing_else(offer: str) -> None:
    """What comes from there with keys of SRTP is not what the gateway writes; plain where it is allowed."""
    policy = CallPolicy(CAPABLE, allow_plain=True, h235=True)
    if "RTP/AVP" in offer:
        (line,) = agree_lines(read(offer), policy, SEEN)
        assert line.protection == Plain()
        policy = CallPolicy(CAPABLE, h235=True)
    with pytest.raises(SdpError):
        agree_lines(read(offer), policy, SEEN)


def test_keys_come_to_the_engine_as_channels_open() -> None:
    """Without a new leg. For one that is not there yet the engine has one that nobody has, never zeros."""
    home = House()
    leg, answer = home.calls.describe(None, ROOM, keyed(THEIRS), SEEN, 0.0, plain=False, h235=True)
    assert f"a=crypto:1 {SUITE} inline:{base64.b64encode(THEIRS + bytes(16)).decode()}\r\n" in answer
    (made,) = home.engine.of(AddLines)
    protection = made.lines[0].protection
    assert isinstance(protection, H235)
    assert protection.remote == ChannelKey(profile=SUITE, key=THEIRS)
    assert any(protection.local.key)
    assert made.allow_plain is False
    for theirs, ours, more, local, remote in [
        (THEIRS, OURS, "", ChannelKey(profile=SUITE, key=OURS), None),
        (THEIRS, OURS, "", None, None),
        (OURS, OURS, " IN=121", None, ChannelKey(profile=SUITE, key=OURS, payload_type=121)),
        (OURS, bytes(16), " IN=121", None, None),
        (OURS, THEIRS, " IN=121 OUT=99", ChannelKey(profile=SUITE, key=THEIRS, payload_type=99), None),
    ]:
        before = len(home.engine.of(SetChannelKeys))
        again, answer = home.calls.describe(
            leg, ROOM, keyed(theirs, ours, more), SEEN, 0.0, plain=False, h235=True
        )
        assert again == leg
        assert base64.b64encode(theirs + ours).decode() + more + "\r\n" in answer
        told = home.engine.of(SetChannelKeys)[before:]
        expected = SetChannelKeys(leg=leg, line=0, local=local, remote=remote)
        assert told == ([expected] if local or remote else [])
    assert home.engine.of(SetRemote) == []


def test_our_offer_to_h323_is_of_suites_whose_keys_come_later() -> None:
    """The answer brings them; a line that the peer would have plain is refused where the room says so."""
    home = House()
    leg, offered = home.calls.offer(None, ROOM, plain=False, h235=True)
    zeros = [base64.b64encode(bytes(2 * size)).decode() for size in (32, 16)]
    crypto = f"a=crypto:1 H235_AES_256_CBC inline:{zeros[0]}\r\na=crypto:2 {SUITE} inline:{zeros[1]}\r\n"
    assert offered.count(crypto) == offered.count("a=crypto:") / 2 == 3
    assert offered.count(" RTP/SAVP ") == 3
    for bad in (ANSWER, keyed().replace("RTP/SAVP", "RTP/AVP"), keyed().replace("crypto", "x")):
        with pytest.raises(SdpError):
            home.calls.answered(leg, bad, SEEN, 0.0)
        home.calls.close(leg)
        leg, offered = home.calls.offer(None, ROOM, plain=False, h235=True)
    home.calls.answered(leg, keyed(THEIRS, OURS), SEEN, 0.0)
    (made,) = home.engine.of(AddLines)
    protection = made.lines[0].protection
    assert isinstance(protection, H235)
    assert (protection.remote.key, protection.local.key) == (THEIRS, OURS)
