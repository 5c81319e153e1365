"""Words that two sides spell out, because neither may import the other, are the same words on both."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import get_args

import pytest

from bridge.app.telling import SOURCE_NAMES
from bridge.rooms import model
from bridge.rooms.policy import INVITED_BY_PATIENT
from bridge.rooms.refusal import Code as RefusalCode
from media import description
from media.sdp.errors import SdpCode
from signalling import messages as m
from signalling.errors import Code
from signalling.gateways import interface

SCRIPTS = Path(__file__).parents[1] / "signalling" / "web" / "static" / "js"


def script(name: str) -> str:
    """A module of the pages."""
    return (SCRIPTS / name).read_text()


def constant(name: str, text: str) -> str:
    """What a module's constant is set to, as it is written."""
    found = re.search(rf"const {name} = (?:new Set\()?(.+?)\)?;\n", text, re.DOTALL)
    assert found is not None, name
    return found[1]


def words(written: str) -> set[str]:
    """The strings in a list, and the keys of an object."""
    if written.startswith("["):
        return set(json.loads(re.sub(r",\s*\]", "]", written)))
    return set(re.findall(r"(\w+):", written))


def test_the_domain_and_the_protocol_have_the_same_roles() -> None:
    """A role of one side that the other lacks would fail when somebody first has it."""
    assert {role.value for role in model.Role} == {role.value for role in m.Role}
    assert {line.value for line in model.Line} == {line.value for line in m.Line}
    calls = {line.value for line in m.Line} - {m.Line.BROWSER.value}
    assert {line.value for line in interface.Line} == calls
    assert words(constant("LINES", script("i18n.js"))) == calls
    misses = {miss.value for miss in model.Miss}
    assert misses == {miss.value for miss in m.Miss} == {miss.value for miss in interface.Miss}


def test_the_domain_and_the_protocol_have_the_same_ends_of_a_still_picture() -> None:
    """What becomes of one is told in the words of the record."""
    ends = {end.value for end in model.StillEnd}
    assert ends | {"asked", "coming"} == {state.value for state in m.StillState}
    answers = {answer.value for answer in m.StillAnswer} - {"take"}
    assert answers | {outcome.value for outcome in m.StillOutcome} <= ends


def test_grounds_are_the_same_on_all_sides() -> None:
    """And the pages offer a patient those whom the domain lets a patient invite."""
    grounds = [ground.value for ground in m.Ground]
    assert grounds == [ground.value for ground in model.Ground]
    assert words(constant("GROUNDS", script("basis.js"))) == set(grounds)
    assert words(constant("COMPANY", script("inviting.js"))) == {role.value for role in INVITED_BY_PATIENT}


def test_keys_have_words_on_the_page() -> None:
    """Each way in which keys come about is told to the host in every language."""
    for path in sorted((SCRIPTS.parent / "i18n").glob("*.json")):
        texts = json.loads(path.read_text())
        assert {f"encryption.{keys.value}" for keys in m.Keys} <= set(texts), path.name
    assert words(constant("WEAK_KEYS", script("person.js"))) <= {keys.value for keys in m.Keys}


def test_the_domain_has_one_place_more_than_the_protocol() -> None:
    """Those who are outside are nobody's to see."""
    assert {place.value for place in model.Place} - {place.value for place in m.Place} == {
        model.Place.OUTSIDE.value
    }
    assert {place.value for place in m.Place} <= {place.value for place in model.Place}


@pytest.mark.parametrize("words_of", [RefusalCode, SdpCode], ids=["rooms", "sdp"])
def test_every_refusal_is_a_code_of_the_protocol(words_of: object) -> None:
    """What the domain and the answerer refuse with can be said to a client."""
    assert set(get_args(words_of)) <= {code.value for code in Code}


def test_every_source_of_the_engine_has_a_name() -> None:
    """Number by number, and no name is left without one."""
    numbers = {description.MIC: "mic", description.CAMERA: "camera", description.CONTENT: "content"}
    assert {number: name.value for number, name in SOURCE_NAMES.items()} == numbers
    assert set(SOURCE_NAMES.values()) == set(m.SourceName)


def test_the_pages_have_the_protocols_sources_in_its_order() -> None:
    """The m-lines of an offer and the keys of its `sources` follow this list."""
    written = constant("SOURCES", script("peer.js"))
    assert json.loads(written) == [name.value for name in m.SourceName] == list(m.Sources.__struct_fields__)


def test_the_pages_invite_as_everybody_but_an_operator() -> None:
    """A role that was added to the protocol can be chosen in the dialog, and none that is not in it."""
    invited = words(constant("INVITED_ROLES", script("dialogs.js")))
    assert invited == {role.value for role in m.Role} - {m.Role.OPERATOR.value}


def test_the_pages_speak_the_protocols_languages_and_version() -> None:
    """`join` names one of these."""
    assert words(constant("LANGUAGES", script("i18n.js"))) == {language.value for language in m.Language}
    assert int(constant("VERSION", script("protocol.js"))) == m.PROTOCOL_VERSION


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("protocol.js", "PASSING"),
        ("protocol.js", "PASSING_WHEN_REJOINING"),
        ("duty/channel.js", "PASSING"),
        ("endings.js", "WAYS_ON"),
        ("endings.js", "SILENT_CODES"),
    ],
)
def test_the_codes_that_pages_know_are_the_protocols(module: str, name: str) -> None:
    """A code that was renamed would otherwise only lose its special treatment, and nobody would see it."""
    known = words(constant(name, script(module)))
    assert len(known) > 1
    assert known <= {code.value for code in Code}


def test_the_messages_that_pages_send_are_the_protocols() -> None:
    """Every type that an act, a request or a correction names is one that clients may send."""
    text = script("acts.js") + script("session.js") + script("call.js") + script("protocol.js")
    text += (
        script("duty/channel.js")
        + script("trialline.js")
        + script("exchange.js")
        + script("receiving.js")
        + script("turn.js")
    )
    said_by = r"\bsend|\.act|\.ask|\.#ask|#channel\.request|#correct|\.tell"
    sent = set(re.findall(rf"""(?:{said_by})\((?:\{{ type: )?"([a-z_]+)\"""", text))
    sent |= set(re.findall(r"""\bnamed\("\w+", "([a-z_]+)"\)""", text))
    assert {"join", "offer", "leave", "admit", "self_mute", "camera", "sharing", "pin", "to_waiting"} <= sent
    assert {"test", "test_report", "duty", "take"} <= sent
    assert sent <= {message.__struct_config__.tag for message in get_args(m.ClientMessage)}


def test_the_pages_have_advice_for_every_reason_and_a_sign_for_every_verdict() -> None:
    """One that is new to the protocol would be shown without a word of help."""
    assert words(constant("REMEDIES", script("selftest.js"))) == {reason.value for reason in m.TestReason}
    assert {verdict.value for verdict in m.TrialVerdict} <= words(constant("SIGNS", script("selftest.js")))
    texts = json.loads((SCRIPTS.parent / "i18n" / "en.json").read_text())
    for verdict in m.TrialVerdict:
        assert {
            f"test.{verdict.value}.title",
            f"test.is.{verdict.value}",
            f"person.tested.{verdict.value}",
        } <= set(texts)
