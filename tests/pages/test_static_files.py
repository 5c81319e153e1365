"""The files of the pages obey their own house rules."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.pages.house import STATIC

TEXT_FILES = sorted(path for path in STATIC.rglob("*") if path.suffix in {".html", ".js", ".css", ".svg"})
PAGES = sorted(STATIC.glob("*.html"))


@pytest.mark.parametrize("path", TEXT_FILES, ids=lambda path: path.name)
def test_files_are_small_and_name_no_other_host(path: Path) -> None:
    """A file has fewer than 300 lines, and asks no other host for anything."""
    text = path.read_text()
    assert len(text.splitlines()) < 300
    assert set(re.findall(r"(?:https?:)?//[a-z0-9.-]+\.[a-z]{2,}", text)) <= {"http://www.w3.org"}


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_pages_have_no_inline_script_or_style(path: Path) -> None:
    """The content policy forbids inline code, so a page must hold none."""
    text = path.read_text()
    assert "<style" not in text
    assert re.findall(r"\s(?:style|on[a-z]+)=", text) == []
    assert re.findall(r"<script(?![^>]*\ssrc=)", text) == []


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_files_that_a_page_links_to_exist(path: Path) -> None:
    """Scripts, styles and icons of a page are there."""
    links = re.findall(r"(?:src|href)=\"/static/([^\"]+)\"", path.read_text())
    assert links
    assert [link for link in links if not (STATIC / link).is_file()] == []


def test_every_icon_that_is_named_is_drawn() -> None:
    """`icon`, `setIcon` and `setFace` name only symbols of icons.svg."""
    drawn = set(re.findall(r"<symbol id=\"([^\"]+)\"", (STATIC / "icons.svg").read_text()))
    text = "\n".join(path.read_text() for path in STATIC.glob("js/**/*.js"))
    calls = re.findall(
        r"\b(?:icon\(|setIcon\([^,()]+(?:\([^)]*\))?, |setFace\([^,()]+(?:\([^)]*\))?, )([^;]*)", text
    )
    named = {
        name
        for call in calls
        for name in re.findall(r"^\"([a-z-]+)\"|^\w+ \? \"([a-z-]+)\" : \"([a-z-]+)\"", call)
    }
    flat = {each for group in named for each in group if each}
    assert len(flat) > 10
    assert flat - drawn == set()
    assert {"good", "fair", "poor", "unknown"} <= drawn
