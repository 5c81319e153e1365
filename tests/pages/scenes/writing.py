"""What people write to each other, and what they are told and say yes to before that."""

from __future__ import annotations

from tests.pages.house import Visit
from tests.pages.scenery import BESIDE, DOCTOR, PHONE, Stage, scene
from tests.pages.scenes.call import show
from tests.pages.scenes.people import INTERPRETER, ON_THE_PHONE, PATIENT, as_doctor, as_patient

SENTENCE = "Legen spør hvor lenge du har hatt vondt i magen."
GROWING = "Og om det er verre etter at du har sp"
ADVICE = "Ta to tabletter om dagen i en uke, og ring meg hvis det ikke blir bedre."


@scene(PHONE, DOCTOR)
async def notice(stage: Stage) -> None:
    """The information notice, open."""
    async with stage.visit() as here:
        await here.page.locator("#start-notice summary").click()
        await stage.shoot(here.page)


@scene(PHONE)
async def captions(stage: Stage) -> None:
    """A text interpreter writes; then the patient answers, and changes their mind about video."""
    async with stage.visit(as_patient("admitted", media=True)) as here:
        await here.come_in()
        await show(here, "p_doc", "p_int")
        interpret(here)
        await here.shows("#captions p + p")
        await stage.shoot(here.page)
        here.bridge.push("written", participant="p_doc", text=ADVICE, done=True)
        await answer(here, "Tusen takk")
        await stage.shoot(here.page, "writing")
        await here.page.keyboard.press("Escape")
        here.bridge.change("p_me", consents=[{"matter": "video", "given": False}])
        await here.page.click("#control-settings")
        await here.page.locator(".privacy").scroll_into_view_if_needed()
        await stage.shoot(here.page, "consent")


@scene(DOCTOR, BESIDE)
async def doctor_writing(stage: Stage) -> None:
    """The doctor reads along and writes, while somebody waits who has said nothing of the notice."""
    waits = PATIENT | {"participant": "p_w1", "name": "Olav Nordahl", "place": "waiting", "consents": []}
    async with stage.visit(as_doctor(PATIENT, INTERPRETER, ON_THE_PHONE | {"consents": []}, waits)) as here:
        await here.come_in()
        await show(here, "p_pat", "p_int")
        here.bridge.change("p_pat", consents=[{"matter": "video", "given": False}])
        interpret(here)
        await stage.shoot(here.page)
        await answer(here, ADVICE)
        await stage.shoot(here.page, "panel")


def interpret(here: Visit) -> None:
    """Let the interpreter have written one line, and be at the next."""
    here.bridge.push("written", participant="p_int", text=SENTENCE, done=True)
    here.bridge.push("written", participant="p_int", text=GROWING, done=False)


async def answer(here: Visit, text: str) -> None:
    """Open the panel and send a line."""
    await here.page.click("#control-chat")
    before = await here.page.locator("#chat-lines li").count()
    await here.page.fill("#chat-text", text)
    await here.page.press("#chat-text", "Enter")
    await here.shows(f"#chat-lines li:nth-child({before + 1})")
