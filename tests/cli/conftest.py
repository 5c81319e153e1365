"""A place of its own for each test's bridge."""

from pathlib import Path

import pytest

from tests.cli.command import Place


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """Free ports and an empty folder."""
    return Place(tmp_path)
