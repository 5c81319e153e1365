"""The duty desk: several doctors see who waits in the rooms of their rota, and one of them takes each room."""

import asyncio

import pytest

from bridge.app.duty.desk import Watch
from bridge.app.duty.presence import AWAY_S
from bridge.app.duty.rotas import Rota
from bridge.rooms.duty import TAKEN_FOR
from bridge.rooms.model import Assurance, Identity, Pii, Place, RoomId, RotaName, SubjectDigest
from signalling import messages as m
from signalling.errors import Code, Rejected
from tests.app.fakes import Connection, token_of
from tests.app.rig import GRACE, Page, Rig

CENTRE, ELSEWHERE = "983658725", "974760673"
NORD, SOR = RotaName("nord"), RotaName("sor")


def login(name: str, **changes: object) -> Identity:
    """What the login of one of the register of health personnel proved."""
    fields: dict[str, object] = {
        "assurance": Assurance.HIGH,
        "provider": "helseid",
        "subject": SubjectDigest(f"subject of {name}".replace(" ", "_")),
        "organisation": CENTRE,
        "health_personnel": True,
        "hpr": SubjectDigest(f"hpr of {name}"),
    }
    return Identity(**fields | changes)


def rota(name: RotaName, *people: str) -> Rota:
    """A rota with these people on it."""
    names = {SubjectDigest(f"hpr of {one}"): Pii(f"Dr. {one.capitalize()}") for one in people}
    return Rota(name, name.capitalize(), Assurance.SUBSTANTIAL, frozenset({CENTRE}), names)


class Duty(Rig):
    """A bridge with two rotas, of which `vik` is on both, and logins by name."""

    def __init__(self) -> None:
        self.known = {name: login(name) for name in ("berg", "vik", "dahl", "lie")}
        super().__init__()
        self.identities = lambda kept: self.known.get(kept or "")
        self.rotas.all = [rota(NORD, "berg", "vik"), rota(SOR, "vik", "dahl")]
        self.start()

    async def satellite(self, name: str = "Vardø", of: RotaName | None = NORD) -> tuple[RoomId, Page]:
        """A standing room, and the page of a nurse who waits in it."""
        room = (await self.administration.create_room(m.CreateRoom(name=name, rota=of))).room
        standing = m.CreateInvitation(role=m.Role.ASSISTANT, name="Satellite", many=True)
        page = Page((await self.administration.invite(room, standing)).link, name="Nurse Planted")
        await self.join(page)
        return RoomId(room), page

    async def comes(self, name: str) -> tuple[Watch, Connection]:
        """Somebody opens the page of those on duty."""
        connection = Connection()
        return await self.duty.begin(m.Duty(version=1, ref=1), connection, name), connection

    async def turns(self, seconds: float) -> None:
        """Let time pass, and the desk look."""
        self.clock.seconds += seconds
        await self.duty.turn()

    def lines(self, *acts: str) -> list[tuple[str, str, str | None, str | None]]:
        """What the audit has of these acts: by whom, how it ended, for whom they work, and why."""
        found = [line for line in self.store.audit if line.act in acts]
        return [(line.actor, line.outcome, line.organisation, line.reason) for line in found]


@pytest.fixture
def rig() -> Duty:
    """A bridge with rotas."""
    return Duty()


def queue(connection: Connection) -> list[m.QueuedRoom]:
    """The queue as it was told last."""
    return next(told.rooms for told in reversed(connection.sent) if isinstance(told, m.Queue))


def told(connection: Connection) -> int:
    """How often the queue was told."""
    return sum(isinstance(message, m.Queue) for message in connection.sent)


async def takes(watch: Watch, room: RoomId) -> m.Taken:
    """Somebody presses the button."""
    return await watch.take(m.Take(room=room, ref=2))


async def enters(rig: Duty, taken: m.Taken, login_of: str) -> Page:
    """Whoever has taken a room opens the link, in a browser with this login."""
    assert taken.link is not None
    link, _, resume = taken.link.partition("&resume=")
    page = Page(link, resume=resume, login=login_of)
    await rig.join(page)
    return page


async def test_all_of_the_rota_see_who_waits_and_nobody_else_does(rig: Duty) -> None:
    """By place, time and role, without the name of anybody who waits; those of another rota see nothing of it."""
    _, berg = await rig.comes("berg")
    _, vik = await rig.comes("vik")
    _, dahl = await rig.comes("dahl")
    assert berg.sent[0] == m.OnDuty(ref=1, name="Dr. Berg", rotas=[m.RotaInfo(rota="nord", title="Nord")])
    room, _ = await rig.satellite()
    (seen,) = queue(berg)
    assert (seen.room, seen.name, seen.rota, seen.taken) == (room, "Vardø", "nord", None)
    assert [(one.role, one.assurance, one.connected) for one in seen.people] == [
        (m.Role.ASSISTANT, m.Assurance.NONE, True)
    ]
    assert queue(vik) == queue(berg)
    assert queue(dahl) == []
    assert told(dahl) == 1
    assert "Planted" not in m.encode(berg.sent[-1])


