"""Links are sent by text message; who invited hears what became of it; numbers stay nowhere."""

from dataclasses import dataclass, field, replace

import pytest
from structlog.testing import capture_logs

from bridge.app.texting import TEXTS_OF_A_ROOM, Around, Texting
from bridge.app.texts import Text, words
from bridge.integration.sms.receipts import Receipts
from bridge.integration.webhooks.signing import Secret, headers, new_secret
from bridge.rooms import events as ev
from bridge.rooms.model import InvitationId, TextState
from signalling import messages as m
from signalling.errors import Code, Rejected
from tests.app.fakes import token_of
from tests.app.rig import Page, Rig

NUMBER = "+4791234567"


@dataclass
class Supplier:
    """Takes what it is given, or does not."""

    takes: bool = True
    sent: list[tuple[str, str, str]] = field(default_factory=list)

    async def send(self, to: str, text: str, reference: str) -> bool:
        """Keep it."""
        self.sent.append((to, text, reference))
        return self.takes


class Surgery(Rig):
    """A bridge that can have text messages sent, with a room in which a doctor and a patient are."""

    def __init__(self) -> None:
        super().__init__()
        self.supplier = Supplier()
        around = Around(self.service.act, self.later, self.clock, self.counts)
        self.texting = Texting(self.supplier, ["+47", "+46"], around)
        self.service.outside = replace(self.service.outside, texting=self.texting)

    async def open(self) -> None:
        """Let both in."""
        self.room = await self.open_room()
        self.doctor = await self.enter(self.room, m.Role.DOCTOR, host=True)
        self.patient = await self.enter(self.room)
        await self.say(self.doctor, m.AdmitAll(ref=1))

    async def invite(self, page: Page | None = None, to: str = NUMBER, **wish: object) -> m.Invited:
        """Have somebody invited by text message, and let what was put off be done."""
        message = m.Invite(role=m.Role.RELATIVE, name="Kari Nordmann", text_to=to, ref=7, **wish)
        reply = await self.say(page or self.doctor, message)
        assert isinstance(reply, m.Invited)
        await self.pass_time(0)
        return reply

    def told(self, page: Page) -> list[m.Texted]:
        """What somebody was told of messages."""
        return [one for one in page.connection.sent if isinstance(one, m.Texted)]

    def noted(self) -> list[TextState]:
        """What is on record."""
        return [one.state for one in self.store.events(self.room) if isinstance(one, ev.TextNoted)]


@pytest.fixture
async def surgery() -> Surgery:
    """A room with a doctor and a patient."""
    made = Surgery()
    await made.open()
    return made


async def test_the_doctor_has_a_link_sent(surgery: Surgery) -> None:
    """It opens the room, the doctor alone hears that it went, and of the number nothing stays."""
    with capture_logs() as logs:
        reply = await surgery.invite(language=m.Language.NN)
    ((to, text, reference),) = surgery.supplier.sent
    assert to == NUMBER
    assert (
        text
        == f"Du er invitert til ein videosamtale. Opne lenkja på telefon eller PC når du skal delta: {reply.link}"
    )
    assert reference == token_of(reply.link)
    (told,) = surgery.told(surgery.doctor)
    assert (told.name, told.state) == ("Kari Nordmann", m.TextState.SENT)
    assert surgery.told(surgery.patient) == []
    assert surgery.noted() == [TextState.SENT]
    assert surgery.doctor.connection.roster.texts
    assert not surgery.patient.connection.roster.texts
    relative = Page(reply.link)
    await surgery.join(relative)
    assert relative.connection.welcome.place is m.Place.WAITING
    kept = [
        repr(logs),
        repr(surgery.store.audit),
        *(ev.encode(one).decode() for one in surgery.store.events(surgery.room)),
    ]
    assert not any("91234567" in text for text in kept)
    assert "text_noted" in {row.act for row in surgery.store.audit}


async def test_the_doctor_hears_that_it_did_not_go(surgery: Surgery) -> None:
    """The supplier did not take it; the link is good all the same."""
    surgery.supplier.takes = False
    reply = await surgery.invite()
    (told,) = surgery.told(surgery.doctor)
    assert told.state is m.TextState.FAILED
    assert surgery.noted() == [TextState.FAILED]
    await surgery.join(Page(reply.link))


