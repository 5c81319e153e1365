"""Offers as room systems, softphones and trunks make them, written after what each kind sends."""

from typing import Final

HEAD: Final = "v=0\r\no=- 1 1 IN IP4 192.0.2.10\r\ns=-\r\nc=IN IP4 192.0.2.10\r\nt=0 0\r\n"
KEY: Final = "AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0e"
KEY_GCM: Final = "AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHA=="
PRINT: Final = ":".join(["AB"] * 32)


def softphone(
    profile: str = "RTP/SAVPF", protect: str = f"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}\r\n"
) -> str:
    """As baresip and its like make it: Opus and VP8, keys in the description."""
    return (
        f"{HEAD}m=audio 5004 {profile} 96 0 101\r\n{protect}a=rtpmap:96 opus/48000/2\r\n"
        "a=fmtp:96 useinbandfec=1;minptime=10\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\n"
        "a=fmtp:101 0-15\r\na=rtcp:5005\r\na=sendrecv\r\na=ptime:20\r\na=rtcp-mux\r\n"
        f"m=video 5006 {profile} 97\r\n{protect}a=rtpmap:97 VP8/90000\r\n"
        "a=rtcp-fb:* nack\r\na=rtcp-fb:* nack pli\r\n"
        "a=framerate:25.00\r\na=rtcp-mux\r\na=sendrecv\r\n"
    )


def room_system() -> str:
    """A meeting room's: best effort, H.264 in both modes and two profiles, content, BFCP, far-end camera, fax."""
    crypto = (
        f"a=crypto:1 AEAD_AES_256_GCM inline:{KEY_GCM}|2^48|1:4\r\n"
        f"a=crypto:2 AES_CM_128_HMAC_SHA1_80 inline:{KEY}|2^48\r\n"
        f"a=crypto:3 AES_CM_128_HMAC_SHA1_80 inline:{KEY} UNENCRYPTED_SRTCP\r\n"
        f"a=crypto:4 AEAD_AES_128_GCM inline:{KEY_GCM}\r\n"
    )
    return (
        f"{HEAD}b=AS:6000\r\nm=audio 2326 RTP/AVP 114 9 8 0 101\r\nb=TIAS:128000\r\na=rtpmap:114 opus/48000/2\r\n"
        f"a=rtpmap:9 G722/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\n{crypto}a=sendrecv\r\n"
        "m=video 2328 RTP/AVP 97 126 99\r\nb=TIAS:4000000\r\na=rtpmap:97 H264/90000\r\n"
        "a=fmtp:97 packetization-mode=0;profile-level-id=420016;max-br=5000;max-mbps=245000;max-fs=9000\r\n"
        "a=rtpmap:126 H264/90000\r\na=fmtp:126 packetization-mode=1;profile-level-id=428016;max-fs=9000;"
        "sprop-parameter-sets=Z0KAFg==,aM4x,!!\r\na=rtpmap:99 H264/90000\r\n"
        "a=fmtp:99 packetization-mode=1;profile-level-id=640016\r\na=rtcp-fb:* nack pli\r\na=rtcp-fb:* ccm fir\r\n"
        f"a=rtcp-fb:* ccm tmmbr\r\na=content:main\r\na=label:11\r\n{crypto}a=sendrecv\r\n"
        "m=application 5070 UDP/BFCP *\r\na=floorctrl:c-s\r\na=setup:actpass\r\n"
        f"m=video 2330 RTP/AVP 97\r\na=rtpmap:97 H264/90000\r\na=content:slides\r\n{crypto}a=sendrecv\r\n"
        "m=application 2332 RTP/AVP 107\r\na=rtpmap:107 H224/4800\r\n"
        "m=image 2334 udptl t38\r\n"
    )


def by_handshake(profile: str = "UDP/TLS/RTP/SAVPF", setup: str = "actpass") -> str:
    """DTLS-SRTP without ICE, the certificate named once for all m-lines."""
    return softphone(profile, "").replace(
        "t=0 0\r\n", f"t=0 0\r\na=fingerprint:SHA-256 {PRINT}\r\na=setup:{setup}\r\n"
    )


def with_ice(ufrag: str = "peer", *, mux: bool = True) -> str:
    """A softphone that will check, with a host and a reflexive address."""
    offer = softphone() if mux else softphone().replace("a=rtcp-mux\r\n", "")
    for port in (5004, 5006):
        places = [f"a=candidate:1 1 UDP 2130706431 192.0.2.10 {port} typ host"]
        places.append(f"a=candidate:2 1 UDP 1694498815 203.0.113.5 {port} typ srflx raddr 192.0.2.10 rport {port}")
        places.append(f"a=candidate:1 2 UDP 2130706430 192.0.2.10 {port + 1} typ host")
        places.append("a=candidate:3 1 TCP 1015021823 192.0.2.10 9 typ host tcptype active")
        said = [f"a=ice-ufrag:{ufrag}", "a=ice-pwd:a/password/of/the/peer+", *places]
        offer = offer.replace(f"m=audio {port} RTP/SAVPF 96 0 101\r\n", f"m=audio {port} RTP/SAVPF 96 0 101\r\n@")
        offer = offer.replace(f"m=video {port} RTP/SAVPF 97\r\n", f"m=video {port} RTP/SAVPF 97\r\n@")
        offer = offer.replace("@", "".join(f"{line}\r\n" for line in said))
    return offer


def telephone() -> str:
    """A trunk's: sound in the clear, no rtpmap for what everybody knows."""
    return f"{HEAD}m=audio 30000 RTP/AVP 8 0 101\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\n"


ALL: Final = (softphone(), room_system(), by_handshake(), telephone(), with_ice())
