"""Random consultations, told afterwards: who was there is who could pass, and every row is fit for the chain."""

from bridge.app.audit import of_event
from bridge.records.attendance import attendance
from bridge.records.audit_event import audit_event
from bridge.records.stays import Stay, stays
from bridge.records.usage import GAP, conferences
from bridge.rooms.evolve import evolve
from bridge.rooms.model import Place, Room
from bridge.rooms.views import who_may_send
from bridge.store.audit import Head, chain, intact
from tests.rooms.test_random_interleavings import Interleavings, TestInterleavings

EXAMPLES = 15


class ToldAfterwards(Interleavings):
    """Anything happens in any order; at the end the records are read."""

    def teardown(self) -> None:
        """Hold what is told against the rooms that the events made."""
        rooms: list[Room] = []
        for event in self.room.record:
            rooms.append(evolve(rooms[-1] if rooms else None, event))
        if not rooms:
            return
        found = stays(self.room.record)
        self._present_is_who_could_pass(rooms, found)
        self._who_has_a_place_has_not_left(rooms[-1], found)
        assert attendance(self.room.record) == []
        for one in conferences(self.room.record, self.room.now + GAP):
            assert one.start < one.end
            assert 2 <= one.most <= one.participants
        self._every_row_can_be_told(rooms)

    def _present_is_who_could_pass(self, rooms: list[Room], found: list[Stay]) -> None:
        times = [event.at for event in self.room.record]
        for number, room in enumerate(rooms[:-1]):
            begin, end = times[number], times[number + 1]
            if begin < end:
                present = {
                    stay.participant
                    for stay in found
                    for period in stay.present
                    if period.start <= begin and (period.end is None or period.end >= end)
                }
                assert present == who_may_send(room)

    def _who_has_a_place_has_not_left(self, last: Room, found: list[Stay]) -> None:
        holding = {p.id for p in last.participants.values() if p.place in {Place.WAITING, Place.ADMITTED}}
        still = [stay.participant for stay in found if stay.left is None]
        assert sorted(still) == sorted(holding)
        for stay in found:
            times = [stay.came, stay.admitted or stay.came, stay.left or self.room.now]
            assert times == sorted(times)

    def _every_row_can_be_told(self, rooms: list[Room]) -> None:
        lines = [of_event(event, room) for event, room in zip(self.room.record, rooms, strict=True)]
        head = Head()
        for row in chain(head, rooms[-1].id, [line for line in lines if line is not None]):
            assert intact(head, row)
            head = Head(row.sequence, row.hash)
            assert audit_event(row, {}, "https://video.example.no")["id"] == f"audit-{row.sequence}"


TestToldAfterwards = ToldAfterwards.TestCase
TestToldAfterwards.settings = type(TestInterleavings.settings)(TestInterleavings.settings, max_examples=EXAMPLES)
del Interleavings, TestInterleavings
