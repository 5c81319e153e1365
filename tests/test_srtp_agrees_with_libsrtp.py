"""The engine's SRTP and libsrtp read each other's packets, byte for byte, and refuse the same ones."""

import os
import random
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from pylibsrtp import Error, Policy, Session

# The first run may compile the cryptographic library.
pytestmark = pytest.mark.timeout(900)

ENGINE = Path(__file__).parents[1] / "media" / "engine"
SSRC = 0x00C0FFEE
CYCLE = 1 << 16
# pylibsrtp copies into a buffer of 1500 bytes, of which it keeps 148 for SRTCP's trailer.
LARGEST_PACKET = 1352


@dataclass(frozen=True)
class Profile:
    """A protection profile under the engine's name and libsrtp's number."""

    name: str
    number: int
    master_len: int


PROFILES = [
    Profile("AEAD_AES_128_GCM", Policy.SRTP_PROFILE_AEAD_AES_128_GCM, 28),
    Profile("AEAD_AES_256_GCM", Policy.SRTP_PROFILE_AEAD_AES_256_GCM, 44),
    Profile("AES_CM_128_HMAC_SHA1_80", Policy.SRTP_PROFILE_AES128_CM_SHA1_80, 30),
    Profile("AES_CM_128_HMAC_SHA1_32", Policy.SRTP_PROFILE_AES128_CM_SHA1_32, 30),
]
each_profile = pytest.mark.parametrize("profile", PROFILES, ids=lambda profile: profile.name)


class Refused(Exception):  # noqa: N818
    """The engine refused a packet; the text is its error code."""


class Engine:
    """The engine's SRTP behind the line protocol of examples/srtp_pipe.rs."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process

    def protect_rtp(self, profile: Profile, master: bytes, plain: bytes, sequence: int) -> bytes:
        """Protect under an extended sequence number."""
        answer = self._ask("protect", "rtp", profile.name, master.hex(), plain.hex(), str(sequence))
        return bytes.fromhex(answer[0])

    def unprotect_rtp(self, profile: Profile, master: bytes, packet: bytes) -> tuple[bytes, int]:
        """Open; give the plain packet and its extended sequence number."""
        plain, sequence = self._ask("unprotect", "rtp", profile.name, master.hex(), packet.hex())
        return bytes.fromhex(plain), int(sequence)

    def protect_rtcp(self, profile: Profile, master: bytes, plain: bytes) -> bytes:
        """Protect under the next SRTCP index."""
        return bytes.fromhex(self._ask("protect", "rtcp", profile.name, master.hex(), plain.hex())[0])

    def unprotect_rtcp(self, profile: Profile, master: bytes, packet: bytes) -> bytes:
        """Open; give the plain compound packet."""
        return bytes.fromhex(self._ask("unprotect", "rtcp", profile.name, master.hex(), packet.hex())[0])

    def _ask(self, *words: str) -> list[str]:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(" ".join(words) + "\n")
        self.process.stdin.flush()
        verdict, *rest = self.process.stdout.readline().split()
        if verdict != "ok":
            raise Refused(*rest)
        return rest


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    """Start the engine's pipe, as `cargo test` has built it, too; cargo honours CARGO_TARGET_DIR by itself."""
    cargo = shutil.which("cargo")
    if cargo is None:
        pytest.skip("cargo is not installed")
    command = [cargo, "run", "--quiet", "-p", "engine-srtp", "--example", "srtp_pipe"]
    manifest = ["--manifest-path", os.fspath(ENGINE / "Cargo.toml")]
    pipe = subprocess.PIPE
    with subprocess.Popen(command + manifest, stdin=pipe, stdout=pipe, text=True) as process:  # noqa: S603
        yield Engine(process)
    assert process.returncode == 0


def sender(profile: Profile, master: bytes) -> Session:
    """Make a libsrtp session for our own packets, any SSRC."""
    policy = Policy(key=master, ssrc_type=Policy.SSRC_ANY_OUTBOUND, srtp_profile=profile.number)
    policy.window_size = 1024
    return Session(policy)


