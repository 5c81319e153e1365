"""A few thousand steps of random consultations over the real packet engine; `make prove` takes a million."""

import os

import pytest

from bridge.app.presence import Presence
from media.api import Command, SetGate
from tests.proof.engine_rig import EngineGate
from tests.proof.interleavings import consult
from tests.proof.watching import Wrong

pytestmark = [pytest.mark.timeout(600), pytest.mark.usefixtures("quiet_logs")]
STEPS = int(os.environ.get("BROTJENESTE_STEPS", "4000"))


HAPPENS = {
    *("DialledByCall", "ArrivedByCall", "HostEnteredByCall", "Invited", "RoomEnded", "StillAsked"),
    *("Delayed", "InvitationCancelled", "InvitationRevoked"),
}
"""Of what was tried, what has to have come about for anything to be looked at."""


async def test_nobody_passes_whom_no_host_let_in() -> None:
    """Whatever people do and whatever fails: see `watching`. Packets went both ways, or nothing was looked at."""
    found = await consult(20_261_126, STEPS)
    assert found.steps == STEPS
    assert found.packets_let_through
    assert found.packets_stopped
    assert found.openings
    assert found.acts["die_and_come_back"]
    assert set(found.happened) >= HAPPENS


async def test_a_gate_that_stays_open_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the engine does not get to know of closings, its own word and packets give it away."""
    submit = EngineGate.submit

    def forget_closings(gate: EngineGate, command: Command) -> None:
        if not isinstance(command, SetGate) or command.open:
            submit(gate, command)

    monkeypatch.setattr(EngineGate, "submit", forget_closings)
    with pytest.raises(Wrong):
        await consult(1, STEPS)


async def test_a_ghost_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nobody looks who is still there, whoever dies without a word stays."""
    monkeypatch.setattr(Presence, "look", lambda *_: None)
    with pytest.raises(Wrong, match="a ghost"):
        await consult(1, STEPS)


async def test_an_opening_without_an_admission_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where gates open for whoever waits, it is found at the first one."""
    monkeypatch.setattr(
        "bridge.app.reconcile.who_may_send",
        lambda room: frozenset(one.id for one in room.participants.values() if one.connected),
    )
    with pytest.raises(Wrong):
        await consult(1, STEPS)
