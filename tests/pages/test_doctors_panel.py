"""The doctor's panel: who waits, who is here, and what the doctor may do."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from playwright.async_api import Browser, expect

from signalling import messages
from tests.pages.house import TOKEN, PlayedBridge, Visit, person, visit

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]
DOCTOR = person("p_me", "Ingrid Berg", "doctor", host=True, you=True)
PATIENT = person("p_pat", "Aslaug Nordahl", "patient")
SPECIALIST = person("p_spe", "Kari Moen", "specialist")
# A finger that was already on its way: it lands in the turn in which the rows move, before any timer of the page.
PRESS_WHEN_ROWS_MOVE = """() => new MutationObserver((_, observer) => {
    if (document.querySelectorAll("#waiting-people li").length !== 1) return;
    observer.disconnect();
    document.querySelector("#waiting-people [data-action=admit]").click();
    window.pressedEarly = true;
}).observe(document.querySelector("#waiting-people"), { childList: true })"""


@asynccontextmanager
async def surgery(browser: Browser, site: str, *others: dict[str, Any], **options: Any) -> AsyncIterator[Visit]:
    """Let the doctor into a room with these others in it or waiting."""
    bridge = PlayedBridge(role="doctor", host=True, place="admitted", people=[DOCTOR, *others])
    async with visit(browser, site, bridge, **options) as here:
        await here.come_in()
        yield here


async def test_admit_and_refuse_name_the_right_person(browser: Browser, site: str) -> None:
    """Admit goes at once, refuse after a question, each for the person of its own row."""
    olav = person("p_rel", "Olav", "relative", place="waiting")
    async with surgery(browser, site, PATIENT | {"place": "waiting"}, olav) as here:
        await here.page.get_by_role("button", name="Slipp inn Aslaug Nordahl").click()
        assert (await here.bridge.expect(messages.Admit)).participant == "p_pat"
        await here.page.get_by_role("button", name="Avvis Olav").click()
        await expect(here.page.get_by_role("dialog")).to_contain_text("Olav kan ikke prøve igjen")
        await here.page.click("#confirm-yes")
        assert (await here.bridge.expect(messages.Refuse)).participant == "p_rel"


async def test_cancelled_questions_send_nothing(browser: Browser, site: str) -> None:
    """Escape and Cancel are no."""
    async with surgery(browser, site, PATIENT) as here:
        await here.page.get_by_role("button", name="Valg for Aslaug Nordahl").click()
        for answer in ("Escape", "Enter"):  # Cancel has the focus, so Enter presses it
            await here.page.get_by_role("button", name="Fjern fra samtalen").click()
            await expect(here.page.get_by_role("dialog")).to_be_visible()
            await here.page.keyboard.press(answer)
            await expect(here.page.get_by_role("dialog")).to_be_hidden()
        await here.page.click("#lock")
        await here.bridge.expect(messages.Lock)
        assert not [each for each in here.bridge.sent if isinstance(each, messages.Remove)]


async def test_a_knock_is_announced_and_counted(browser: Browser, site: str) -> None:
    """Somebody who comes to the door is told to screen readers, and in the title of the window."""
    async with surgery(browser, site) as here:
        await expect(here.page.get_by_text("Ingen venter nå.")).to_be_visible()
        here.bridge.people.append(PATIENT | {"place": "waiting"})
        here.bridge.roster()
        await expect(here.page.locator("#polite")).to_have_text("Aslaug Nordahl (pasient) venter på å komme inn.")
        await expect(here.page).to_have_title("(1 venter) Samtale mandag 10.15")
        await expect(here.page.locator("#admit-all")).to_be_hidden()


async def test_a_second_press_does_not_admit_the_next_in_line(browser: Browser, site: str) -> None:
    """When a row goes and the next moves under the finger, its buttons rest for a moment."""
    second = person("p_rel", "Olav", "relative", place="waiting")
    async with surgery(browser, site, PATIENT | {"place": "waiting"}, second) as here:
        await here.page.evaluate(PRESS_WHEN_ROWS_MOVE)
        here.bridge.change("p_pat", place="admitted")
        await here.until("window.pressedEarly")
        await here.page.get_by_role("button", name="Slipp inn Olav").click()  # waits until it may be pressed
        await here.page.click("#lock")
        await here.bridge.expect(messages.Lock)
        admitted = [each.participant for each in here.bridge.sent if isinstance(each, messages.Admit)]
        assert admitted == ["p_rel"]


async def test_focus_moves_on_when_the_row_with_it_goes(browser: Browser, site: str) -> None:
    """A doctor on the keyboard is not thrown to the top of the page by an admission."""
    second = person("p_rel", "Olav", "relative", place="waiting")
    async with surgery(browser, site, PATIENT | {"place": "waiting"}, second) as here:
        await here.page.get_by_role("button", name="Slipp inn Aslaug Nordahl").focus()
        await expect(here.page.get_by_role("button", name="Slipp inn Aslaug Nordahl")).to_be_focused()
        here.bridge.change("p_pat", place="admitted")
        await expect(here.page.get_by_role("button", name="Slipp inn Olav")).to_be_focused()
        here.bridge.change("p_rel", place="admitted")
        await expect(here.page.locator("#panel-waiting-title")).to_be_focused()


async def test_admit_all_lock_and_end(browser: Browser, site: str) -> None:
    """The acts on the whole room send their messages; end asks first."""
    others = [PATIENT | {"place": "waiting"}, SPECIALIST | {"place": "waiting"}]
    async with surgery(browser, site, *others) as here:
        await here.page.get_by_role("button", name="Slipp inn alle (2)").click()
        await here.bridge.expect(messages.AdmitAll)
        await here.page.get_by_role("button", name="Lås rommet").click()
        assert (await here.bridge.expect(messages.Lock)).locked is True
        here.bridge.locked = True
        here.bridge.roster()
        await expect(here.page.locator("#call-lock")).to_have_text("Rommet er låst")
        await here.page.get_by_role("button", name="Lås opp rommet").click()
        assert (await here.bridge.expect(messages.Lock)).locked is False
        await here.page.get_by_role("button", name="Avslutt for alle").click()
        await here.page.click("#confirm-yes")
        await here.bridge.expect(messages.End)


async def test_acts_on_a_participant(browser: Browser, site: str) -> None:
    """Each button of a person's row sends its message for that person."""
    async with surgery(browser, site, PATIENT, SPECIALIST) as here:
        row = here.page.locator("#room-people [data-key=p_spe]")
        await row.get_by_role("button", name="Valg for Kari Moen").click()
        await row.get_by_role("button", name="Slå av mikrofonen", exact=True).click()
        mute = await here.bridge.expect(messages.Mute)
        assert (mute.participant, mute.muted, mute.may_unmute) == ("p_spe", True, True)
        await row.get_by_role("button", name="Slå av og lås mikrofonen").click()
        assert (await here.bridge.expect(messages.Mute)).may_unmute is False
        here.bridge.change("p_spe", muted=True, may_unmute=False)
        await row.get_by_role("button", name="Gi lyden tilbake").click()
        assert (await here.bridge.expect(messages.Mute)).muted is False
        for name, kind in (
            ("Send til venterommet", messages.ToWaiting),
            ("La styre rommet", messages.HandOver),
            ("Fjern fra samtalen", messages.Remove),
        ):
            await row.get_by_role("button", name=name).click()
            await here.page.click("#confirm-yes")
            assert (await here.bridge.expect(kind)).participant == "p_spe"  # type: ignore[attr-defined]


