"""Another bridge on the same records changes a room meanwhile: the command is decided on anew, a few times."""

from collections.abc import Callable, Sequence

import pytest

from bridge.app.errors import Overtaken
from bridge.app.ports import Audited
from bridge.app.service import TRIES
from bridge.rooms import events as ev
from bridge.rooms.model import Office, RoomId, System
from signalling import messages as m
from signalling.errors import Code, Rejected
from tests.app.fakes import MemoryStore
from tests.app.rig import Rig


class SharedStore(MemoryStore):
    """Has another bridge write first whatever `others` makes of the room, as long as there is any."""

    def __init__(self, log: list[str]) -> None:
        super().__init__(log)
        self.others: list[Callable[[RoomId], ev.Event]] = []
        self.tries = 0

    async def append(
        self,
        room_id: str,
        expected_revision: int,
        events: Sequence[ev.Event],
        audit_rows: Sequence[Audited] = (),
    ) -> int:
        """Write, unless somebody was there first."""
        self.tries += 1
        if events and self.others:
            await super().append(room_id, expected_revision, [self.others.pop(0)(RoomId(room_id))])
            raise Overtaken
        return await super().append(room_id, expected_revision, events, audit_rows)


class SharedRig(Rig):
    """A bridge whose records are another's, too."""

    store: SharedStore

    def __init__(self) -> None:
        super().__init__()
        self.store = SharedStore(self.log)
        self.start()


@pytest.fixture
def rig() -> SharedRig:
    """A bridge whose records are another's, too."""
    return SharedRig()


def _locked(rig: SharedRig, *, locked: bool = True) -> Callable[[RoomId], ev.Event]:
    return lambda room: ev.LockChanged(
        room=room, at=rig.clock.now(), by=System(Office.ADMINISTRATION), locked=locked
    )


def _ended(rig: SharedRig) -> Callable[[RoomId], ev.Event]:
    return lambda room: ev.RoomEnded(room=room, at=rig.clock.now(), by=System(Office.ADMINISTRATION))


async def test_what_the_other_did_counts_and_so_does_this(rig: SharedRig) -> None:
    """Both are on record once, in order, and everybody here is told of both."""
    room = await rig.open_room()
    doctor = await rig.enter(room, m.Role.DOCTOR, host=True)
    patient = await rig.enter(room)
    rig.store.others = [_locked(rig)]
    await rig.say(doctor, m.Admit(participant=patient.participant, ref=1))
    kinds = [type(event) for event in rig.store.events(room)][-2:]
    assert kinds == [ev.LockChanged, ev.Admitted]
    assert [line.act for line in rig.store.audit].count("admitted") == 1
    assert doctor.connection.roster.locked
    assert rig.sees(room, doctor)


async def test_what_the_other_did_may_be_in_the_way(rig: SharedRig) -> None:
    """The command is decided on by how things are: in a room that was ended elsewhere nobody is let in."""
    room = await rig.open_room()
    doctor = await rig.enter(room, m.Role.DOCTOR, host=True)
    patient = await rig.enter(room)
    rig.store.others = [_ended(rig)]
    with pytest.raises(Rejected) as caught:
        await rig.say(doctor, m.Admit(participant=patient.participant, ref=1))
    assert caught.value.code is Code.ROOM_ENDED
    assert ev.Admitted not in [type(event) for event in rig.store.events(room)]
    assert not rig.engine.open_legs()


async def test_trying_again_has_an_end(rig: SharedRig) -> None:
    """Who is overtaken every time is told so, after a bounded number of tries; nothing of it is on record."""
    room = await rig.open_room()
    doctor = await rig.enter(room, m.Role.DOCTOR, host=True)
    patient = await rig.enter(room)
    rig.store.others = [_locked(rig, locked=bool(number % 2)) for number in range(10)]
    rig.store.tries = 0
    with pytest.raises(Overtaken):
        await rig.say(doctor, m.Admit(participant=patient.participant, ref=1))
    assert rig.store.tries == TRIES
    assert ev.Admitted not in [type(event) for event in rig.store.events(room)]
    rig.store.others = []
    await rig.say(doctor, m.Admit(participant=patient.participant, ref=2))
    assert rig.recorded(room) == rig.live(room).room


async def test_to_look_at_a_room_of_the_other_disturbs_nobody(rig: SharedRig) -> None:
    """A bridge that lists rooms takes nobody for gone who is at the other, and does not keep what it saw."""
    room = await rig.open_room()
    doctor = await rig.enter(room, m.Role.DOCTOR, host=True)
    before = rig.store.events(room)
    other = SharedRig()
    other.store = rig.store
    other.start()
    assert (await other.administration.room(room)).admitted == 1
    assert other.service.rooms == []
    assert rig.store.events(room) == before
    await rig.say(doctor, m.Lock(locked=True, ref=1))
    assert (await other.administration.room(room)).locked
