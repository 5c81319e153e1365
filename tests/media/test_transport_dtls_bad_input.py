"""DTLS against wrong certificates, strangers' bytes and silence."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from media.transport import DtlsClient, DtlsError, DtlsServer
from media.transport.dtls import HANDSHAKE_SECONDS, MAX_RECEIVED_BYTES, MAX_RESTARTS
from tests.media.transport_network import Network, Weather, certificate, client_and_server, named

OTHER = [("sha-256", ":".join(["AB"] * 32))]


def _record(body: bytes, kind: int = 22, epoch: int = 0, number: int = 0) -> bytes:
    return bytes([kind, 0xFE, 0xFD]) + epoch.to_bytes(2) + number.to_bytes(6) + len(body).to_bytes(2) + body


def test_the_bridge_refuses_a_certificate_that_was_not_signalled() -> None:
    """With another fingerprint in the offer, the server gives no keys and its alert ends the client too."""
    client, server = client_and_server(server_expects=OTHER)
    Network(client, server, Weather(), 0).run()
    assert server.result is None
    assert server.error is not None
    assert server.error.code == "dtls_fingerprint"
    assert client.result is None
    assert client.error is not None


def test_a_client_refuses_a_certificate_that_was_not_signalled() -> None:
    """The check is the same in the client's role."""
    client, server = client_and_server(client_expects=OTHER)
    Network(client, server, Weather(), 0).run()
    assert client.result is None
    assert client.error is not None
    assert client.error.code == "dtls_fingerprint"
    assert server.result is None


def test_the_strongest_named_hash_decides() -> None:
    """A right sha-256 does not help when the sha-512 beside it is wrong."""
    client, server = client_and_server(server_expects=[*named("client"), ("sha-512", ":".join(["00"] * 64))])
    Network(client, server, Weather(), 0).run()
    assert server.error is not None
    assert server.error.code == "dtls_fingerprint"


@pytest.mark.parametrize(
    "fingerprints",
    [[], [("sha-1", ":".join(["00"] * 20))], [("sha-256", "AB:CD")], [("sha-256", "not hex")], [("", "")]],
)
def test_unusable_fingerprints_are_refused_before_any_datagram(fingerprints: list[tuple[str, str]]) -> None:
    """Without one well-formed fingerprint of a known hash there is no association at all."""
    with pytest.raises(DtlsError) as refused:
        DtlsServer(certificate("server"), fingerprints, 0.0)
    assert refused.value.code == "fingerprint_invalid"


def test_peers_without_a_common_profile_get_no_keys() -> None:
    """A server that has only AES-CM and a client that has only GCM end without keys on either side."""
    server = DtlsServer(certificate("server"), named("client"), 0.0, profiles=("AES_CM_128_HMAC_SHA1_80",))
    client = DtlsClient(certificate("client"), named("server"), 0.0, profiles=("AEAD_AES_256_GCM",))
    Network(client, server, Weather(), 0).run()
    assert server.result is None
    assert client.result is None
    assert server.error is not None
    assert server.error.code in ("dtls_no_srtp", "dtls_handshake")


@given(st.lists(st.binary(max_size=200), max_size=8))
@settings(max_examples=60, deadline=None)
def test_garbage_before_the_handshake_is_counted_and_changes_nothing(garbage: list[bytes]) -> None:
    """Any bytes that are no DTLS record are counted as malformed, and a client gets its keys afterwards."""
    client, server = client_and_server()
    for data in garbage:
        server.handle_datagram(b"\x80" + data, 0.0)
    assert server.stats.malformed == len(garbage)
    assert server.datagrams_to_send() == []
    Network(client, server, Weather(), 0).run()
    assert server.result is not None
    assert client.result is not None


@given(
    st.binary(max_size=120),
    st.sampled_from([20, 21, 22, 23]),
    st.integers(0, 3),
    st.integers(0, 2**48 - 1),
    st.integers(0, 3),
)
@settings(max_examples=150, deadline=None)
def test_wellformed_records_of_any_content_never_raise(
    body: bytes, kind: int, epoch: int, number: int, stage: int
) -> None:
    """At any stage of a handshake a record with any content leaves both ends with keys or with an error."""
    client, server = client_and_server()
    ends = (client, server)
    for step in range(6):
        sender, receiver = ends[step % 2], ends[1 - step % 2]
        if step == stage:
            for end in ends:
                end.handle_datagram(_record(body, kind, epoch, number), 0.0)
        for datagram in sender.datagrams_to_send():
            receiver.handle_datagram(datagram, 0.0)
    for end in ends:
        assert end.stats.received > 0
        assert end.error is None or end.error.code.startswith("dtls_")


