"""Logging in before one enters: a certified provider, real Chromium, and what the doctor then knows."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from bridge.auth.secrets import new_secret
from bridge.rooms import events as ev
from bridge.rooms.model import Assurance, Pii, Relation
from signalling import messages as m
from tests.auth.hostile import KEY, signed
from tests.auth.openid import RealProvider
from tests.support.bridge import PATIENCE_S, PHONE, House, Visitor
from tests.support.logins import house_with_logins

pytestmark = [
    pytest.mark.browser,
    pytest.mark.timeout(300),
    pytest.mark.asyncio(loop_scope="session"),
]
PATIENT = 17
AGENCY, EMPLOYER = "974760673", "983658725"


@pytest_asyncio.fixture(loop_scope="session")
async def citizens(tmp_path: Path) -> AsyncIterator[tuple[House, RealProvider]]:
    """A bridge whose patients can log in."""
    keys = tmp_path / "portal.jwks"
    keys.write_text(json.dumps({"keys": [KEY.as_dict(private=False)]}))
    portal = {
        "issuer": "https://portal.example",
        "keys_file": str(keys),
        "dialect": "helsenorge",
        "represented_claim": "represented",
        "relation_claim": "relation",
    }
    settings = {"title": "ID-porten", "dialect": "idporten", "acr_values": ["idporten-loa-high"]}
    async with house_with_logins(tmp_path, "idporten", settings, portals={"helsenorge": portal}) as made:
        yield made


async def test_the_doctor_sees_how_surely_each_is_known(
    citizens: tuple[House, RealProvider], chromium: Browser
) -> None:
    """A patient gives up, then logs in, waits with the level beside the name, and is admitted; it is on record.

    A parent comes from a portal without a second login, and is known as a parent.
    """
    house, real = citizens
    doctor = await house.bring(chromium, m.Role.DOCTOR, 3)
    page = await (await house.context(chromium, PATIENT)).new_page()
    patient = Visitor(page, PATIENT)
    await page.goto(await house.link(m.Role.PATIENT, "Patient"))
    await patient.ready_to_enter()

    await real.will_log_in("patient", refuse=True)
    await page.get_by_role("link", name="Log in with ID-porten").click()
    await expect(page.locator("#notice")).to_have_text(
        "You are not logged in. You can try again, or enter without."
    )
    assert "login" not in page.url

    await real.will_log_in("patient", acr="idporten-loa-high", pid="01017012345")
    await page.get_by_role("link", name="Log in with ID-porten").click()
    await expect(page.locator("#start-login-text")).to_have_text("You are logged in (security level high).")
    await patient.ready_to_enter()
    await page.click("#enter")

    row = doctor.page.locator(".waiting-person")
    await expect(row.locator(".unknown")).to_have_text("logged in, security level high")
    await doctor.admit("Patient")
    await patient.admitted()
    await _admit_for_a_reason(house, chromium, doctor)
    await _come_from_a_portal(house, chromium, doctor)
    assert await _kept(page) == ["__Host-identity"]
    await doctor.page.get_by_role("button", name="End for all").click()
    await doctor.page.locator("#confirm-yes").click()
    await expect(page.locator("#end-title")).to_have_text("The call is over")
    # The next person at this browser is another.
    async with asyncio.timeout(PATIENCE_S):
        while await _kept(page):  # noqa: ASYNC110 - the browser tells of no change
            await asyncio.sleep(0.05)
    proven, of_parent = [event for event in await house.recorded() if isinstance(event, ev.Identified)]
    assert proven.identity.assurance is of_parent.identity.assurance is Assurance.HIGH
    assert (proven.identity.relation, of_parent.identity.relation) == (None, Relation.PARENT)
    for number in ("01017012345", "02020212345", "03030312345"):
        assert number not in repr(house.log)
        assert number not in (ev.encode(proven) + ev.encode(of_parent)).decode()


async def test_all_who_are_in_read_for_whom_each_works(tmp_path: Path, chromium: Browser) -> None:
    """Journey D1: name, role and organisation, by a login, for all who are in; a patient's own work is nobody's.

    The doctor has them beside "admit", with the level. Who waits has nobody's.
    """
    settings = {"title": "HelseID", "dialect": "helseid"}
    named = {AGENCY: "Tolketjenesten", EMPLOYER: "Sykehuset"}
    async with house_with_logins(tmp_path, "helseid", settings, organisations=named) as (house, real):
        doctor = await house.bring(chromium, m.Role.DOCTOR, 3)
        interpreter = await _by_helseid(house, real, chromium, (m.Role.INTERPRETER, 5))
        row = doctor.page.locator(".waiting-person")
        works = "confirmed by login: health personnel, Tolketjenesten"
        await expect(row.locator(".work")).to_have_text(works)
        await expect(row.locator(".unknown")).to_have_text("logged in, security level high")
        await doctor.admit("Interpreter")
        await interpreter.admitted()

        patient = await _by_helseid(house, real, chromium, (m.Role.PATIENT, PATIENT), size=PHONE)
        await expect(row.locator(".unknown")).to_have_text("logged in, security level high")
        await expect(row.locator(".work")).to_have_text("")
        assert await _told_of(patient) == ["Patient"]
        await doctor.admit("Patient")
        await patient.admitted()
        await patient.open_panel()
        listed = patient.page.locator("#room-people .person .work")
        await expect(listed).to_have_text(["", works, ""])
        for page in (doctor.page, interpreter.page):
            assert "Sykehuset" not in await page.content()
            assert EMPLOYER not in str(await page.evaluate("brotjeneste.state().roster"))
        assert AGENCY not in repr(house.log)


async def test_a_patient_is_asked_to_log_in_where_that_is_usual(tmp_path: Path, chromium: Browser) -> None:
    """The doctor's invitation asks it of a patient by itself; who comes without is let in for a reason (A52)."""
    settings = {"title": "ID-porten", "dialect": "idporten"}
    async with house_with_logins(tmp_path, "idporten", settings, patients_log_in="high") as (house, _):
        doctor = await house.bring(chromium, m.Role.DOCTOR, 3)
        await doctor.open_panel()
        await doctor.press("#invite")
        asked = doctor.page.get_by_label("Login")
        await expect(asked).to_have_value("none")
        await doctor.page.select_option("#invite-role", "patient")
        await expect(asked).to_have_value("high")
        await doctor.page.fill("#invite-name", "Aslaug Nordahl")
        await doctor.press(doctor.page.get_by_role("button", name="Make link"))
        await expect(doctor.page.locator("#invite-link")).to_have_value(re.compile("#"))
        link = await doctor.page.input_value("#invite-link")
        await doctor.page.keyboard.press("Escape")

        patient = await house.enter(chromium, link, PATIENT)
        row = doctor.page.locator(".waiting-person")
        await expect(row.locator(".unknown")).to_have_text("not logged in (security level high is asked for)")
        await row.get_by_role("button", name="Admit").click()
        dialog = doctor.page.get_by_role("dialog", name="Admit without enough proof?")
        await dialog.get_by_label("Reason", exact=True).select_option("I recognise the person")
        await dialog.get_by_role("button", name="Admit").click()
        await patient.admitted()
        # The administration's invitation, of which nothing is said, asks the same of a patient and of nobody else.
        for role in (m.Role.PATIENT, m.Role.INTERPRETER):
            wish = m.CreateInvitation(role=role, name="Next")
            await house.bridge.administration.invite(house.room_id, wish)
        invited = [event for event in await house.recorded() if isinstance(event, ev.Invited)]
        assert [(one.role.value, one.requires) for one in invited] == [
            ("doctor", Assurance.NONE),
            ("patient", Assurance.HIGH),
            ("patient", Assurance.HIGH),
            ("interpreter", Assurance.NONE),
        ]


