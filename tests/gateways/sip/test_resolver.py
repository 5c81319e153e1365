"""Where URIs lead (RFC 3263), by records that a test makes up."""

import random
from collections import Counter
from dataclasses import dataclass, field

import pytest

from signalling.gateways.sip.io.resolver import MAX_FLOWS, DnsLookup, Pointer, Target, order, resolve
from signalling.gateways.sip.values import Uri

ALL = ("UDP", "TCP", "TLS")


@dataclass
class Records:
    """A name service, and what it was asked."""

    naptr: dict[str, list[Pointer]] = field(default_factory=dict)
    srv: dict[str, list[Target]] = field(default_factory=dict)
    hosts: dict[str, list[str]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    async def pointers(self, name: str) -> list[Pointer]:
        """NAPTR."""
        self.asked.append(name)
        return self.naptr.get(name, [])

    async def targets(self, name: str) -> list[Target]:
        """SRV."""
        self.asked.append(name)
        return self.srv.get(name, [])

    async def addresses(self, name: str) -> list[str]:
        """A and AAAA."""
        self.asked.append(name)
        return self.hosts.get(name, [])


async def _ways(text: str, records: Records, available: tuple[str, ...] = ALL) -> list[tuple[str, str, int]]:
    flows = await resolve(Uri.parse(text), records, available, random.Random(1))
    assert all(flow.name == Uri.parse(text).host for flow in flows)
    return [(flow.transport, flow.host, flow.port) for flow in flows]


@pytest.mark.parametrize(
    ("text", "ways"),
    [
        ("sip:a@192.0.2.1", [("UDP", "192.0.2.1", 5060)]),
        ("sip:a@192.0.2.1:5080;transport=tcp", [("TCP", "192.0.2.1", 5080)]),
        ("sip:a@[2001:db8::1]", [("UDP", "2001:db8::1", 5060)]),
        ("sips:a@192.0.2.1", [("TLS", "192.0.2.1", 5061)]),
        ("sip:a@192.0.2.1;transport=tls", [("TLS", "192.0.2.1", 5061)]),
        ("sip:a@192.0.2.1;transport=sctp", []),
        ("sips:a@192.0.2.1;transport=udp", []),
        ("tel:+4755512345", []),
    ],
)
async def test_addresses_need_no_look_up(text: str, ways: list[tuple[str, str, int]]) -> None:
    """Section 4.1; what we cannot speak leads nowhere."""
    records = Records()
    assert await _ways(text, records) == ways
    assert records.asked == []


async def test_a_port_means_that_host() -> None:
    """Section 4.2: with a port only A and AAAA count."""
    records = Records(hosts={"h.example": ["192.0.2.1", "2001:db8::1"]})
    assert await _ways("sip:a@h.example:5080", records) == [
        ("UDP", "192.0.2.1", 5080),
        ("UDP", "2001:db8::1", 5080),
    ]
    assert records.asked == ["h.example"]


async def test_records_lead_from_service_to_host() -> None:
    """NAPTR in its order, SRV by priority; the name to check stays the URI's."""
    records = Records(
        naptr={
            "d.example": [
                Pointer(20, 1, "SIP+D2U", "_sip._udp.d.example"),
                Pointer(10, 2, "SIP+D2T", "_sip._tcp.d.example"),
                Pointer(10, 1, "SIPS+D2T", "_sips._tcp.d.example"),
                Pointer(1, 1, "E2U+sip", "x.example"),
            ]
        },
        srv={
            "_sips._tcp.d.example": [Target(2, 1, 5061, "b.example"), Target(1, 1, 5071, "a.example")],
            "_sip._udp.d.example": [Target(1, 1, 5060, "a.example")],
        },
        hosts={"a.example": ["192.0.2.1"], "b.example": ["192.0.2.2"]},
    )
    assert await _ways("sip:r@d.example", records) == [
        ("TLS", "192.0.2.1", 5071),
        ("TLS", "192.0.2.2", 5061),
        ("UDP", "192.0.2.1", 5060),
    ]
    assert await _ways("sip:r@d.example", records, ("UDP",)) == [("UDP", "192.0.2.1", 5060)]
    assert await _ways("sips:r@d.example", records) == [("TLS", "192.0.2.1", 5071), ("TLS", "192.0.2.2", 5061)]


async def test_without_any_record_the_host_itself_is_asked() -> None:
    """Section 4.2, with the default transport and port; a sips URI stays on TLS."""
    records = Records(hosts={"d.example": ["192.0.2.1"]})
    assert await _ways("sip:r@d.example.", records) == [("UDP", "192.0.2.1", 5060)]
    assert await _ways("sips:r@d.example", records) == [("TLS", "192.0.2.1", 5061)]
    assert await _ways("sips:r@d.example", records, ("UDP", "TCP")) == []
    assert await _ways("sip:r@nowhere.example", records) == []


async def test_there_are_not_more_ways_than_allowed() -> None:
    """A name with a thousand addresses is tried at some of them."""
    records = Records(hosts={"d.example": [f"192.0.2.{n}" for n in range(1, 200)]})
    assert len(await _ways("sip:r@d.example", records)) == MAX_FLOWS


def test_weight_is_a_share_of_the_calls() -> None:
    """RFC 2782: within a priority by weight, one without weight rarely, another priority later."""
    rng = random.Random(4)
    targets = [Target(1, 75, 1, "a"), Target(1, 25, 1, "b"), Target(1, 0, 1, "c"), Target(0, 0, 1, "first")]
    seconds = Counter(order(targets, rng)[1].host for _ in range(2000))
    assert all(order(targets, rng)[0].host == "first" for _ in range(20))
    assert 1400 < seconds["a"] < 1600
    assert 400 < seconds["b"] < 600


async def test_a_name_service_that_does_not_answer_gives_nothing() -> None:
    """The real look-up against a closed port: no exception."""
    lookup = DnsLookup(0.2)
    lookup._resolver.nameservers = ["127.0.0.1"]
    lookup._resolver.port = 9
    assert await lookup.pointers("d.example") == []
    assert await lookup.targets("_sip._udp.d.example") == []
    assert await lookup.addresses("d.example") == []
