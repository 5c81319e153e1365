"""The configuration: file and environment, typed and checked, with errors that name the key."""

from dataclasses import FrozenInstanceError
from pathlib import Path

import pytest

from bridge.config import Config, ConfigError, load


def _written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "bridge.toml"
    path.write_text(text, "utf-8")
    return path


def test_nothing_set_gives_a_bridge_on_loopback() -> None:
    """The defaults listen on loopback only, and links point there."""
    config = load(None, {"PATH": "/usr/bin", "HOME": "/root"})
    assert config == Config()
    hosts = {config.http.host, config.metrics.host, config.media.bind, *config.media.addresses}
    assert hosts == {"127.0.0.1"}
    assert config.http.base_url == "http://127.0.0.1:8080"
    assert config.rooms.max_participants == 9


def test_the_file_sets_and_the_environment_overrides(tmp_path: Path) -> None:
    """A key keeps its default unless the file sets it, and the environment has the last word."""
    path = _written(
        tmp_path,
        "[http]\nport = 9000\npublic_url = 'https://video.example.org/'\n[media]\naddresses = ['192.0.2.1']\n",
    )
    environ = {"BROTJENESTE_HTTP_PORT": "9001", "BROTJENESTE_MEDIA_ADDRESSES": "192.0.2.7, 2001:db8::7"}
    config = load(path, environ)
    assert (config.http.host, config.http.port) == ("127.0.0.1", 9001)
    assert config.media.addresses == ("192.0.2.7", "2001:db8::7")
    assert config.http.base_url == "https://video.example.org"
    assert load(path, {}).media.addresses == ("192.0.2.1",)


def test_the_environment_can_name_the_file(tmp_path: Path) -> None:
    """BROTJENESTE_CONFIG is the file when no path is given, and loses to a path."""
    path = _written(tmp_path, "[http]\nport = 9000\n")
    environ = {"BROTJENESTE_CONFIG": str(path)}
    assert load(None, environ).http.port == 9000
    assert load(_written(tmp_path, "[http]\nport = 9002\n"), environ).http.port == 9002


def test_links_to_an_ipv6_host_have_brackets() -> None:
    """An IPv6 address is written as RFC 3986 section 3.2.2 wants it."""
    assert load(None, {"BROTJENESTE_HTTP_HOST": "::1"}).http.base_url == "http://[::1]:8080"


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("[htttp]\nport = 1\n", "[htttp]"),
        ("port = 1\n", "[port]"),
        ("http = 1\n", "[http]"),
        ("[http]\nprot = 1\n", "prot"),
        ("[http]\nport = '80'\n", "[http] port must be a whole number"),
        ("[http]\nport = true\n", "[http] port must be a whole number"),
        ("[http]\nport = 80.0\n", "[http] port must be a whole number"),
        ("[http]\nport = 0\n", "[http] port must be from 1 to 65535"),
        ("[http]\nhost = ''\n", "[http] host must not be empty"),
        ("[http]\npublic_url = 'video.example.org'\n", "[http] public_url"),
        ("[http]\npublic_url = 'https://video.example.org/path'\n", "[http] public_url"),
        ("[http]\npublic_url = 'https://[::1'\n", "[http] public_url"),
        ("[http]\npublic_url = 'ftp://video.example.org'\n", "[http] public_url"),
        ("[media]\naddresses = []\n", "[media] addresses"),
        ("[media]\naddresses = '192.0.2.1'\n", "[media] addresses must be a list"),
        ("[media]\naddresses = [1]\n", "[media] addresses must be a list"),
        ("[media]\naddresses = ['bridge.example.org']\n", "[media] addresses must be an IP address"),
        (
            "[media]\naddresses = ['0.0.0.0']\n",
            "[media] addresses must hold addresses that browsers can reach",
        ),
        ("[media]\nbind = 'eth0'\n", "[media] bind"),
        ("[media]\nwithout = ['sleep']\n", "[media] without must hold repairs out of fec"),
        ("[media]\nbase_port = 65535\nshards = 2\n", "[media] base_port and shards"),
        ("[metrics]\nport = 8080\n", "[http] and [metrics]"),
        ("[store]\nurl = 'brotjeneste.db'\n", "[store] url"),
        ("[rooms]\nmax_participants = 51\n", "[rooms] max_participants must be from 2 to 50"),
        ("[rooms]\ncontent_slots = 2\n", "[rooms] content_slots"),
        ("[log]\nlevel = 'INFO'\n", "[log] level must be one of debug, error, info, warning"),
        ("[auth]\nlink_valid_minutes = -5\n", "[auth] link_valid_minutes"),
        ("[auth]\napi_token = 'x'\n", "BROTJENESTE_AUTH_API_TOKEN"),
        ("[operators]\ntoken = 'x'\n", "BROTJENESTE_OPERATORS_TOKEN"),
        ("[http\n", "is not TOML"),
    ],
)
def test_an_unusable_file_is_refused_by_name(tmp_path: Path, text: str, named: str) -> None:
    """The message names the key, what it must be, and the file."""
    path = _written(tmp_path, text)
    with pytest.raises(ConfigError) as error:
        load(path, {})
    assert named in str(error.value)
    assert str(path) in str(error.value) or "shards" in named or "and [metrics]" in named


