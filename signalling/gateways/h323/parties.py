"""Who is called and who calls, out of a Setup, and as aliases of ours (H.225.0 7.6, AliasAddress)."""

from signalling.gateways.h323.messages import Signal
from signalling.gateways.h323.wire.asn1 import Value
from signalling.gateways.numbers import shown

_ALLOWED = ("presentationAllowed", "addressNotAvailable")


def called(signal: Signal) -> tuple[str, ...]:
    """By which numbers and names somebody was called, the plainest first, without schemes and hosts."""
    number = signal.message.called
    aliases = (_text(one) for one in signal.body.get("destinationAddress", []))
    names = ("" if number is None else number.digits, *(text.partition("@")[0] for text in aliases))
    return tuple(dict.fromkeys(name for name in names if name))


def caller(signal: Signal) -> str:
    """By what a person knows the caller: a number, else a name; nothing of one who withholds it."""
    number = signal.message.calling
    presentation = signal.body.get("presentationIndicator", ("presentationAllowed", 0))[0]
    if presentation not in _ALLOWED or (number is not None and number.restricted):
        return ""
    if number is not None and number.digits:
        return shown(("+" if number.international else "") + number.digits)
    names = [_text(one) for one in signal.body.get("sourceAddress", [])]
    # A number is worth more than a name, which anybody may give themselves.
    return shown(next((name for name in sorted(names, key=lambda name: not _is_number(name)) if name), ""))


def alias(text: str) -> Value:
    """The alias that fits what is written: a number, a URL or a name."""
    if _is_number(text):
        return ("dialledDigits", text.removeprefix("+"))
    return ("url-ID", f"h323:{text}") if "@" in text else ("h323-ID", text)


def _is_number(text: str) -> bool:
    digits = text.removeprefix("+")
    return digits.isascii() and digits.isdigit()


def _text(alias: Value) -> str:
    kind, value = alias
    if kind in ("dialledDigits", "h323-ID", "email-ID"):
        return str(value)
    if kind == "url-ID":
        return str(value).removeprefix("h323:")
    if kind == "partyNumber":
        return _party(*value)
    return ""


def _party(kind: str, value: Value) -> str:
    """A PartyNumber: of the public network, or of a private one."""
    if kind == "e164Number":
        plus = "+" if value["publicTypeOfNumber"][0] == "internationalNumber" else ""
        return f"{plus}{value['publicNumberDigits']}"
    return str(value["privateNumberDigits"]) if kind == "privateNumber" else ""
