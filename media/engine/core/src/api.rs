//! Commands to the engine and events from it: plain data, no handles, so that the engine may one day be a process of
//! its own. Python speaks this same schema in `media/api.py`; a test there holds the two together.

use crate::line::api::{AddLines, Key, SendLineDtls, SetLineKeys, SetRemote, WantKeyFrame};
use crate::time::Micros;
use serde::{Deserialize, Serialize};

/// Names a leg; given out by the control plane, never reused while the engine runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LegId(pub u64);

/// Names a room; a room lives on one shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RoomId(pub u64);

/// What a stream carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Sound.
    Audio,
    /// Pictures, from a camera or a shared screen.
    Video,
}

/// Codecs that the engine can tell apart; it decodes none of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs)]
pub enum Codec {
    Opus,
    G722,
    Pcmu,
    Pcma,
    TelephoneEvent,
    Vp8,
    Vp9,
    H264,
    Av1,
}

/// One payload type of a stream, as negotiated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Format {
    /// RTP payload type.
    pub pt: u8,
    /// What it carries.
    pub codec: Codec,
    /// RTP clock in Hz.
    pub clock_rate: u32,
    /// Payload type of its retransmissions (RFC 4588), if negotiated.
    pub rtx_pt: Option<u8>,
    /// Generic NACK negotiated (RFC 4585).
    pub nack: bool,
    /// Picture loss indication negotiated (RFC 4585).
    pub pli: bool,
    /// H.264 alone: packetization-mode (RFC 6184 section 8.1); absent is 0.
    #[serde(default)]
    pub packetization_mode: Option<u8>,
    /// H.264 alone: profile-level-id as a number of 24 bits; absent is baseline at level 1.
    #[serde(default)]
    pub profile: Option<u32>,
    /// H.264 alone: level-asymmetry-allowed, so that what is received may be of another level than what is sent.
    #[serde(default)]
    pub level_asymmetry: bool,
    /// Feedback on transport-wide sequence numbers negotiated (draft-holmer-rmcat-transport-wide-cc-extensions-01).
    #[serde(default)]
    pub transport_cc: bool,
    /// Opus alone: payload type of RED (RFC 2198) that carries this format, if negotiated.
    #[serde(default)]
    pub red_pt: Option<u8>,
}

/// One RTP stream of a source.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EncodingSpec {
    /// Restriction identifier (RFC 8851) by which a stream of simulcast is recognised; `None` for an only encoding.
    #[serde(default)]
    pub rid: Option<String>,
    /// SSRC, when the description names it.
    #[serde(default)]
    pub ssrc: Option<u32>,
    /// SSRC of the retransmissions, when the description names it.
    #[serde(default)]
    pub rtx_ssrc: Option<u32>,
}

/// What a leg sends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceSpec {
    /// Index within the leg.
    pub source: u16,
    /// Sound or pictures.
    pub kind: Kind,
    /// Media identification (RFC 8843), by which an unannounced SSRC is recognised.
    pub mid: String,
    /// Its RTP streams, at least one; several are simulcast (RFC 8853), lowest quality first.
    pub encodings: Vec<EncodingSpec>,
    /// Payload types that may arrive.
    pub formats: Vec<Format>,
}

/// Forward error correction towards a receiver: FlexFEC-03 (draft-ietf-payload-flexible-fec-scheme-03).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct FecSpec {
    /// Payload type.
    pub pt: u8,
    /// SSRC that it is sent with, chosen by the control plane.
    pub ssrc: u32,
}