async def test_only_clinicians_can_be_made_host(browser: Browser, site: str) -> None:
    """A patient's row does not offer the room."""
    async with surgery(browser, site, PATIENT) as here:
        await here.page.get_by_role("button", name="Valg for Aslaug Nordahl").click()
        await expect(here.page.get_by_role("button", name="Fjern fra samtalen")).to_be_visible()
        await expect(here.page.get_by_role("button", name="La styre rommet")).to_be_hidden()


async def test_an_invitation_shows_its_link_to_copy(browser: Browser, site: str) -> None:
    """Role and name go to the bridge, and the link comes back to be copied."""
    async with surgery(browser, site, permissions=["clipboard-read", "clipboard-write"]) as here:
        await here.page.click("#invite")
        await here.page.select_option("#invite-role", "interpreter")
        await here.page.fill("#invite-name", " Samir Haddad ")
        await here.page.press("#invite-name", "Enter")
        invite = await here.bridge.expect(messages.Invite)
        assert (invite.role.value, invite.name) == ("interpreter", "Samir Haddad")
        await expect(here.page.locator("#invite-link")).to_have_value(f"https://bro.example/join#{TOKEN}")
        await here.page.get_by_role("button", name="Kopier lenken").click()
        await expect(here.page.locator("#invite-copy")).to_have_text("Lenken er kopiert")
        assert TOKEN in await here.page.evaluate("navigator.clipboard.readText()")


