"""Calls in and out by leave of a gatekeeper, through the gateway and its sockets."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from signalling.gateways.conformance import NUMBER, HostDouble, VisitDouble, serving
from signalling.gateways.h323.io.gateway import H323Gateway
from signalling.gateways.h323.options import Options, read
from signalling.gateways.h323.plan import NumberPlan, Route
from signalling.gateways.interface import Ending, GatewayError, SettingsError
from tests.gateways.h323.test_conformance import OURS
from tests.support.h323_caller import Terminal, terminal
from tests.support.h323_gatekeeper import ENDPOINT, GatekeeperDouble, gatekeeper
from tests.support.h323_values import HOST, PCMU


@pytest.fixture
async def keeper() -> AsyncIterator[GatekeeperDouble]:
    """The gatekeeper."""
    async with gatekeeper() as made:
        yield made


@pytest.fixture
async def peer(keeper: GatekeeperDouble) -> AsyncIterator[Terminal]:
    """Somebody whom it knows."""
    async with terminal(sound=PCMU) as made:
        keeper.leads_to = made.port
        yield made


@pytest.fixture
def host() -> HostDouble:
    """The bridge."""
    return HostDouble(ours=OURS.format(1))


@pytest.fixture
async def gateway(keeper: GatekeeperDouble, host: HostDouble) -> AsyncIterator[H323Gateway]:
    """Registered."""
    options = Options(
        port=0,
        gatekeeper=(HOST, keeper.port),
        gatekeeper_here=0,
        name="bridge",
        numbers=("1001",),
        prefix="88",
        plan=NumberPlan(hosts=(HOST,), names=("ward",)),
    )
    made = H323Gateway(host, options)
    async with serving(made):
        asked = await keeper.hears("registrationRequest")
        assert asked["terminalAlias"] == [("h323-ID", "bridge"), ("dialledDigits", "1001")]
        ((_, protocol),) = asked["terminalType"]["gateway"]["protocol"]
        assert protocol["supportedPrefixes"] == [{"prefix": ("dialledDigits", "88")}]
        async with asyncio.timeout(10):
            while made.health().trouble:  # noqa: ASYNC110 - its health has no event
                await asyncio.sleep(0)
        yield made
    assert (await keeper.hears("unregistrationRequest"))["endpointIdentifier"] == ENDPOINT
    assert made.health().calls == 0


async def test_a_call_comes_with_its_leave(
    gateway: H323Gateway, keeper: GatekeeperDouble, host: HostDouble, peer: Terminal
) -> None:
    """And its end is told."""
    talk = await peer.dial(gateway.port, f"88{NUMBER}")
    asked = await keeper.hears("admissionRequest")
    assert (asked["answerCall"], asked["destinationInfo"]) == (True, [("dialledDigits", f"88{NUMBER}")])
    assert asked["callIdentifier"]["guid"] == talk.guid
    visit, _ = await host.next()
    await talk.hears("connect")
    talk.hang_up()
    await visit.hears("ended")
    ended = await keeper.hears("disengageRequest")
    assert (ended["answeredCall"], ended["callIdentifier"]["guid"]) == (True, talk.guid)


async def test_two_calls_with_one_identifier_are_one_and_a_refused_one(
    gateway: H323Gateway, keeper: GatekeeperDouble, host: HostDouble, peer: Terminal
) -> None:
    """Also when they come at once; the first goes on."""
    same = {"callIdentifier": {"guid": bytes(range(16))}}
    first = await peer.dial(gateway.port, NUMBER, **same)
    second = await peer.dial(gateway.port, NUMBER, **same)
    await first.hears("connect")
    assert (await second.hears("releaseComplete"))["reason"] == ("noPermission", 0)
    assert len(host.visits) == 1
    first.hang_up()
    await keeper.hears("disengageRequest")


async def test_a_call_without_its_leave_is_turned_down(
    gateway: H323Gateway, keeper: GatekeeperDouble, host: HostDouble, peer: Terminal
) -> None:
    """Nobody in the bridge hears of it."""
    keeper.refuses = "requestDenied"
    talk = await peer.dial(gateway.port, NUMBER)
    released = await talk.hears("releaseComplete")
    assert released["reason"] == ("noPermission", 0)
    assert (host.visits, host.counts) == ([], ["not_admitted"])


async def test_whom_it_knows_is_called_where_it_says(
    gateway: H323Gateway, keeper: GatekeeperDouble, peer: Terminal
) -> None:
    """Until it ends the call itself."""
    visit = VisitDouble(ours=OURS.format(1))
    gateway.dial("ward", visit)
    asked = await keeper.hears("admissionRequest")
    assert (asked["answerCall"], asked["destinationInfo"]) == (False, [("h323-ID", "ward")])
    async with asyncio.timeout(10):
        talk = await peer.incoming.get()
    setup = await talk.hears("setup")
    assert (setup["endpointIdentifier"], setup["destinationAddress"]) == (ENDPOINT, [("h323-ID", "ward")])
    await peer.accept(talk)
    await visit.hears("established")
    keeper.say(
        "disengageRequest",
        requestSeqNum=7,
        endpointIdentifier=ENDPOINT,
        conferenceID=asked["conferenceID"],
        callReferenceValue=asked["callReferenceValue"],
        callIdentifier=asked["callIdentifier"],
        disengageReason=("forcedDrop", 0),
    )
    await keeper.hears("disengageConfirm")
    await visit.hears("ended")
    await talk.hears("ended")
    assert keeper.asked == [] or "disengageRequest" not in dict(keeper.asked)


async def test_whom_it_does_not_know_is_missed(gateway: H323Gateway, keeper: GatekeeperDouble) -> None:
    """Also one whose address we have: it decides."""
    keeper.refuses = "calledPartyNotRegistered"
    for address in ("ward", f"someone@{HOST}"):
        visit = VisitDouble()
        gateway.dial(address, visit)
        await visit.hears("missed unreachable")
        assert visit.told == ["missed unreachable"]


async def test_a_call_is_given_up_while_it_is_asked_for(gateway: H323Gateway, keeper: GatekeeperDouble) -> None:
    """Nothing goes out for it, and its leave is given back."""
    visit = VisitDouble()
    ours = gateway.dial("ward", visit)
    await asyncio.sleep(0)
    ours.hang_up(Ending.REMOVED)
    guid = (await keeper.hears("admissionRequest"))["callIdentifier"]
    assert (await keeper.hears("disengageRequest"))["callIdentifier"] == guid
    assert visit.told == []


async def test_who_is_not_registered_calls_nobody_by_name(host: HostDouble) -> None:
    """Since nobody says where they are."""
    async with gatekeeper() as silent:
        pass
    options = Options(port=0, gatekeeper=(HOST, silent.port), gatekeeper_here=0, plan=NumberPlan(names=("ward",)))
    made = H323Gateway(host, options)
    async with serving(made):
        assert made.health().trouble == "not_registered"
        visit = VisitDouble()
        made.dial("ward", visit)
        await visit.hears("missed unreachable")
        with pytest.raises(GatewayError):
            made.dial("ward8", visit)


def test_what_the_operator_writes(tmp_path: Path) -> None:
    """Is what the gateway goes by; the password is in a file of its own, and in no text."""
    password = tmp_path / "password"
    password.write_text("correct horse\n")
    settings = {"gatekeeper": "192.0.2.9", "gatekeeper_local_port": 0, "gatekeeper_password_file": str(password)}
    options = read(settings)
    assert options.gatekeeper_password.split() == ["correct", "horse"]
    assert (options.gatekeeper, options.gatekeeper_here) == (("192.0.2.9", 1719), 0)
    assert "horse" not in repr(options)
    for bad, word in (
        ({"gatekeeper_password_file": 1}, "gatekeeper_password_file"),
        ({"gatekeeper_password_file": "/nowhere/at/all"}, "gatekeeper_password_file"),
        ({"gatekeeper": "gk.example"}, "gatekeeper"),
        ({"prot": 1720}, "prot"),
        ({"port": True}, "port"),
        ({"first_control_port": 5000, "last_control_port": 4000}, "last_control_port"),
        ({"last_control_port": 4000}, "last_control_port"),
        ({"name": ""}, "name"),
        ({"prefix": "+47"}, "prefix"),
        ({"numbers": ["ward"]}, "numbers"),
        ({"dial_prefixes": ["ward"]}, "dial_prefixes"),
        ({"dial_prefixes": ["60"]}, "gatekeeper"),
        ({"dial_names": ["ward7"]}, "gatekeeper"),
        ({"country_code": "+47"}, "country_code"),
    ):
        with pytest.raises(SettingsError, match=word):
            read(bad)


@pytest.mark.parametrize(
    ("address", "name", "host", "port"),
    [
        ("ward7@rooms.example", "ward7", "rooms.example", 1720),
        ("h323:ward7@Rooms.example:1730", "ward7", "rooms.example", 1730),
        ("192.0.2.7", "", "192.0.2.7", 1720),
        ("[2001:db8::7]:1721", "", "2001:db8::7", 1721),
        ("ward 7", "ward 7", "", 1720),
        ("22 33 44 55", "+4722334455", "", 1720),
        ("60123", "60123", "", 1720),
    ],
)
def test_who_may_be_called(address: str, name: str, host: str, port: int) -> None:
    """By address, and by name and number where there is a gatekeeper."""
    hosts = ["rooms.example", "192.0.2.7", "[2001:db8::7]"]
    plan = {"dial_hosts": hosts, "dial_prefixes": ["+472", "60"], "dial_names": ["ward 7"], "country_code": "47"}
    route = read({"gatekeeper": "192.0.2.9", **plan}).plan.route(address)
    assert route == Route(name, host, port)
    assert route is not None
    assert not name or name not in repr(route)


@pytest.mark.parametrize(
    "address",
    [
        *("", "ward7@elsewhere.example", "192.0.2.8", "ward@7@192.0.2.7", "192.0.2.7:0", "192.0.2.7:99999"),
        *("113", "601", "99 88 77 66", "ward 8", "x" * 300, "ward7@192.0.2.7;x=y", "sip:ward7@192.0.2.7"),
    ],
)
def test_who_may_not_be_called(address: str) -> None:
    """Everybody else, and no number that is short enough for an emergency service."""
    plan = {"dial_hosts": ["192.0.2.7"], "dial_prefixes": ["+472", "60", "1"], "country_code": "47"}
    assert read({"gatekeeper": "192.0.2.9", **plan}).plan.route(address) is None
    assert not read({}).plan