/// What a leg can take.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SlotSpec {
    /// Index within the leg.
    pub slot: u16,
    /// Sound or pictures.
    pub kind: Kind,
    /// SSRC that the engine sends with, chosen by the control plane.
    pub ssrc: u32,
    /// SSRC of retransmissions, if negotiated.
    pub rtx_ssrc: Option<u32>,
    /// Payload types that the receiver takes.
    pub formats: Vec<Format>,
    /// Forward error correction, if negotiated.
    #[serde(default)]
    pub fec: Option<FecSpec>,
    /// The receiver reports on each packet by its sequence number (RFC 8888). Of no effect on a leg with transport-wide
    /// numbers, which say more.
    #[serde(default)]
    pub ccfb: bool,
    /// Milliseconds of sound that a packet may hold at most (`a=maxptime`, RFC 8866), if the receiver says so.
    #[serde(default)]
    pub max_ptime_ms: Option<u16>,
}

/// ICE credentials (RFC 8445); the engine is the lite side.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IceParams {
    /// Our user name fragment: what incoming checks name first.
    pub local_ufrag: String,
    /// Our password: what incoming checks are keyed with.
    pub local_pwd: String,
}

/// Header extension ids (RFC 8285, one-byte form) that the engine reads and writes, `None` meaning not negotiated. An
/// id is the same on all lines of the bundle, both ways.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Extensions {
    /// `urn:ietf:params:rtp-hdrext:sdes:mid` (RFC 8843).
    pub mid: Option<u8>,
    /// `urn:ietf:params:rtp-hdrext:ssrc-audio-level` (RFC 6464).
    pub audio_level: Option<u8>,
    /// `http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01`.
    #[serde(default)]
    pub transport_cc: Option<u8>,
    /// `urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id` (RFC 8852).
    #[serde(default)]
    pub rid: Option<u8>,
    /// `urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id` (RFC 8852).
    #[serde(default)]
    pub repaired_rid: Option<u8>,
}

/// A source of a leg.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceRef {
    /// The sending leg.
    pub leg: LegId,
    /// Index of the source in it.
    pub source: u16,
}

/// What fills a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Feed {
    /// The receiving leg.
    pub leg: LegId,
    /// Index of the slot in it.
    pub slot: u16,
    /// Where from; `None` leaves the slot silent.
    pub from: Option<SourceRef>,
    /// Who yields last when the receiver's link is thin: 0 pinned or content, 1 signer, 2 speaker, 3 others.
    #[serde(default = "Feed::of_others")]
    pub importance: u8,
    /// Lines of picture that the receiver can show in this slot at the most; `None` when nobody knows.
    #[serde(default)]
    pub height: Option<u16>,
}

impl Feed {
    /// The importance of those whom nobody has said anything about.
    pub const fn of_others() -> u8 {
        3
    }
}

/// What the engine would like a source to send in one encoding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wanted {
    /// Whether anybody takes it.
    pub active: bool,
    /// The most that anybody can take of it, in bit/s; `None` without a limit.
    pub max_bitrate: Option<u64>,
}

