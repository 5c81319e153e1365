"""What a proof has found is kept as it comes: it goes on from there, with the same commit and engine alone."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.proof import kept, prove
from tests.proof.explore import Broken, Move, State
from tests.proof.tries import SmallRoom, coming, filming, going
from tests.proof.worlds import DOCTOR, PATIENT, WHOLE

SMALL = SmallRoom("small", (DOCTOR,), (coming, going))
LARGER = SmallRoom("larger", (DOCTOR, PATIENT), (coming, going))
OTHERS = {"states": 7, "steps": 0}
pytestmark = pytest.mark.timeout(300)


def breaking(_world: SmallRoom, _state: State) -> Iterator[Move]:
    """What is tried here breaks a rule."""
    raise Broken("as_told")
    yield


BROKEN = SmallRoom("broken", (DOCTOR,), (breaking, filming, going))


@pytest.fixture(autouse=True)
def clean_tree(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nothing depend on whether somebody is at work in this checkout."""
    monkeypatch.setattr(kept, "commit", lambda: "0123456789ab")


def read(path: Path) -> dict[str, Any]:
    """The report, with what was found by name."""
    report: dict[str, Any] = json.loads(path.read_text())
    return report | {"found": {one["name"]: one["figures"] for one in report["scenarios"]}}


def test_what_holds_is_kept_where_something_does_not(tmp_path: Path) -> None:
    """The report says what is done, what is not, and what is broken; and the proof fails."""
    path = tmp_path / "prove.json"
    with pytest.raises(SystemExit, match="every-state-broken"):
        prove.main(50, 1, [LARGER, BROKEN, SMALL], path)
    report = read(path)
    assert report["found"]["every-state-small"]["states"] > 1
    assert not report["whole"]
    assert "broken" in report["not_done"]["worlds"]
    assert "as_told" in report["failed"]["every-state-broken"]


def test_what_is_done_is_not_done_again(tmp_path: Path) -> None:
    """Of an interrupted proof only the rest is done; steps add up."""
    path = tmp_path / "prove.json"
    before = kept.Kept(path, ["small", "larger"], 60, 1)
    before.add("every-state-small", OTHERS)
    before.add(kept.RANDOM, {"steps": 40, "rooms": 3})
    assert read(path)["not_done"] == {"worlds": ["larger"], "steps": 20}
    prove.main(60, 1, [SMALL, LARGER], path)
    report = read(path)
    assert report["found"]["every-state-small"] == OTHERS
    assert report["found"]["every-state-larger"]["states"] > OTHERS["states"]
    assert report["found"][kept.RANDOM]["steps"] == 60
    assert report["found"][kept.RANDOM]["rooms"] == 4
    assert report["whole"]
    assert report["not_done"] == {"worlds": [], "steps": 0}


@pytest.mark.parametrize("commit", ["fedcba987654", "0123456789ab-dirty", "unknown"])
def test_what_was_found_of_something_else_is_not_taken_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, commit: str
) -> None:
    """Nor of a changed tree, since nobody knows how it was changed."""
    path = tmp_path / "prove.json"
    monkeypatch.setattr(kept, "commit", lambda: commit)
    kept.Kept(path, ["small"], 0, 1).add("every-state-small", OTHERS)
    if commit == "fedcba987654":
        monkeypatch.setattr(kept, "commit", lambda: "0123456789ab")
    again = kept.Kept(path, ["small"], 0, 1)
    assert again.origin.startswith("begins anew")
    assert again.worlds_left == ["small"]


def test_another_engine_is_something_else(tmp_path: Path) -> None:
    """Of the same commit, where somebody has built it anew from other sources."""
    path = tmp_path / "prove.json"
    kept.Kept(path, ["small"], 0, 1).add("every-state-small", OTHERS)
    assert kept.Kept(path, ["small"], 0, 1).worlds_left == []
    path.write_text(path.read_text().replace(kept.subject()["engine"], "0" * 16))
    assert kept.Kept(path, ["small"], 0, 1).worlds_left == ["small"]
    path.write_text("{")
    assert kept.Kept(path, ["small"], 0, 1).worlds_left == ["small"]


def test_the_smallest_worlds_come_first() -> None:
    """What can be known early is."""
    names = [len(world.names) for world in prove.by_size(WHOLE) if not world.crowd]
    assert names == sorted(names)
    assert len(set(names)) > 2