async def test_a_refused_act_is_told(browser: Browser, site: str) -> None:
    """When the bridge says no, the doctor reads why."""
    async with surgery(browser, site, PATIENT | {"place": "waiting"}) as here:
        here.bridge.refusals["admit"] = "unknown_participant"
        await here.page.get_by_role("button", name="Slipp inn Aslaug Nordahl").click()
        await expect(here.page.locator("#notice")).to_have_text("Personen er ikke her lenger.")


DASH = "\N{EN DASH}"


def flow(loss: float = 0.0, jitter: float = 1.0, after: float | None = None) -> dict[str, Any]:
    """Give one direction with sound and a picture."""
    shares = {"loss_percent": loss, "loss_after_percent": loss if after is None else after, "jitter_ms": jitter}
    sound = shares | {"source": "mic", "bitrate_kbps": 32, "burst_packets": 1.5, "mos": 4.1}
    picture = shares | {"source": "camera", "bitrate_kbps": 812.4, "frames_per_second": 24.6}
    return shares | {"bitrate_kbps": 844.4, "streams": [sound, picture]}


def line(**changes: Any) -> dict[str, Any]:
    """Give the patient's figures on a good link."""
    good = {"participant": "p_pat", "up": flow(), "down": flow(), "rtt_ms": 40, "verdict": "good"}
    return good | changes


@pytest.mark.parametrize(
    ("figures", "word"),
    [
        (line(up=flow(0.4, 12)), "God"),
        (line(up=flow(10, 12, after=0.1)), "God"),
        (line(up=flow(3, 12)), "Middels"),
        (line(down=flow(0, 60), rtt_ms=None), "Middels"),
        (line(frozen_percent=4), "Middels"),
        (line(verdict="client_cpu"), "Middels"),
        (line(up=flow(8, 12)), "Dårlig"),
        (line(rtt_ms=900), "Dårlig"),
    ],
)
async def test_figures_become_a_word_and_a_table(
    browser: Browser, site: str, figures: dict[str, Any], word: str
) -> None:
    """The worse of both directions after repair gives the word; the figures stand in a table behind the button."""
    async with surgery(browser, site, PATIENT) as here:
        here.bridge.push("stats", people=[figures])
        row = here.page.locator("#room-people [data-key=p_pat]")
        await expect(row.locator(".quality")).to_have_text(word)
        await row.get_by_role("button", name="Valg for Aslaug Nordahl").click()
        await expect(row.get_by_role("row", name="Fart (kbit/s)").locator("td")).to_have_text(["32", "812"] * 2)
        await expect(row.get_by_role("row", name="Lydkvalitet").locator("td")).to_have_text(["4,1", DASH] * 2)
        await expect(row.get_by_role("row", name="Bilder i sekundet").locator("td")).to_have_text([DASH, "25"] * 2)


