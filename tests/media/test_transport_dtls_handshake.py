"""DTLS-SRTP handshakes between our two ends: keys, profiles, recovery from loss."""

import random
import struct
import time
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives import hashes
from pylibsrtp import Policy, Session

from media.transport import DtlsClient, DtlsServer, SrtpKeys, SrtpProfile
from media.transport.dtls import PROFILES, RESEND_AFTER
from tests.media.transport_network import BORN, Network, Weather, certificate, client_and_server, named

LIBSRTP = {
    "AEAD_AES_128_GCM": Policy.SRTP_PROFILE_AEAD_AES_128_GCM,
    "AEAD_AES_256_GCM": Policy.SRTP_PROFILE_AEAD_AES_256_GCM,
    "AES_CM_128_HMAC_SHA1_80": Policy.SRTP_PROFILE_AES128_CM_SHA1_80,
}


def _keys(end: DtlsClient | DtlsServer) -> SrtpKeys:
    assert end.error is None
    assert end.result is not None
    return end.result


def _session(keys: SrtpKeys, *, inbound: bool) -> Session:
    return Session(
        Policy(
            key=keys.remote if inbound else keys.local,
            ssrc_type=Policy.SSRC_ANY_INBOUND if inbound else Policy.SSRC_ANY_OUTBOUND,
            srtp_profile=LIBSRTP[keys.profile],
        )
    )


@pytest.mark.parametrize("profile", list(PROFILES))
def test_keys_agree_crosswise_for_each_profile(profile: SrtpProfile) -> None:
    """What one end protects with its local key, libsrtp unprotects with the other end's remote key."""
    client, server = client_and_server((profile,))
    Network(client, server, Weather(), 0).run()
    for sender, receiver in ((client, server), (server, client)):
        assert _keys(sender).profile == _keys(receiver).profile == profile
        packet = struct.pack("!BBHII", 0x80, 96, 7, 1234, 0xCAFE) + random.Random(1).randbytes(200)
        protected = _session(_keys(sender), inbound=False).protect(packet)
        assert protected[12:212] != packet[12:]
        assert _session(_keys(receiver), inbound=True).unprotect(protected) == packet


def test_the_two_directions_have_different_keys() -> None:
    """Local and remote keys differ, and each is the other end's opposite."""
    client, server = client_and_server()
    Network(client, server, Weather(), 0).run()
    assert _keys(client).local == _keys(server).remote != _keys(client).remote == _keys(server).local


def test_the_bridge_picks_its_own_favourite_profile() -> None:
    """A client that prefers AES-CM gets AEAD_AES_128_GCM all the same if it offers it."""
    client, server = client_and_server(("AES_CM_128_HMAC_SHA1_80", "AEAD_AES_256_GCM", "AEAD_AES_128_GCM"))
    Network(client, server, Weather(), 0).run()
    assert _keys(server).profile == "AEAD_AES_128_GCM"
    client, server = client_and_server(("AES_CM_128_HMAC_SHA1_80", "AEAD_AES_256_GCM"))
    Network(client, server, Weather(), 0).run()
    assert _keys(server).profile == "AEAD_AES_256_GCM"


@pytest.mark.parametrize("seed", range(40))
def test_a_handshake_survives_loss_doubling_and_reordering(seed: int) -> None:
    """With one datagram in five lost and others doubled or late, both ends agree within three seconds."""
    client, server = client_and_server()
    network = Network(client, server, Weather(lose=0.2, double=0.3, delay=0.5), seed)
    network.run(until=3.0)
    assert _keys(client).local == _keys(server).remote
    assert _keys(client).remote == _keys(server).local


