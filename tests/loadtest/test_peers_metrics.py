"""What our own bridge says that it has sent."""

import pytest

from loadtest.adapters.errors import Unreadable
from loadtest.adapters.ours import rtp_sent

METRICS = """# TYPE brotjeneste_sent_packets_total counter
brotjeneste_sent_packets_total{protocol="rtcp"} 7
brotjeneste_sent_packets_total{protocol="rtp"} 42
"""


def test_media_packets_are_read() -> None:
    """RTCP is another series of the same name."""
    assert rtp_sent(METRICS) == 42


def test_metrics_without_them_are_refused() -> None:
    """A missing series is no zero."""
    with pytest.raises(Unreadable):
        rtp_sent("brotjeneste_legs 1\n")