@pytest.mark.parametrize(
    ("variable", "value", "named"),
    [
        ("BROTJENESTE_HTTP_PROT", "80", "BROTJENESTE_HTTP_PROT"),
        ("BROTJENESTE_", "80", "BROTJENESTE_"),
        ("BROTJENESTE_HTTP_PORT", "eighty", "[http] port must be a whole number"),
        ("BROTJENESTE_HTTP_PORT", "8_0", "[http] port must be a whole number"),
        ("BROTJENESTE_HTTP_PORT", "٨٠", "[http] port must be a whole number"),
        ("BROTJENESTE_HTTP_PORT", "", "[http] port must be a whole number"),
        ("BROTJENESTE_HTTP_PORT", "70000", "BROTJENESTE_HTTP_PORT"),
        ("BROTJENESTE_MEDIA_ADDRESSES", " , ", "[media] addresses"),
        ("BROTJENESTE_CONFIG", "/no/such/file.toml", "/no/such/file.toml"),
    ],
)
def test_an_unusable_variable_is_refused_by_name(variable: str, value: str, named: str) -> None:
    """A misspelt or wrong variable stops the start and is named."""
    with pytest.raises(ConfigError) as error:
        load(None, {variable: value})
    assert named in str(error.value)


@pytest.mark.parametrize("rest", ["", "claim = 'role'\n", "values = ['drift']\n", "claim = 'role'\nvalues = []\n"])
def test_a_login_alone_makes_no_operator(tmp_path: Path, rest: str) -> None:
    """Any patient can have one: which claim makes an operator has to be said, and by whose login."""
    provider = "[logins.helseid]\n"
    with pytest.raises(ConfigError, match="login needs claim and values"):
        load(_written(tmp_path, f"[operators]\nlogin = 'helseid'\n{rest}{provider}"), {})
    with pytest.raises(ConfigError, match="public_url must begin with https"):
        load(_written(tmp_path, "[operators]\npublic_url = 'http://drift.example.org'\n"), {})
    with pytest.raises(ConfigError, match=r"there is no \[logins\.helseid\]"):
        load(_written(tmp_path, f"[operators]\nlogin = 'helseid'\n{rest}"), {})


def test_organisations_have_names_by_their_numbers(tmp_path: Path) -> None:
    """What people read beside a colleague's name is one line, and of an organisation."""
    named = load(_written(tmp_path, "[organisations]\n983658725 = 'Legevakt nord'\n"), {})
    assert named.organisations == {"983658725": "Legevakt nord"}
    for wrong in (
        "98365872 = 'x'",
        "nord = 'x'",
        "983658725 = ' '",
        "983658725 = 7",
        f"983658725 = '{'x' * 81}'",
        '983658725 = "a\\nb"',
        '983658725 = "a\\u202eb"',
    ):
        with pytest.raises(ConfigError, match=r"\[organisations\]"):
            load(_written(tmp_path, f"[organisations]\n{wrong}\n"), {})
    with pytest.raises(ConfigError, match=r"\[organisations\]"):
        load(_written(tmp_path, "organisations = 'all'\n"), {})


