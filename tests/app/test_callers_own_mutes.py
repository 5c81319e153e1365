"""What a caller's own device has closed, the room shows."""

import msgspec

from media.description import MIC, LegDescription
from signalling import messages as m
from tests.app.desk import house


async def test_a_peer_that_closes_its_own_microphone_is_shown_muted() -> None:
    """As its description says, from when it is in; the host can keep it closed all the same."""
    home = await house()
    visit = await home.come()
    legs, closed = home.rig.legs, [True]
    described = legs.description

    def description(leg: int) -> LegDescription:
        found = described(leg)
        kept = tuple(source for source in found.sources if source.source != MIC)
        return msgspec.structs.replace(found, sources=kept) if closed[0] and leg == visit.leg else found

    legs.description = description

    async def says(*, muted: bool) -> bool:
        closed[0] = muted
        visit.describe("v=0")
        await home.rig.pass_time(0)
        return home.caller().muted

    assert not await says(muted=True)
    await home.say(m.Admit(participant=home.caller().participant, ref=1))
    await home.rig.pass_time(0)
    assert home.caller().muted
    assert not await says(muted=False)
    who = home.caller().participant
    await home.say(m.Mute(participant=who, muted=True, may_unmute=False, ref=2))
    assert await says(muted=True)
    assert await says(muted=False)
    await home.say(m.Mute(participant=who, muted=False, may_unmute=True, ref=3))
    await home.rig.pass_time(0)
    assert not home.caller().muted
