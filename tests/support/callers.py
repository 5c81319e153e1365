"""Room systems that come into a room by its number and PIN."""

from playwright.async_api import Page

from bridge.rooms.model import ParticipantId
from signalling import messages as m
from signalling.gateways.sip.flows import Transport
from signalling.gateways.sip.io.gateway import SipGateway
from tests.support.baresip import Baresip
from tests.support.bridge import House, Visitor, eventually


async def call(
    house: House, phone: Baresip, name: str, *, transport: Transport = "UDP", wrong_first: bool = False
) -> ParticipantId:
    """Dial the room, enter the PIN, and give the participant who then waits."""
    number, pin = await house.invite_by_call(m.Role.SPECIALIST, name)
    port = gateway(house).ports[transport]
    await phone.command("dial", f"sip:{number}@127.0.0.1:{port};transport={transport.lower()}")
    await phone.hears_of("CALL_ESTABLISHED")
    before = set(house.live.room.participants)
    if wrong_first:
        await phone.press("000#")
        await house.logged("command_refused", code="pin_wrong")
    await phone.press(f"{pin}#")
    await eventually(lambda: set(house.live.room.participants) > before)
    (who,) = set(house.live.room.participants) - before
    return who


def gateway(house: House) -> SipGateway:
    """The SIP gateway of a bridge."""
    running = house.bridge.gateways.running["sip"].gateway
    assert isinstance(running, SipGateway)
    return running


async def dial(page: Page, address: str, role: str, name: str) -> None:
    """Call, by the dialog."""
    await page.get_by_role("button", name="Call someone", exact=True).click()
    await page.fill("#dial-address", address)
    await page.select_option("#dial-role", role)
    await page.fill("#dial-name", name)
    await page.click("#dial-go")


async def sees_and_hears(doctor: Visitor, who: ParticipantId, identity: int) -> None:
    """Check picture and tone of somebody, by content."""
    await doctor.sees(who, identity)
    await doctor.hears(who, identity)