@pytest.mark.parametrize(
    ("verdict", "words"),
    [
        (
            "uplink",
            "Dårlig linje opp: de andre hører og ser denne personen dårlig. Be personen gå nærmere ruteren",
        ),
        ("downlink", "Dårlig linje ned: denne personen hører og ser de andre dårlig."),
        ("bridge", "Feilen er hos tjenesten, ikke hos dere."),
        ("client_cpu", "Maskinen til denne personen rekker ikke over bildene. Be personen lukke andre programmer"),
    ],
)
async def test_who_is_to_blame_is_said_in_words_with_advice(
    browser: Browser, site: str, verdict: str, words: str
) -> None:
    """A fault stands under the person's name in words, whatever its colour, and goes when it is over."""
    async with surgery(browser, site, PATIENT) as here:
        here.bridge.push("stats", people=[line(verdict=verdict)])
        blame = here.page.locator("#room-people [data-key=p_pat] .blame")
        await expect(blame).to_contain_text(words)
        for fine in ("good", "unknown"):
            here.bridge.push("stats", people=[line(verdict=fine)])
            await expect(blame).to_be_hidden()


async def test_the_doctors_own_line_is_told_as_their_own(browser: Browser, site: str) -> None:
    """Advice to oneself is not advice about "this person"."""
    async with surgery(browser, site, PATIENT) as here:
        here.bridge.push("stats", people=[line(participant="p_me", verdict="uplink")])
        await expect(here.page.locator("#room-people [data-key=p_me] .blame")).to_contain_text(
            "ser deg dårlig. Gå nærmere"
        )


async def test_the_host_reads_how_somebody_is_encrypted(browser: Browser, site: str) -> None:
    """In words, and what is not safe without pressing anything; a patient is not told of others."""
    safe = {"keys": "handshake", "cipher": "AEAD_AES_128_GCM"}
    async with surgery(browser, site, PATIENT | {"encryption": safe}, SPECIALIST) as here:
        patient, specialist = (here.page.locator(f"#room-people [data-key={key}]") for key in ("p_pat", "p_spe"))
        await here.page.get_by_role("button", name="Valg for Aslaug Nordahl").click()
        await expect(patient.locator(".encryption")).to_have_text(
            "Kryptert. Nøklene er avtalt direkte mellom denne personens utstyr og samtaletjenesten."
        )
        await expect(patient.locator(".state")).to_have_text("")
        for keys, words in (
            ("exposed", "nøkler som kan være lest"),
            ("unproved", "kryptert, ikke autentisert"),
            ("none", "ikke kryptert"),
        ):
            cipher = None if keys == "none" else "AES_CM_128_HMAC_SHA1_80"
            here.bridge.change("p_spe", encryption={"keys": keys, "cipher": cipher})
            await expect(specialist.locator(".state")).to_contain_text(words)
        here.bridge.host = False
        here.bridge.people = [DOCTOR | {"host": False}, here.bridge.people[-1]]
        here.bridge.roster()
        await expect(specialist.locator(".state")).to_have_text("")


async def test_losing_the_host_role_takes_the_powers_away(browser: Browser, site: str) -> None:
    """After handing over, the page offers none of the host's acts."""
    async with surgery(browser, site, SPECIALIST) as here:
        here.bridge.host = False
        here.bridge.people = [DOCTOR | {"host": False}, SPECIALIST | {"host": True}]
        here.bridge.roster()
        await expect(here.page.locator("#panel-room")).to_be_hidden()
        await expect(here.page.get_by_role("button", name="Valg for")).to_have_count(0)


async def test_a_patient_has_no_panel_of_powers(browser: Browser, site: str) -> None:
    """Others see who is here, and nothing to decide about them."""
    me = PATIENT | {"participant": "p_me", "you": True}
    bridge = PlayedBridge(place="admitted", people=[DOCTOR | {"participant": "p_doc", "you": False}, me])
    async with visit(browser, site, bridge) as here:
        await here.come_in()
        await here.page.click("#control-people")
        await expect(here.page.locator("#room-people li")).to_have_count(2)
        for selector in ("#panel-waiting", "#panel-room", "#room-people .more", "#room-people .quality"):
            await expect(here.page.locator(selector).first).to_be_hidden()
