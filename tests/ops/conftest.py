"""Fixtures of all tests of operations."""

from collections.abc import Callable
from types import SimpleNamespace

import pytest

from tests.ops.snapshots import snapshot_of


@pytest.fixture
def snapshot() -> Callable[..., SimpleNamespace]:
    """Make snapshots."""
    return snapshot_of
