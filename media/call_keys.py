"""What protects the lines of calls: keys of ours, and what the engine is told of both ends'."""

import secrets

from media.lines import H235, ChannelKey, Dtls, Keys, Plain, Protection, Sdes, SetChannelKeys
from media.sdp.calls import LineAgreement, LocalLine
from media.sdp.calls.agreement import ByDtls
from media.sdp.calls.crypto import SUITES, Crypto
from media.sdp.calls.h235 import CHANNEL_SUITES, ChannelKeys
from media.sdp.calls.offer import channels, tagged
from media.sdp.errors import SdpError
from media.transport import DtlsCertificate, DtlsServer, TransportError

LineKeys = tuple[Crypto | ChannelKeys, ...]
"""What one line is offered with, one of which is taken."""


def new_keys(*, h235: bool) -> LineKeys:
    """What a line is offered with: keys of ours, or of H.235.6 the suites alone."""
    if h235:
        return channels()
    return tagged((suite, secrets.token_bytes(size)) for suite, size in SUITES.items())


def own_key(agreement: LineAgreement, offered: tuple[LineKeys, ...] | None) -> Crypto | ChannelKeys | None:
    """A key of ours with tag and suite of the one that we take (RFC 4568 section 5.1.2); one that we offered.

    Raises SdpError for an answer that takes what was not offered.
    """
    taken = agreement.protection
    if offered is not None and (agreement.number >= len(offered) or isinstance(taken, ByDtls)):
        raise SdpError("sdp_unusable", "The answer takes a line or a handshake that was not offered.")
    if isinstance(taken, ChannelKeys):
        # Both ends' keys are in it, since the master of the call makes them all.
        return taken
    if not isinstance(taken, Crypto):
        return None
    if offered is None:
        return Crypto(taken.tag, taken.suite, secrets.token_bytes(SUITES[taken.suite]))
    keys = offered[agreement.number]
    own = next((key for key in keys if (key.tag, key.suite) == (taken.tag, taken.suite)), None)
    if not isinstance(own, Crypto):
        raise SdpError("sdp_unusable", "The answer takes a key that was not offered.")
    return own


def handshake(agreement: LineAgreement, certificate: DtlsCertificate, now: float) -> DtlsServer | None:
    """Our end of the handshake by which a line is keyed, if it is that. Raises SdpError."""
    if not isinstance(agreement.protection, ByDtls):
        return None
    fingerprints = [(one.algorithm, one.value) for one in agreement.protection.fingerprints]
    try:
        return DtlsServer(certificate, fingerprints, now)
    except TransportError as error:
        raise SdpError("sdp_unusable", error.message) from error


def protection(agreement: LineAgreement, local: LocalLine) -> Protection:
    """What the engine is told of a new line."""
    match agreement.protection:
        case Plain():
            return Plain()
        case ByDtls():
            return Dtls()
        case ChannelKeys() as keys:
            theirs, ours = _channel_keys(keys)
            return H235(local=ours, remote=theirs)
        case Crypto(suite=suite, master=master):
            own = local.key.master if isinstance(local.key, Crypto) else b""
            return Sdes(local=Keys(profile=suite, master=own), remote=Keys(profile=suite, master=master))


def changed_channel(leg: int, line: int, before: object, keys: ChannelKeys) -> SetChannelKeys | None:
    """What the engine is to be told of keys of H.235.6: those that are new. One that is not said again stays."""
    known: tuple[ChannelKey | None, ChannelKey | None] = (None, None)
    if isinstance(before, ChannelKeys):
        known = _channel_keys(before)
    theirs, ours = _channel_keys(keys)
    remote = theirs if keys.theirs and theirs != known[0] else None
    local = ours if keys.ours and ours != known[1] else None
    if remote is None and local is None:
        return None
    return SetChannelKeys(leg=leg, line=line, local=local, remote=remote)


def _channel_keys(keys: ChannelKeys) -> tuple[ChannelKey, ChannelKey]:
    """The peer's and ours. For one that is not there yet, one that nobody has: its reports pass, and no media."""
    size = CHANNEL_SUITES[keys.suite]
    both = ((keys.theirs, keys.in_type), (keys.ours, keys.out_type))
    theirs, ours = (
        ChannelKey(profile=keys.suite, key=key or secrets.token_bytes(size), payload_type=payload_type)
        for key, payload_type in both
    )
    return theirs, ours
