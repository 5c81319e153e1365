"""Who may use a link: whoever used it first, known by a secret."""

import pytest

from signalling import messages as m
from signalling.errors import Code
from tests.app.fakes import Connection, token_of
from tests.app.rig import Page, Rig, code_of

OWN_SECRET = "s" * 43


@pytest.fixture
def rig() -> Rig:
    """A bridge."""
    return Rig()


async def test_somebody_whose_welcome_was_lost_comes_back_with_a_secret_of_their_own(rig: Rig) -> None:
    """The secret that the first join brought is in force, and the next one finds the same participant."""
    room = await rig.open_room()
    page = await rig.page(room)
    page.resume = OWN_SECRET
    await rig.join(page)
    assert page.resume == OWN_SECRET
    lost = page.participant
    await rig.lose(page)
    await rig.join(page)
    assert page.participant == lost
    assert len(rig.recorded(room).participants) == 1
    for guess in (None, "guess", OWN_SECRET[:-1]):
        assert await code_of(rig.join(Page(page.link, resume=guess))) is Code.LINK_USED


async def test_a_secret_that_could_be_guessed_is_not_taken(rig: Rig) -> None:
    """A client that brings a short one is told another, which alone brings it back."""
    page = await rig.page(await rig.open_room())
    page.resume = "x" * 31
    await rig.join(page)
    assert page.resume != "x" * 31
    assert await code_of(rig.join(Page(page.link, resume="x" * 31))) is Code.LINK_USED
    await rig.join(page)


@pytest.mark.parametrize("token", ["nonsense", "r_nowhere.i_nothing"])
async def test_a_link_to_nowhere_is_invalid_and_leaves_no_trace(rig: Rig, token: str) -> None:
    """A forged link or one of an unknown room is refused without a line in the audit."""
    join = m.Join(version=1, token=token, language=m.Language.NB)
    assert await code_of(rig.door.join(join, Connection())) is Code.LINK_INVALID
    assert rig.store.audit == []


async def test_a_copied_link_is_used(rig: Rig) -> None:
    """The link without the secret of its first page lets nobody in."""
    room = await rig.open_room()
    patient = await rig.enter(room)
    copy = m.Join(version=1, token=token_of(patient.link), resume="guess", language=m.Language.NB)
    assert await code_of(rig.door.join(copy, Connection())) is Code.LINK_USED
    assert rig.recorded(room).participants[patient.participant].connected
