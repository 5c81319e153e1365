"""For measurements a bridge can be started without a repair: it then answers as to a client that cannot do it."""

from media.sdp.codecs import Capabilities
from tests.media.sdp_offers import answered, recorded


def test_without_nack_nothing_is_retransmitted_and_all_else_is_as_it_was() -> None:
    """NACK and retransmissions are gone both ways; requests for key frames stay."""
    offer = recorded("chromium")
    whole = answered(offer)
    plain = answered(offer, capabilities=Capabilities(without=frozenset({"nack"})))
    assert " nack\r\n" in whole.sdp
    assert " nack\r\n" not in plain.sdp
    assert "rtx" not in plain.sdp
    assert "nack pli" in plain.sdp
    for part in (*plain.leg.slots, *plain.leg.sources):
        assert not any(one.nack or one.rtx_pt is not None for one in part.formats)  # type: ignore[attr-defined]
    assert [one.formats[0].codec for one in plain.leg.slots] == [one.formats[0].codec for one in whole.leg.slots]