async def test_rooms_without_a_rota_are_nobodys(rig: Duty) -> None:
    """Nor is one with a rota that the configuration does not name made at all."""
    watch, vik = await rig.comes("vik")
    room, _ = await rig.satellite(of=None)
    assert queue(vik) == []
    with pytest.raises(Rejected, match="unknown_room"):
        await takes(watch, room)
    with pytest.raises(Rejected, match="unknown_rota"):
        await rig.satellite(of=RotaName("vest"))


async def test_who_takes_a_room_is_its_host_and_lets_in_who_waits(rig: Duty) -> None:
    """By a link that works in whichever browser has their login, as on a telephone; nobody is in before."""
    room, nurse = await rig.satellite()
    watch, berg = await rig.comes("berg")
    taken = await takes(watch, room)
    assert (taken.room, taken.by) == (room, "Dr. Berg")
    (seen,) = queue(berg)
    assert seen.taken is not None
    assert (seen.taken.by, seen.taken.yours) == ("Dr. Berg", True)
    page = await enters(rig, taken, "berg")
    assert page.connection.roster.host
    assert queue(berg) == []
    await rig.say(page, m.Admit(participant=nurse.participant, ref=3))
    assert rig.recorded(room).participants[nurse.participant].place is Place.ADMITTED


async def test_two_press_at_once_and_one_has_it(rig: Duty) -> None:
    """The other is told who, by the name that those on the rota know; everybody's page stops at once."""
    room, _ = await rig.satellite()
    berg, _ = await rig.comes("berg")
    vik, screen = await rig.comes("vik")
    first, second = await asyncio.gather(takes(berg, room), takes(vik, room))
    assert first.link is not None
    assert (second.link, second.by) == (None, "Dr. Berg")
    (seen,) = queue(screen)
    assert seen.taken is not None
    assert (seen.taken.by, seen.taken.yours) == ("Dr. Berg", False)
    await enters(rig, first, "berg")
    assert (await takes(vik, room)).by == "Dr. Berg"
    assert queue(screen) == []


async def test_all_of_it_is_on_record(rig: Duty) -> None:
    """Who came on duty, who took what, who tried in vain: with role, assurance, organisation, time and reason."""
    room, _ = await rig.satellite()
    berg, _ = await rig.comes("berg")
    vik, _ = await rig.comes("vik")
    taken = await takes(berg, room)
    await takes(vik, room)
    me, other = "duty_subject_of_berg", "duty_subject_of_vik"
    assert rig.lines("on_duty") == [(me, "ok", CENTRE, None), *[(other, "ok", CENTRE, None)] * 2]
    assert {line.target for line in rig.store.audit if line.act == "on_duty"} == {"rota_nord", "rota_sor"}
    (line,) = [line for line in rig.store.audit if line.act == "room_taken"]
    assert (line.role, line.assurance, line.organisation, line.reason) == ("doctor", "high", CENTRE, "on_duty")
    assert rig.lines("take_room") == [(other, "taken", CENTRE, None)]
    page = await enters(rig, taken, "berg")
    assert line.actor == page.participant


async def test_a_second_click_and_another_page_of_theirs_get_the_same_link(rig: Duty) -> None:
    """So a doctor takes it at the desk and comes in by the telephone."""
    room, _ = await rig.satellite()
    desk, _ = await rig.comes("berg")
    telephone, screen = await rig.comes("berg")
    first = await takes(desk, room)
    assert first.link is not None
    assert (await takes(telephone, room)).link == first.link
    (seen,) = queue(screen)
    assert seen.taken is not None
    assert seen.taken.yours
    assert rig.lines("take_room") == []


async def test_a_room_that_was_taken_in_vain_rings_again(rig: Duty) -> None:
    """When whoever took it has not come within a minute."""
    room, _ = await rig.satellite()
    berg, _ = await rig.comes("berg")
    vik, screen = await rig.comes("vik")
    await takes(berg, room)
    await rig.turns(TAKEN_FOR.total_seconds())
    assert [seen.taken for seen in queue(screen)] == [None]
    assert (await takes(vik, room)).link is not None


