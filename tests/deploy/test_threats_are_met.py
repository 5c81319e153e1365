"""The threat model names tests that exist, and says of each threat what shows that it is met or what is left."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "deploy" / "THREATS.md").read_text("utf-8")
NAMED = sorted(set(re.findall(r"`(tests/[^`]+\.py(?:::\w+)?)`", TEXT)))
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in TEXT.splitlines()
    if line.startswith("|") and line.count("|") == 6 and not re.match(r"\|[ -]*\||\| threat \|", line)
]


@pytest.mark.parametrize("named", NAMED)
def test_each_named_test_exists(named: str) -> None:
    """The file, and in it the function."""
    path, _, function = named.partition("::")
    tree = ast.parse((ROOT / path).read_text("utf-8"))
    functions = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
    assert not function or function in functions


def test_each_threat_is_met_or_left() -> None:
    """Every row has a test, or says what is left; and who does it is one of those who are listed."""
    attackers = set(re.findall(r"^\| (T\d) \|", TEXT, re.MULTILINE))
    assert len(ROWS) > 30
    for threat, by, stops, shown, left in ROWS:
        assert set(by.split()) <= attackers, threat
        assert stops, threat
        assert shown or left, threat
    assert {one for _, by, *_ in ROWS for one in by.split()} == attackers
