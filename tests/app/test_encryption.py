"""What protects somebody's media is told in the roster, as the engine has it."""

import pytest

from bridge.app import encryption
from bridge.app.live import MediaLeg
from bridge.rooms.model import ParticipantId
from media.lines import Cipher
from signalling import messages as m
from tests.app import engine_rows
from tests.app.rig import Rig

GCM, SHA1, PLAIN, NONE = Cipher.AEAD_AES_128_GCM, Cipher.AES_CM_128_HMAC_SHA1_80, Cipher.PLAIN, Cipher.NOT_YET
H235 = Cipher.H235_AES_128_CBC


def rows(*legs: tuple[int, Cipher, Cipher, bool]) -> engine_rows.Rows:
    """Rows of legs: number, ciphers in and out, and whether by a handshake."""
    made = engine_rows.legs({leg: 0 for leg, *_ in legs})
    for at, (_, inbound, outbound, by_handshake) in enumerate(legs):
        made[at]["cipher_in"], made[at]["cipher_out"], made[at]["by_handshake"] = inbound, outbound, by_handshake
    return made


@pytest.mark.parametrize(
    ("inbound", "outbound", "by_handshake", "openly", "told"),
    [
        (NONE, NONE, True, False, None),
        (GCM, NONE, True, False, None),
        (GCM, GCM, True, False, ("handshake", "AEAD_AES_128_GCM")),
        (GCM, GCM, True, True, ("handshake", "AEAD_AES_128_GCM")),
        (GCM, SHA1, False, False, ("signalled", "AES_CM_128_HMAC_SHA1_80")),
        (SHA1, GCM, False, True, ("exposed", "AES_CM_128_HMAC_SHA1_80")),
        (H235, H235, False, False, ("unproved", "H235_AES_128_CBC")),
        (H235, SHA1, False, True, ("unproved", "H235_AES_128_CBC")),
        (H235, PLAIN, False, True, ("none", None)),
        (PLAIN, PLAIN, False, True, ("none", None)),
        (PLAIN, NONE, False, True, ("none", None)),
        (GCM, PLAIN, True, False, ("none", None)),
    ],
)
async def test_the_weakest_is_told(
    inbound: Cipher, outbound: Cipher, *, by_handshake: bool, openly: bool, told: tuple[str, str | None] | None
) -> None:
    """Of both directions; and a handshake is no secret of the signalling's."""
    rig = Rig()
    live = await rig.service.find(await rig.open_room())
    assert live is not None
    somebody = ParticipantId("p")
    live.legs = {somebody: MediaLeg(7, signalled_openly=openly)}
    encryption.learn(live, encryption.read(rows((7, inbound, outbound, by_handshake))))
    found = live.legs[somebody].encryption
    assert (None if found is None else (found.keys.value, found.cipher)) == told


async def test_everybody_is_told_once_when_it_changes() -> None:
    """The roster says it of the one whose media it is; a turn that brings nothing new tells nobody."""
    rig = Rig()
    room = await rig.open_room()
    doctor = await rig.enter(room, m.Role.DOCTOR, host=True)
    live = await rig.service.find(room)
    assert live is not None
    own = rows((rig.leg(room, doctor), GCM, GCM, True))
    assert doctor.connection.roster.people[0].encryption is None
    assert encryption.learn(live, encryption.read(own))
    rig.service.tell(live)
    assert doctor.connection.roster.people[0].encryption == m.Encryption(
        keys=m.Keys.HANDSHAKE, cipher="AEAD_AES_128_GCM"
    )
    assert not encryption.learn(live, encryption.read(own))
    assert encryption.learn(live, encryption.read(rows()))
