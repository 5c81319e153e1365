"""`brotjeneste loadtest` as a process: its files, its exit code, and what it refuses."""

import asyncio
import json
import signal

import pytest

from tests.cli.command import Place, ended, run, start

SMALL = ("loadtest", "--rooms", "1", "--legs", "2", "--profile", "audio", "--max-loss-percent", "100")


async def test_a_small_run_passes_and_writes_both_reports(place: Place) -> None:
    """Exit code 0, a report in JSON and one as a page."""
    done = await run(place, *SMALL, "--minutes", "0.03", "--out", "reports")
    assert done.code == 0, done.out + done.err
    report = json.loads((place.folder / "reports" / "loadtest.json").read_text())
    assert report["passed"]
    assert report["scenarios"][0]["figures"]["robots"] == 2
    assert "<svg" in (place.folder / "reports" / "loadtest.html").read_text()


async def test_ctrl_c_ends_it_cleanly_with_a_report(place: Place) -> None:
    """A run that is told to stop leaves politely and says how far it came."""
    process = await start(place, *SMALL, "--minutes", "10")
    assert process.stdout is not None
    async with asyncio.timeout(60):
        while b"steady" not in await process.stdout.readline():
            assert process.returncode is None
    process.send_signal(signal.SIGINT)
    done = await ended(process)
    assert done.code == 0, done.out + done.err
    assert json.loads((place.folder / "build" / "bench" / "loadtest.json").read_text())["interrupted"]


@pytest.fixture
def token(place: Place) -> None:
    """Put a file beside the command that could be a token."""
    (place.folder / "token").write_text("a-token")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--rooms", "0"), "rooms must be"),
        (("--minutes", "9999"), "at most 240 minutes"),
        (("--target", "http://127.0.0.1:1"), "--api-token-file"),
        (("--target", "http://192.0.2.1", "--api-token-file", "token"), "--i-own-this-target"),
    ],
)
@pytest.mark.usefixtures("token")
async def test_what_should_not_run_does_not(place: Place, arguments: tuple[str, ...], words: str) -> None:
    """Bounds, and machines of others, are refused before anything starts."""
    done = await run(place, "loadtest", *arguments)
    assert done.code == 2
    assert words in " ".join(done.err.split())
