"""PINs: any of the possible ones, and nothing kept from which one could be found without the key."""

import pytest

from bridge.auth.errors import KeyFileError
from bridge.auth.links import LinkKey
from bridge.auth.pins import DIGITS, HOST_DIGITS, Pins

OLD, NEW = LinkKey(b"o" * 32), LinkKey(b"n" * 32)


@pytest.mark.parametrize(("host", "digits"), [(False, DIGITS), (True, HOST_DIGITS)])
def test_pins_are_digits_and_some_begin_with_zero(digits: int, *, host: bool) -> None:
    """Each has all its digits; a thousand of them differ more than they would from a small set."""
    pins = Pins([NEW])
    made = {pins.new(host=host) for _ in range(1_000)}
    assert all(len(pin) == digits and pin.isascii() and pin.isdigit() for pin in made)
    assert {pin[0] for pin in made} == set("0123456789")
    assert len(made) > 990


def test_a_digest_is_of_this_pin_in_this_room_under_this_key() -> None:
    """Anything else has another, and none shows the PIN."""
    pins = Pins([NEW])
    digest = pins.digest("r_1", "123456")
    others = {
        pins.digest("r_2", "123456"),
        pins.digest("r_1", "123457"),
        pins.digest("r_11", "23456"),
        Pins([OLD]).digest("r_1", "123456"),
    }
    assert digest == pins.digest("r_1", "123456")
    assert len(others | {digest}) == 5
    assert "123456" not in digest


def test_a_pin_of_before_the_keys_were_rotated_is_known() -> None:
    """What was entered has a digest under each key; what is new is kept under the first."""
    before, after = Pins([OLD]), Pins([NEW, OLD])
    assert before.digest("r_1", "123456") in after.digests("r_1", "123456")
    assert after.digest("r_1", "123456") == Pins([NEW]).digest("r_1", "123456")
    assert len(after.digests("r_1", "123456")) == 2


def test_there_has_to_be_a_key() -> None:
    """Without one, digests would be anybody's."""
    with pytest.raises(KeyFileError):
        Pins([])


def test_anything_entered_can_be_digested() -> None:
    """Also what no keypad has."""
    assert Pins([NEW]).digests("r_1", "\ud800 *#")
