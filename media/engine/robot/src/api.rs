//! Commands to the robots and events from them: plain data in MessagePack. `media/clients.py` speaks this same schema;
//! a test there holds the two together.

use engine_core::api::{Codec, Format, Kind};
use engine_core::Micros;
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

/// Names a robot; given out by whoever drives them, never reused while they run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ClientId(pub u64);

/// In an expectation: whoever's media, robot or not, may arrive.
pub const ANY_SOURCE: u64 = u64::MAX;

/// The number by which a marker names its sender.
pub const fn source_id(client: ClientId, sender: u16) -> u64 {
    client.0 << 16 | sender as u64
}

/// One picture, or one packet of sound.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Frame {
    /// RTP clock units that it lasts.
    pub ticks: u32,
    /// Decoding can begin here.
    pub key: bool,
    /// RTP payloads, each of at most [`MAX_PAYLOAD`](crate::clip::MAX_PAYLOAD) bytes.
    pub payloads: Vec<ByteBuf>,
    /// Loudness of sound as -dBov (RFC 6464).
    #[serde(default = "speech_level")]
    pub level: u8,
}

const fn speech_level() -> u8 {
    30
}

/// How the packets of a picture leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Pacing {
    /// All at once.
    Burst,
    /// Spread over the picture's time.
    Even,
}

/// What a robot sends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename = "Sender")]
pub struct SenderSpec {
    /// Index within the robot.
    pub sender: u16,
    /// What is sent, over and over.
    pub clip: u64,
    /// Where in the clip to begin.
    pub start_frame: u32,
    /// SSRC.
    pub ssrc: u32,
    /// SSRC of retransmissions (RFC 4588), if negotiated.
    pub rtx_ssrc: Option<u32>,
    /// Payload type.
    pub pt: u8,
    /// Payload type of retransmissions.
    pub rtx_pt: Option<u8>,
    /// Media identification (RFC 8843).
    pub mid: String,
    /// Extension id under which the mid is sent.
    pub mid_ext: Option<u8>,
    /// Extension id of the audio level (RFC 6464).
    pub audio_level_ext: Option<u8>,
    /// Extension id of the transport-wide sequence number.
    pub twcc_ext: Option<u8>,
    /// Whether NACKs are answered.
    pub nack: bool,
    /// How pictures leave.
    pub pacing: Pacing,
}

/// What a robot takes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename = "Receiver")]
pub struct ReceiverSpec {
    /// Index within the robot.
    pub receiver: u16,
    /// Sound or pictures.
    pub kind: Kind,
    /// Media identification.
    pub mid: String,
    /// SSRC, when the description names it.
    pub ssrc: Option<u32>,
    /// SSRC of retransmissions, when the description names it.
    pub rtx_ssrc: Option<u32>,
    /// Payload types that may arrive.
    pub formats: Vec<Format>,
    /// Whether to ask for lost packets.
    pub nack: bool,
    /// Whose media may arrive: a [`source_id`], [`ANY_SOURCE`], or nobody's.
    pub expects: Option<u64>,
}

/// Both sides' ICE credentials (RFC 8445); the robot is the controlling agent.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientIce {
    /// The robot's user name fragment.
    pub local_ufrag: String,
    /// The robot's password.
    pub local_pwd: String,
    /// The peer's user name fragment.
    pub remote_ufrag: String,
    /// The peer's password.
    pub remote_pwd: String,
}

impl std::fmt::Debug for ClientIce {
    /// Without the passwords.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            local_ufrag,
            remote_ufrag,
            ..
        } = self;
        write!(f, "ClientIce({remote_ufrag}:{local_ufrag})")
    }
}

/// A robot before it begins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientSpec {
    /// Its name.
    pub client: ClientId,
    /// The peer's address and port.
    pub remote: (String, u16),
    /// Address of this machine to send from.
    pub bind: String,
    /// Credentials.
    pub ice: ClientIce,
    /// What it sends.
    pub senders: Vec<SenderSpec>,
    /// What it takes.
    pub receivers: Vec<ReceiverSpec>,
    /// Canonical name (RFC 3550 section 6.5.1).
    pub cname: String,
    /// Extension id of the mid on received packets.
    pub mid_ext: Option<u8>,
    /// Extension id of the transport-wide sequence number on received packets.
    pub twcc_ext: Option<u8>,
    /// Share of pictures and packets of sound that are decrypted and verified, in percent.
    pub check_percent: u8,
    /// How long before and after an `Expect` both the old and the new source may be seen.
    #[serde(default)]
    pub grace_ms: u32,
}

