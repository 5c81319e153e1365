"""Decoding: the schema's limits hold, and errors say nothing of the input."""

from __future__ import annotations

import contextlib
import json
from typing import get_args

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from signalling import messages as m
from signalling.errors import BadMessage, Code, SignallingError, TooLarge

OFFER = {"type": "offer", "sdp": "v=0", "sources": {"mic": "0"}, "ref": 1}
INVITE = {"type": "invite", "role": "patient", "name": "N", "ref": 1}
JOIN = {"type": "join", "version": 1, "token": "t", "language": "nb"}
CANARY = "zqxjkv"

TYPES = [
    "join offer admit admit_all see_off refuse remove to_waiting lock mute self_mute camera sharing hand_over",
    "take_host appoint invite withdraw delay cancel dial confirm_identity write consent",
    "ask_still answer_still end_still call_instead suggest_call pin viewport end report ping leave test",
    "test_report duty take",
    "welcome answer ok pong invited to_call error roster turned_away cancelled texted missed poor_line",
    "call_suggested written still layout demand codec stats bye testing tested on_duty queue",
    "taken",
]


def test_wire_types_are_the_agreed_ones() -> None:
    """Each message has exactly the type name that clients were promised."""
    structs = [*get_args(m.ClientMessage), *get_args(m.ServerMessage)]
    assert [s.__struct_config__.tag for s in structs] == " ".join(TYPES).split()


@pytest.mark.parametrize(
    ("message", "field", "limit"),
    [
        (OFFER, "sdp", 256 * 1024),
        (INVITE, "name", 80),
        (JOIN, "token", 2048),
        (JOIN, "resume", 256),
        ({"type": "admit", "participant": "p", "ref": 1}, "participant", 64),
        ({"type": "refuse", "participant": "p", "ref": 1}, "reason", 200),
        ({"type": "write", "done": True, "ref": 1}, "text", 500),
    ],
)
def test_texts_have_limits(message: dict[str, object], field: str, limit: int) -> None:
    """A text of the limit's length is taken, and one character more is not."""
    assert getattr(m.decode_client(json.dumps(message | {field: "a" * limit})), field) == "a" * limit
    with pytest.raises(BadMessage):
        m.decode_client(json.dumps(message | {field: "a" * (limit + 1)}))


@pytest.mark.parametrize(
    ("ref", "good"), [(0, True), (2**31, True), (-1, False), (2**31 + 1, False), (1.5, False)]
)
def test_ref_has_a_range(ref: float, good: bool) -> None:  # noqa: FBT001 - a parameter of the test
    """A ref is a whole number from 0 to 2^31."""
    text = json.dumps({"type": "end", "ref": ref})
    if good:
        assert m.decode_client(text) == m.End(ref=int(ref))
    else:
        with pytest.raises(BadMessage):
            m.decode_client(text)


@pytest.mark.parametrize("name", ["", "a\nb", "a\n", "a\u202eb", "\u2066x", "a\u0000"])
def test_names_cannot_disturb_a_list(name: str) -> None:
    """Empty names, control characters and bidirectional overrides are refused."""
    with pytest.raises(BadMessage):
        m.decode_client(json.dumps(INVITE | {"name": name}))


def test_names_of_every_script_are_taken() -> None:
    """Letters beyond ASCII, marks, apostrophes and emoji are part of names."""
    for name in ("Åse Øygård", "Ánne Čohkka", "محمد", "O'Neil-Ŋ", "李", "👩‍⚕️"):
        assert m.decode_client(json.dumps(INVITE | {"name": name})).name == name


@pytest.mark.parametrize("text", ["a\nb", "a\tb", "a\u202eb", "\u2066x", "a\u0000", "\u2029", "\ud83d"])
def test_what_is_written_cannot_disturb_a_page(text: str) -> None:
    """Control characters, overrides of direction and halves of letters are refused; markup is text like others."""
    line = {"type": "write", "text": text, "done": True, "ref": 1}
    with pytest.raises(BadMessage):
        m.decode_client(json.dumps(line))
    markup = "<img src=x onerror=alert(1)> &lt; שלום"
    assert m.decode_client(json.dumps(line | {"text": markup})) == m.Write(text=markup, done=True, ref=1)


