"""Digest authentication (RFC 7616, in SIP by RFC 8760): SHA-256 and, for those who know no better, MD5."""

import hashlib
import hmac
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Final, Self

from signalling.gateways.sip.errors import MalformedError
from signalling.gateways.sip.grammar import TOKEN, parse_params, quote, split_list, unquote

HASHES: Final[dict[str, Callable[[bytes], str]]] = {
    "SHA-256": lambda data: hashlib.sha256(data).hexdigest(),
    "MD5": lambda data: hashlib.md5(data, usedforsecurity=False).hexdigest(),
}
NONCE_SECONDS: Final = 300.0
MAX_NONCES: Final = 4096
_CLOCK_DIGITS: Final = 16
_COUNT_DIGITS: Final = 8
_UNQUOTED: Final = frozenset({"algorithm", "stale", "nc", "qop"})


@dataclass(frozen=True, slots=True)
class Digest:
    """The parameters of one challenge or of one set of credentials, quotes taken off, names in lower case."""

    params: Mapping[str, str] = field(repr=False)

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """Read a header value; None for another scheme than Digest. Raises MalformedError."""
        scheme, _, rest = text.strip(" \t").partition(" ")
        if not TOKEN.fullmatch(scheme):
            raise MalformedError("An authentication header has no scheme.")
        if scheme.lower() != "digest":
            return None
        params: dict[str, str] = {}
        for item in split_list(rest.strip(" \t")):
            for name, value in parse_params(";" + item).items():
                params.setdefault(name, unquote(value or ""))
        return cls(params)

    def get(self, name: str) -> str:
        """A parameter; empty if it is not there."""
        return self.params.get(name, "")

    @property
    def algorithm(self) -> str:
        """Which hash, in upper case; MD5 if none is said."""
        return self.get("algorithm").upper() or "MD5"

    @property
    def offered(self) -> list[str]:
        """The kinds of protection that a challenge offers, in lower case."""
        return [word.strip().lower() for word in self.get("qop").split(",") if word.strip()]

    def __str__(self) -> str:
        words = (
            f"{name}={value if name in _UNQUOTED and TOKEN.fullmatch(value) else quote(value)}"
            for name, value in self.params.items()
        )
        return "Digest " + ", ".join(words)


@dataclass(frozen=True, slots=True)
class Account:
    """Who we are to a server."""

    username: str = field(repr=False)
    password: str = field(repr=False)


Accounts = Mapping[str, Account]
"""Accounts by realm. They go with calls that are made by them: whoever else names that realm learns nothing."""


@dataclass(frozen=True, slots=True)
class Asked:
    """The request that is authenticated."""

    method: str
    uri: str
    body: bytes = b""


def choose(values: Iterable[str]) -> Digest | None:
    """The first challenge that can be answered (RFC 8760 section 2.4); malformed ones are passed over."""
    for value in values:
        try:
            challenge = Digest.parse(value)
        except MalformedError:
            continue
        if challenge is None or challenge.algorithm not in HASHES or not challenge.get("nonce"):
            continue
        if not challenge.offered or {"auth", "auth-int"} & set(challenge.offered):
            return challenge
    return None


def authorize(challenge: Digest, account: Account, asked: Asked, cnonce: str, count: int = 1) -> Digest:
    """The credentials that answer a challenge that `choose` gave; `count` is how often its nonce has been used."""
    params = {
        "username": account.username,
        "realm": challenge.get("realm"),
        "nonce": challenge.get("nonce"),
        "uri": asked.uri,
        "algorithm": challenge.algorithm,
    }
    if challenge.offered:
        params["qop"] = "auth" if "auth" in challenge.offered else "auth-int"
        params["cnonce"], params["nc"] = cnonce, f"{count:08x}"
    if "opaque" in challenge.params:
        params["opaque"] = challenge.get("opaque")
    params["response"] = _response(Digest(params), account.password, asked)
    return Digest(params)


