"""Which addresses a bridge announces."""

import pytest

from media.transport import AddressError, TransportError, announced_candidates


@pytest.mark.parametrize(
    ("bind", "announced", "expected"),
    [
        ("127.0.0.1", (), ["127.0.0.1"]),
        ("0.0.0.0", ("192.0.2.7",), ["192.0.2.7"]),  # noqa: S104 - a wildcard is what is tested
        ("10.0.0.5", ("192.0.2.7", "10.0.0.5", "192.0.2.7"), ["192.0.2.7", "10.0.0.5"]),
        ("::", ("2001:db8::7", "192.0.2.7"), ["2001:db8::7", "192.0.2.7"]),
        ("2001:DB8:0::5", (), ["2001:db8::5"]),
    ],
)
def test_candidates_follow_the_configuration(bind: str, announced: tuple[str, ...], expected: list[str]) -> None:
    """Announced addresses come in the operator's order, once each; without any, the bound address is used."""
    assert announced_candidates(bind, 4000, announced) == tuple((address, 4000) for address in expected)


@pytest.mark.parametrize(
    ("bind", "port", "announced"),
    [
        ("0.0.0.0", 4000, ()),  # noqa: S104
        ("::", 4000, ()),
        ("localhost", 4000, ()),
        ("127.0.0.1", 0, ()),
        ("127.0.0.1", 65536, ()),
        ("10.0.0.5", 4000, ("2001:db8::7",)),
        ("2001:db8::5", 4000, ("192.0.2.7",)),
        ("10.0.0.5", 4000, ("0.0.0.0",)),  # noqa: S104
        ("10.0.0.5", 4000, ("224.0.0.1",)),
        ("10.0.0.5", 4000, ("255.255.255.255",)),
        ("::", 4000, ("fe80::1",)),
        ("::", 4000, ("fe80::1%eth0",)),
        ("10.0.0.5", 4000, ("192.0.2.7:4000",)),
        ("10.0.0.5", 4000, ("",)),
    ],
)
def test_addresses_that_no_client_could_use_are_refused(bind: str, port: int, announced: tuple[str, ...]) -> None:
    """Wildcards, host names, groups, foreign families and link-local addresses are errors with a code."""
    with pytest.raises(AddressError) as refused:
        announced_candidates(bind, port, announced)
    assert refused.value.code == "address_invalid"
    assert isinstance(refused.value, TransportError)
