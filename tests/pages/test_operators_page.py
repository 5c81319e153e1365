"""The operators' page: at a glance, by keyboard, in every language, by day and by night."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from playwright.async_api import Browser, expect

from bridge.ops.health import DrainReason
from bridge.ops.page import FILES
from tests.ops.duty import PLANTED, Duty, on_duty
from tests.ops.stations import TOKEN
from tests.pages.house import LANGUAGES, Visit, visit, with_a_clock
from tests.pages.test_accessibility import faults, walk

LOCALE = {"nb": "nb-NO", "nn": "nn-NO", "en": "en-GB"}
CATALOGUES = {code: json.loads((FILES / "i18n" / f"{code}.json").read_text("utf-8")) for code in LANGUAGES}
SOURCES = "\n".join(path.read_text("utf-8") for path in (*FILES.glob("*.html"), *FILES.glob("js/*.js")))
# How often the page looks, and when figures are old and a look has come again, however long there was no contact.
LOOK_MS, OLD_MS = 2000, 10_000
browser_test = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]


def marked(test: Any) -> Any:
    """Mark a test that drives the browser."""
    for mark in browser_test:
        test = mark(test)
    return test


@asynccontextmanager
async def at_work(
    browser: Browser, *, trouble: bool = False, language: str = "nb", **options: Any
) -> AsyncIterator[tuple[Visit, Duty]]:
    """Log in by keyboard, at a port that is quiet or in trouble."""
    async with on_duty(trouble=trouble) as duty:
        wanted = {"path": "/", "locale": LOCALE[language], "ready": "#login"} | options
        async with visit(browser, duty.address, **wanted) as here:
            await here.page.locator("#login-token").focus()
            await here.page.keyboard.type(TOKEN)
            await here.page.keyboard.press("Enter")
            await here.shows("#station")
            yield here, duty


@marked
async def test_a_quiet_night_is_one_sentence(browser: Browser) -> None:
    """All is well, how many there are, and how many more would fit; whoever comes reads it first."""
    async with at_work(browser) as (here, _duty):
        title = here.page.get_by_role("heading", level=1)
        await expect(title).to_have_text("Alt er vel")
        await expect(title).to_be_focused()
        await expect(here.page).to_have_title("Alt er vel \N{EN DASH} Drift av videobroen")
        await expect(here.page.locator("#summary-lead")).to_contain_text("3 er i samtale i 2 rom, og 1 venter.")
        await expect(here.page.locator("#summary-lead")).to_contain_text("plass til omtrent")
        await expect(here.page.locator("#troubles li")).to_have_count(0)


@marked
@pytest.mark.parametrize(
    ("language", "scheme", "width"), [("nb", "dark", 1280), ("nn", "light", 320), ("en", "dark", 320)]
)
async def test_trouble_is_told_in_words_that_can_be_read(
    browser: Browser, language: str, scheme: str, width: int
) -> None:
    """By day and night, at 400 %, in each language: contrast, names, sizes, width are right; nobody is named."""
    options = {"color_scheme": scheme, "size": (width, 800)}
    async with at_work(browser, trouble=True, language=language, **options) as (here, _duty):
        texts, page = CATALOGUES[language], here.page
        await expect(page.get_by_role("heading", level=1)).to_have_text(texts["summary.bad"])
        first = texts["trouble.check_failing"].replace("{what}", texts["check.store"])
        await expect(page.locator("#troubles li").first).to_have_text(first)
        await page.locator("#rooms button").first.click()
        await expect(page.locator("#rooms .table [role=row]")).to_have_count(3)
        assert await faults(page) == []
        said = await page.locator("body").inner_text()
        assert [word for word in PLANTED if word in said] == []
        assert "{" not in said
        assert "undefined" not in said
        assert "NaN" not in said
        await page.locator("#drain-begin").click()
        assert await faults(page) == []


@marked
async def test_a_node_is_drained_and_undrained_by_keyboard(browser: Browser) -> None:
    """The question says whom it concerns, cancelling does nothing, the reason is on record, undo is one press."""
    async with at_work(browser) as (here, duty):
        page, keyboard = here.page, here.page.keyboard
        begin, undo = page.locator("#drain-begin"), page.locator("#drain-undo")
        await begin.focus()
        await keyboard.press("Enter")
        await expect(page.locator("#ask-people")).to_have_text("3 er i samtale i 2 rom, og 1 venter.")
        await keyboard.press("Enter")  # Cancel has the focus
        await expect(page.get_by_role("dialog")).to_be_hidden()
        assert not duty.station.drain.active
        await expect(begin).to_be_focused()
        await keyboard.press("Enter")
        await page.get_by_role("dialog").get_by_role("combobox").focus()
        await keyboard.type("vedl")
        await keyboard.press("Tab")
        await keyboard.press("Tab")
        await keyboard.press("Enter")
        await expect(page.locator("#drain-state")).to_contain_text("vedlikehold")
        await expect(undo).to_be_focused()
        assert duty.station.drain.reason is DrainReason.MAINTENANCE
        await keyboard.press("Enter")
        await expect(begin).to_be_focused()
        assert not duty.station.drain.active
        assert [(line.act, line.reason) for line in duty.audit.lines] == [
            ("log_in", None),
            ("drain", "maintenance"),
            ("drain_ended", None),
        ]


# A dialog tells of its closing later than it closes: this is done in one go.
AGAIN = """() => {
  const [begin, dialog] = ["drain-begin", "dialog-drain"].map((id) => document.getElementById(id));
  begin.click();
  dialog.close("no");
  begin.click();
}"""


@marked
async def test_whoever_asks_again_at_once_is_heard(browser: Browser) -> None:
    """No to the first question is not taken for the answer to the second, and yes to that is done once."""
    async with at_work(browser) as (here, duty):
        await here.page.evaluate(AGAIN)
        await here.page.get_by_role("dialog").locator("button[value=yes]").click()
        await expect(here.page.locator("#drain-undo")).to_be_focused()
        assert [line.act for line in duty.audit.lines] == ["log_in", "drain"]


@marked
async def test_the_keyboard_reaches_everything(browser: Browser) -> None:
    """Tab goes through all that can be pressed, with a focus that can be seen, and nothing traps it."""
    async with at_work(browser, trouble=True) as (here, _duty):
        reached = await walk(here, 12)
        assert {"drain-begin", "button quiet", "log-out", "language"} <= set(reached)
        assert "BODY" in reached or len(reached) == 12


@marked
async def test_an_act_that_is_not_on_record_is_told_as_not_done(browser: Browser) -> None:
    """The store is away: the page says that nothing was done."""
    async with at_work(browser) as (here, duty):
        duty.audit.failing = True
        await here.page.click("#drain-begin")
        await here.page.click("#dialog-drain [value=yes]")
        await expect(here.page.locator("#drain-problem")).to_have_text(CATALOGUES["nb"]["failed.not_recorded"])
        assert not duty.station.drain.active
        here.complaints.clear()  # the browser notes the 503


@marked
async def test_the_page_follows_and_speaks_only_when_something_changes(browser: Browser) -> None:
    """Figures come by themselves; a screen reader hears of troubles that come and go, and of nothing else."""
    async with at_work(browser, prepare=with_a_clock) as (here, duty):
        said = here.page.locator("#polite")
        shown = here.page.locator("#seen-at")
        before = await shown.inner_text()
        duty.second([], legs=0)
        await here.page.clock.fast_forward(LOOK_MS)
        await expect(shown).not_to_have_text(before)
        await expect(said).to_have_text("")
        duty.counts[("room_failures", "room")] = 2
        duty.second([], legs=0)
        await here.page.clock.fast_forward(LOOK_MS)
        await expect(said).to_contain_text("Noe er galt nå")
        await expect(said).to_contain_text("2 rom mistet forbindelsene")
        await expect(here.page).to_have_title(re.compile("Noe er galt"))


@marked
async def test_old_figures_are_called_old_and_an_ended_session_asks_again(browser: Browser) -> None:
    """Without contact the page says so, and since when; when the session is over it asks who is there."""
    async with at_work(browser, prepare=with_a_clock) as (here, duty):
        await here.page.route("**/picture", lambda route: route.abort())
        title = here.page.get_by_role("heading", level=1)
        await here.page.clock.fast_forward(OLD_MS)
        await expect(title).to_have_text("Siden får ikke kontakt med broen")
        await expect(here.page.locator("#summary-lead")).to_contain_text("08:00:12")
        await here.page.unroute("**/picture")
        await here.page.clock.fast_forward(OLD_MS)
        await expect(title).to_have_text("Alt er vel")
        duty.guard.sessions._known.clear()
        await here.page.clock.fast_forward(LOOK_MS)
        await expect(title).to_have_text("Logg inn som driftsoperatør")
        await expect(here.page.locator("#login-problem")).to_have_text(CATALOGUES["nb"]["failed.session_ended"])
        here.complaints.clear()  # the browser notes what was cut and refused


@marked
async def test_a_wrong_token_and_a_login_that_is_no_operators(browser: Browser) -> None:
    """Both are told in words, and nothing is shown."""
    async with (
        on_duty() as duty,
        visit(browser, duty.address, path="/?login=unauthorized", ready="#login") as here,
    ):
        await expect(here.page.get_by_role("alert")).to_have_text(CATALOGUES["nb"]["failed.unauthorized"])
        assert here.page.url == f"{duty.address}/"
        await here.page.fill("#login-token", "wrong")
        await here.page.press("#login-token", "Enter")
        await expect(here.page.get_by_role("alert")).to_have_text(CATALOGUES["nb"]["failed.token_wrong"])
        await expect(here.page.locator("#station")).to_be_hidden()
        here.complaints.clear()  # the browser notes the 401


@marked
async def test_light_and_dark_can_be_chosen_and_stay(browser: Browser) -> None:
    """Whatever the machine says; the choice is there at the next visit."""
    async with at_work(browser, color_scheme="light") as (here, _duty):
        ground = "getComputedStyle(document.body).backgroundColor"
        light = await here.page.evaluate(ground)
        await here.page.get_by_role("button", name="Mørk").click()
        dark = await here.page.evaluate(ground)
        assert light != dark
        await here.page.reload()
        await here.shows("#station")
        assert await here.page.evaluate(ground) == dark
        await expect(here.page.get_by_role("button", name="Mørk")).to_have_attribute("aria-pressed", "true")


def keys_in_use() -> set[str]:
    """Every key that the sources write out or put together, as a pattern."""
    written = set(re.findall(r"[\"`]([a-z]+(?:\.[A-Za-z_${}()]+)+)[\"`]", SOURCES))
    written |= set(re.findall(r"data-i18n(?:-label)?=\"([^\"]+)\"", SOURCES))
    written |= {f"{prefix}.${{code}}" for prefix in re.findall(r"tCode\(\"(\w+)\"", SOURCES)}
    counted = set(re.findall(r"counted\(\"([^\"]+)\"", SOURCES))
    return written | {f"{key}.${{}}" for key in counted}


def test_catalogues_are_complete_and_nothing_is_unused() -> None:
    """The same keys and places to fill in each language; each key is used, each that is written out is there."""
    keys = set(CATALOGUES["nb"])
    for code in LANGUAGES:
        assert set(CATALOGUES[code]) == keys
        assert all(text.strip() for text in CATALOGUES[code].values())
        for key in keys:
            assert set(re.findall(r"\{(\w+)\}", CATALOGUES[code][key])) == set(
                re.findall(r"\{(\w+)\}", CATALOGUES["nb"][key])
            ), key
    used = keys_in_use()
    plain = {key for key in used if "$" not in key and key.split(".")[0] in {each.split(".")[0] for each in keys}}
    counted = {key for key in plain - keys if {f"{key}.one", f"{key}.many"} <= keys}
    assert plain - keys - counted == set()
    patterns = [
        re.compile(re.sub(r"\\\$\\\{.*?\\\}", r"[A-Za-z_0-9]+", re.escape(key))) for key in used if "$" in key
    ]
    unused = {key for key in keys - plain if not any(pattern.fullmatch(key) for pattern in patterns)}
    assert unused == set()


def test_files_obey_the_rules_of_pages() -> None:
    """Fewer than 300 lines, no other host, no inline code, and every file that is named is there."""
    for path in FILES.rglob("*.*"):
        text = path.read_text("utf-8")
        assert len(text.splitlines()) < 300, path.name
        named = set(re.findall(r"(?:https?:)?//[a-z0-9.-]+\.[a-z]{2,}", text))
        assert named <= {"http://www.w3.org"}, path.name
        assert "innerHTML" not in text
    page = (FILES / "operator.html").read_text("utf-8")
    assert not re.findall(r"<style|\s(?:style|on[a-z]+)=|<script(?![^>]*\ssrc=)", page)
    for name in re.findall(r"(?:src|href)=\"/operator/([^\"]+)\"", page):
        assert (FILES / name).is_file(), name
