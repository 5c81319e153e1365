"""Whom the scenes are about: nobody who is."""

from __future__ import annotations

from typing import Any

from tests.pages.house import PlayedBridge, person

SURGERY = {"number": "983658725", "name": "Nordbyen legesenter"}
AGENCY = {"number": "974760673", "name": "Tolketjenesten i Nordbyen og omegn"}
PATIENT = person("p_pat", "Aslaug Nordahl", "patient", assurance="high")
DOCTOR = person(
    "p_doc", "Ingrid Berg", "doctor", host=True, assurance="high", health_personnel=True, employer=SURGERY
)
INTERPRETER = person("p_int", "Samir Haddad", "interpreter", assurance="substantial", employer=AGENCY)
ON_THE_PHONE = person(
    "p_tel", "Kari Nordahl", "relative", line="telephone", number="+4791234545", camera=False, muted=True
)
ROOM_SYSTEM = person("p_spe", "Kari Moen", "specialist", line="sip", number="moterom@sykehus.example")
SOURCES = ("p_pat", "p_int", "p_spe")


def as_patient(place: str = "waiting", **more: Any) -> PlayedBridge:
    """Give the patient's bridge, with the doctor there once they are in."""
    me = PATIENT | {"participant": "p_me", "you": True, "place": place}
    others = [DOCTOR, INTERPRETER] if place == "admitted" else []
    return PlayedBridge(place=place, people=[*others, me], **more)


def as_doctor(*others: dict[str, Any], **more: Any) -> PlayedBridge:
    """Give the doctor's bridge."""
    me = DOCTOR | {"participant": "p_me", "you": True}
    return PlayedBridge(role="doctor", host=True, place="admitted", people=[me, *others], media=True, **more)
