"""Links are taken apart, and what is no link is refused without being quoted."""

from __future__ import annotations

import pytest

from loadtest.errors import BadLink
from loadtest.link import parse_link


@pytest.mark.parametrize(
    ("text", "socket_url"),
    [
        ("https://video.example/join#abc", "wss://video.example/api/v1/ws"),
        ("http://127.0.0.1:8080/join#abc", "ws://127.0.0.1:8080/api/v1/ws"),
        ("https://[::1]:8443/prefix/join/#abc", "wss://[::1]:8443/prefix/api/v1/ws"),
        ("https://video.example/join?lang=nn#abc", "wss://video.example/api/v1/ws"),
    ],
)
def test_the_socket_is_beside_the_page(text: str, socket_url: str) -> None:
    """Scheme, host, port and prefix are the page's; the token is in the fragment and not in the address."""
    link = parse_link(text)
    assert link.socket_url == socket_url
    assert link.token == "abc"  # noqa: S105 - no secret
    assert "abc" not in repr(link)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "secret-token",
        "https:///join#secret-token",
        "ftp://host/join#secret-token",
        "https://host/other#secret-token",
        "https://host/join",
        "https://host/join#",
        "https://user:secret-token@host/join#x",
        "https://[::1/join#secret-token",
    ],
)
def test_what_is_no_link_is_refused(text: str) -> None:
    """Each is an error with a code, and its text holds nothing of the input."""
    with pytest.raises(BadLink) as caught:
        parse_link(text)
    assert caught.value.code == "bad_link"
    assert "secret-token" not in str(caught.value)
