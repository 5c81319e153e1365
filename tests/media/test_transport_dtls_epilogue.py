"""After the handshake our ends work without OpenSSL: held against one that OpenSSL keeps whole."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from OpenSSL import SSL

from media.transport import DtlsClient, DtlsServer
from media.transport.dtls import DtlsAssociation
from tests.media.transport_network import Network, Weather, certificate, client_and_server, named

CIPHERS = (
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    "ECDHE-ECDSA-CHACHA20-POLY1305",
)
DTLS_1_2 = 0xFEFD


class OpenSslPeer:
    """An end of OpenSSL alone, with the one cipher suite that it is given."""

    def __init__(self, other: DtlsAssociation, cipher: str) -> None:
        self._other = other
        context = SSL.Context(SSL.DTLS_METHOD)
        context.set_min_proto_version(DTLS_1_2)
        context.set_max_proto_version(DTLS_1_2)
        context.set_options(SSL.OP_NO_QUERY_MTU)
        context.set_cipher_list(cipher.encode())
        context.set_verify(SSL.VERIFY_PEER, lambda *_: True)
        name = "client" if isinstance(other, DtlsServer) else "server"
        context.use_certificate(certificate(name).certificate)
        context.use_privatekey(certificate(name).key)
        context.set_tlsext_use_srtp(b"SRTP_AEAD_AES_128_GCM")
        self.ssl = SSL.Connection(context, None)
        self.ssl.set_ciphertext_mtu(1200)
        if name == "client":
            self.ssl.set_connect_state()
        else:
            self.ssl.set_accept_state()
        self.sent: list[bytes] = []

    def shake_hands(self) -> None:
        """Complete the handshake."""
        for _ in range(4):
            for datagram in self._other.datagrams_to_send():
                self.ssl.bio_write(datagram)
            try:
                self.ssl.do_handshake()
            except SSL.WantReadError:
                self.deliver()
                continue
            self.deliver()
        assert self._other.result is not None
        assert self.ssl.get_finished()

    def deliver(self) -> None:
        """Hand over what OpenSSL wrote since."""
        try:
            while True:
                self.sent.append(self.ssl.bio_read(65_536))
                self._other.handle_datagram(self.sent[-1], 0.0)
        except SSL.WantReadError:
            pass

    def hears(self) -> None:
        """Read what the other end has sent; raises what OpenSSL makes of it."""
        for datagram in self._other.datagrams_to_send():
            self.ssl.bio_write(datagram)
        self.ssl.recv(1_000)


def _connected(cipher: str, *, to_server: bool) -> tuple[DtlsAssociation, OpenSslPeer]:
    ours = (
        DtlsServer(certificate("server"), named("client"), 0.0)
        if to_server
        else DtlsClient(certificate("client"), named("server"), 0.0)
    )
    peer = OpenSslPeer(ours, cipher)
    peer.shake_hands()
    assert peer.ssl.get_cipher_name() == cipher
    return ours, peer


@pytest.mark.parametrize("to_server", [True, False])
@pytest.mark.parametrize("cipher", CIPHERS)
def test_a_peer_that_closes_is_understood(cipher: str, *, to_server: bool) -> None:
    """OpenSSL's close_notify ends ours with dtls_closed, in either role and with each cipher that we offer."""
    ours, peer = _connected(cipher, to_server=to_server)
    peer.ssl.shutdown()
    peer.deliver()
    assert ours.error is not None
    assert ours.error.code == "dtls_closed"
    assert ours.result is not None


@pytest.mark.parametrize("to_server", [True, False])
@pytest.mark.parametrize("cipher", CIPHERS)
def test_openssl_understands_that_we_close(cipher: str, *, to_server: bool) -> None:
    """The alert that was made beforehand is a close_notify to OpenSSL."""
    ours, peer = _connected(cipher, to_server=to_server)
    ours.close()
    with pytest.raises(SSL.ZeroReturnError):
        peer.hears()


