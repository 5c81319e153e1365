"""DTLS-SRTP handshakes without sockets (RFC 5764, RFC 6347): datagrams and a clock in, keys out.

Both ends share one class; `DtlsServer` and `DtlsClient` differ in who speaks first and in which half of the
exported keys is whose. A failure is a value (`error`), never an exception: what a stranger sends must not
raise.

Two retransmission clocks run. OpenSSL has its own, which reads the machine's clock, starts at one second and
cannot be given a time (`DTLSv1_get_timeout`); that is late for a call. So the last flight is also sent again,
byte for byte, on the caller's clock: 0.1, 0.2, 0.4 and 0.8 s apart. Repeated records are legal: a peer that
has seen one drops it as a replay, and one that has not takes it. OpenSSL's clock stays as the backstop for
what that cannot repair.

OpenSSL's state takes 80 kB, and goes when the keys are agreed. What is left to do is done without it: a peer that
has not seen the last flight gets the same bytes again, and the two alerts of the end are the epilogue's.
"""

from abc import ABC
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final, Literal

from OpenSSL import SSL, crypto

from media.transport import records
from media.transport.certificates import DtlsCertificate, Fingerprints
from media.transport.epilogue import Epilogue
from media.transport.errors import DtlsError

SrtpProfile = Literal["AEAD_AES_128_GCM", "AEAD_AES_256_GCM", "AES_CM_128_HMAC_SHA1_80"]


@dataclass(frozen=True, slots=True)
class _Profile:
    """A protection profile: OpenSSL's name for it and its sizes in bytes (RFC 5764 4.1.2, RFC 7714 14.2)."""

    openssl: bytes
    key: int
    salt: int


PROFILES: Final[dict[SrtpProfile, _Profile]] = {
    "AEAD_AES_128_GCM": _Profile(b"SRTP_AEAD_AES_128_GCM", 16, 12),
    "AEAD_AES_256_GCM": _Profile(b"SRTP_AEAD_AES_256_GCM", 32, 12),
    "AES_CM_128_HMAC_SHA1_80": _Profile(b"SRTP_AES128_CM_SHA1_80", 16, 14),
}
EXPORTER_LABEL: Final = b"EXTRACTOR-dtls_srtp"
CIPHERS: Final = b"ECDHE+AESGCM:ECDHE+CHACHA20"
DTLS_1_2: Final = 0xFEFD

HANDSHAKE_SECONDS: Final = 30.0
RESEND_AFTER: Final = (0.1, 0.2, 0.4, 0.8)
# A server starts afresh when a stranger's first bytes have spoilt OpenSSL's state, but not for ever.
MAX_RESTARTS: Final = 3
# A handshake needs about ten datagrams a side; what nobody collects must not grow.
MAX_QUEUED: Final = 64
READ_BYTES: Final = 65_536
# OpenSSL takes at most one largest record from its BIO at a time; more would be read as another datagram.
MAX_RECEIVED_BYTES: Final = 16_384


@dataclass(frozen=True, slots=True)
class SrtpKeys:
    """Master keys of one association: `local` protects what this end sends, `remote` what it receives.

    Each is the master key followed by the master salt; the repr shows neither.
    """

    profile: SrtpProfile
    local: bytes = field(repr=False)
    remote: bytes = field(repr=False)


@dataclass(slots=True)
class DtlsStats:
    """Counters of datagrams: received and sent, dropped by reason, and flights sent again."""

    received: int = 0
    sent: int = 0
    malformed: int = 0
    ignored: int = 0
    unsent: int = 0
    resent_flights: int = 0
    restarts: int = 0