def test_what_is_written_is_not_printed() -> None:
    """Nor does it come into a log by a message's printed form."""
    assert "hemmelig" not in repr(m.Write(text="hemmelig", done=True, ref=1))
    assert "hemmelig" not in repr(m.Written(participant="p", text="hemmelig", done=True))


@pytest.mark.parametrize(
    "notice", ["", "5f2d9c0b7a1", "5f2d9c0b7a1e0", "5F2D9C0B7A1E", "5f2d9c0b7a1g", "5f2d9c0b7a1\n"]
)
def test_a_notice_has_the_form_of_a_version(notice: str) -> None:
    """Whatever else a page says there would come on record."""
    with pytest.raises(BadMessage):
        m.decode_client(json.dumps(JOIN | {"notice": notice}))


@pytest.mark.parametrize(
    ("slots", "good"),
    [
        ([], True),
        ([{"mid": "6", "height": 1}, {"mid": "7", "height": 4320}], True),
        ([{"mid": "6", "height": 360}] * 128, True),
        ([{"mid": "6", "height": 360}] * 129, False),
        ([{"mid": "6", "height": 0}], False),
        ([{"mid": "6", "height": 4321}], False),
        ([{"mid": "6", "height": 0.5}], False),
        ([{"mid": "6"}], False),
        ([{"height": 360}], False),
        ([{"mid": "a b", "height": 360}], False),
    ],
)
def test_a_viewport_has_limits(slots: list[object], good: bool) -> None:  # noqa: FBT001 - a parameter of the test
    """At most 128 slots, each named by its mid, each of 1 to 4320 lines."""
    text = json.dumps({"type": "viewport", "slots": slots, "ref": 1})
    if good:
        decoded = m.decode_client(text)
        assert isinstance(decoded, m.Viewport)
        assert len(decoded.slots) == len(slots)
    else:
        with pytest.raises(BadMessage):
            m.decode_client(text)


@pytest.mark.parametrize("bad", ["0\n", "a b", "", "m,i", "a" * 33])
def test_mids_are_tokens(bad: str) -> None:
    """A mid is a short SDP token (RFC 8866), with nothing that could end a line."""
    with pytest.raises(BadMessage):
        m.decode_client(json.dumps(OFFER | {"sources": {"camera": bad}}))


SLOT = {"mid": "3"}
TOO_MUCH = [
    {"slots": [SLOT] * 65},
    {"sources": [{"source": "camera"}] * 4},
    {"rtt_ms": 60_001},
    *(
        {"slots": [SLOT | {field: value}]}
        for field, value in (
            ("frames_per_second", 241),
            ("arrived_per_second", -1),
            ("freezes", -1),
            ("freezes", 2**53 + 1),
            ("frozen_seconds", 1e8),
            ("concealed", 1.5),
            ("samples", -1),
            ("buffer_ms", 1e9),
            ("width", 20_000),
            ("height", -1),
            ("ssrc", 1),
        )
    ),
    {"sources": [{"source": "screen"}]},
    {"sources": [{"source": "camera", "limited": "thermal"}]},
    {"sources": [{"source": "camera", "cpu_seconds": -1}]},
]


@pytest.mark.parametrize("fields", TOO_MUCH, ids=str)
def test_reports_are_bounded(fields: dict[str, object]) -> None:
    """A report says no more than a browser can mean; a bare one says nothing and is fine."""
    bare: dict[str, object] = {"type": "report", "slots": [], "sources": []}
    assert isinstance(m.decode_client(json.dumps(bare)), m.Report)
    with pytest.raises(BadMessage):
        m.decode_client(json.dumps(bare | fields))