async def _told_of(visitor: Visitor) -> list[str]:
    """Whom a page has been told of, as the bridge said it."""
    names: list[str] = await visitor.page.evaluate("brotjeneste.state().roster.people.map(({ name }) => name)")
    return names


async def _by_helseid(
    house: House, real: RealProvider, chromium: Browser, who: tuple[m.Role, int], **seen: Any
) -> Visitor:
    """Somebody of the register of health personnel logs in, as whatever they come, and goes in."""
    role, identity = who
    page = await (await house.context(chromium, identity, **seen)).new_page()
    visitor = Visitor(page, identity)
    await page.goto(await house.link(role, role.value.capitalize()))
    await visitor.ready_to_enter()
    claims = {
        "helseid://claims/identity/security_level": "4",
        "helseid://claims/hpr/hpr_number": str(9_000_000 + identity),
        "helseid://claims/client/claims/orgnr_parent": EMPLOYER if role is m.Role.PATIENT else AGENCY,
    }
    await real.will_log_in(f"person {identity}", **claims)
    await page.get_by_role("link", name="Log in with HelseID").click()
    said = page.locator("#start-login-text")
    await expect(said).to_have_text("You are logged in (security level high).")
    await visitor.ready_to_enter()
    await visitor.press("#enter")
    await visitor.connected()
    return visitor


async def _kept(page: Page) -> list[str]:
    """The bridge's cookies in a browser; the provider, at the same address, has its own."""
    return [one["name"] for one in await page.context.cookies() if one["name"].startswith("__Host-")]


async def _admit_for_a_reason(house: House, chromium: Browser, doctor: Visitor) -> None:
    """One who should have logged in and did not is let in when the doctor has said why."""
    link = await house.link(m.Role.RELATIVE, "Relative", requires=m.Assurance.HIGH)
    relative = await house.enter(chromium, link, 5)
    row = doctor.page.locator(".waiting-person")
    await expect(row.locator(".unknown")).to_have_text("not logged in (security level high is asked for)")
    await row.get_by_role("button", name="Admit").click()
    dialog = doctor.page.get_by_role("dialog", name="Admit without enough proof?")
    await dialog.get_by_label("Reason", exact=True).select_option("I recognise the person")
    await dialog.get_by_role("button", name="Admit").click()
    await relative.admitted()
    reasons = [event.reason for event in await house.recorded() if isinstance(event, ev.Admitted)]
    assert reasons == [None, Pii("I recognise the person")]


async def _come_from_a_portal(house: House, chromium: Browser, doctor: Visitor) -> None:
    """The portal's link has everything: no button is pressed but the one to enter."""
    at = int(datetime.now(UTC).timestamp())
    said = {
        "iss": "https://portal.example",
        "aud": house.bridge.config.http.base_url,
        "sub": "02020212345",
        "pid": "02020212345",
        "represented": "03030312345",
        "relation": "parent",
        "acr": "Level4",
        "iat": at,
        "exp": at + 120,
        "jti": new_secret(),
    }
    link = f"{await house.link(m.Role.RELATIVE, 'Parent')}&launch={signed(said, typ='launch+jwt')}"
    parent = await house.enter(chromium, link, 6)
    row = doctor.page.locator(".waiting-person")
    await expect(row.locator(".unknown")).to_have_text("logged in, security level high, comes for their child")
    await doctor.admit("Parent")
    await parent.admitted()
    assert "launch" not in parent.page.url