class DtlsAssociation(ABC):
    """One DTLS association. Use DtlsServer or DtlsClient.

    After every call, send `datagrams_to_send()`, look at `result` and `error`, and call `handle_timeout` when
    `next_timeout` has come. `result` stays when the peer closes later; `error` then says so. `now` is a
    monotonic time in seconds, of any origin.
    """

    _is_server: bool

    def __init__(
        self,
        certificate: DtlsCertificate,
        remote_fingerprints: Iterable[tuple[str, str]],
        now: float,
        *,
        profiles: tuple[SrtpProfile, ...] = tuple(PROFILES),
    ) -> None:
        """Take the peer's fingerprints as (algorithm, hex with colons); raise DtlsError if none is usable."""
        self.stats = DtlsStats()
        self.result: SrtpKeys | None = None
        self.error: DtlsError | None = None
        self._fingerprints = Fingerprints(remote_fingerprints)
        self._context = _context(certificate, profiles)
        self._mismatch = False
        self._outgoing: list[bytes] = []
        self._flight: tuple[bytes, ...] = ()
        self._resends = 0
        self._resend_at: float | None = None
        self._deadline: float | None = None
        self._ssl: SSL.Connection | None = None
        self._epilogue: Epilogue | None = None
        if not self._is_server:
            self._deadline = now + HANDSHAKE_SECONDS
            self._advance(self._connection(), now)

    def handle_datagram(self, data: bytes, now: float) -> None:
        """Take one datagram from the peer; any bytes are allowed."""
        self.stats.received += 1
        parsed = records.split(data) if len(data) <= MAX_RECEIVED_BYTES else None
        if parsed is None:
            self.stats.malformed += 1
        elif self.error is not None:
            self.stats.ignored += 1
        elif self._epilogue is not None:
            self._after_handshake(parsed, self._epilogue)
        else:
            if self._deadline is None:
                self._deadline = now + HANDSHAKE_SECONDS
            # One datagram at a time: OpenSSL reads a memory BIO as one stream and would join what is left of two.
            connection = self._connection()
            connection.bio_write(data)
            self._advance(connection, now)

    def datagrams_to_send(self) -> list[bytes]:
        """Return, once, what is to be sent now: datagrams of at most 1200 bytes, in order."""
        waiting, self._outgoing = self._outgoing, []
        self.stats.sent += len(waiting)
        return waiting

    def next_timeout(self, now: float) -> float | None:
        """Return when `handle_timeout` is due, on the clock of `now`, or None when nothing is pending."""
        if self._ssl is None:
            return None
        openssl = self._ssl.DTLSv1_get_timeout()
        due = [self._deadline, self._resend_at, None if openssl is None else now + openssl]
        return min((time for time in due if time is not None), default=None)

    def handle_timeout(self, now: float) -> None:
        """Send again what may be lost, or give up; harmless when called early."""
        if self._ssl is None:
            return
        if self._deadline is not None and now >= self._deadline:
            self._fail("dtls_timeout", "The DTLS handshake did not end in time.")
            return
        try:
            self._ssl.DTLSv1_handle_timeout()
        except SSL.Error:
            self._fail("dtls_timeout", "The DTLS peer did not answer.")
            return
        if sent := self._collect(self._ssl):
            self._flight = sent
            self.stats.resent_flights += 1
        elif self._resend_at is not None and now >= self._resend_at:
            self._resend(now)

    def close(self) -> None:
        """Tell the peer that this end is done (close_notify), once the handshake is complete."""
        if self._epilogue is None or self.error is not None:
            return
        self._queue(self._epilogue.farewell)
        self._fail("dtls_closed", "This end closed the DTLS association.")

    def _connection(self) -> SSL.Connection:
        """Give OpenSSL's state of the handshake, made with the first datagram of a peer."""
        if self._ssl is not None:
            return self._ssl
        connection = SSL.Connection(self._context, None)
        connection.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT, self._verify)
        connection.set_ciphertext_mtu(records.MAX_DATAGRAM_BYTES)
        if self._is_server:
            connection.set_accept_state()
        else:
            connection.set_connect_state()
        self._ssl = connection
        return connection

    def _verify(
        self, _connection: SSL.Connection, certificate: crypto.X509, _error: int, depth: int, _ok: int
    ) -> bool:
        # The fingerprint is all the trust there is: chains, names and dates do not matter (RFC 8827 section
        # 6.5).
        if depth > 0:
            return True
        matches = self._fingerprints.match(certificate.to_cryptography())
        self._mismatch = not matches
        return matches

    def _advance(self, connection: SSL.Connection, now: float) -> None:
        try:
            connection.do_handshake()
        except SSL.WantReadError:
            self._new_flight(connection, now)
        except SSL.Error:
            self._refuse(connection)
        else:
            self._new_flight(connection, now)
            self._complete(connection)

    def _new_flight(self, connection: SSL.Connection, now: float) -> None:
        if not (sent := self._collect(connection)):
            return
        self._flight = sent
        self._resends = 0
        self._resend_at = now + RESEND_AFTER[0]

    def _resend(self, now: float) -> None:
        self._queue(self._flight)
        self.stats.resent_flights += 1
        self._resends += 1
        left = self._resends < len(RESEND_AFTER)
        self._resend_at = now + RESEND_AFTER[self._resends] if left else None

    def _refuse(self, connection: SSL.Connection) -> None:
        """Fail, with an alert to the peer, unless nothing is agreed yet that a fresh start would lose."""
        untouched = self._is_server and not self._flight
        if untouched and self.stats.restarts < MAX_RESTARTS:
            self.stats.restarts += 1
            self._ssl = None
            return
        self._collect(connection)
        if self._mismatch:
            self._fail("dtls_fingerprint", "The peer's certificate is not the one that signalling named.")
        else:
            self._fail("dtls_handshake", "The DTLS peers could not agree.")

    def _complete(self, connection: SSL.Connection) -> None:
        certificate = connection.get_peer_certificate(as_cryptography=True)
        if certificate is None or not self._fingerprints.match(certificate):
            self._fail("dtls_fingerprint", "The peer's certificate is not the one that signalling named.")
            return
        chosen = connection.get_selected_srtp_profile()
        name = next((name for name, profile in PROFILES.items() if profile.openssl == chosen), None)
        if name is None:
            self._fail("dtls_no_srtp", "The DTLS peers share no SRTP protection profile.")
            return
        profile = PROFILES[name]
        material = connection.export_keying_material(EXPORTER_LABEL, 2 * (profile.key + profile.salt), None)
        client, server = _halves(material, profile)
        local, remote = (server, client) if self._is_server else (client, server)
        self.result = SrtpKeys(name, local, remote)
        self._let_go(connection)

    def _let_go(self, connection: SSL.Connection) -> None:
        """Keep what the rest of the association needs, and nothing of OpenSSL's."""
        connection.shutdown()
        self._epilogue = Epilogue.of(connection, _written(connection), is_server=self._is_server)
        self._ssl = self._resend_at = None

    def _after_handshake(self, parsed: list[bytes], epilogue: Epilogue) -> None:
        """Serve a peer that has not seen the end of the handshake, and notice when it closes."""
        for record in parsed:
            alert = epilogue.read_alert(record)
            if alert == "closed":
                self._fail("dtls_closed", "The peer closed the DTLS association.")
                return
            if alert == "fatal":
                self._fail("dtls_closed", "The peer ended the DTLS association with an alert.")
                return
        # Only the server's flight is the last one: if clients answered too, two ends could keep each other busy
        # for ever.
        if self._is_server and any(record[0] in records.OF_A_HANDSHAKE for record in parsed):
            self._queue(self._flight)
            self.stats.resent_flights += 1
        else:
            self.stats.ignored += 1  # data channels are not offered

    def _collect(self, connection: SSL.Connection) -> tuple[bytes, ...]:
        """Move what OpenSSL wrote to the outgoing queue."""
        sent = _written(connection)
        self._queue(sent)
        return sent

    def _queue(self, datagrams: tuple[bytes, ...]) -> None:
        for datagram in datagrams:
            if len(self._outgoing) < MAX_QUEUED:
                self._outgoing.append(datagram)
            else:
                self.stats.unsent += 1

    def _fail(self, code: str, message: str) -> None:
        self.error = DtlsError(code, message)
        self._ssl = self._resend_at = None


