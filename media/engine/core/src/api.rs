//! Commands to the engine, and events from it (`events.rs`): plain data, no handles, so that the engine may one day be a
//! process of its own. Python speaks this same schema in `media/api.py`; a test there holds the two together.

pub use crate::events::{Event, Refusal};
use crate::line::api::{
    AddLines, SendLineDtls, SetChannelKeys, SetLineKeys, SetRemote, WantKeyFrame,
};
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
    H261,
    H263,
    /// All versions of H.263, as RFC 4629 packs them.
    #[serde(rename = "h263-1998")]
    H263Plus,
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
    /// H.261 and H.263 alone: lines of the largest picture that may come; absent is 288 (CIF).
    #[serde(default)]
    pub lines: Option<u16>,
    /// H.261 and H.263 alone: the least time between pictures, in 1001/30000 s (MPI); absent is 1.
    #[serde(default)]
    pub interval: Option<u8>,
    /// Feedback on transport-wide sequence numbers negotiated (draft-holmer-rmcat-transport-wide-cc-extensions-01).
    #[serde(default)]
    pub transport_cc: bool,
    /// Of a source: it may be told what the way to us carries (draft-alvestrand-rmcat-remb-03).
    #[serde(default)]
    pub remb: bool,
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

/// What a leg sends. What every packet asks comes first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[repr(C)]
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
    /// Writes down what goes into the estimate of what a leg's link carries, for at most 60 s, and tells it by
    /// [`Event::LinkRecorded`]. Of a leg whose gate is closed it begins when that opens.
    RecordLink {
        /// Whose.
        leg: LegId,
        /// For how long, at least 1.
        seconds: u16,
    },
    /// A new leg of lines, its gate closed.
    AddLines(AddLines),
    /// What a further offer or answer changes of a line.
    SetRemote(SetRemote),
    /// The keys that the handshake on a line gave.
    SetLineKeys(SetLineKeys),
    /// Keys of a line of H.235.6 that have come or changed.
    SetChannelKeys(SetChannelKeys),
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
            Self::SetChannelKeys(set) => Subject::Leg(set.leg),
            Self::SendLineDtls(send) => Subject::Leg(send.leg),
            Self::WantKeyFrame(want) => Subject::Leg(want.leg),
            Self::SetFeeds { room, .. } | Self::Panic { room, .. } => Subject::Room(*room),
            Self::SetKeys { leg, .. }
            | Self::SendDtls { leg, .. }
            | Self::SetGate { leg, .. }
            | Self::SetMuted { leg, .. }
            | Self::MoveLeg { leg, .. }
            | Self::RestartIce { leg, .. }
            | Self::RecordLink { leg, .. }
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