/// What the driver asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type")]
pub enum Command {
    /// Material that all robots may send.
    AddClip {
        /// Its name.
        clip: u64,
        /// Opus, VP8 or H.264.
        codec: Codec,
        /// RTP clock in Hz.
        clock_rate: u32,
        /// What it is made of.
        frames: Vec<Frame>,
    },
    /// A new robot; it begins its connectivity checks at once.
    AddClient(ClientSpec),
    /// The SRTP keys that the DTLS handshake gave (RFC 5764); sending begins.
    SetClientKeys {
        /// Whose.
        client: ClientId,
        /// `AEAD_AES_128_GCM`, `AEAD_AES_256_GCM` or `AES_CM_128_HMAC_SHA1_80`.
        profile: String,
        /// Key and salt that the robot sends with.
        #[serde(with = "serde_bytes")]
        local: Vec<u8>,
        /// Key and salt that the peer sends with.
        #[serde(with = "serde_bytes")]
        remote: Vec<u8>,
    },
    /// DTLS datagrams to the peer.
    SendClientDtls {
        /// From whom.
        client: ClientId,
        /// Each fits one UDP datagram.
        datagrams: Vec<ByteBuf>,
    },
    /// Lets a sender go on or pause.
    Play {
        /// Whose.
        client: ClientId,
        /// Which sender.
        sender: u16,
        /// Whether it sends.
        on: bool,
    },
    /// Says whose media may arrive at a receiver from now on.
    Expect {
        /// Whose receiver.
        client: ClientId,
        /// Which.
        receiver: u16,
        /// As in [`ReceiverSpec::expects`].
        source: Option<u64>,
    },
    /// Forgets a robot; its peer is not told.
    RemoveClient {
        /// Which.
        client: ClientId,
    },
}

impl Command {
    /// Its name on the wire, and the robot that it is about; 0 for a clip.
    pub const fn subject(&self) -> (&'static str, ClientId) {
        match self {
            Self::AddClip { .. } => ("AddClip", ClientId(0)),
            Self::AddClient(spec) => ("AddClient", spec.client),
            Self::SetClientKeys { client, .. } => ("SetClientKeys", *client),
            Self::SendClientDtls { client, .. } => ("SendClientDtls", *client),
            Self::Play { client, .. } => ("Play", *client),
            Self::Expect { client, .. } => ("Expect", *client),
            Self::RemoveClient { client } => ("RemoveClient", *client),
        }
    }
}

/// Why a command was not carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Refusal {
    /// No such robot.
    UnknownClient,
    /// The robot exists already.
    DuplicateClient,
    /// The clip exists already.
    DuplicateClip,
    /// The clip is empty, of another codec, or its frames are not what they claim to be.
    BadClip,
    /// A sender names a clip that is not there.
    UnknownClip,
    /// An address that is none, or of two families.
    BadAddress,
    /// An index or SSRC appears twice, or a field is out of its range.
    BadDescription,
    /// No sender or receiver of that index.
    UnknownStream,
    /// The profile is unknown or the key has the wrong length.
    BadKeys,
    /// The robot has keys: setting them again would use nonces twice.
    AlreadyKeyed,
    /// The socket could not be opened.
    Socket,
}

/// What the robots tell.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type")]
pub enum Event {
    /// The peer answered a connectivity check: DTLS may begin.
    ClientConnected {
        /// Whose.
        client: ClientId,
    },
    /// A DTLS datagram from the peer.
    ClientDtls {
        /// To whom.
        client: ClientId,
        /// The datagram.
        #[serde(with = "serde_bytes")]
        data: Vec<u8>,
    },
    /// No answer to a check for 30 s (RFC 7675); the robot sends nothing any more.
    ConsentFailed {
        /// Whose.
        client: ClientId,
    },
    /// The first RTP packet of a receiver.
    FirstMedia {
        /// Whose.
        client: ClientId,
        /// Which.
        receiver: u16,
        /// When it arrived, by the kernel's time stamp.
        at_us: Micros,
    },
    /// The robot is gone.
    ClientRemoved {
        /// Which.
        client: ClientId,
    },
    /// A command was not carried out.
    ClientRefused {
        /// Its name.
        command: String,
        /// The robot that it named; 0 for a clip.
        client: ClientId,
        /// Why.
        code: Refusal,
    },
}