@pytest.mark.parametrize("cipher", CIPHERS)
def test_what_else_a_peer_sends_is_passed_over(cipher: str) -> None:
    """Application data is counted, and changes nothing; the end is still understood."""
    ours, peer = _connected(cipher, to_server=True)
    ignored = ours.stats.ignored
    peer.ssl.send(b"a data channel's first bytes")
    peer.deliver()
    assert ours.stats.ignored == ignored + 1
    assert ours.error is None
    peer.ssl.shutdown()
    peer.deliver()
    assert ours.error is not None


def test_a_peer_that_wants_to_negotiate_again_is_not_obeyed() -> None:
    """A ClientHello under the agreed keys brings our last flight, a replay to the peer, and no other answer."""
    ours, peer = _connected(CIPHERS[0], to_server=True)
    keys, repeated = ours.result, ours.stats.resent_flights
    peer.ssl.renegotiate()
    with pytest.raises(SSL.WantReadError):
        peer.ssl.do_handshake()
    peer.deliver()
    assert ours.stats.resent_flights == repeated + 1
    with pytest.raises(SSL.WantReadError):
        peer.hears()
    assert (ours.result, ours.error) == (keys, None)


def test_a_new_first_message_starts_nothing() -> None:
    """A ClientHello in the clear, as anybody can send it, does not cost the association its keys."""
    ours, _ = _connected(CIPHERS[0], to_server=True)
    keys = ours.result
    for datagram in DtlsClient(certificate("client"), named("server"), 0.0).datagrams_to_send():
        ours.handle_datagram(datagram, 0.0)
    assert (ours.result, ours.error) == (keys, None)


@pytest.mark.parametrize("lost", [1, 2, 4])
def test_a_client_that_lost_the_last_flight_gets_it_again(lost: int) -> None:
    """However often it asks: each time by the same records, since nothing is left that could make others."""
    client, server = client_and_server()
    for sender, receiver in ((client, server), (server, client), (client, server)):
        for datagram in sender.datagrams_to_send():
            receiver.handle_datagram(datagram, 0.0)
    first, now = server.datagrams_to_send(), 0.0
    assert server.result is not None
    assert client.result is None
    for _ in range(lost):
        due = client.next_timeout(now)
        assert due is not None
        now = due
        client.handle_timeout(now)
        for datagram in client.datagrams_to_send():
            server.handle_datagram(datagram, now)
        # One for each datagram of the client's flight that has something of a handshake in it.
        again = server.datagrams_to_send()
        assert set(again) == set(first)
    for datagram in again:
        client.handle_datagram(datagram, now)
    assert client.result is not None
    assert client.result.local == server.result.remote


@given(
    body=st.binary(max_size=64),
    epoch=st.integers(0, 2),
    number=st.integers(0, 2**48 - 1),
    to_server=st.booleans(),
)
@settings(max_examples=200, deadline=None)
def test_forged_alerts_end_nothing(body: bytes, epoch: int, number: int, *, to_server: bool) -> None:
    """An alert of any bytes, in the clear or as if under the keys, is counted and passed over."""
    ours = _SECURED[to_server]
    ignored = ours.stats.ignored
    header = b"\x15\xfe\xfd" + epoch.to_bytes(2) + number.to_bytes(6) + len(body).to_bytes(2)
    ours.handle_datagram(header + body, 0.0)
    assert ours.error is None
    assert ours.stats.ignored == ignored + 1
    assert ours.datagrams_to_send() == []


def test_a_changed_bit_ends_nothing() -> None:
    """Neither does the genuine alert with one bit changed, wherever that is."""
    ours, peer = _connected(CIPHERS[2], to_server=True)
    other, _ = _connected(CIPHERS[2], to_server=True)
    peer.ssl.shutdown()
    peer.deliver()
    assert ours.error is not None
    alert = peer.sent[-1]
    for at in range(8 * len(alert)):
        changed = bytearray(alert)
        changed[at // 8] ^= 1 << at % 8
        other.handle_datagram(bytes(changed), 0.0)
    # Nor the whole one, which is of another association.
    other.handle_datagram(alert, 0.0)
    assert other.error is None


def _secured() -> dict[bool, DtlsAssociation]:
    client, server = client_and_server()
    Network(client, server, Weather(), 0).run()
    assert client.result is not None
    assert server.result is not None
    return {False: client, True: server}


_SECURED = _secured()
