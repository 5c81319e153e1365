"""The number plan: what a person writes leads where the operator lets it, and nowhere else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signalling.gateways.interface import Line
from signalling.gateways.sip.plan import NumberPlan, Trunk
from signalling.gateways.sip.values import Uri

MAIN = Trunk(
    name="main",
    proxy=Uri("sips", "sbc.example"),
    domain="trunk.example",
    prefixes=("+472", "+474", "+479", "+46"),
    domains=("hospital.example",),
)
MOBILE = Trunk(name="mobile", proxy=Uri("sip", "mobile.example"), domain="mobile.example", prefixes=("+4790",))
PLAN = NumberPlan(domains=("ward.example", "192.0.2.7"), trunks=(MAIN, MOBILE), country_code="47")


@pytest.mark.parametrize(
    "written",
    ["+4722334455", "22 33 44 55", "22.33.44.55", "004722334455", "tel:+47-22-33-44-55", " (22) 33 44 55 "],
)
def test_a_number_is_one_however_it_is_written(written: str) -> None:
    """With or without the country's code, with the signs that people put between digits."""
    route = PLAN.route(written)
    assert route is not None
    assert str(route.uri) == "sip:+4722334455@trunk.example;user=phone"
    assert (route.line, route.trunk) == (Line.TELEPHONE, MAIN)


def test_the_longest_prefix_says_by_which_trunk() -> None:
    """And no prefix, by none."""
    for number, trunk in (("90112233", MOBILE), ("91112233", MAIN), ("+46812345678", MAIN)):
        route = PLAN.route(number)
        assert route is not None
        assert route.trunk is trunk


@pytest.mark.parametrize(
    "written",
    [
        *("", "+", "22", "113", "112", "+47113", "0047112", "02800", "82012345", "+4782012345", "+15551234567"),
        *("2233445x", "+4722334455667788", "tel:", "tel:113", "++4722334455", "\u0662\u0662334455", "x" * 300),
        *("anna", "anna@", "@ward.example", "anna@ward.example.evil", "anna@evil.example", "anna@trunk.example"),
        *("+4782012345@trunk.example", "sip:ward.example", "sip:anna@ward.example;maddr=192.0.2.1"),
        *("sip:anna:secret@ward.example", "sip:anna@ward.example?Replaces=x", "http://anna@ward.example"),
        *("anna@ward.example@evil.example", "anna@ward.example\r\nX: y", "anna@ward.example, bob@ward.example"),
    ],
)
def test_what_the_operator_did_not_allow_leads_nowhere(written: str) -> None:
    """Short numbers, premium ones, other countries, other domains, and addresses that say how to get there."""
    assert PLAN.route(written) is None


@pytest.mark.parametrize("written", ["anna@ward.example", "sip:anna@WARD.example", "sips:anna@ward.example"])
def test_an_address_of_a_domain_of_ours_is_called_where_it_leads(written: str) -> None:
    """Without a trunk."""
    route = PLAN.route(written)
    assert route is not None
    assert (route.line, route.trunk) == (Line.SIP, None)


def test_a_trunk_leads_to_domains_too() -> None:
    """As where a hospital's systems are behind its border controller."""
    route = PLAN.route("47110815@hospital.example")
    assert route is not None
    assert (route.line, route.trunk, route.uri.user) == (Line.SIP, MAIN, "47110815")


def test_without_a_country_code_numbers_need_one() -> None:
    """There is no guessing where a number is at home."""
    plan = NumberPlan(trunks=(MAIN,))
    assert plan.route("22334455") is None
    assert plan.route("+4722334455") is not None
    assert not NumberPlan(country_code="47")
    assert NumberPlan().route("+4722334455") is None


@given(st.text(max_size=60))
def test_whatever_is_written_only_allowed_ones_are_called(written: str) -> None:
    """Any text gives a way that the plan has, or none."""
    for text in (written, f"sip:{written}@ward.example", f"+472{written}", f"anna@{written}"):
        route = PLAN.route(text)
        if route is None:
            continue
        if route.line is Line.TELEPHONE:
            assert route.trunk is not None
            assert route.uri.user_text.startswith(route.trunk.prefixes)
            assert route.uri.host == route.trunk.domain
        else:
            assert route.uri.host.lower() in {*PLAN.domains, *MAIN.domains}
        assert "\r" not in str(route.uri)
        assert "\n" not in str(route.uri)
