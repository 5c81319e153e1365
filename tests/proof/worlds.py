"""Small rooms in which everything is tried: who there is in each, and every command that anybody could give.

What has nothing to do with each other is in different worlds, since states multiply: coming and going of two
hosts and three guests; the same with links that expire and are revoked; microphones; sharing, cameras and
recognising people; logins; calls out; invitations; still pictures; consents, also of callers; text messages.
Between them they try every command that there is.
"""

from dataclasses import replace
from typing import Final

from bridge.rooms.model import Assurance, Identity, Role, SubjectDigest
from tests.proof.tries import (
    Link,
    SmallRoom,
    appointing,
    asking_for_pictures,
    calling,
    calling_instead,
    coming,
    coming_with_consent,
    consenting,
    deciding,
    dialling,
    dropping_in,
    ending,
    filming,
    giving,
    going,
    growing_old,
    inviting,
    inviting_company,
    locking,
    moving,
    muting,
    putting_off,
    reasons,
    revoking,
    seeing_off,
    showing,
    taking,
    texting,
)
from tests.rooms.rig import NORD


def identity(subject: str, assurance: Assurance) -> Identity:
    """What a login proved."""
    return Identity(assurance=assurance, provider="test", subject=SubjectDigest(subject))


DOCTOR, SUBSTITUTE = Link("doctor", Role.DOCTOR, host=True), Link("substitute", Role.DOCTOR, host=True)
PATIENT, RELATIVE = Link("patient", Role.PATIENT), Link("relative", Role.PATIENT)
SPECIALIST, SPECIALIST_2 = Link("specialist", Role.SPECIALIST), Link("specialist2", Role.SPECIALIST)
LOGINS: Final = {
    name: (
        None,
        identity(name, Assurance.LOW),
        identity(name, Assurance.HIGH),
        identity("another", Assurance.HIGH),
    )
    for name in ("doctor", "patient")
}
ON_DUTY: Final = {
    name: (None, identity(name, Assurance.LOW), identity(name, Assurance.HIGH)) for name in ("berg", "vik")
}
ADMISSION: Final = (coming, calling, going, deciding, giving, locking, ending)

