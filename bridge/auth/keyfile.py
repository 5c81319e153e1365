"""Files that hold key material: made once with a random value, readable by their owner only."""

import os
import secrets
import stat
from collections.abc import Callable
from pathlib import Path

from bridge.auth.errors import KeyFileError


def read_or_create(path: Path, make: Callable[[], str]) -> list[str]:
    """Give the lines of `path` that are neither empty nor comments; where there is no file, write `make()`.

    The new file has mode 0600 and appears whole: two processes that start together read the same key.
    A file that everybody on the machine may read or write is refused. Raises KeyFileError.
    """
    try:
        if not path.exists():
            _create(path, make())
        mode = path.stat().st_mode
        text = path.read_text("ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise KeyFileError(f"cannot use the key file {path}: {error}") from error
    # Group bits stay allowed: systemd credentials and Kubernetes secrets are 0440.
    if mode & stat.S_IRWXO:
        raise KeyFileError(f"the key file {path} is open to everybody on this machine (chmod 600 it)")
    lines = [line.strip() for line in text.splitlines()]
    lines = [line for line in lines if line and not line.startswith("#")]
    if not lines:
        raise KeyFileError(f"the key file {path} holds no key")
    return lines


def _create(path: Path, line: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(line + "\n")
            file.flush()
            os.fsync(file.fileno())
        # Unlike rename, link fails when another process was first: its key then counts.
        path.hardlink_to(draft)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
