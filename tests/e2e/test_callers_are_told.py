"""What callers hear and see, by content: at the desk, waiting, on their way in, as hosts, and at the end."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pytest
import pytest_asyncio

from bridge.app.announcing import announcer, prompts
from bridge.app.calls.reception import Prompt
from bridge.app.feeds.converters import Converters, Speech
from bridge.rooms import commands as c
from bridge.rooms.model import ByParticipant
from signalling import messages as m
from tests.support import baresip
from tests.support.baresip import Baresip
from tests.support.bridge import House, eventually
from tests.support.callers import gateway
from tests.support.spoken import likeness, read_wave, reads
from transcode.jobs import Scene, Tile
from transcode.speech import Recording, speak

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(300)]

HOST, WARD, PHONE = 2, 4, 5
# Of every prompt so much is listened to; compared is what was certainly played by then.
LISTENED_S, COMPARED_S = 3.2, (0.3, 2.7)
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
        speak_on = partial(Converters.speak, converters)

        def note(speech: Speech) -> None:
            self.speeches.append(speech)
            speak_on(speech)

        converters.speak = note

    async def says(self, leg: int, prompt: Prompt) -> None:
        """Wait until so much of a prompt was played to a leg."""
        sound = self.recordings[prompt].sound
        clock = self.house.bridge.service.outside.clock

        def heard() -> bool:
            said = [one for one in self.speeches if (one.leg, one.recording.sound) == (leg, sound) and one.began]
            return bool(said) and clock.monotonic() - said[0].began >= LISTENED_S

        await eventually(heard)


@dataclass
class Caller:
    """A room system or telephone with what it is told."""

    speaker: Speaker
    phone: Baresip
    leg: int = 0
    told: list[Prompt] = field(default_factory=list)

    async def hears(self, prompt: Prompt, *, shown: bool = True) -> None:
        """Wait until it is told this, and is shown it."""
        await self.speaker.says(self.leg, prompt)
        self.told.append(prompt)
        while shown and not reads(await self.phone.picture(), Scene(text=prompts.written(prompt).alone)):
            pass

    async def reads_below(self, prompt: Prompt) -> None:
        """Wait until it is told this in a line below the picture of others, and by voice."""
        wanted = Scene(tiles=(Tile(input=None),), text=prompts.written(prompt).below)
        while not reads(await self.phone.picture(), wanted, band=True):
            pass
        await self.hears(prompt, shown=False)

    async def dial(self, number: str) -> None:
        """Call the room; what is said then is said to a leg of its own."""
        before, port = len(self.speaker.speeches), gateway(self.speaker.house).ports["UDP"]
        await self.phone.command("dial", f"sip:{number}@127.0.0.1:{port}")
        await eventually(lambda: len(self.speaker.speeches) > before)
        self.leg = self.speaker.speeches[before].leg
        self.told.append(Prompt.ENTER_PIN)

    async def check(self) -> None:
        """After the call: it has heard all that it was told, and nothing else."""
        await self.phone.hears_of("CALL_CLOSED")
        (path,) = self.phone.folder.glob("dump-*-dec.wav")
        heard = await asyncio.to_thread(read_wave, path)
        found = {
            prompt: likeness(heard, recording, COMPARED_S) for prompt, recording in self.speaker.recordings.items()
        }
        assert {prompt: found[prompt] for prompt in self.told if found[prompt] < ALIKE} == {}
        assert found[Prompt.NO_PIN] < STRANGE


@pytest_asyncio.fixture(loop_scope="session")
async def speaker(sip_house: House) -> Speaker:
    """What is said in the house."""
    made = Speaker(sip_house, {prompt: await speak(prompts.spoken(prompt)) for prompt in Prompt})
    made.listen()
    return made


@asynccontextmanager
async def callers(speaker: Speaker, folder: Path) -> AsyncIterator[list[Caller]]:
    """A host and a ward at room systems, and a telephone's sound."""
    async with AsyncExitStack() as stack:
        made = []
        kinds = ((HOST, "opus/48000/2", "h264"), (WARD, "PCMA", "h264"), (PHONE, "PCMU", ""))
        for identity, voice, codec in kinds:
            phone = await stack.enter_async_context(
                baresip.running(folder / str(identity), identity, encryption="srtp-mand", codec=codec, voice=voice)
            )
            made.append(Caller(speaker, phone))
        yield made


