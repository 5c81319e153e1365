"""What callers may not keep: a place that a page has taken over, ports, a leg after the farewell."""

import pytest

from bridge.app.calls.visitor import CHANGES_OF_A_CALL, FAREWELL_S
from signalling import messages as m
from signalling.gateways.interface import Ending, MediaRefused
from tests.app.desk import house
from tests.app.rig import GRACE, Page, offer_of


@pytest.mark.parametrize("admitted", [True, False])
async def test_whose_page_comes_back_has_nothing_of_the_call_any_more(*, admitted: bool) -> None:
    """A PIN may be overheard: once the page has the place, admission lets in no caller and keeps none there."""
    home = await house()
    wish = m.CreateInvitation(role=m.Role.SPECIALIST, name="Navn", pin=True)
    info = await home.rig.administration.invite(home.room, wish)
    page = Page(info.link)
    await home.rig.join(page)
    await home.rig.lose(page)
    await home.rig.pass_time(GRACE)
    home.pin = info.pin or ""
    visit = await home.come()
    admit = m.Admit(participant=page.participant, ref=1)
    if admitted:
        await home.say(admit)
    await home.rig.join(page)
    assert home.phone.hung_up is Ending.REPLACED
    await home.say(admit)
    assert home.caller().place is m.Place.ADMITTED
    assert visit.leg not in home.rig.engine.legs
    assert page.connection.welcome.leg is None


async def test_offers_are_rationed_and_over_with_the_farewell() -> None:
    """Each might take ports: of a caller without a PIN, or of one who was put out, who would leave them behind."""
    home = await house()
    visit = await home.come()
    for _ in range(CHANGES_OF_A_CALL[0] - 1):
        visit.describe(offer_of(501))
    with pytest.raises(MediaRefused):
        visit.describe(offer_of(501))
    await home.rig.pass_time(CHANGES_OF_A_CALL[1])
    visit.describe(offer_of(501))
    await home.rig.pass_time(CHANGES_OF_A_CALL[1])
    await home.say(m.Remove(participant=home.caller().participant, ref=1))
    with pytest.raises(MediaRefused):
        visit.describe(offer_of(501))
    await home.rig.pass_time(FAREWELL_S)
    assert visit.leg not in home.rig.engine.legs