class DtlsServer(DtlsAssociation):
    """The passive end, which the bridge is towards browsers (a=setup:passive)."""

    _is_server = True


class DtlsClient(DtlsAssociation):
    """The active end, for robots, gateways and tests; its first flight waits to be sent from the start."""

    _is_server = False


def _written(connection: SSL.Connection) -> tuple[bytes, ...]:
    """Take the datagrams that OpenSSL wrote, with the borders of records found again."""
    written = bytearray()
    try:
        while True:
            written += connection.bio_read(READ_BYTES)
    except SSL.WantReadError:
        return tuple(records.pack(records.split(bytes(written)) or []))


def _halves(material: bytes, profile: _Profile) -> tuple[bytes, bytes]:
    """Return the client's and the server's key with salt, from both keys and both salts (RFC 5764 4.2)."""
    salts = 2 * profile.key
    client = material[: profile.key] + material[salts : salts + profile.salt]
    server = material[profile.key : salts] + material[salts + profile.salt :]
    return client, server


# A context of its own would cost an association a quarter more memory and half as much again to start, and nothing
# in it is of one association: whom to trust is set on the connection. A process has one certificate at a time.
@lru_cache(maxsize=4)
def _context(certificate: DtlsCertificate, profiles: tuple[SrtpProfile, ...]) -> SSL.Context:
    context = SSL.Context(SSL.DTLS_METHOD)
    # 1.3 frames records in another way, which `records` would not split; browsers speak 1.2 as well.
    context.set_min_proto_version(DTLS_1_2)
    context.set_max_proto_version(DTLS_1_2)
    context.set_options(SSL.OP_NO_QUERY_MTU | SSL.OP_NO_TICKET | SSL.OP_NO_RENEGOTIATION)
    context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
    # A handshake's buffers are not needed for the hours of a call.
    context.set_mode(SSL.MODE_RELEASE_BUFFERS)
    context.set_cipher_list(CIPHERS)
    context.use_certificate(certificate.certificate)
    context.use_privatekey(certificate.key)
    context.set_tlsext_use_srtp(b":".join(PROFILES[name].openssl for name in profiles))
    return context
