//! What the control plane says of legs whose lines have ports of their own: commands and their parts, plain data like the rest of the schema.

use crate::api::{Extensions, IceParams, LegId, RoomId, SlotSpec, SourceSpec};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::SocketAddr;

/// Our UDP ports for one line, as the IO around the shard has opened them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinePorts {
    /// For RTP, and for RTCP where that is multiplexed (RFC 5761).
    pub rtp: u16,
    /// For RTCP; `None` where it is multiplexed.
    pub rtcp: Option<u16>,
}

/// Where the peer says that it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remote {
    /// Of RTP, as `ip:port`.
    #[serde(with = "text")]
    pub rtp: SocketAddr,
    /// Of RTCP, as `ip:port`; of no effect where it is multiplexed. `None` for the port after that of RTP (RFC 3550
    /// section 11).
    #[serde(default, with = "text_or_none")]
    pub rtcp: Option<SocketAddr>,
    /// The peer is behind an address translator, so that it is not there: whoever comes first within ten seconds is the
    /// peer, as far as nothing else proves it.
    #[serde(default)]
    pub learn: bool,
}

/// A suite and a master key with its salt, for one direction.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Keys {
    /// `AEAD_AES_128_GCM`, `AEAD_AES_256_GCM`, `AES_CM_128_HMAC_SHA1_80` or `AES_CM_128_HMAC_SHA1_32`.
    pub profile: String,
    /// Key and salt joined, as the parameter `inline` has them (RFC 4568 section 6.1).
    #[serde(with = "serde_bytes")]
    pub master: Vec<u8>,
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Keys({})", self.profile)
    }
}

/// A key of H.235.6, for one direction. One that nobody else has is as good as none: what is sent with it cannot be read.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChannelKey {
    /// `H235_AES_128_CBC` or `H235_AES_256_CBC`.
    pub profile: String,
    /// 16 or 32 bytes.
    #[serde(with = "serde_bytes")]
    pub key: Vec<u8>,
    /// The payload type by which packets tell that they are under this key, in place of that of their format; `None` for a
    /// key that has followed no other.
    #[serde(default)]
    pub payload_type: Option<u8>,
}

impl fmt::Debug for ChannelKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ChannelKey({})", self.profile)
    }
}

/// How a line is protected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type")]
pub enum Protection {
    /// Not at all (RTP/AVP).
    Plain,
    /// By keys that the descriptions hold (RFC 4568); the two directions have a suite and a key each.
    Sdes {
        /// What we send with.
        local: Keys,
        /// What the peer sends with.
        remote: Keys,
    },
    /// By keys that the signalling of H.323 has brought (H.235.6): hidden, but nothing is proved.
    H235 {
        /// What we send with.
        local: ChannelKey,
        /// What the peer sends with.
        remote: ChannelKey,
    },
    /// By keys that a handshake on the line will give (RFC 5764).
    Dtls,
}

/// One media line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineSpec {
    /// Our ports.
    pub ports: LinePorts,
    /// The peer's.
    pub remote: Remote,
    /// How it is protected.
    pub protection: Protection,
    /// With ICE (RFC 8445), for all ports of the line: the peer is where its checks come from, and nowhere before the first
    /// on each port.
    #[serde(default)]
    pub ice: Option<IceParams>,
    /// What the leg sends on it.
    pub sources: Vec<SourceSpec>,
    /// What it takes there.
    pub slots: Vec<SlotSpec>,
    /// Parameter sets of the peer's H.264 that its description holds (`sprop-parameter-sets`, RFC 6184 section 8.1), each a
    /// NAL unit.
    #[serde(default)]
    pub parameter_sets: Vec<serde_bytes::ByteBuf>,
    /// How the peer may be asked for key frames and rates.
    #[serde(default)]
    pub feedback: Feedback,
    /// Bit/s that the peer takes of pictures at the most (`b=TIAS`, RFC 3890), if it says so.
    #[serde(default)]
    pub max_bitrate: Option<u64>,
}

