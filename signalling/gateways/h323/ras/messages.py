"""What is said to a gatekeeper (H.225.0 7.8 to 7.16), and views of what it says, which do not raise."""

from typing import Final

from signalling.gateways.h323.messages import VERSION, place, read_place, terminal
from signalling.gateways.h323.parties import alias
from signalling.gateways.h323.ras.events import Place
from signalling.gateways.h323.ras.settings import Admission, Membership
from signalling.gateways.h323.ras.tokens import HMAC_SHA1_96
from signalling.gateways.h323.wire.asn1 import Value
from signalling.gateways.h323.wire.types import UNKNOWN

Body = dict[str, Value]
UNIT: Final = 100
"""Bits a second of which bandwidth is counted."""
MOST_ALTERNATES: Final = 8
_VENDOR: Final = {
    # Norway by T.35; no manufacturer's number is assigned to us.
    "vendor": {"t35CountryCode": 0x82, "t35Extension": 0, "manufacturerCode": 0},
    "productId": b"brotjeneste",
}


def endpoint(membership: Membership) -> Value:
    """What we are: with prefixes a gateway to what they begin."""
    if not membership.prefixes:
        return {**terminal(), "vendor": _VENDOR}
    prefixes = [{"prefix": alias(prefix)} for prefix in membership.prefixes]
    protocols = [("h323", {"dataRatesSupported": [], "supportedPrefixes": prefixes})]
    return {"gateway": {"protocol": protocols}, "vendor": _VENDOR, "mc": False, "undefinedNode": False}


def aliases(membership: Membership) -> list[Value]:
    """As whom we register."""
    return [("h323-ID", membership.name), *(("dialledDigits", number) for number in membership.numbers)]


def discovery(membership: Membership) -> Body:
    """A GatekeeperRequest."""
    body = {
        "protocolIdentifier": VERSION,
        "rasAddress": place(*membership.here),
        "endpointType": endpoint(membership),
        "endpointAlias": aliases(membership),
        "supportsAltGK": 0,
    }
    if membership.password:
        body |= {"authenticationCapability": [("pwdHash", 0)], "algorithmOIDs": [HMAC_SHA1_96]}
    return body


def registration(membership: Membership, identifier: str, renewed: str) -> Body:
    """A RegistrationRequest; with what we were `renewed` by it only keeps one alive (7.9.1)."""
    body = {
        "protocolIdentifier": VERSION,
        "discoveryComplete": True,
        "callSignalAddress": [place(*membership.signalling)],
        "rasAddress": [place(*membership.here)],
        "terminalType": endpoint(membership),
        "endpointVendor": _VENDOR,
        "timeToLive": membership.seconds,
        "keepAlive": bool(renewed),
        "willSupplyUUIEs": False,
        "maintainConnection": False,
        "supportsAltGK": 0,
        **_to(identifier),
    }
    return body | ({"endpointIdentifier": renewed} if renewed else {"terminalAlias": aliases(membership)})


def leaving(membership: Membership, identifier: str, known_as: str) -> Body:
    """An UnregistrationRequest."""
    return {
        "callSignalAddress": [place(*membership.signalling)],
        "endpointIdentifier": known_as,
        **_to(identifier),
    }


def admission(membership: Membership, identifier: str, known_as: str, asked: Admission) -> Body:
    """An AdmissionRequest."""
    ours = [alias(asked.called)] if asked.called and asked.answers else aliases(membership)
    body: Body = {
        "callType": ("pointToPoint", 0),
        "endpointIdentifier": known_as,
        "bandWidth": max(1, asked.bits // UNIT),
        "callReferenceValue": asked.identity.reference,
        "conferenceID": asked.identity.conference,
        "callIdentifier": {"guid": asked.identity.call},
        "activeMC": False,
        "answerCall": asked.answers,
        "canMapAlias": True,
        "willSupplyUUIEs": False,
        **_to(identifier),
    }
    if asked.answers:
        body |= {"srcInfo": [_caller(asked.caller)] if asked.caller else [], "destinationInfo": ours}
        body["destCallSignalAddress"] = place(*membership.signalling)
    else:
        body |= {"srcInfo": ours, "srcCallSignalAddress": place(*membership.signalling)}
        if asked.called:
            body["destinationInfo"] = [alias(asked.called)]
    if asked.peer is not None and asked.peer[1]:
        body["srcCallSignalAddress" if asked.answers else "destCallSignalAddress"] = place(*asked.peer)
    return body


def _caller(text: str) -> Value:
    """Who calls, which they may have written as they like; a URL has no signs but ASCII's."""
    return alias(text) if text.isascii() else ("h323-ID", text)


def disengagement(identifier: str, known_as: str, asked: Admission) -> Body:
    """A DisengageRequest for a call that is over."""
    return {
        "endpointIdentifier": known_as,
        "conferenceID": asked.identity.conference,
        "callReferenceValue": asked.identity.reference,
        "callIdentifier": {"guid": asked.identity.call},
        "disengageReason": ("normalDrop", 0),
        "answeredCall": asked.answers,
        **_to(identifier),
    }


def report(membership: Membership, known_as: str, calls: list[tuple[Admission, str]], status: str) -> Body:
    """An InfoRequestResponse on calls, each with its call model."""
    body: Body = {
        "endpointType": endpoint(membership),
        "endpointIdentifier": known_as,
        "rasAddress": place(*membership.here),
        "callSignalAddress": [place(*membership.signalling)],
        "irrStatus": (status, 0),
    }
    if calls:
        body["perCallInfo"] = [_of_a_call(asked, model) for asked, model in calls]
    return body


def _of_a_call(asked: Admission, model: str) -> Body:
    return {
        "callReferenceValue": asked.identity.reference,
        "conferenceID": asked.identity.conference,
        "callIdentifier": {"guid": asked.identity.call},
        "originator": not asked.answers,
        "h245": {},
        "callSignalling": {},
        "callType": ("pointToPoint", 0),
        "bandWidth": max(1, asked.bits // UNIT),
        "callModel": (model, 0),
    }


def _to(identifier: str) -> Body:
    return {"gatekeeperIdentifier": identifier} if identifier else {}


# Views.


def alternates(body: Body) -> list[Place]:
    """Other gatekeepers that a message names, the one to ask first in front (7.8.2)."""
    named = body.get("altGKInfo", {}).get("alternateGatekeeper", body.get("alternateGatekeeper", []))
    ordered = sorted(named, key=lambda one: int(one["priority"]))
    places = (read_place(one["rasAddress"]) for one in ordered)
    return list(dict.fromkeys(place for place in places if place is not None))[:MOST_ALTERNATES]


def reason(body: Body, otherwise: str = "noAnswer") -> str:
    """Why not, as H.225.0 has it."""
    told: tuple[str, Value] = body.get("rejectReason") or body.get("reason") or (otherwise, 0)
    return "undefinedReason" if told[0].startswith(UNKNOWN) else str(told[0])


def mapped(body: Body) -> str:
    """Who is to be called, in a gatekeeper's words; empty without."""
    return next((str(value) for kind, value in body.get("destinationInfo", []) if kind in _PLAIN), "")


_PLAIN: Final = ("dialledDigits", "h323-ID", "email-ID")
