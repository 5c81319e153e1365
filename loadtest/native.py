"""Native robots: the engine playing the client (`media.clients`) moves their packets, on a few threads for all.

`Crowd` is what the robots of a process share: one `Clients`, one certificate, one pump of events, one timer for
all handshakes. `NativeMedia` is one robot's connection, `NativeRobot` the participant around it.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import secrets
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from typing import Final, Literal

from loadtest import native_sdp as sdp
from loadtest.errors import MediaFailed
from loadtest.participant import Participant
from loadtest.profiles import Clips
from media.api import EngineError
from media.clients import (
    ANY_SOURCE,
    AddClient,
    AddClip,
    ClientConnected,
    ClientDtls,
    ClientIce,
    ClientRefused,
    ClientRemoved,
    Clients,
    Command,
    ConsentFailed,
    Event,
    Expect,
    FirstMedia,
    Frame,
    Receiver,
    RemoveClient,
    SendClientDtls,
    Sender,
    SetClientKeys,
    source_id,
)
from media.transport import DtlsCertificate, DtlsClient, TransportError
from media.transport.dtls import PROFILES, SrtpProfile
from signalling.messages import Layout, SlotCounts, SourceName, Sources, Welcome
from transcode.clips import Clip

AUDIO_CLIP: Final = 1
VIDEO_CLIP: Final = 2
MIC_SENDER: Final = 0
CAMERA_SENDER: Final = 1
_SENDER_OF: Final = {SourceName.MIC: MIC_SENDER, SourceName.CAMERA: CAMERA_SENDER}
# RFC 8445 section 5.3 asks for at least 24 bits in a user name fragment and 128 in a password.
_UFRAG_BYTES: Final = 6
_PASSWORD_BYTES: Final = 18
_CNAME_BYTES: Final = 12
# Robots of one clip start this many frames apart, so that key frames and fragments do not coincide.
_STAGGER: Final = 37
# The engine switches a slot before the message that says so has come: how far the two may be apart.
_GRACE_MS: Final = 2_000
_TIMER_S: Final = 0.05
_CLOSE_S: Final = 5.0


@dataclass(frozen=True)
class NativeOptions:
    """How native robots send and check.

    `check_percent` is the share of what is received that is decrypted and verified in full; `pacing` as in
    `media.clients.Sender`; `bind` is the address of their sockets; `profiles` are the SRTP profiles
    that they offer.
    """

    codec: sdp.VideoCodec = "vp8"
    pacing: Literal["burst", "even"] = "burst"
    check_percent: int = 5
    bind: str = "127.0.0.1"
    profiles: tuple[SrtpProfile, ...] = tuple(PROFILES)


class Crowd:
    """What the native robots of one process share. `clock` gives monotonic seconds."""

    def __init__(
        self,
        clients: Clients,
        certificate: DtlsCertificate,
        clips: Clips,
        options: NativeOptions,
        clock: Callable[[], float],
    ) -> None:
        self.clients = clients
        self.certificate = certificate
        self.clips = clips
        self.options = options
        self.clock = clock
        self.refusals: Counter[str] = Counter()
        self._numbers = count(1)
        self._open: dict[int, NativeMedia] = {}
        self._people: dict[str, int] = {}
        self.submit(_add_clip(AUDIO_CLIP, clips.audio))
        if clips.video is not None:
            self.submit(_add_clip(VIDEO_CLIP, clips.video))

    def __len__(self) -> int:
        """How many connections are open."""
        return len(self._open)

    @property
    def connected(self) -> int:
        """How many of them can carry media."""
        return sum(media.state == "connected" for media in self._open.values())

    def submit(self, command: Command) -> None:
        """Hand a command over. One that the engine has no room for is counted with those that it refuses."""
        try:
            self.clients.submit(command)
        except EngineError as error:
            self.refusals[error.code] += 1

    def join(self, media: NativeMedia, participant: str) -> int:
        """Take a connection in, and give it the number of its client, which is never used again."""
        number = next(self._numbers)
        self._open[number] = media
        self._people[participant] = number
        return number

    def forget(self, client: int) -> None:
        """Let a connection go. Who it was stays known while others are there: packets may still be on the way."""
        self._open.pop(client, None)
        if not self._open:
            self._people.clear()

    def source(self, participant: str, name: SourceName) -> int:
        """Number of a participant's source, as its packets carry it; any, where no robot of ours sends it."""
        client, sender = self._people.get(participant), _SENDER_OF.get(name)
        return ANY_SOURCE if client is None or sender is None else source_id(client, sender)

    def take(self, event: Event) -> None:
        """Bring an event to the connection that it is about."""
        if isinstance(event, ClientRefused):
            self.refusals[event.code] += 1
        if media := self._open.get(event.client):
            media.take(event)

    async def handshakes(self) -> None:
        """Serve the timers of all handshakes until cancelled."""
        while True:
            await asyncio.sleep(_TIMER_S)
            for media in list(self._open.values()):
                media.handle_timeout()