/// What the peer has agreed to heed (RFC 4585, RFC 5104); what it sends of this is heeded in any case.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Feedback {
    /// `nack pli`.
    #[serde(default)]
    pub pli: bool,
    /// `ccm fir`.
    #[serde(default)]
    pub fir: bool,
    /// `ccm tmmbr`.
    #[serde(default)]
    pub tmmbr: bool,
}

/// A new leg of lines, its gate closed. Sources and slots are numbered over all of its lines.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AddLines {
    /// Its name.
    pub leg: LegId,
    /// The room that it belongs to.
    pub room: RoomId,
    /// Its media lines; a line is known by its place in this list.
    pub lines: Vec<LineSpec>,
    /// Header extensions.
    pub extensions: Extensions,
    /// Canonical name in our SDES (RFC 3550 6.5.1); random, says nothing about a person.
    pub cname: String,
    /// Whether a line may be without protection.
    #[serde(default)]
    pub allow_plain: bool,
}

/// What a further offer or answer changes of a line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetRemote {
    /// Whose.
    pub leg: LegId,
    /// Which of its lines.
    pub line: u8,
    /// Where the peer says that it is now; where that is news, the peer is looked for anew.
    pub remote: Remote,
    /// What the peer sends with from now on, if it has taken another key.
    #[serde(default)]
    pub keys: Option<Keys>,
    /// New credentials, where the peer restarts ICE; the way stands until its checks show another.
    #[serde(default)]
    pub ice: Option<IceParams>,
    /// The most that it takes in bit/s, as it says now; pictures only.
    #[serde(default)]
    pub max_bitrate: Option<u64>,
}

/// The keys that the handshake on a line gave (RFC 5764).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetLineKeys {
    /// Whose.
    pub leg: LegId,
    /// Which of its lines.
    pub line: u8,
    /// What we send with.
    pub local: Keys,
    /// What the peer sends with.
    pub remote: Keys,
}

/// Keys of H.235.6 that have come or changed; of what the peer sends, the key before opens what is still on its way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetChannelKeys {
    /// Whose.
    pub leg: LegId,
    /// Which of its lines.
    pub line: u8,
    /// What we send with from now on; `None` for the same as before.
    #[serde(default)]
    pub local: Option<ChannelKey>,
    /// What the peer sends with.
    #[serde(default)]
    pub remote: Option<ChannelKey>,
}

/// DTLS datagrams to the peer on one line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SendLineDtls {
    /// To whom.
    pub leg: LegId,
    /// On which of its lines.
    pub line: u8,
    /// Each fits one UDP datagram; anything but DTLS is refused, since it would pass the gate.
    pub datagrams: Vec<serde_bytes::ByteBuf>,
}

/// The peer needs a key frame in a slot, and says so beside RTCP (RFC 5168).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct WantKeyFrame {
    /// Whose.
    pub leg: LegId,
    /// Which slot.
    pub slot: u16,
}

/// A key that was pressed: `0` to `9`, `*`, `#`, `A` to `D`. It may be of a PIN.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Key(pub char);

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key")
    }
}

/// An address as text, the same in every encoding.
mod text {
    use serde::{de::Error, Deserialize, Deserializer, Serializer};
    use std::net::SocketAddr;

    pub(super) fn serialize<S: Serializer>(value: &SocketAddr, out: S) -> Result<S::Ok, S::Error> {
        out.collect_str(value)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<SocketAddr, D::Error> {
        let text = String::deserialize(from)?;
        text.parse().map_err(D::Error::custom)
    }
}

mod text_or_none {
    use serde::{de::Error, Deserialize, Deserializer, Serializer};
    use std::net::SocketAddr;

    #[allow(
        clippy::ref_option,
        clippy::trivially_copy_pass_by_ref,
        reason = "the form that serde asks for"
    )]
    pub(super) fn serialize<S: Serializer>(
        value: &Option<SocketAddr>,
        out: S,
    ) -> Result<S::Ok, S::Error> {
        match value {
            Some(address) => out.collect_str(address),
            None => out.serialize_none(),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Option<SocketAddr>, D::Error> {
        let text = Option::<String>::deserialize(from)?;
        let parsed = text.map(|text| text.parse()).transpose();
        parsed.map_err(D::Error::custom)
    }
}
