"""What `python -m loadtest.peers` says when it cannot run."""

import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from loadtest.peers import main


def test_without_a_network_of_its_own_it_says_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One sentence, a code other than 0, and no report."""
    monkeypatch.setattr(shutil, "which", lambda _name: None)
    out = tmp_path / "peers.json"
    done = CliRunner().invoke(main, ["--out", str(out)])

    assert done.exit_code == 1
    assert "unshare" in done.output
    assert not out.exists()
