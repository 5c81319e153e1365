"""Nobody's machine is loaded by mistake."""

from __future__ import annotations

import sys

import pytest

from loadtest.errors import TargetRefused, Unreachable
from loadtest.target import is_loopback, named_target, own_bridge

ELSEWHERE = ("https://video.example", "http://192.0.2.7:8080", "http://127.0.0.1.example", "http://[2001:db8::1]")


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8080", "http://[::1]:8080", "http://localhost", "https://127.9.9.9"]
)
def test_this_machine_needs_no_consent(url: str) -> None:
    """Loopback is one's own."""
    assert is_loopback(url)
    assert named_target(f"{url}/", "t", consent=False).url == url


@pytest.mark.parametrize("url", ELSEWHERE)
def test_another_machine_needs_consent(url: str) -> None:
    """Without the word of its owner a target elsewhere is refused, with it it is taken."""
    with pytest.raises(TargetRefused, match="i-own-this-target"):
        named_target(url, "t", consent=False)
    assert named_target(url, "t", consent=True).url == url


@pytest.mark.parametrize("url", ["", "video.example", "ftp://127.0.0.1", "http://"])
def test_what_is_no_web_address_is_refused(url: str) -> None:
    """Consent does not make sense of it."""
    with pytest.raises(TargetRefused, match="address"):
        named_target(url, "t", consent=True)


def test_the_token_stays_out_of_what_is_printed() -> None:
    """It opens rooms."""
    assert "a-secret" not in repr(named_target("http://127.0.0.1", "a-secret", consent=False))


async def test_a_bridge_that_does_not_start_says_why() -> None:
    """Its last words are in the error, and nothing waits for it."""
    words = "import sys; sys.exit('no good settings')"
    with pytest.raises(Unreachable, match="no good settings"):
        async with own_bridge((sys.executable, "-c", words), 4, 1):
            pytest.fail("it never came up")
