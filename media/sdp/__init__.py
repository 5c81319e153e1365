"""Offer in, answer and leg description out: sans-IO SDP for one bundled WebRTC leg (RFC 8829, RFC 9143)."""

from media.sdp.answer import Answer, LocalTransport, OfferRoles, answer_offer
from media.sdp.codecs import Capabilities
from media.sdp.errors import SdpError
from media.sdp.offer import Fingerprint, RemoteTransport

__all__ = [
    "Answer",
    "Capabilities",
    "Fingerprint",
    "LocalTransport",
    "OfferRoles",
    "RemoteTransport",
    "SdpError",
    "answer_offer",
]