async def test_who_may_not_have_one_sent(surgery: Surgery) -> None:
    """The patient, to a number that is not to be paid for, too often; nobody is invited by it."""
    before = len(surgery.store.events(surgery.room))
    for page, number, code in (
        (surgery.patient, NUMBER, Code.NOT_HOST),
        (surgery.doctor, "+8821234567", Code.NOT_TEXTABLE),
    ):
        with pytest.raises(Rejected) as raised:
            await surgery.invite(page, number)
        assert raised.value.code is code
        assert "1234567" not in str(raised.value)
    assert len(surgery.store.events(surgery.room)) == before
    for _ in range(TEXTS_OF_A_ROOM[0]):
        await surgery.invite()
    with pytest.raises(Rejected) as raised:
        await surgery.invite()
    assert raised.value.code is Code.TOO_MANY
    assert len(surgery.supplier.sent) == TEXTS_OF_A_ROOM[0]


async def test_where_there_is_no_supplier() -> None:
    """The page is not offered it, and who wishes it all the same is told."""
    rig = Rig()
    room = await rig.open_room()
    doctor = await rig.enter(room, m.Role.DOCTOR, host=True)
    assert not doctor.connection.roster.texts
    wish = m.Invite(role=m.Role.RELATIVE, name="Kari", text_to=NUMBER, ref=1)
    with pytest.raises(Rejected) as raised:
        await rig.say(doctor, wish)
    assert raised.value.code is Code.NOT_TEXTABLE


@pytest.mark.parametrize("takes", [True, False])
async def test_a_system_is_answered_what_became_of_it(surgery: Surgery, *, takes: bool) -> None:
    """By REST the answer says whether the supplier took it."""
    surgery.supplier.takes = takes
    wish = m.CreateInvitation(role=m.Role.PATIENT, name="Ola", text_to="+46701234567", language=m.Language.EN)
    made = await surgery.administration.invite(surgery.room, wish)
    assert made.text is (m.TextState.SENT if takes else m.TextState.FAILED)
    assert surgery.supplier.sent[0][1].endswith(made.link)
    plain = await surgery.administration.invite(surgery.room, m.CreateInvitation(role=m.Role.PATIENT, name="Ola"))
    assert plain.text is None


async def test_the_supplier_tells_what_became_of_it_later(surgery: Surgery) -> None:
    """Signed by it, once, and to who invited while they are in the room; anything else changes nothing."""
    secret = new_secret()
    receipts = Receipts([Secret.read(secret)], surgery.service.find, surgery.texting.note, surgery.clock.now)
    reference = token_of((await surgery.invite()).link)
    at = int(surgery.clock.now().timestamp())

    def receipt(word: str, about: str = reference) -> bytes:
        told = m.TextReceipt(
            type=m.TextWord(word), timestamp=surgery.clock.now(), data=m.TextFate(reference=about)
        )
        return m.encode(told).encode()

    async def tell(body: bytes, by: str = secret, when: int = at) -> None:
        await receipts.receipt(headers([Secret.read(by)], "msg_1", when, body), body)

    body = receipt("sms.failed")
    for forged in (
        tell(body, new_secret()),
        tell(body, when=at - 301),
        tell(body, when=at + 301),
        receipts.receipt({}, body),
        receipts.receipt(headers([Secret.read(secret)], "msg_1", at, b"{}"), body),
    ):
        with pytest.raises(Rejected) as raised:
            await forged
        assert raised.value.code is Code.UNAUTHORIZED
    assert surgery.noted() == [TextState.SENT]
    for about in ("", "x", "r_x.i_y", f"{surgery.room}.i_y"):
        if about:
            await tell(receipt("sms.failed", about))
    await tell(body)
    await tell(body)
    await tell(receipt("sms.delivered"))
    assert surgery.noted() == [TextState.SENT, TextState.FAILED]
    assert [one.state for one in surgery.told(surgery.doctor)] == [m.TextState.SENT, m.TextState.FAILED]
    second = token_of((await surgery.invite()).link)
    await surgery.say(surgery.doctor, m.Leave())
    await tell(receipt("sms.delivered", second))
    assert surgery.noted()[-1] is TextState.DELIVERED
    assert len(surgery.told(surgery.doctor)) == 3


@pytest.mark.parametrize("language", m.Language)
def test_words_are_short_and_say_nothing_of_health(language: m.Language) -> None:
    """Two messages of 160 characters hold text and link, in the alphabet that costs no more."""
    link = "https://video.example.org/join#" + "x" * 127
    plain = words(Text(InvitationId("i_1"), link, language))
    called = words(Text(InvitationId("i_1"), link, language, "47110815", "123456"))
    assert len(plain) <= 306
    assert called.startswith(plain)
    assert "47110815" in called
    assert "123456#" in called
    gsm = set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 .,:/#?-_åøæÅØÆ")
    assert set(called) <= gsm
