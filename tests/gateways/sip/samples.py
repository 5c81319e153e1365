"""Requests and responses for tests, made through the parser."""

from signalling.gateways.sip.flows import Flow
from signalling.gateways.sip.message import Request, Response
from signalling.gateways.sip.parsing import parse

UDP = Flow("UDP", "192.0.2.9", 5060)
TCP = Flow("TCP", "192.0.2.9", 40_000, 7)


def request(
    method: str, branch: str = "z9hG4bKone", *more: str, transport: str = "UDP", to_tag: str = ""
) -> Request:
    """A request of some call."""
    lines = [
        f"{method} sip:room@bridge.example SIP/2.0",
        f"Via: SIP/2.0/{transport} 192.0.2.9;branch={branch}",
        "From: <sip:anna@ward.example>;tag=anna",
        f"To: <sip:room@bridge.example>{to_tag}",
        "Call-ID: one@ward.example",
        f"CSeq: 1 {method}",
        *more,
    ]
    message = parse("\r\n".join([*lines, "", ""]).encode())
    assert isinstance(message, Request)
    return message


def reply(status: int, asked: Request, tag: str = "room") -> Response:
    """A response to it as another party would write it."""
    via = asked.headers.get("Via")
    lines = [
        f"SIP/2.0 {status} x",
        f"Via: {via}",
        f"From: {asked.headers.get('From')}",
        f"To: <sip:room@bridge.example>;tag={tag}",
        f"Call-ID: {asked.call_id}",
        f"CSeq: {asked.headers.get('CSeq')}",
    ]
    message = parse("\r\n".join([*lines, "", ""]).encode())
    assert isinstance(message, Response)
    return message
