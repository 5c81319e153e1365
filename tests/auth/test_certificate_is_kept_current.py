"""The bridge's own certificate: good ciphers alone, and renewed without a restart."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from aiohttp import web
from cryptography import x509
from structlog.testing import capture_logs

from bridge.auth.certificate import Certificate, keep_current
from bridge.auth.errors import KeyFileError
from signalling.web.listening import serve
from tests.gateways.sip.certificates import Authority
from tests.signalling.fakes import Counts

HERE = x509.IPAddress(IPv4Address("127.0.0.1"))


def issued(authority: Authority, name: str) -> tuple[Path, Path]:
    """A certificate for this machine with a key that nobody else may read."""
    files = authority.issue(name, HERE)
    files[1].chmod(0o600)
    return files


def take_over(newer: tuple[Path, Path], files: tuple[Path, Path]) -> None:
    """Put other files in the place of these, as a renewal does."""
    for new, old in zip(newer, files, strict=True):
        new.replace(old)


@asynccontextmanager
async def pages(certificate: Certificate) -> AsyncIterator[int]:
    """A page served by it."""
    app = web.Application()

    async def look(_request: web.Request) -> web.Response:
        return web.Response(text="here")

    app.router.add_get("/", look)
    async with serve(app, "127.0.0.1", 0, Counts(), tls=certificate.context) as port:
        yield port


async def presented(port: int, authority: Authority, **limits: ssl.TLSVersion) -> tuple[str, str | None]:
    """Whose certificate a new connection sees, and in which version of TLS; it gets a page."""
    context = ssl.create_default_context(cafile=str(authority.file))
    for name, version in limits.items():
        setattr(context, name, version)
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
    writer.write(b"GET / HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n")
    assert (await reader.read()).endswith(b"here")
    connection = writer.get_extra_info("ssl_object")
    writer.close()
    return connection.getpeercert()["subject"][0][0][1], connection.version()


async def test_a_renewed_certificate_is_presented_to_the_next(tmp_path: Path) -> None:
    """Nothing is restarted; files that do not fit together change nothing and are tried again."""
    authority = Authority(tmp_path)
    files = issued(authority, "first")
    certificate = Certificate(*files)
    async with pages(certificate) as port:
        assert await presented(port, authority) == ("first", "TLSv1.3")
        assert not certificate.renew()
        second = issued(authority, "second")
        second[0].replace(files[0])
        with pytest.raises(KeyFileError):
            certificate.renew()
        assert (await presented(port, authority))[0] == "first"
        second[1].replace(files[1])
        assert certificate.renew()
        assert (await presented(port, authority))[0] == "second"


async def test_old_tls_is_turned_down(tmp_path: Path) -> None:
    """1.2 at the least, and of its ciphers those alone that keep what was said when a key is lost."""
    authority = Authority(tmp_path)
    certificate = Certificate(*issued(authority, "here"))
    ciphers = [one["name"] for one in certificate.context.get_ciphers() if not one["name"].startswith("TLS_")]
    assert ciphers
    assert all(one.startswith("ECDHE-") and ("GCM" in one or "CHACHA20" in one) for one in ciphers)
    assert certificate.context.minimum_version is ssl.TLSVersion.TLSv1_2
    async with pages(certificate) as port:
        assert await presented(port, authority, maximum_version=ssl.TLSVersion.TLSv1_2) == ("here", "TLSv1.2")
        weak = ssl.create_default_context(cafile=str(authority.file))
        weak.maximum_version = ssl.TLSVersion.TLSv1_2
        weak.set_ciphers("AES128-SHA:ECDHE-ECDSA-AES128-SHA")
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await asyncio.open_connection("127.0.0.1", port, ssl=weak)


@pytest.mark.parametrize("what", ["missing", "open", "mixed", "nonsense"])
def test_bad_files_are_told_at_the_start(tmp_path: Path, what: str) -> None:
    """With one sentence that names them, and nothing of what is in them."""
    authority = Authority(tmp_path)
    certificate, key = issued(authority, "one")
    if what == "missing":
        key.unlink()
    elif what == "open":
        key.chmod(0o644)
    elif what == "mixed":
        key = issued(authority, "other")[1]
    else:
        certificate.write_text("nonsense")
    with pytest.raises(KeyFileError) as raised:
        Certificate(certificate, key)
    assert str(key) in str(raised.value)
    assert "PRIVATE" not in str(raised.value)


async def test_files_are_looked_at_for_ever(tmp_path: Path) -> None:
    """A turn that fails is logged without what is in the files, and not the last."""
    authority = Authority(tmp_path)
    files = issued(authority, "one")
    turns: list[Callable[[], Awaitable[object]]] = []
    keep_current(Certificate(*files), lambda _seconds, make: turns.append(make))
    with capture_logs() as logs:
        files[0].write_text("nonsense")
        await turns.pop()()
        take_over(issued(authority, "two"), files)
        await turns.pop()()
        await turns.pop()()
    assert [line["event"] for line in logs] == ["certificate_unusable", "certificate_renewed"]
    assert len(turns) == 1