/// What the control plane asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type")]
pub enum Command {
    /// A new leg, its gate closed.
    AddLeg {
        /// Its name.
        leg: LegId,
        /// The room that it belongs to.
        room: RoomId,
        /// ICE credentials.
        ice: IceParams,
        /// What it sends.
        sources: Vec<SourceSpec>,
        /// What it takes.
        slots: Vec<SlotSpec>,
        /// Header extensions.
        extensions: Extensions,
        /// Canonical name in our SDES (RFC 3550 6.5.1); random, says nothing about a person.
        cname: String,
    },
    /// The SRTP keys that the DTLS handshake gave (RFC 5764).
    SetKeys {
        /// Whose.
        leg: LegId,
        /// `AEAD_AES_128_GCM`, `AEAD_AES_256_GCM` or `AES_CM_128_HMAC_SHA1_80`.
        profile: String,
        /// Key and salt that we send with.
        #[serde(with = "serde_bytes")]
        local: Vec<u8>,
        /// Key and salt that the peer sends with.
        #[serde(with = "serde_bytes")]
        remote: Vec<u8>,
    },
    /// DTLS datagrams to the peer.
    SendDtls {
        /// To whom.
        leg: LegId,
        /// Each fits one UDP datagram; anything but DTLS is refused, since it would pass the gate.
        datagrams: Vec<serde_bytes::ByteBuf>,
    },
    /// Opens or closes the gate of a leg.
    SetGate {
        /// Whose.
        leg: LegId,
        /// Whether media may pass, both ways.
        open: bool,
    },
    /// The whole plan of a room; slots that it does not name fall silent.
    SetFeeds {
        /// Which room.
        room: RoomId,
        /// Every slot that is filled.
        feeds: Vec<Feed>,
    },
    /// Drops a source's media on arrival (a host's mute).
    SetMuted {
        /// Whose.
        leg: LegId,
        /// Which source.
        source: u16,
        /// Whether to drop.
        muted: bool,
    },
    /// Takes a leg whose gate is closed to another room of the same shard. All feeds to it and from it end.
    MoveLeg {
        /// Which.
        leg: LegId,
        /// Where to.
        room: RoomId,
    },
    /// New ICE credentials on the same leg (RFC 8445 section 9).
    RestartIce {
        /// Whose.
        leg: LegId,
        /// The new credentials.
        ice: IceParams,
    },
    /// Forgets a leg.
    RemoveLeg {
        /// Which.
        leg: LegId,
    },
    /// A new leg of lines, its gate closed.
    AddLines(AddLines),
    /// What a further offer or answer changes of a line.
    SetRemote(SetRemote),
    /// The keys that the handshake on a line gave.
    SetLineKeys(SetLineKeys),
    /// DTLS datagrams to the peer on one line.
    SendLineDtls(SendLineDtls),
    /// The peer of a leg needs a key frame, and says so beside RTCP.
    WantKeyFrame(WantKeyFrame),
    /// A drill: the next work of one kind for a room fails as a fault of our own would. Refused unless the engine was
    /// started for drills.
    Panic {
        /// Which room.
        room: RoomId,
        /// In which work.
        at: Site,
    },
}

/// Kinds of work that a drill can let fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Site {
    /// The command itself.
    Command,
    /// A media packet that comes in.
    Datagram,
    /// Forwarding what came in.
    Forward,
    /// A retransmission, while the receiver's leg is taken out of its place.
    Repair,
    /// A timer.
    Timer,
    /// The thread, beside the work for any room: it ends.
    Shard,
}

impl Command {
    /// The room or leg that decides which shard carries the command out.
    pub const fn subject(&self) -> Subject {
        match self {
            Self::AddLeg { leg, room, .. } => Subject::NewLeg(*leg, *room),
            Self::AddLines(add) => Subject::NewLeg(add.leg, add.room),
            Self::SetRemote(set) => Subject::Leg(set.leg),
            Self::SetLineKeys(set) => Subject::Leg(set.leg),
            Self::SendLineDtls(send) => Subject::Leg(send.leg),
            Self::WantKeyFrame(want) => Subject::Leg(want.leg),
            Self::SetFeeds { room, .. } | Self::Panic { room, .. } => Subject::Room(*room),
            Self::SetKeys { leg, .. }
            | Self::SendDtls { leg, .. }
            | Self::SetGate { leg, .. }
            | Self::SetMuted { leg, .. }
            | Self::MoveLeg { leg, .. }
            | Self::RestartIce { leg, .. }
            | Self::RemoveLeg { leg } => Subject::Leg(*leg),
        }
    }
}

/// Whom a command is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Subject {
    NewLeg(LegId, RoomId),
    Leg(LegId),
    Room(RoomId),
}

