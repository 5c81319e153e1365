"""What a machine lacks for a test: it is skipped there, but fails where everything has to be there."""

import os
from typing import Final, NoReturn

import pytest

# What begins with BROTJENESTE is a setting of the bridge, which refuses those that it does not know.
WHOLE: Final = "WHOLE_TESTS"
"""Set to 1 (`.ci/run` does), a test that cannot run here fails, so that nothing is left out unseen."""


def lacking(reason: str) -> NoReturn:
    """Leave this test out for a reason, or fail where nothing may be left out."""
    if os.environ.get(WHOLE) == "1":
        pytest.fail(f"{WHOLE}=1 lets no test be left out: {reason}")
    pytest.skip(reason)