async def invite(house: House, *, host: bool = False) -> tuple[str, str]:
    """A number and a PIN."""
    wanted = m.CreateInvitation(role=m.Role.SPECIALIST, name="Ward", host=host, pin=True)
    made = await house.bridge.administration.invite(house.room_id, wanted)
    assert made.number is not None
    assert made.pin is not None
    return made.number, made.pin


async def test_callers_are_told_what_happens(
    speaker: Speaker, sip_house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In words that they hear and in letters that they see."""
    # Until something else is told, so that however busy the machine is there is time to look.
    monkeypatch.setattr(announcer, "SHOWN_S", 200.0)
    async with callers(speaker, tmp_path) as (host, ward, phone):
        number, pin = await invite(sip_house)
        _, hosts_pin = await invite(sip_house, host=True)
        for caller in (phone, host, ward):
            await caller.dial(number)
        async with asyncio.TaskGroup() as group:
            group.create_task(guess(phone))
            await come_in(host, hosts_pin)
            await wait(ward, pin)
            await be_let_in_and_put_out(host, ward)
    await eventually(lambda: len(sip_house.bridge.engine.snapshot().legs) == 0)
    assert sip_house.bridge.service.outside.converters.use.jobs == {}


async def come_in(host: Caller, pin: str) -> None:
    """Come in as the host, and be shown that nobody is to be seen."""
    await host.hears(Prompt.ENTER_PIN)
    await host.phone.press(f"{pin}#")
    await host.hears(Prompt.ADMITTED, shown=False)
    while not reads(await host.phone.picture(), Scene(text=prompts.written(Prompt.IDLE).alone)):
        pass


async def wait(ward: Caller, pin: str) -> None:
    """Come to the waiting room."""
    await ward.phone.press(f"{pin}#")
    await ward.hears(Prompt.WAITING)


async def be_let_in_and_put_out(host: Caller, ward: Caller) -> None:
    """The host, who is told that somebody waits, does it by keys; and locks the room, and puts the ward out."""
    house = host.speaker.house
    me, other = (person.id for person in house.live.room.participants.values())
    assert house.live.legs[other].gate_open is False
    await host.hears(Prompt.SOMEBODY_WAITS)
    await host.phone.press("*1")
    async with asyncio.TaskGroup() as group:
        group.create_task(host.reads_below(Prompt.LET_IN))
        group.create_task(ward.hears(Prompt.ADMITTED, shown=False))
    await ward.phone.sees({HOST})
    await host.phone.press("*5")
    await host.reads_below(Prompt.LOCKED)
    await house.bridge.service.act(house.live, c.Remove(by=ByParticipant(me), participant=other))
    assert other not in house.live.legs
    await ward.hears(Prompt.REMOVED)
    await ward.check()
    await house.bridge.service.act(house.live, c.End(by=ByParticipant(me)))
    await host.hears(Prompt.ENDED)
    await host.check()


async def guess(phone: Caller) -> None:
    """Enter three wrong PINs, which are audited and end the call."""
    house = phone.speaker.house
    assert {slot.kind for slot in house.bridge.service.outside.legs.description(phone.leg).slots} == {"audio"}
    await phone.hears(Prompt.ENTER_PIN, shown=False)
    for said in (Prompt.PIN_WRONG, Prompt.PIN_WRONG_AGAIN, Prompt.PIN_SPENT):
        await phone.phone.press("1111#")
        await phone.hears(said, shown=False)
    await phone.check()
    audit = await house.bridge.store.audit(house.room_id)
    assert [line.outcome for line in audit if line.outcome == "pin_wrong"] == ["pin_wrong"] * 3