def test_size_is_limited_in_bytes() -> None:
    """The limit counts bytes of UTF-8, and nothing over it is parsed."""
    blank = " " * m.MAX_MESSAGE_BYTES
    with pytest.raises(BadMessage):
        m.decode_client(blank)
    for large in (blank + " ", (blank + " ").encode(), "ø" * (m.MAX_MESSAGE_BYTES // 2 + 1)):
        with pytest.raises(TooLarge):
            m.decode_client(large)
    with pytest.raises(TooLarge):
        m.decode_body(b" " * (m.MAX_BODY_BYTES + 1), m.CreateRoom)


@pytest.mark.parametrize(
    "text",
    [
        f'{{"type":"{CANARY}"}}',
        f'{{"type":"end","ref":1,"{CANARY}":1}}',
        f'{{"type":"end","ref":"{CANARY}"}}',
        f'{{"type":"invite","role":"{CANARY}","name":"n","ref":1}}',
        f'{{"type":"offer","sdp":"s","sources":{{"{CANARY}":"0"}},"ref":1}}',
        f'{{"type":"end","ref":1,"x - at `$.{CANARY}`":1}}',
        f'{{"type":"x - at `$.{CANARY}`"}}',
        f'{{"type":"admit","participant":"{CANARY} ","ref":1}}',
        f'"{CANARY}"',
        f"{CANARY}",
    ],
)
def test_errors_never_quote_the_input(text: str) -> None:
    """No error text holds a word of what the client wrote."""
    with pytest.raises(SignallingError) as caught:
        m.decode_client(text)
    assert CANARY not in str(caught.value)
    assert caught.value.code is Code.BAD_MESSAGE
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_an_error_names_the_field() -> None:
    """A client author learns which field was wrong, and why."""
    with pytest.raises(BadMessage, match=r"Expected `bool`, got `int` - at `\$.locked`"):
        m.decode_client('{"type":"lock","locked":1,"ref":1}')
    with pytest.raises(BadMessage, match=r"The value at `\$.role` is not allowed"):
        m.decode_client(json.dumps(INVITE | {"role": "king"}))
    with pytest.raises(BadMessage, match="does not know"):
        m.decode_client('{"type":"end","ref":1,"x":1}')


def test_peek_reads_version_and_ref_of_a_broken_message() -> None:
    """The version of a join and the ref of an act can be read although the schema is broken."""
    assert m.peek('{"type":"join","version":7,"new":1}') == (7, None)
    assert m.peek('{"type":"lock","version":7,"ref":3}') == (None, 3)
    assert m.peek('{"ref":-3}') == (None, None)
    assert m.peek("{") == (None, None)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)
FIELDS = sorted({f for s in get_args(m.ClientMessage) for f in s.__struct_fields__})
NEAR = st.fixed_dictionaries(
    {"type": st.sampled_from(" ".join(TYPES[:3]).split())},
    optional={name: JSON | st.sampled_from(["p_1", "nb", 1, True, None, {"mic": "0"}]) for name in FIELDS},
)


def _decode_all(data: str | bytes) -> None:
    for decode in (m.decode_client, m.decode_server):
        try:
            message = decode(data)
        except SignallingError:
            continue
        assert decode(m.encode(message)) == message
    if isinstance(data, bytes):
        with contextlib.suppress(SignallingError):
            m.decode_body(data, m.CreateInvitation)
    m.peek(data)


@given(st.text() | st.text(alphabet=st.characters(categories=["Cs", "L"])) | st.binary())
@example("\ud800")
@example(b"\xff")
@example('{"type":"end","ref":1e400}')
@example('{"x":' + "[" * 50_000 + "]" * 50_000 + "}")
@example('{"type":"end","x":' + '{"a":' * 15_000 + "1" + "}" * 15_000 + "}")
@example(b'{"type":"end","ref":1}\x00')
def test_any_text_or_bytes_raise_nothing_else(data: str | bytes) -> None:
    """Whatever comes, decoding gives a message or a `SignallingError`."""
    _decode_all(data)


@given(JSON | NEAR)
def test_any_json_raises_nothing_else(value: object) -> None:
    """Any JSON, and most of all JSON that is nearly a message, gives a message or a `SignallingError`."""
    _decode_all(json.dumps(value))
    _decode_all(json.dumps(value).encode())


def test_every_code_has_a_sentence() -> None:
    """Each code explains itself, in one sentence of its own."""
    sentences = [code.sentence for code in Code]
    assert all(s.endswith(".") and len(s) > 15 for s in sentences)
    assert len(set(sentences)) == len(sentences)
