"""What callers hear and see, by content: at the desk, waiting, on their way in, as hosts, and at the end."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import pytest_asyncio

from bridge.app import announcer, prompts
from bridge.app.converters import Converters, Speech
from bridge.app.reception import Prompt
from bridge.rooms import commands as c
from bridge.rooms.model import ByParticipant, ParticipantId
from signalling import messages as m
from tests.support import baresip
from tests.support.baresip import Baresip
from tests.support.bridge import House, eventually
from tests.support.spoken import likeness, read_wave, reads
from transcode.jobs import Scene, Tile
from transcode.speech import Recording, speak

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(300)]

HOST, WARD, PHONE = 2, 4, 5
# Of every prompt so much is listened to; compared is what was certainly played by then.
LISTENED_S, COMPARED_S = 3.5, (0.3, 2.7)
ALIKE, STRANGE = 0.6, 0.45


@dataclass
class Speaker:
    """What the bridge says, prompt by prompt."""

    house: House
    recordings: Mapping[Prompt, Recording]
    speeches: list[Speech] = field(default_factory=list)

    def listen(self) -> None:
        """Note from now on what is said."""
        converters = self.house.bridge.service.outside.converters
        assert isinstance(converters, Converters)
        speak_on = converters.speak

        def note(speech: Speech) -> None:
            self.speeches.append(speech)
            speak_on(speech)

        converters.speak = note

    async def says(self, prompt: Prompt, *, before: int = 0) -> None:
        """Wait until so much of a prompt was played to somebody, of those after the first `before`."""
        sound = self.recordings[prompt].sound
        clock = self.house.bridge.service.outside.clock

        def heard() -> bool:
            said = [one for one in self.speeches[before:] if one.recording.sound == sound and one.began]
            return bool(said) and clock.monotonic() - said[-1].began >= LISTENED_S

        await eventually(heard)


@dataclass
class Caller:
    """A room system or telephone with what it is told."""

    speaker: Speaker
    phone: Baresip
    port: int
    told: list[Prompt] = field(default_factory=list)

    async def hears(self, prompt: Prompt, *, shown: bool = True) -> None:
        """Wait until it is told this, and check that it is shown it."""
        await self.speaker.says(prompt)
        self.told.append(prompt)
        while shown and not reads(await self.phone.picture(), Scene(text=prompts.still(prompt))):
            pass

    async def dial(self, number: str) -> None:
        """Call the room, and be asked for a PIN."""
        await self.phone.command("dial", f"sip:{number}@127.0.0.1:{self.port}")
        await self.phone.hears_of("CALL_ESTABLISHED")
        await self.hears(Prompt.ENTER_PIN)

    async def check(self) -> None:
        """After the call: it has heard all that it was told, and nothing else."""
        await self.phone.hears_of("CALL_CLOSED")
        (path,) = self.phone.folder.glob("dump-*-dec.wav")
        heard = await asyncio.to_thread(read_wave, path)
        found = {
            prompt: likeness(heard, recording, COMPARED_S) for prompt, recording in self.speaker.recordings.items()
        }
        print(path, {p.value: round(v, 2) for p, v in found.items()}, self.told)
        assert {prompt: found[prompt] for prompt in self.told if found[prompt] < ALIKE} == {}
        assert found[Prompt.NO_PIN] < STRANGE


@pytest_asyncio.fixture(loop_scope="session")
async def speaker(sip_house: House) -> Speaker:
    """What is said in the house."""
    words = {prompt: {one: prompts.TEXTS[one][prompt].spoken for one in prompts.LANGUAGES} for prompt in Prompt}
    made = Speaker(sip_house, {prompt: await speak(texts) for prompt, texts in words.items()})
    made.listen()
    return made


@asynccontextmanager
async def callers(speaker: Speaker, port: int, folder: Path) -> AsyncIterator[list[Caller]]:
    """A host and a ward at room systems, and a telephone's sound."""
    async with AsyncExitStack() as stack:
        made = []
        for identity, voice in ((HOST, "opus/48000/2"), (WARD, "PCMA"), (PHONE, "PCMU")):
            phone = await stack.enter_async_context(
                baresip.running(
                    folder / str(identity), identity, encryption="srtp-mand", codec="h264", voice=voice
                )
            )
            made.append(Caller(speaker, phone, port))
        yield made


async def invite(house: House, *, host: bool = False) -> tuple[str, str]:
    """A number and a PIN."""
    wanted = m.CreateInvitation(role=m.Role.SPECIALIST, name="Ward", host=host, pin=True)
    made = await house.bridge.administration.invite(house.room_id, wanted)
    assert made.number is not None
    assert made.pin is not None
    return made.number, made.pin


async def test_callers_are_told_what_happens(
    speaker: Speaker, sip_house: House, sip: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In words that they hear and in letters that they see."""
    # Until something else is told, so that however busy the machine is there is time to look.
    monkeypatch.setattr(announcer, "SHOWN_S", 200.0)
    async with callers(speaker, sip, tmp_path) as (host, ward, phone):
        number, pin = await invite(sip_house)
        _, hosts_pin = await invite(sip_house, host=True)
        await phone.dial(number)
        for said in (Prompt.PIN_WRONG, Prompt.PIN_WRONG_AGAIN, Prompt.PIN_SPENT):
            await phone.phone.press("1111#")
            await phone.hears(said)
        await phone.check()
        audit = await sip_house.bridge.store.audit(sip_house.room_id)
        assert [line.outcome for line in audit if line.act == "call"] == ["pin_wrong"] * 3

        await host.dial(number)
        await host.phone.press(f"{hosts_pin}#")
        await host.hears(Prompt.ADMITTED, shown=False)
        await ward.dial(number)
        await ward.phone.press(f"{pin}#")
        await ward.hears(Prompt.WAITING)
        me, other = (person.id for person in sip_house.live.room.participants.values())
        assert sip_house.live.legs[other].gate_open is False

        await host.phone.press("*1")
        await asyncio.gather(host_is_told(host, Prompt.LET_IN), ward.hears(Prompt.ADMITTED, shown=False))
        await ward.phone.sees({HOST})
        await host.phone.press("*5")
        await host_is_told(host, Prompt.LOCKED)
        await sip_house.bridge.service.act(sip_house.live, c.Remove(by=ByParticipant(me), participant=other))
        assert gate_is_closed(sip_house, other)
        await ward.hears(Prompt.REMOVED)
        await ward.check()
        await host.phone.command("hangup")
        await host.check()
    await eventually(lambda: len(sip_house.bridge.engine.snapshot().legs) == 0)


async def host_is_told(host: Caller, prompt: Prompt) -> None:
    """By voice, and in a line below the picture of the others."""
    wanted = Scene(tiles=(Tile(input=None),), text=prompts.caption(prompt))
    while not reads(await host.phone.picture(), wanted, band=True):
        pass
    await host.speaker.says(prompt)
    host.told.append(prompt)


def gate_is_closed(house: House, who: ParticipantId) -> bool:
    """Whether nobody takes them for being in."""
    return who not in house.live.legs
