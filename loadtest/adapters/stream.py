"""The stream of a comparison and the robots around it: one source without sound, and those who only receive it."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Final

from loadtest import native_sdp as sdp
from loadtest.native import CAMERA_SENDER, Crowd, NativeMedia, NativeRobot
from loadtest.profiles import Clips
from media.clients import Play
from signalling.messages import SlotCounts, Welcome
from transcode.clips import LARGEST_PAYLOAD, TRAILER_ROOM, VIDEO_CLOCK, Clip, ClipFrame
from transcode.payloads import vp8_payloads

PACKETS_A_PICTURE: Final = 6
_PICTURES: Final = 128
_DESCRIPTOR_BYTES: Final = 4
_SEED: Final = 6
# RFC 6386 section 9.1: a frame tag of three bytes; on a key frame a start code and two sizes follow.
_KEY_HEAD: Final = b"\x10\x02\x00\x9d\x01\x2a\x00\x05\xd0\x02"
_DELTA_HEAD: Final = b"\x11\x02\x00"
# A crowd wants sound to play; no robot here has a microphone.
_UNHEARD: Final = Clip("opus", 48_000, (ClipFrame(960, True, (b"\xf8\xff\xfe",)),))  # noqa: FBT003


def stream_clips(pictures_a_second: int) -> Clips:
    """A stream of pictures that each fill six packets of the largest size; the first one says it is a key frame.

    Behind their headers the pictures are noise: a bridge that does not decode them cannot tell.
    """
    if VIDEO_CLOCK % pictures_a_second:
        raise ValueError("the RTP clock of video must be a multiple of the picture rate")
    size = PACKETS_A_PICTURE * (LARGEST_PAYLOAD - _DESCRIPTOR_BYTES) - TRAILER_ROOM
    noise, ticks = random.Random(_SEED), VIDEO_CLOCK // pictures_a_second  # noqa: S311 - filler, not a secret
    frames = []
    for number in range(_PICTURES):
        head = _DELTA_HEAD if number else _KEY_HEAD
        picture = head + noise.randbytes(size - len(head))
        payloads = vp8_payloads(picture, number, LARGEST_PAYLOAD, spare=TRAILER_ROOM)
        frames.append(ClipFrame(ticks, number == 0, tuple(payloads)))
    return Clips(audio=_UNHEARD, video=Clip("vp8", VIDEO_CLOCK, tuple(frames)))


class StreamMedia(NativeMedia):
    """A connection that sends the stream and nothing else, or receives one stream and nothing else."""

    def __init__(self, crowd: Crowd, participant: str, changed: Callable[[], None], *, sends: bool) -> None:
        super().__init__(crowd, participant, changed)
        self._sends = sends

    @property
    def profile(self) -> str | None:
        """How both ends encrypt; None before the handshake is through."""
        return self._dtls.result.profile if self._dtls and self._dtls.result else None

    def answer(self, offer: str) -> str:
        """Answer a bridge that offers one stream; `accept` then takes the same offer. Raises `MediaFailed`."""
        self._wish = wish = self._wanted(SlotCounts(audio=0, video=1, content=0))
        return write_answer(wish.local, sdp.read_answer(offer, wish))

    def play(self, *, on: bool) -> None:
        """Let the source speak, or silence it."""
        self._crowd.submit(Play(client=self.client, sender=CAMERA_SENDER, on=on))

    def _wanted(self, limits: SlotCounts) -> sdp.Wish:
        wish = super()._wanted(limits)
        sending = tuple(one for one in wish.sending if one.kind == "video") if self._sends else ()
        # The bridge takes the last video lines for content, so they must be there.
        slots = 0 if self._sends else 1 + limits.content
        # No reports on each packet: the rate is the comparison's to choose, and is that of no camera.
        return sdp.Wish(wish.local, sending, audio_slots=0, video_slots=slots, codecs=("vp8",), reports=False)


class StreamRobot(NativeRobot):
    """A participant of our own bridge with such a connection."""

    def __init__(self, link: str, crowd: Crowd, *, sends: bool) -> None:
        super().__init__(link, crowd)
        self._sends = sends

    def _open_media(self, welcome: Welcome) -> NativeMedia:
        self.media = StreamMedia(self._crowd, welcome.participant, self._changed, sends=self._sends)
        return self.media


def write_answer(local: sdp.Local, remote: sdp.Remote) -> str:
    """Answer an offer of one stream or more, taking all of it as offered; this end starts the DTLS handshake."""
    lines = ["v=0", "o=- 1 1 IN IP4 127.0.0.1", "s=-", "t=0 0"]
    lines.append(f"a=group:BUNDLE {' '.join(one.mid for one in remote.receiving)}")
    for one in remote.receiving:
        numbers = [str(pt) for form in one.formats for pt in (form.pt, form.rtx_pt) if pt is not None]
        lines += [
            f"m={one.kind} 9 UDP/TLS/RTP/SAVPF {' '.join(numbers)}",
            "c=IN IP4 0.0.0.0",
            f"a=ice-ufrag:{local.ufrag}",
            f"a=ice-pwd:{local.pwd}",
            f"a=fingerprint:sha-256 {local.fingerprint}",
            "a=setup:active",
            f"a=mid:{one.mid}",
            "a=recvonly",
            "a=rtcp-mux",
        ]
        if sdp.MID_URI in remote.extensions:
            lines.append(f"a=extmap:{remote.extensions[sdp.MID_URI]} {sdp.MID_URI}")
        for form in one.formats:
            lines.append(f"a=rtpmap:{form.pt} {form.codec.upper()}/{form.clock_rate}")
            lines += [f"a=rtcp-fb:{form.pt} {word}" for word, on in _feedback(form.nack, form.pli) if on]
            if form.rtx_pt is not None:
                lines += [f"a=rtpmap:{form.rtx_pt} rtx/{form.clock_rate}", f"a=fmtp:{form.rtx_pt} apt={form.pt}"]
    return "".join(f"{line}\r\n" for line in lines)


def _feedback(nack: bool, pli: bool) -> tuple[tuple[str, bool], ...]:  # noqa: FBT001 - two facts of a format
    return ("nack", nack), ("nack pli", pli)
