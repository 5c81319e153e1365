"""What kinds of links there are: the OpenAPI document and the rooms say the same of every combination."""

from itertools import product

from jsonschema import Draft202012Validator

from signalling import messages as m
from signalling.errors import Code, Rejected
from signalling.web.openapi import document
from tests.app.desk import house

FIELDS = ("host", "substitute", "many", "pin")


async def test_the_document_lets_exactly_those_links_be_asked_for_that_there_are() -> None:
    """Every role with every combination of what a link may be; nothing else of it is wrong."""
    home = await house()
    room = await home.rig.administration.create_room(m.CreateRoom(name="Rom"))
    home.rig.administration._person_of = lambda number: f"digest of {number}"
    validator = Draft202012Validator(
        {"$ref": "#/components/schemas/CreateInvitation", "components": document()["components"]}
    )
    choices = product(m.Role, product((False, True), repeat=len(FIELDS)), (None, "12057900499"), m.Assurance)
    for role, flags, person, requires in choices:
        wish = m.CreateInvitation(
            role=role, name="N", person=person, requires=requires, **dict(zip(FIELDS, flags, strict=True))
        )
        try:
            await home.rig.administration.invite(room.room, wish)
        except Rejected as error:
            bad = error.code is Code.BAD_MESSAGE
        else:
            bad = False
            room = await home.rig.administration.create_room(m.CreateRoom(name="Rom"))
        described = {"role": role.value, "requires": requires.value, "name": "N", "person": person}
        described |= dict(zip(FIELDS, flags, strict=True))
        assert validator.is_valid(described) is not bad, described