def test_a_spoilt_start_does_not_stop_the_real_client() -> None:
    """A ClientHello of nonsense from a stranger makes the server start afresh, silently."""
    client, server = client_and_server()
    nonsense = bytes([1]) + (20).to_bytes(3) + bytes(2) + bytes(3) + (20).to_bytes(3) + b"\xff" * 20
    server.handle_datagram(_record(nonsense), 0.0)
    assert server.stats.restarts == 1
    assert server.datagrams_to_send() == []
    Network(client, server, Weather(), 0).run()
    assert server.result is not None
    assert client.result is not None
    assert server.result.local == client.result.remote


def test_fresh_starts_are_limited() -> None:
    """After a few spoilt starts the server gives up with dtls_handshake."""
    _, server = client_and_server()
    nonsense = bytes([1]) + (20).to_bytes(3) + bytes(2) + bytes(3) + (20).to_bytes(3) + b"\xff" * 20
    for _ in range(MAX_RESTARTS + 1):
        server.handle_datagram(_record(nonsense), 0.0)
    assert server.error is not None
    assert server.error.code == "dtls_handshake"
    server.handle_datagram(_record(nonsense), 0.0)
    assert server.stats.ignored == 1


@pytest.mark.parametrize("seed", range(60))
def test_cut_and_flipped_handshake_datagrams_never_raise(seed: int) -> None:
    """Each real datagram, delivered once damaged and once whole, does no worse than an orderly error."""
    chance = random.Random(
        seed
    )  # not Hypothesis: sizes of flights vary with the keys, so draws could not be replayed
    client, server = client_and_server()
    ends = (client, server)
    for step in range(6):
        sender, receiver = ends[step % 2], ends[1 - step % 2]
        for datagram in sender.datagrams_to_send():
            at = chance.randrange(len(datagram))
            flipped = bytes([datagram[at] ^ chance.randint(1, 255)])
            damaged = datagram[:at] + flipped + datagram[at + 1 : chance.choice([None, at + 1])]
            receiver.handle_datagram(damaged, 0.0)
            receiver.handle_datagram(datagram, 0.0)
    for end in ends:
        assert end.error is None or end.error.code.startswith("dtls_")


def test_oversized_and_empty_datagrams_are_malformed() -> None:
    """A datagram larger than any DTLS record, and an empty one, are counted and nothing else."""
    _, server = client_and_server()
    server.handle_datagram(_record(bytes(MAX_RECEIVED_BYTES)), 0.0)
    server.handle_datagram(b"", 0.0)
    assert server.stats.malformed == 2
    assert server.next_timeout(0.0) is None


def test_silence_ends_in_a_timeout() -> None:
    """A client whose peer never answers has the error dtls_timeout when its time is up, and no timer left."""
    client, _ = client_and_server()
    due = client.next_timeout(0.0)
    assert due is not None
    assert due < HANDSHAKE_SECONDS
    client.handle_timeout(HANDSHAKE_SECONDS)
    assert client.error is not None
    assert client.error.code == "dtls_timeout"
    assert client.next_timeout(HANDSHAKE_SECONDS) is None


def test_uncollected_datagrams_do_not_pile_up() -> None:
    """A peer that repeats its last flight for ever fills a bounded queue; the rest is counted."""
    client, server = client_and_server()
    for datagram in client.datagrams_to_send():
        server.handle_datagram(datagram, 0.0)
    for datagram in server.datagrams_to_send():
        client.handle_datagram(datagram, 0.0)
    last = client.datagrams_to_send()
    for _ in range(200):
        for datagram in last:
            server.handle_datagram(datagram, 0.0)
    assert server.result is not None
    assert server.stats.unsent > 0
    assert len(server.datagrams_to_send()) <= 64
