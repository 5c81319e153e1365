"""A real PostgreSQL server of Debian's, in a temporary folder, on a socket in that folder alone."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# Made by Debian's package; PostgreSQL refuses to run as root.
USER = "postgres"
# Nothing here has to survive a crash of the machine, and nobody but the tests comes.
SETTINGS = (
    "-c listen_addresses= -c fsync=off -c synchronous_commit=off -c full_page_writes=off -c shared_buffers=16MB"
    " -c max_connections=40 -c autovacuum=off"
)


@dataclass(frozen=True)
class Server:
    """A running server with one database."""

    folder: Path
    bin: Path

    @property
    def url(self) -> str:
        """The database, as an operator would write it."""
        return f"postgresql://bridge@/bridge?host={self.folder}"

    def start(self) -> None:
        """Start it, and wait until it answers."""
        log, settings = str(self.folder / "log"), f"{SETTINGS} -k {self.folder}"
        self.run("pg_ctl", "-D", str(self.folder / "data"), "--wait", "-l", log, "-o", settings, "start")

    def stop(self) -> None:
        """Stop it, whoever is connected."""
        self.run("pg_ctl", "-D", str(self.folder / "data"), "--wait", "-m", "fast", "stop")

    def run(self, program: str, *arguments: str) -> None:
        """Run one of PostgreSQL's programs as the server's user."""
        as_whom: dict[str, Any] = {"user": USER, "group": USER, "extra_groups": []} if os.geteuid() == 0 else {}
        done = subprocess.run(  # noqa: S603 - fixed programs
            [self.bin / program, *arguments],
            cwd=self.folder,
            check=False,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            **as_whom,
        )
        assert done.returncode == 0, done.stderr.decode()


@contextmanager
def running() -> Iterator[Server]:
    """Make a cluster, start its server, and stop it at the end; about a second in all."""
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    assert programs, "Debian's postgresql is missing: bash .ci/system-packages test"
    # Not under pytest's own folder, which is closed to others than its owner. Short: a socket's path has a limit.
    folder = Path(tempfile.mkdtemp(prefix="brotjeneste-pg-"))
    server = Server(folder, programs[-1])
    try:
        if os.geteuid() == 0:
            shutil.chown(folder, USER, USER)
        data = str(folder / "data")
        server.run("initdb", "-D", data, "--no-sync", "--auth=trust", "--username=bridge", "--encoding=UTF8")
        server.start()
        try:
            server.run("createdb", "-h", str(folder), "-U", "bridge", "bridge")
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder)