def _response(told: Digest, password: str, asked: Asked) -> str:
    """RFC 7616 section 3.4.1; without qop as RFC 2617 keeps it for RFC 2069."""
    digest, qop = HASHES[told.algorithm], told.get("qop").lower()
    secret = digest(f"{told.get('username')}:{told.get('realm')}:{password}".encode())
    what = f"{asked.method}:{asked.uri}"
    if qop == "auth-int":
        what += f":{digest(asked.body)}"
    used = f"{told.get('nc')}:{told.get('cnonce')}:{qop}:" if qop else ""
    return digest(f"{secret}:{told.get('nonce')}:{used}{digest(what.encode())}".encode())


class Verdict(Enum):
    """What credentials are worth."""

    GOOD = auto()
    STALE = auto()
    """The nonce is too old or was used up; who asks again with a new one need not ask their user."""
    BAD = auto()


class Verifier:
    """The server's side for one realm.

    A nonce is its time with a keyed hash over it, so that none is stored when it is given out. The counts of those
    that were used are kept, MAX_NONCES of them: when one is put out, all nonces that are no younger become
    stale, so that nothing can be played again, ever.
    """

    def __init__(self, realm: str, secret: bytes, passwords: Callable[[str], str | None]) -> None:
        self.realm = realm
        self._secret = secret
        self._passwords = passwords
        self._used: OrderedDict[str, int] = OrderedDict()
        self._made = 0
        self._floor = -1.0

    def challenges(self, now: float, *, stale: bool = False) -> list[str]:
        """The values of WWW-Authenticate, the strongest first, each a line of its own (RFC 8760 section 2.3)."""
        base = {"realm": self.realm, "nonce": self._nonce(now), "qop": "auth"}
        more = {"stale": "true"} if stale else {}
        return [str(Digest({**base, "algorithm": name, **more})) for name in HASHES]

    def verify(self, values: Iterable[str], asked: Asked, now: float) -> tuple[Verdict, str]:
        """Judge the credentials of a request; returns the user's name with GOOD, else an empty one."""
        for value in values:
            try:
                told = Digest.parse(value)
            except MalformedError:
                continue
            if told is not None and hmac.compare_digest(told.get("realm").encode(), self.realm.encode()):
                verdict = self._judge(told, asked, now)
                return verdict, told.get("username") if verdict is Verdict.GOOD else ""
        return Verdict.BAD, ""

    def _judge(self, told: Digest, asked: Asked, now: float) -> Verdict:
        if told.algorithm not in HASHES or told.get("qop").lower() != "auth" or told.get("uri") != asked.uri:
            return Verdict.BAD
        made = self._made_at(told.get("nonce"))
        password = self._passwords(told.get("username"))
        # An unknown user costs as much time as a wrong password.
        right = _response(told, password if password is not None else "", asked)
        same = hmac.compare_digest(right.encode(), told.get("response").lower().encode())
        if made is None or not same or password is None:
            return Verdict.BAD
        fresh = made > self._floor and now - made <= NONCE_SECONDS
        return Verdict.GOOD if fresh and self._count(told, made) else Verdict.STALE

    def _count(self, told: Digest, made: float) -> bool:
        """Whether this count of this nonce is new; it is used up then."""
        nonce, text = told.get("nonce"), told.get("nc")
        try:
            count = int(text, 16) if len(text) == _COUNT_DIGITS else 0
        except ValueError:
            return False
        if count <= self._used.get(nonce, 0):
            return False
        self._used[nonce] = count
        if len(self._used) > MAX_NONCES:
            oldest = self._used.popitem(last=False)[0]
            self._floor = max(self._floor, self._made_at(oldest) or made)
        return True

    def _nonce(self, now: float) -> str:
        # Numbered, so that two peers that are asked in one millisecond do not use up each other's.
        self._made = (self._made + 1) % 16**_COUNT_DIGITS
        return self._signed(f"{int(now * 1000):0{_CLOCK_DIGITS}x}{self._made:0{_COUNT_DIGITS}x}")

    def _signed(self, words: str) -> str:
        return words + hmac.new(self._secret, words.encode(), hashlib.sha256).hexdigest()[:32]

    def _made_at(self, nonce: str) -> float | None:
        """When we gave out a nonce; None if it is not of ours."""
        right = self._signed(nonce[: _CLOCK_DIGITS + _COUNT_DIGITS])
        if not hmac.compare_digest(right.encode(), nonce.encode()):
            return None
        return int(nonce[:_CLOCK_DIGITS], 16) / 1000
