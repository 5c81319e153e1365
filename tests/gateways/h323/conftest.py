"""What every test of H.323 needs."""

import pytest

from signalling.gateways.h323.wire import asn1


@pytest.fixture(scope="session", autouse=True)
def _tables() -> None:
    """Load the tables before any test measures its patience: on a busy machine that takes many seconds."""
    asn1.prepare()