def test_a_login_is_asked_of_patients_only_where_they_can_log_in(tmp_path: Path) -> None:
    """Else the doctor would have to give a reason for each of them."""
    asked = "[rooms]\npatients_log_in = 'high'\n"
    with pytest.raises(ConfigError, match="patients_log_in"):
        load(_written(tmp_path, asked), {})
    for able in ("[logins.idporten]\n", "[portals.helsenorge]\n"):
        assert load(_written(tmp_path, asked + able), {}).rooms.patients_log_in == "high"


def test_a_secret_is_shown_nowhere() -> None:
    """The API token comes from the environment and is not in the configuration's repr."""
    config = load(None, {"BROTJENESTE_AUTH_API_TOKEN": "a-very-secret-token"})
    assert config.auth.api_token == "a-very-secret-token"  # noqa: S105 - opens nothing
    assert "very-secret" not in repr(config)


def test_the_configuration_cannot_change() -> None:
    """What was checked at the start is what holds."""
    config = load(None, {})
    with pytest.raises(FrozenInstanceError):
        config.http.port = 1


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("host = '0.0.0.0'", "certificate and key"),
        ("host = '::'", "certificate and key"),
        ("host = '192.0.2.1'\npublic_url = 'https://video.example'", "proxies"),
        ("host = 'bridge.internal'", "certificate and key"),
        ("certificate = 'here.pem'", "belong together"),
        ("key = 'here.key'", "belong together"),
        ("public_url = 'http://video.example'", "public_url must begin with https://"),
        ("host = '0.0.0.0'\nproxies = ['192.0.2.1']", "public_url must be the https:// address"),
        ("proxies = ['192.0.2.1/24']", "IP addresses or networks"),
        ("proxies = ['proxy.example']", "IP addresses or networks"),
    ],
)
def test_a_bridge_without_tls_does_not_start(tmp_path: Path, text: str, named: str) -> None:
    """On anything but loopback, unless it is said who ends TLS in front of it."""
    with pytest.raises(ConfigError, match=named):
        load(_written(tmp_path, f"[http]\n{text}\n"), {})


@pytest.mark.parametrize(
    ("text", "origin", "trusted"),
    [
        ("host = 'localhost'", None, []),
        ("public_url = 'http://127.0.0.1:8080'", "http://127.0.0.1:8080", ["127.0.0.0/8", "::1/128"]),
        ("public_url = 'https://video.example'", "https://video.example", ["127.0.0.0/8", "::1/128"]),
        # As browsers write an origin (RFC 6454 section 6.1), however the operator wrote it.
        ("public_url = 'https://Video.Example:443/'", "https://video.example", ["127.0.0.0/8", "::1/128"]),
        (
            "public_url = 'https://l\u00e6rdal.example:8443'",
            "https://xn--lrdal-sra.example:8443",
            ["127.0.0.0/8", "::1/128"],
        ),
        ("host = '::1'\npublic_url = 'http://[::1]:8080'", "http://[::1]:8080", ["127.0.0.0/8", "::1/128"]),
        (
            "host = '0.0.0.0'\npublic_url = 'https://video.example'\nproxies = ['192.0.2.1', '2001:db8::/64']",
            "https://video.example",
            ["192.0.2.1/32", "2001:db8::/64"],
        ),
        ("host = '192.0.2.1'\ncertificate = 'a.pem'\nkey = 'a.key'", "https://192.0.2.1:8080", []),
    ],
)
def test_who_ends_tls_is_known(tmp_path: Path, text: str, origin: str | None, trusted: list[str]) -> None:
    """The bridge itself, a proxy on this machine, or those that are named; nobody else is believed."""
    http = load(_written(tmp_path, f"[http]\n{text}\n"), {}).http
    assert http.public_origin == origin
    assert [str(one) for one in http.trusted] == trusted
