"""The texts of the pages: complete in every language, none unused."""

from __future__ import annotations

import json
import re

import pytest

from signalling.errors import Code
from signalling.messages import Role
from tests.pages.house import LANGUAGES, STATIC

CATALOGUES = {code: json.loads((STATIC / "i18n" / f"{code}.json").read_text()) for code in LANGUAGES}
KEYS = set(CATALOGUES["nb"])
SOURCES = {path.name: path.read_text() for path in (*STATIC.glob("*.html"), *STATIC.glob("js/**/*.js"))}
TEXT = "\n".join(SOURCES.values())
# Codes that never reach a page, or that it answers by connecting again.
NEVER_AN_ENDING = {
    *(
        "not_host",
        "not_admitted",
        "wrong_state",
        "unknown_participant",
        "not_dialable",
        "not_textable",
        "stale",
        "reason_needed",
        "patient_inside",
        "taken",
    ),  # answers to one act
    *("join_timeout", "too_slow", "restarting"),  # the page connects again
    *("origin_refused", "unauthorized", "unknown_room", "unknown_rota", "not_found", "method_not_allowed"),  # REST
    "test_busy",  # an answer to a test: told on its screen
    "not_on_rota",  # told on the page of those on duty
    "name_needed",  # the page asks for it, and joins again
    "pin_wrong",  # in a call, which has no page
    *(
        "login_failed",
        "login_unavailable",
        "login_refused",
        "login_stale",
        "login_rejected",
        "login_too_weak",
    ),  # on the start screen
    *("bad_message", "too_large", "sdp_invalid", "sdp_unusable"),  # faults of ours: told as `internal`
}


def keys_written_out() -> set[str]:
    """Every string in the sources that has the form of a key."""
    groups = "|".join(sorted({key.split(".")[0] for key in KEYS}))
    return set(re.findall(rf"[\"`]((?:{groups})\.[A-Za-z_.]+)[\"`]", TEXT))


def keys_put_together() -> list[re.Pattern[str]]:
    """Patterns of the keys that are built in template strings, and those that `tCode` looks up."""
    templates = re.findall(r"`([a-z]+\.[^`\s]*\$\{[^`\s]*(?:\{[^`]*\}[^`\s]*)*)`", TEXT)
    patterns = [re.compile(re.sub(r"\\\$\\\{.*?\\\}", r"[A-Za-z_]+", re.escape(each))) for each in templates]
    return [*patterns, *(re.compile(rf"{prefix}\.\w+") for prefix in re.findall(r"tCode\(\"(\w+)\"", TEXT))]


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_has_the_same_keys_and_no_empty_text(language: str) -> None:
    """A text that one language has, all have."""
    assert set(CATALOGUES[language]) == KEYS
    assert all(text.strip() for text in CATALOGUES[language].values())


@pytest.mark.parametrize("key", sorted(KEYS))
def test_a_text_has_the_same_places_to_fill_in_every_language(key: str) -> None:
    """A {name} that one language fills in, all fill in."""
    places = {language: set(re.findall(r"\{(\w+)\}", CATALOGUES[language][key])) for language in LANGUAGES}
    assert places["nn"] == places["nb"] == places["en"]


def test_no_text_is_missing() -> None:
    """Every key that the sources write out is in the catalogue."""
    assert keys_written_out() - KEYS == set()


def test_no_text_is_unused() -> None:
    """Every key of the catalogue is written out in the sources, or built by one of their templates."""
    written = keys_written_out()
    patterns = keys_put_together()
    assert len(patterns) > 10
    unused = {key for key in KEYS - written if not any(pattern.fullmatch(key) for pattern in patterns)}
    assert unused == set()


def test_every_code_of_the_bridge_that_ends_a_visit_has_its_own_words() -> None:
    """Codes that a page can be sent away with have a title and a text of their own."""
    ending = {code.value for code in Code} - NEVER_AN_ENDING
    assert {code for code in ending if {f"end.{code}.title", f"end.{code}.text"} - KEYS} == set()


def test_every_role_has_a_word() -> None:
    """Each role of the protocol can be shown."""
    assert {f"role.{role.value}" for role in Role} <= KEYS


def test_no_catalogue_has_keys_twice() -> None:
    """JSON would silently keep only the last of two texts under one key."""
    for language in LANGUAGES:
        raw = (STATIC / "i18n" / f"{language}.json").read_text()
        keys = [key for key, _ in json.loads(raw, object_pairs_hook=list)]
        assert len(keys) == len(set(keys))
