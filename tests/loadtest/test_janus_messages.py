"""Janus' API as plain data."""

import json

import pytest

from loadtest.adapters import janus_messages as jm
from loadtest.adapters.errors import Unreadable


def said(**fields: object) -> jm.Message:
    """A message as Janus would send it."""
    return jm.decode(json.dumps(fields))


def test_a_request_carries_transaction_and_secret() -> None:
    """What is sent holds the request, its transaction, and the secret for either API."""
    words = json.loads(jm.encode(jm.attach(7), "t1", "hush"))

    assert words == {
        "janus": "attach",
        "session_id": 7,
        "plugin": "janus.plugin.videoroom",
        "transaction": "t1",
        "apisecret": "hush",
        "admin_secret": "hush",
    }


def test_a_publisher_enters_with_an_offer() -> None:
    """Joining and publishing is one request, with the offer beside it."""
    request = jm.publish(1, 2, 3, "v=0\r\n")

    assert request["body"] == {"request": "joinandconfigure", "ptype": "publisher", "room": 3}
    assert request["jsep"] == {"type": "offer", "sdp": "v=0\r\n"}


def test_a_subscriber_names_the_feed_and_answers_later() -> None:
    """A subscription has no SDP; its start has the answer."""
    assert jm.subscribe(1, 2, 3, 99)["body"]["streams"] == [{"feed": 99}]
    assert "jsep" not in jm.subscribe(1, 2, 3, 99)
    assert jm.start(1, 2, "v=0\r\n")["jsep"] == {"type": "answer", "sdp": "v=0\r\n"}


def test_room_options_go_beside_the_request() -> None:
    """Settings of the room are the plugin's own words, on one level."""
    body = jm.create_room(1, 2, 3, {"transport_wide_cc_ext": False})["body"]

    assert body == {"request": "create", "room": 3, "permanent": False, "transport_wide_cc_ext": False}


def test_an_id_is_read() -> None:
    """A new session's or handle's id is in `id`."""
    assert said(janus="success", transaction="1", data={"id": 2**52}).id == 2**52


def test_an_acknowledgement_is_not_the_end() -> None:
    """After `ack` more comes for the same transaction; after anything else nothing does."""
    assert not said(janus="ack", transaction="1").is_final
    assert said(janus="event", transaction="1").is_final
    assert said(janus="success", transaction="1").is_final


def test_an_error_of_the_core_is_a_fault() -> None:
    """The core's errors have a number and a reason."""
    fault = said(janus="error", transaction="1", error={"code": 403, "reason": "no"}).fault

    assert fault is not None
    assert fault.number == 403
    assert "no" in str(fault)


def test_an_error_of_the_plugin_is_a_fault_too() -> None:
    """The plugin's errors come as events that look like answers."""
    data = {"videoroom": "event", "error_code": 428, "error": "No such feed"}
    fault = said(janus="event", plugindata={"plugin": jm.PLUGIN, "data": data}).fault

    assert fault is not None
    assert fault.number == 428


def test_an_error_without_details_is_still_one() -> None:
    """A reason that is missing does not hide the error."""
    assert said(janus="error").fault is not None


def test_the_answer_and_the_publisher_are_read() -> None:
    """The event after publishing holds the SDP, and the id to subscribe to."""
    data = {"videoroom": "joined", "id": 5, "room": 1}
    message = said(
        janus="event", plugindata={"plugin": jm.PLUGIN, "data": data}, jsep={"type": "answer", "sdp": "v=0"}
    )

    assert jm.publisher_id(message) == 5
    assert jm.description(message, "answer") == "v=0"


def test_an_offer_is_no_answer() -> None:
    """What comes with the wrong SDP, or none, is refused."""
    with pytest.raises(Unreadable):
        jm.description(said(janus="event", jsep={"type": "offer", "sdp": "v=0"}), "answer")
    with pytest.raises(Unreadable):
        jm.description(said(janus="event"), "offer")


def test_an_event_without_an_id_names_no_publisher() -> None:
    """Who joined must be said."""
    with pytest.raises(Unreadable):
        jm.publisher_id(said(janus="event", plugindata={"data": {"videoroom": "event"}}))


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"janus": 1}', "not json"])
def test_what_is_no_message_is_refused(text: str) -> None:
    """Anything else than an object that says what it is cannot be read."""
    with pytest.raises(Unreadable):
        jm.decode(text)


def test_the_admin_api_says_how_much_was_sent_and_how() -> None:
    """Packets of all media of a connection are summed, and the profile is named."""
    media = {"0": {"stats": {"out": {"packets": 3}}}, "1": {"stats": {"out": {"packets": 4}}}}
    webrtc = {"dtls": {"srtp-profile": "SRTP_AEAD_AES_128_GCM"}, "media": media}
    info = said(janus="success", info={"webrtc": webrtc, "loop-running": True}).info

    assert info is not None
    assert info.packets_out == 7
    assert info.srtp_profile == "SRTP_AEAD_AES_128_GCM"