def receiver(profile: Profile, master: bytes) -> Session:
    """Make a libsrtp session for a peer's packets, any SSRC, with the engine's replay window."""
    policy = Policy(key=master, ssrc_type=Policy.SSRC_ANY_INBOUND, srtp_profile=profile.number)
    policy.window_size = 1024
    return Session(policy)


def rtp_packet(dice: random.Random, sequence: int, ssrc: int = SSRC) -> bytes:
    """Make a packet with up to 15 CSRCs, perhaps an extension block, and any payload that fits."""
    csrcs = dice.choice([0, 0, dice.randint(1, 15)])
    words = dice.choice([None, 0, dice.randint(1, 20)])
    first = 0x80 | csrcs | (0 if words is None else 0x10)
    header = bytes([first, dice.randrange(256)]) + (sequence % CYCLE).to_bytes(2, "big")
    header += dice.randbytes(4) + ssrc.to_bytes(4, "big") + dice.randbytes(4 * csrcs)
    if words is not None:
        header += b"\xbe\xde" + words.to_bytes(2, "big") + dice.randbytes(4 * words)
    largest = LARGEST_PACKET - len(header)
    return header + dice.randbytes(dice.choice([0, 1, 15, 16, 17, 160, largest, dice.randint(0, largest)]))


def rtcp_packet(dice: random.Random, ssrc: int = SSRC) -> bytes:
    """Make a packet of 8 bytes up to what pylibsrtp takes, with any content."""
    words = dice.choice([0, 1, 5, dice.randint(0, LARGEST_PACKET // 4 - 2)])
    header = bytes([0x80, dice.choice([200, 201, 205, 206])]) + (1 + words).to_bytes(2, "big")
    return header + ssrc.to_bytes(4, "big") + dice.randbytes(4 * words)


def sequences(dice: random.Random, count: int) -> list[int]:
    """Draw extended sequence numbers that pass several wraps, the first one packet by packet."""
    numbers = list(range(CYCLE - 50, CYCLE + 50))
    while len(numbers) < count:
        numbers.append(numbers[-1] + dice.choice([1, 1, 2, 30, dice.randint(1, 5_000)]))
    return numbers


def nearly_in_order(dice: random.Random, packets: list[bytes]) -> list[bytes]:
    """Shuffle the packets by a few places, as a network would; the first one stays first."""
    places = [0.0, *(place + dice.uniform(0, 5) for place in range(1, len(packets)))]
    return [packet for _, packet in sorted(zip(places, packets, strict=True))]


@each_profile
def test_both_protect_rtp_to_the_same_bytes(engine: Engine, profile: Profile) -> None:
    """The engine's protected packets are libsrtp's, over headers and sizes of all kinds and wraps."""
    dice = random.Random(f"same {profile.name}")
    master = dice.randbytes(profile.master_len)
    libsrtp = sender(profile, master)
    for sequence in sequences(dice, 400):
        plain = rtp_packet(dice, sequence)
        assert engine.protect_rtp(profile, master, plain, sequence) == libsrtp.protect(plain)


@each_profile
def test_libsrtp_opens_what_the_engine_protects(engine: Engine, profile: Profile) -> None:
    """Reordered packets of two streams under one key, across wraps, come out as they went in."""
    dice = random.Random(f"out {profile.name}")
    master = dice.randbytes(profile.master_len)
    libsrtp = receiver(profile, master)
    for ssrc in (SSRC, SSRC + 1):
        plains = {}
        for sequence in range(CYCLE - 150, CYCLE + 150):
            plain = rtp_packet(dice, sequence, ssrc)
            plains[engine.protect_rtp(profile, master, plain, sequence)] = plain
        for packet in nearly_in_order(dice, list(plains)):
            assert libsrtp.unprotect(packet) == plains[packet]


@each_profile
def test_the_engine_opens_what_libsrtp_protects(engine: Engine, profile: Profile) -> None:
    """Reordered packets across wraps come out as they went in, with their roll-over counter."""
    dice = random.Random(f"in {profile.name}")
    master = dice.randbytes(profile.master_len)
    libsrtp = sender(profile, master)
    expected = {}
    for sequence in range(CYCLE - 150, CYCLE + 150):
        plain = rtp_packet(dice, sequence)
        expected[libsrtp.protect(plain)] = (plain, sequence)
    for packet in nearly_in_order(dice, list(expected)):
        assert engine.unprotect_rtp(profile, master, packet) == expected[packet]
    for sequence in sequences(dice, 300)[100:]:
        plain = rtp_packet(dice, sequence + 200)
        opened = engine.unprotect_rtp(profile, master, libsrtp.protect(plain))
        assert opened == (plain, sequence + 200)


@each_profile
def test_control_packets_agree_both_ways(engine: Engine, profile: Profile) -> None:
    """SRTCP packets are the same bytes, and each side opens the other's, of two senders."""
    dice = random.Random(f"control {profile.name}")
    master = dice.randbytes(profile.master_len)
    ours, theirs = sender(profile, master), receiver(profile, master)
    # libsrtp begins at index 1 and the engine at 0, so a first packet brings them level.
    first = rtcp_packet(dice)
    assert theirs.unprotect_rtcp(engine.protect_rtcp(profile, master, first)) == first
    for _ in range(250):
        plain = rtcp_packet(dice)
        packet = engine.protect_rtcp(profile, master, plain)
        assert packet == ours.protect_rtcp(plain)
        assert theirs.unprotect_rtcp(packet) == plain
        assert engine.unprotect_rtcp(profile, master, packet) == plain
    other = rtcp_packet(dice, SSRC + 1)
    assert engine.unprotect_rtcp(profile, master, ours.protect_rtcp(other)) == other


@each_profile
def test_both_refuse_forgeries_and_replays(engine: Engine, profile: Profile) -> None:
    """A packet with one changed bit, and a packet that came before, opens on neither side."""
    dice = random.Random(f"forged {profile.name}")
    master = dice.randbytes(profile.master_len)
    ours, theirs = sender(profile, master), receiver(profile, master)
    for sequence in range(1, 101):
        packet = ours.protect(rtp_packet(dice, sequence))
        # Not the first four bytes: they decide how the header is read, so the errors may differ.
        forged = bytearray(packet)
        forged[dice.randrange(4, len(packet))] ^= 1 << dice.randrange(8)
        with pytest.raises(Error):
            theirs.unprotect(bytes(forged))
        with pytest.raises(Refused):
            engine.unprotect_rtp(profile, master, bytes(forged))
        assert engine.unprotect_rtp(profile, master, packet)[0] == theirs.unprotect(packet)
        with pytest.raises(Error, match="replay"):
            theirs.unprotect(packet)
        with pytest.raises(Refused, match="replay"):
            engine.unprotect_rtp(profile, master, packet)


@each_profile
def test_both_refuse_forged_control_packets(engine: Engine, profile: Profile) -> None:
    """A control packet with one changed bit is refused, and so is the true one's second copy."""
    dice = random.Random(f"forged control {profile.name}")
    master = dice.randbytes(profile.master_len)
    ours, theirs = sender(profile, master), receiver(profile, master)
    for _ in range(100):
        packet = ours.protect_rtcp(rtcp_packet(dice))
        forged = bytearray(packet)
        forged[dice.randrange(4, len(packet))] ^= 1 << dice.randrange(8)
        with pytest.raises(Error):
            theirs.unprotect_rtcp(bytes(forged))
        with pytest.raises(Refused):
            engine.unprotect_rtcp(profile, master, bytes(forged))
        assert engine.unprotect_rtcp(profile, master, packet) == theirs.unprotect_rtcp(packet)
        with pytest.raises(Error, match="replay"):
            theirs.unprotect_rtcp(packet)
        with pytest.raises(Refused, match="replay"):
            engine.unprotect_rtcp(profile, master, packet)
