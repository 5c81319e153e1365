"""What runs before a change lands leaves no test out unseen."""

from pathlib import Path

import pytest

from tests.support.needs import WHOLE, lacking

RUN = Path(__file__).parents[2] / ".ci" / "run"


@pytest.mark.parametrize("value", [None, "", "1"])
def test_what_cannot_run_fails_where_all_has_to_run(monkeypatch: pytest.MonkeyPatch, value: str | None) -> None:
    """Elsewhere, such as on a laptop without network namespaces, it is skipped."""
    monkeypatch.delenv(WHOLE, raising=False)
    if value is not None:
        monkeypatch.setenv(WHOLE, value)
    with pytest.raises(pytest.fail.Exception if value == "1" else pytest.skip.Exception, match="no such device"):
        lacking("no such device")


def test_all_has_to_run_before_a_change_lands() -> None:
    """The command says so to all that it starts."""
    assert f"export {WHOLE}=1" in RUN.read_text("utf-8").splitlines()