WHOLE: Final = (
    SmallRoom("admission", (DOCTOR, SUBSTITUTE, PATIENT, RELATIVE, SPECIALIST), ADMISSION, size=4),
    SmallRoom(
        "expiry-and-revocation",
        (DOCTOR, PATIENT, SPECIALIST),
        (*ADMISSION, growing_old, moving, revoking),
        size=3,
    ),
    SmallRoom(
        "microphones",
        (DOCTOR, PATIENT, RELATIVE),
        (coming, going, deciding, muting, ending),
        seen=("muted_by_host", "muted_by_self", "may_unmute"),
    ),
    SmallRoom(
        "sharing-and-recognising",
        (DOCTOR, PATIENT, SPECIALIST),
        (coming, calling, going, deciding, giving, showing, ending),
        seen=("sharing", "confirmed", "line"),
    ),
    SmallRoom(
        "logins",
        (
            Link("doctor", Role.DOCTOR, host=True, requires=Assurance.SUBSTANTIAL),
            Link("patient", Role.PATIENT, requires=Assurance.SUBSTANTIAL),
            RELATIVE,
        ),
        (coming, calling, going, deciding, reasons, locking, ending),
        seen=("identity", "line"),
        logins=LOGINS,
    ),
    SmallRoom(
        "calls-out",
        (DOCTOR, SUBSTITUTE, PATIENT),
        (coming, going, deciding, giving, locking, ending, dialling),
        size=3,
        later=("called", "called2"),
    ),
    SmallRoom(
        "invitations",
        (DOCTOR, PATIENT),
        (coming, going, deciding, giving, growing_old, revoking, ending, inviting),
        seen=("role", "may_host"),
        later=("more",),
    ),
    SmallRoom(
        "still-pictures",
        (DOCTOR, SUBSTITUTE, PATIENT),
        (coming, calling, going, deciding, giving, ending, asking_for_pictures),
        seen=("line",),
    ),
    SmallRoom(
        "consents",
        (DOCTOR, PATIENT, RELATIVE),
        (coming, coming_with_consent, going, deciding, ending, consenting),
        seen=("consents",),
    ),
    SmallRoom(
        "cameras-and-text-messages",
        (DOCTOR, PATIENT),
        (coming, going, revoking, filming, texting),
        seen=("camera",),
    ),
    SmallRoom(
        "one-after-the-other",
        (DOCTOR, PATIENT, RELATIVE),
        (coming, going, deciding, locking, seeing_off, inviting_company, ending),
        size=3,
        later=("company",),
        autolock=True,
        one_at_a_time=True,
    ),
    SmallRoom(
        "drop-in",
        (DOCTOR, Link("line", Role.PATIENT, many=True)),
        (coming, dropping_in, going, deciding, seeing_off, revoking, growing_old, ending),
        crowd=2,
    ),
    SmallRoom(
        "substitutes",
        (
            Link("doctor", Role.DOCTOR, host=True, requires=Assurance.LOW),
            Link("specialist", Role.SPECIALIST, substitute=True),
            SPECIALIST_2,
        ),
        (coming, calling, going, deciding, giving, appointing, ending),
        seen=("identity", "line"),
        logins={name: (None, identity(name, Assurance.LOW)) for name in ("doctor", "specialist", "specialist2")},
    ),
    SmallRoom("turns", (DOCTOR, PATIENT, RELATIVE), (coming, going, deciding, putting_off, ending)),
    SmallRoom(
        "another-way-in",
        (DOCTOR, PATIENT, SPECIALIST),
        (coming, calling, calling_instead, going, deciding, revoking, ending),
        seen=("line",),
    ),
    SmallRoom(
        "on-duty",
        (Link("nurse", Role.ASSISTANT, requires=Assurance.SUBSTANTIAL), DOCTOR),
        (coming, going, deciding, taking, growing_old, ending),
        seen=("identity",),
        logins=ON_DUTY,
        later=("berg", "vik"),
        rota=NORD,
    ),
    SmallRoom(
        "consents-of-callers",
        (DOCTOR, PATIENT),
        (coming, coming_with_consent, calling, going, deciding, ending, consenting),
        seen=("consents", "line"),
    ),
)
"""All of it: twenty-four minutes of processor time."""

REDUCED: Final = (
    SmallRoom("admission", (DOCTOR, PATIENT, SPECIALIST), ADMISSION, size=2),
    SmallRoom("expiry-and-revocation", (DOCTOR, PATIENT), (*ADMISSION, growing_old, moving, revoking)),
    SmallRoom(
        "microphones", (DOCTOR, PATIENT), WHOLE[2].tries, seen=("muted_by_host", "muted_by_self", "may_unmute")
    ),
    SmallRoom("sharing-and-recognising", (DOCTOR, PATIENT), WHOLE[3].tries, seen=WHOLE[3].seen),
    SmallRoom("logins", WHOLE[4].links[:2], WHOLE[4].tries, seen=WHOLE[4].seen, logins=LOGINS),
    SmallRoom("calls-out", (DOCTOR,), WHOLE[5].tries, size=2, later=("called",)),
    SmallRoom("invitations", (DOCTOR,), WHOLE[6].tries, seen=WHOLE[6].seen, later=("more",)),
    SmallRoom("still-pictures", (DOCTOR, PATIENT), WHOLE[7].tries, seen=WHOLE[7].seen),
    SmallRoom("consents", (DOCTOR,), WHOLE[8].tries, seen=WHOLE[8].seen),
    SmallRoom("cameras-and-text-messages", (DOCTOR,), WHOLE[9].tries, seen=WHOLE[9].seen),
    replace(WHOLE[10], links=(DOCTOR, PATIENT, RELATIVE), later=()),
    replace(WHOLE[11], crowd=1),
    replace(WHOLE[12], links=(WHOLE[12].links[0], SPECIALIST_2)),
    SmallRoom("turns", (DOCTOR, PATIENT), WHOLE[13].tries),
    SmallRoom("another-way-in", (PATIENT,), WHOLE[14].tries, seen=WHOLE[14].seen),
    replace(WHOLE[15], links=WHOLE[15].links[:1]),
    replace(WHOLE[16], links=(DOCTOR,)),
)
"""The same with fewer people: seconds."""
