//! The protection profiles and their sizes.

use crate::cbc::BLOCK;

/// A protection profile: those that DTLS-SRTP (RFC 5764 section 4.1.2, RFC 7714 section 14.2) and SDES (RFC 4568 section
/// 6.2, RFC 7714 section 14.1) agree on, and none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// `SRTP_AEAD_AES_128_GCM`
    AeadAes128Gcm,
    /// `SRTP_AEAD_AES_256_GCM`
    AeadAes256Gcm,
    /// `SRTP_AES128_CM_HMAC_SHA1_80`
    AesCm128HmacSha1_80,
    /// `SRTP_AES128_CM_HMAC_SHA1_32`: tags of four bytes on RTP, of ten on RTCP.
    AesCm128HmacSha1_32,
    /// AES-128 in cipher block chaining (H.235.6): hidden, but nothing is proved. Like the next it has no name among those
    /// that are agreed on: see [`Profile::from_h235_name`].
    H235Aes128Cbc,
    /// The same with AES-256.
    H235Aes256Cbc,
    /// Plain RTP (RFC 3551): nothing is hidden, nothing is proved. It has no name to be agreed on by, so that it is only
    /// had by asking for it.
    Plain,
}

impl Profile {
    /// All profiles of SRTP, in order of preference.
    pub const ALL: [Self; 4] = [
        Self::AeadAes128Gcm,
        Self::AeadAes256Gcm,
        Self::AesCm128HmacSha1_80,
        Self::AesCm128HmacSha1_32,
    ];

    /// Those of H.235.6.
    pub const H235: [Self; 2] = [Self::H235Aes256Cbc, Self::H235Aes128Cbc];

    /// Bytes of master key, which is also the length of the session encryption key.
    #[must_use]
    pub const fn key_len(self) -> usize {
        match self {
            Self::AeadAes128Gcm
            | Self::AesCm128HmacSha1_80
            | Self::AesCm128HmacSha1_32
            | Self::H235Aes128Cbc => 16,
            Self::AeadAes256Gcm | Self::H235Aes256Cbc => 32,
            Self::Plain => 0,
        }
    }

    /// Bytes of master salt.
    #[must_use]
    pub const fn salt_len(self) -> usize {
        match self {
            Self::AeadAes128Gcm | Self::AeadAes256Gcm => 12,
            Self::AesCm128HmacSha1_80 | Self::AesCm128HmacSha1_32 => 14,
            Self::H235Aes128Cbc | Self::H235Aes256Cbc | Self::Plain => 0,
        }
    }

    /// Bytes of master key and salt together, as the constructors take them.
    #[must_use]
    pub const fn master_len(self) -> usize {
        self.key_len() + self.salt_len()
    }

    /// Bytes that protection adds to an RTP packet at the most: its authentication tag, or what fills a block.
    #[must_use]
    pub const fn rtp_overhead(self) -> usize {
        match self {
            Self::AeadAes128Gcm | Self::AeadAes256Gcm => 16,
            Self::AesCm128HmacSha1_80 => 10,
            Self::AesCm128HmacSha1_32 => 4,
            Self::H235Aes128Cbc | Self::H235Aes256Cbc => BLOCK,
            Self::Plain => 0,
        }
    }

    /// Bytes of authentication tag on an RTP packet.
    pub(crate) const fn rtp_tag(self) -> usize {
        match self {
            Self::H235Aes128Cbc | Self::H235Aes256Cbc => 0,
            _ => self.rtp_overhead(),
        }
    }

    /// Bytes that protection adds to an RTCP packet: the tag, which is never the short one (RFC 4568 section 6.2), and the
    /// word of E bit and index.
    #[must_use]
    pub const fn rtcp_overhead(self) -> usize {
        match self {
            Self::AeadAes128Gcm | Self::AeadAes256Gcm => 20,
            Self::AesCm128HmacSha1_80 | Self::AesCm128HmacSha1_32 => 14,
            Self::H235Aes128Cbc | Self::H235Aes256Cbc | Self::Plain => 0,
        }
    }

    /// Whether packets are proved genuine, and hidden.
    #[must_use]
    pub const fn proves(self) -> bool {
        !matches!(
            self,
            Self::Plain | Self::H235Aes128Cbc | Self::H235Aes256Cbc
        )
    }

    /// Whether what RTP carries is hidden.
    #[must_use]
    pub const fn hides(self) -> bool {
        !matches!(self, Self::Plain)
    }

    /// The profile of an IANA name without the leading `SRTP_`.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|profile| profile.name() == name)
    }

    /// The profile of H.235.6 of a name that is the engine's own: none stands for it in any description on the wire.
    #[must_use]
    pub fn from_h235_name(name: &str) -> Option<Self> {
        Self::H235
            .into_iter()
            .find(|profile| profile.name() == name)
    }

    /// The name that [`Profile::from_name`] or [`Profile::from_h235_name`] takes; empty where nothing is protected.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::AeadAes128Gcm => "AEAD_AES_128_GCM",
            Self::AeadAes256Gcm => "AEAD_AES_256_GCM",
            Self::AesCm128HmacSha1_80 => "AES_CM_128_HMAC_SHA1_80",
            Self::AesCm128HmacSha1_32 => "AES_CM_128_HMAC_SHA1_32",
            Self::H235Aes128Cbc => "H235_AES_128_CBC",
            Self::H235Aes256Cbc => "H235_AES_256_CBC",
            Self::Plain => "",
        }
    }
}