@pytest.mark.parametrize("lost", range(4))
def test_each_lost_flight_is_sent_again_within_a_tenth_of_a_second(lost: int) -> None:
    """Whichever of the four flights is lost once, the handshake ends well before a second has passed."""
    client, server = client_and_server()
    ends = (client, server)
    now = 0.0
    for flight in range(12):
        sender, receiver = ends[flight % 2], ends[1 - flight % 2]
        datagrams = sender.datagrams_to_send()
        if flight == lost:
            assert datagrams
            continue
        for datagram in datagrams:
            receiver.handle_datagram(datagram, now)
        if not datagrams:
            now += RESEND_AFTER[0]
            client.handle_timeout(now)
            server.handle_timeout(now)
    assert _keys(client).local == _keys(server).remote
    assert now < 1.0
    assert client.stats.resent_flights + server.stats.resent_flights >= 1


def test_openssl_s_own_clock_is_the_backstop() -> None:
    """When all early resends are lost, OpenSSL's timer on the real clock still sends the flight."""
    client, server = client_and_server()
    client.datagrams_to_send()
    now = 0.0
    for pause in RESEND_AFTER:
        now += pause
        client.handle_timeout(now)
        assert client.datagrams_to_send()
    due = client.next_timeout(now)
    assert due is not None
    assert now < due <= now + 1.0
    began = time.monotonic()
    while not (again := client.datagrams_to_send()):
        time.sleep(0.01)  # nothing but real time moves this timer
        client.handle_timeout(now)
        assert time.monotonic() < began + 10
    for datagram in again:
        server.handle_datagram(datagram, now)
    Network(client, server, Weather(), 0).run(until=5.0)
    assert _keys(client).local == _keys(server).remote


def test_datagrams_keep_record_borders_and_fit_the_path() -> None:
    """No datagram is larger than 1200 bytes, though the server's flight holds several records."""
    client, server = client_and_server()
    network = Network(client, server, Weather(), 0)
    network.run()
    assert max(network.sizes) <= 1200
    assert len(network.sizes) == 4


def test_nobody_keeps_sending_after_the_handshake() -> None:
    """Doubled last flights do not set the two ends to answering each other for ever."""
    client, server = client_and_server()
    network = Network(client, server, Weather(double=1.0), 3)
    network.run()
    assert _keys(client).local == _keys(server).remote
    assert len(network.sizes) < 40
    assert client.next_timeout(network.now) is None
    assert server.next_timeout(network.now) is None


def test_every_hash_function_of_signalling_is_checked() -> None:
    """sha-384 and sha-512 fingerprints are accepted as well as sha-256, in either case of letters."""
    for name, algorithm in (("SHA-384", hashes.SHA384()), ("sha-512", hashes.SHA512())):
        digest = certificate("client").certificate.fingerprint(algorithm).hex(":")
        client, server = client_and_server(server_expects=[("sha-1", "00"), (name, digest)])
        Network(client, server, Weather(), 0).run()
        assert _keys(server).local == _keys(client).remote


def test_certificates_are_short_lived_and_anonymous() -> None:
    """A certificate ends 30 days after it was made, and two of them share no name and no key."""
    first, second = certificate("client"), certificate("server")
    assert first.expires == BORN + timedelta(days=30)
    assert first.certificate.subject != second.certificate.subject
    assert first.fingerprint != second.fingerprint
    assert len(first.fingerprint) == 95


def test_secrets_stay_out_of_texts() -> None:
    """The repr of keys names the profile and shows no byte of them."""
    client, server = client_and_server()
    Network(client, server, Weather(), 0).run()
    assert repr(_keys(server)) == "SrtpKeys(profile='AEAD_AES_128_GCM')"


def test_closing_tells_the_peer() -> None:
    """After close() on one end, the other has the error dtls_closed and keeps its keys."""
    client, server = client_and_server()
    network = Network(client, server, Weather(), 0)
    network.run()
    client.close()
    for datagram in client.datagrams_to_send():
        server.handle_datagram(datagram, network.now)
    assert server.error is not None
    assert server.error.code == "dtls_closed"
    assert server.result is not None


def test_several_certificates_may_be_named() -> None:
    """Named twice, a fingerprint still matches; two certificates may be named, of which one is used."""
    client, server = client_and_server(server_expects=[*named("client"), *named("server"), *named("client")])
    Network(client, server, Weather(), 0).run()
    assert _keys(server).local == _keys(client).remote