async def test_a_login_that_lapses_ends_being_on_duty(rig: Duty) -> None:
    """At the next look or the next press, whichever is first; also of one who was taken off the rota."""
    room, _ = await rig.satellite()
    berg, screen = await rig.comes("berg")
    vik, other = await rig.comes("vik")
    _, dahl = await rig.comes("dahl")
    del rig.known["berg"]
    with pytest.raises(Rejected, match="login_needed"):
        await takes(berg, room)
    assert screen.bye is Code.LOGIN_NEEDED
    rig.rotas.all = [rota(NORD, "berg"), rota(SOR, "dahl")]
    await rig.turns(5)
    assert other.bye is Code.NOT_ON_ROTA
    assert dahl.bye is None
    before = len(other.sent)
    await rig.satellite("Vadsø")
    assert len(other.sent) == before
    with pytest.raises(Rejected, match="not_on_rota"):
        await takes(vik, room)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        (None, "login_needed"),
        ({"hpr": None}, "not_on_rota"),
        ({"hpr": SubjectDigest("hpr of nobody")}, "not_on_rota"),
        ({"organisation": ELSEWHERE}, "not_on_rota"),
        ({"organisation": None}, "not_on_rota"),
        ({"assurance": Assurance.LOW}, "not_on_rota"),
    ],
)
async def test_who_is_not_on_a_rota_sees_nothing(rig: Duty, changes: dict[str, object] | None, code: str) -> None:
    """By number in the register, place of work and how sure the login is: all three."""
    await rig.satellite()
    if changes is None:
        del rig.known["berg"]
    else:
        rig.known["berg"] = login("berg", **changes)
    connection = Connection()
    with pytest.raises(Rejected, match=code):
        await rig.duty.begin(m.Duty(version=1, ref=1), connection, "berg")
    assert connection.sent == []
    assert rig.lines("on_duty") == []


async def test_a_room_of_another_rota_cannot_be_taken_or_told_from_none(rig: Duty) -> None:
    """The answer is that of a room that is not there."""
    room, _ = await rig.satellite(of=SOR)
    watch, _ = await rig.comes("berg")
    for which in (room, RoomId("r_none")):
        with pytest.raises(Rejected, match="unknown_room"):
            await takes(watch, which)


async def test_who_waits_is_told_until_they_are_in_or_gone(rig: Duty) -> None:
    """Who loses the line is shown as away, keeps the place and is back in it; who goes is not told any more."""
    _, nurse = await rig.satellite()
    _, screen = await rig.comes("berg")
    since = queue(screen)[0].people[0].since
    await rig.lose(nurse)
    await rig.pass_time(GRACE)
    assert [one.connected for one in queue(screen)[0].people] == [False]
    await rig.join(nurse)
    assert [(one.connected, one.since) for one in queue(screen)[0].people] == [(True, since)]
    await rig.say(nurse, m.Leave())
    assert queue(screen) == []


async def test_the_longest_waiting_is_first(rig: Duty) -> None:
    """Of all rooms of all rotas that somebody is on."""
    first, _ = await rig.satellite("Vardø")
    rig.clock.seconds += 60
    second, _ = await rig.satellite("Mandal", SOR)
    _, screen = await rig.comes("vik")
    assert [seen.room for seen in queue(screen)] == [first, second]


async def test_after_a_restart_nobody_who_waits_is_lost(rig: Duty) -> None:
    """Their page comes back and is in its place; so is what was taken, with a link that works still."""
    room, nurse = await rig.satellite()
    watch, screen = await rig.comes("berg")
    since = queue(screen)[0].people[0].since
    taken = await takes(watch, room)
    rig.start()
    vik, other = await rig.comes("vik")
    assert queue(other) == []
    await rig.join(nurse)
    (seen,) = queue(other)
    assert [one.since for one in seen.people] == [since]
    assert seen.taken is not None
    assert (await takes(vik, room)).by == "Dr. Berg"
    assert (await enters(rig, taken, "berg")).connection.roster.host


async def test_the_end_of_a_room_takes_it_out(rig: Duty) -> None:
    """At once, for everybody."""
    room, _ = await rig.satellite()
    _, screen = await rig.comes("berg")
    await rig.administration.end_room(room)
    assert queue(screen) == []


async def test_being_off_duty_is_noted_after_a_while(rig: Duty) -> None:
    """A telephone that loses its line and comes back writes nothing; the last page of somebody counts."""
    one, _ = await rig.comes("berg")
    two, _ = await rig.comes("berg")
    one.end()
    await rig.turns(AWAY_S)
    two.end()
    await rig.turns(AWAY_S - 1)
    again, _ = await rig.comes("berg")
    await rig.turns(AWAY_S)
    assert rig.lines("off_duty") == []
    again.end()
    again.end()
    await rig.turns(AWAY_S)
    await rig.turns(AWAY_S)
    assert rig.lines("on_duty", "off_duty") == [("duty_subject_of_berg", "ok", CENTRE, None)] * 2


async def test_the_links_of_a_taken_room_are_that_persons(rig: Duty) -> None:
    """Without a login, or with another's, they open nothing."""
    room, _ = await rig.satellite()
    berg, _ = await rig.comes("berg")
    taken = await takes(berg, room)
    for who, code in (("nobody", "login_needed"), ("vik", "other_person")):
        with pytest.raises(Rejected, match=code):
            await enters(rig, taken, who)
    assert taken.link is not None
    assert token_of(taken.link).startswith(room)