class NativeMedia:
    """One robot's connection: its offer, its handshake, and what it expects in each slot."""

    def __init__(self, crowd: Crowd, participant: str, changed: Callable[[], None]) -> None:
        self.state = "new"
        self.code: str | None = None
        self.first_us: dict[int, int] = {}
        self.receivers: dict[str, int] = {}
        self._crowd = crowd
        self._changed = changed
        self.client = crowd.join(self, participant)
        self._wish: sdp.Wish | None = None
        self._remote: sdp.Remote | None = None
        self._dtls: DtlsClient | None = None
        self._layout = Layout(slots=[])
        self._expected: dict[int, int | None] = {}
        self._removed = asyncio.Event()
        self._removed.set()

    async def offer(self, limits: SlotCounts) -> tuple[str, Sources]:
        """SDP with what `_wanted` says."""
        self._wish = self._wanted(limits)
        return sdp.write_offer(self._wish), self._wish.sources

    def _wanted(self, limits: SlotCounts) -> sdp.Wish:
        """Microphone, camera where the profile has one, and all slots of `limits`, as a page offers."""
        local = sdp.Local(
            ufrag=secrets.token_urlsafe(_UFRAG_BYTES).translate(_ICE_CHARACTERS),
            pwd=secrets.token_urlsafe(_PASSWORD_BYTES).translate(_ICE_CHARACTERS),
            fingerprint=self._crowd.certificate.fingerprint,
            cname=secrets.token_hex(_CNAME_BYTES),
        )
        ssrcs = secrets.SystemRandom().sample(range(1, 2**32), 3)
        sending = [sdp.Outgoing("audio", sdp.MIC_MID, ssrcs[0], None, (sdp.OPUS,))]
        if self._crowd.clips.video is not None:
            own = (sdp.VIDEO[self._crowd.options.codec],)
            sending.append(sdp.Outgoing("video", sdp.CAMERA_MID, ssrcs[1], ssrcs[2], own))
        return sdp.Wish(local, tuple(sending), limits.audio, limits.video + limits.content)

    async def accept(self, text: str, group: asyncio.TaskGroup) -> list[asyncio.Task[None]]:
        """Take the bridge's answer and start connecting; nothing of this runs in `group`."""
        del group
        if self._wish is None:
            raise MediaFailed("an answer came before the offer")
        self._remote = remote = sdp.read_answer(text, self._wish)
        self.receivers = {one.mid: number for number, one in enumerate(remote.receiving)}
        self._expected = self._expectations()
        self._crowd.submit(self._add_client(self._wish, remote))
        self._removed.clear()
        self._turn("connecting")
        return []

    def assign(self, layout: Layout) -> None:
        """Learn who is in each slot; media of anybody else there is counted as wrong from now on."""
        self._layout = layout
        for receiver, source in self._expectations().items():
            if self._expected.get(receiver) != source:
                self._expected[receiver] = source
                self._crowd.submit(Expect(client=self.client, receiver=receiver, source=source))

    def take(self, event: Event) -> None:
        """Act on what the engine says of this client."""
        match event:
            case ClientConnected():
                self._start_handshake()
            case ClientDtls(data=data) if self._dtls is not None:
                self._dtls.handle_datagram(data, self._crowd.clock())
                self._advance()
            case FirstMedia(receiver=receiver, at_us=at_us):
                self.first_us.setdefault(receiver, at_us)
                self._changed()
            case ConsentFailed():
                self._fail("consent_lost")
            case ClientRefused(command=command, code=code):
                self._fail(code)
                if command == AddClient.__name__:
                    self._removed.set()
            case ClientRemoved():
                self._removed.set()

    def handle_timeout(self) -> None:
        """Send again what the handshake may have lost, when it is time."""
        if self._dtls is None or self.state != "connecting":
            return
        now = self._crowd.clock()
        due = self._dtls.next_timeout(now)
        if due is not None and due <= now:
            self._dtls.handle_timeout(now)
            self._advance()

    async def close(self) -> bool:
        """End the association and take the client out; False when the engine did not say so in time."""
        if self._dtls is not None:
            self._dtls.close()
            self._send_dtls()
        self._turn("closed")
        try:
            if self._removed.is_set():
                return True
            self._crowd.submit(RemoveClient(client=self.client))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_CLOSE_S):
                    await self._removed.wait()
                    return True
            return False
        finally:
            self._crowd.forget(self.client)

    # --- inside ---

    def _expectations(self) -> dict[int, int | None]:
        occupants = {slot.mid: self._crowd.source(slot.participant, slot.source) for slot in self._layout.slots}
        return {receiver: occupants.get(mid) for mid, receiver in self.receivers.items()}

    def _add_client(self, wish: sdp.Wish, remote: sdp.Remote) -> AddClient:
        bind = ipaddress.ip_address(self._crowd.options.bind)
        usable = [one for one in remote.candidates if ipaddress.ip_address(one[0]).version == bind.version]
        if not usable:
            raise MediaFailed("the answer has no address of the kind that the robots send from")
        return AddClient(
            client=self.client,
            remote=usable[0],
            bind=str(bind),
            ice=ClientIce(
                local_ufrag=wish.local.ufrag,
                local_pwd=wish.local.pwd,
                remote_ufrag=remote.ufrag,
                remote_pwd=remote.pwd,
            ),
            senders=tuple(self._sender(one, remote) for one in wish.sending),
            receivers=tuple(
                Receiver(
                    receiver=self.receivers[one.mid],
                    kind=one.kind,
                    mid=one.mid,
                    ssrc=one.ssrc,
                    rtx_ssrc=one.rtx_ssrc,
                    formats=one.formats,
                    nack=any(form.nack for form in one.formats),
                    expects=self._expected[self.receivers[one.mid]],
                )
                for one in remote.receiving
            ),
            cname=wish.local.cname,
            mid_ext=remote.extensions.get(sdp.MID_URI),
            twcc_ext=remote.extensions.get(sdp.TWCC_URI),
            check_percent=self._crowd.options.check_percent,
            grace_ms=_GRACE_MS,
        )

    def _sender(self, one: sdp.Outgoing, remote: sdp.Remote) -> Sender:
        agreed, clips, is_audio = remote.sending[one.mid], self._crowd.clips, one.kind == "audio"
        clip = clips.audio if is_audio or clips.video is None else clips.video
        return Sender(
            sender=MIC_SENDER if is_audio else CAMERA_SENDER,
            clip=AUDIO_CLIP if is_audio else VIDEO_CLIP,
            start_frame=self.client * _STAGGER % len(clip.frames),
            ssrc=one.ssrc,
            rtx_ssrc=one.rtx_ssrc if agreed.rtx_pt is not None else None,
            pt=agreed.pt,
            rtx_pt=agreed.rtx_pt,
            mid=one.mid,
            mid_ext=remote.extensions.get(sdp.MID_URI),
            audio_level_ext=remote.extensions.get(sdp.LEVEL_URI) if is_audio else None,
            twcc_ext=remote.extensions.get(sdp.TWCC_URI),
            nack=agreed.nack,
            pacing=self._crowd.options.pacing,
        )

    def _start_handshake(self) -> None:
        if self._dtls is not None or self._remote is None:
            return
        try:
            crowd = self._crowd
            self._dtls = DtlsClient(
                crowd.certificate, self._remote.fingerprints, crowd.clock(), profiles=crowd.options.profiles
            )
        except TransportError as error:
            self._fail(error.code)
        else:
            self._advance()

    def _advance(self) -> None:
        self._send_dtls()
        if self._dtls is None or self.state != "connecting":
            return
        if self._dtls.error is not None:
            self._fail(self._dtls.error.code)
        elif keys := self._dtls.result:
            self._crowd.submit(
                SetClientKeys(client=self.client, profile=keys.profile, local=keys.local, remote=keys.remote)
            )
            self._turn("connected")

    def _send_dtls(self) -> None:
        if self._dtls is not None and (datagrams := self._dtls.datagrams_to_send()):
            self._crowd.submit(SendClientDtls(client=self.client, datagrams=datagrams))

    def _fail(self, code: str) -> None:
        self.code = code
        self._turn("failed")

    def _turn(self, state: str) -> None:
        # A connection that was closed stays so, whatever is still said of it.
        if self.state != "closed":
            self.state = state
            self._changed()


class NativeRobot(Participant):
    """A participant whose media the engine moves; `resume` as `Participant` takes it."""

    media: NativeMedia | None = None

    def __init__(self, link: str, crowd: Crowd, *, resume: str | None = None) -> None:
        super().__init__(link, resume=resume)
        self._crowd = crowd

    def _open_media(self, welcome: Welcome) -> NativeMedia:
        self.media = NativeMedia(self._crowd, welcome.participant, self._changed)
        return self.media

    @property
    def streams(self) -> int:
        """How many slots have had media."""
        return len(self.media.first_us) if self.media else 0

    @property
    def first_media_us(self) -> int | None:
        """When the first packet of anybody's media came, in microseconds since the epoch."""
        return min(self.media.first_us.values(), default=None) if self.media else None


# base64url's two characters beyond letters and digits are none of ICE's (RFC 8839 section 5.4).
_ICE_CHARACTERS: Final = str.maketrans("-_", "+/")


def _add_clip(number: int, clip: Clip) -> AddClip:
    frames = [Frame(ticks=one.ticks, key=one.key, payloads=list(one.payloads)) for one in clip.frames]
    return AddClip(clip=number, codec=clip.codec, clock_rate=clip.clock_rate, frames=frames)