/// Why a command was not carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Refusal {
    /// No such leg here.
    UnknownLeg,
    /// The leg exists already.
    DuplicateLeg,
    /// Another leg has this ICE user name fragment.
    DuplicateUfrag,
    /// An SSRC, slot or source index appears twice, or a feed names what is not there.
    BadDescription,
    /// The profile is unknown or the key has the wrong length.
    BadKeys,
    /// The leg has keys. Setting them again would start the SRTCP index anew, and with it use nonces twice.
    AlreadyKeyed,
    /// Drills are for engines that were started for them.
    NotAllowed,
    /// A line has no protection, and the command does not allow that.
    PlainNotAllowed,
    /// A port is 0, or another line has it.
    DuplicatePort,
    /// A leg moves with its gate closed.
    GateOpen,
}

/// What the engine tells.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type")]
pub enum Event {
    /// The first connectivity check with the right credentials arrived.
    IceConnected {
        /// Whose.
        leg: LegId,
    },
    /// A DTLS datagram from a peer.
    Dtls {
        /// From whom.
        leg: LegId,
        /// The datagram.
        #[serde(with = "serde_bytes")]
        data: Vec<u8>,
    },
    /// The first genuine packet on a line, or the first from another address or after a long silence.
    LineConnected {
        /// Whose.
        leg: LegId,
        /// Which of its lines.
        line: u8,
    },
    /// A DTLS datagram from a peer on a line.
    LineDtls {
        /// From whom.
        leg: LegId,
        /// On which of its lines.
        line: u8,
        /// The datagram.
        #[serde(with = "serde_bytes")]
        data: Vec<u8>,
    },
    /// Somebody needs a key frame of a source whose leg cannot be asked by RTCP; told again while none comes.
    KeyFrameWanted {
        /// Whom to ask.
        leg: LegId,
        /// For a picture of which source.
        source: u16,
    },
    /// Somebody has pressed a key of a telephone (RFC 4733): told once, when it is over, whether the gate is open or not.
    Digit {
        /// Who.
        leg: LegId,
        /// Which.
        key: Key,
        /// For how long.
        duration_ms: u32,
    },
    /// No valid connectivity check for 30 s (RFC 7675), or nothing on any line: nothing is sent until something comes.
    ConsentLost {
        /// Whose.
        leg: LegId,
    },
    /// The gate moved.
    GateChanged {
        /// Whose.
        leg: LegId,
        /// Open now.
        open: bool,
        /// When.
        at_us: Micros,
        /// When the last RTP or RTCP packet left for this leg; 0 if none has.
        last_out_us: Micros,
    },
    /// Who spoke last, most recent first.
    Speakers {
        /// Where.
        room: RoomId,
        /// Legs, most recent speaker first.
        legs: Vec<LegId>,
    },
    /// What a source should send, since that is what somebody takes and can take. Told when it changes, at most every
    /// 500 ms a source.
    Demand {
        /// Whose.
        leg: LegId,
        /// Which source.
        source: u16,
        /// In the order of the description, lowest quality first.
        encodings: Vec<Wanted>,
    },
    /// The leg is gone.
    LegRemoved {
        /// Which.
        leg: LegId,
        /// When.
        at_us: Micros,
        /// When its last RTP or RTCP packet was taken in; 0 if none was.
        last_in_us: Micros,
        /// When the last RTP or RTCP packet left for it; 0 if none has.
        last_out_us: Micros,
    },
    /// Our own code failed while it worked for this room. The room's legs are gone, and what was asked of them later is
    /// refused; every other room goes on.
    RoomFailed {
        /// Which room.
        room: RoomId,
        /// The legs that it had.
        legs: Vec<LegId>,
        /// Where in the code, as `file:line`; empty if nobody knows.
        place: String,
    },
    /// A shard's thread has ended without being told to. Its rooms are gone, and none can be made there.
    ShardStopped {
        /// Which shard.
        shard: u64,
        /// Where in the code it failed, as `file:line`; empty if nobody knows.
        place: String,
    },
    /// A command was not carried out.
    CommandRefused {
        /// Its name.
        command: String,
        /// The leg that it named; 0 for a room's command.
        leg: LegId,
        /// Why.
        code: Refusal,
    },
}
