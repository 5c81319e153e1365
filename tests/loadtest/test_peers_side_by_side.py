"""Our bridge and a real Janus, for a moment each, with native robots."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from loadtest.adapters import island


def test_every_subject_gets_the_same_stream_through(tmp_path: Path) -> None:
    """Each forwards to all sixteen, encrypted alike, and nothing that arrives is wrong."""
    if shutil.which("janus") is None:
        pytest.skip("Debian's package janus is not installed; `bash .ci/system-packages bench` does that")
    if (reason := island.why_not()) is not None:
        pytest.skip(f"Janus does not work on loopback alone, and {reason}")
    out = tmp_path / "peers.json"
    command = [sys.executable, "-m", "loadtest.peers", "--rounds", "1", "--seconds", "1", "--out", str(out)]
    done = subprocess.run(  # noqa: S603 - fixed words
        [*command, "--case", "fanout-16-even"], capture_output=True, text=True, timeout=100, check=False
    )

    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads(out.read_text())
    subjects = {one["subject"]: one for one in report["scenarios"] if "settings" in one}
    assert set(subjects) == {"bridge", "janus-best", "janus-default"}
    for entry in subjects.values():
        assert entry["figures"]["packets_wrong"] == 0
        assert entry["figures"]["packets_out_per_second"] > 0
        assert entry["figures"]["checked_percent"] > 0
        assert "AEAD_AES_128_GCM" in entry["settings"]["srtp_profile"]
