//! What a snapshot tells of lines.

use crate::leg::Leg;
use crate::row;
use crate::shard::Shard;
use crate::stats::LegRow;
use engine_srtp::Profile;

/// How packets of one direction are protected; the numbers rise with the strength.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u64)]
#[allow(missing_docs)]
pub enum Cipher {
    NotYet = 0,
    Plain = 1,
    H235Aes128Cbc = 2,
    H235Aes256Cbc = 3,
    AesCm128HmacSha1_32 = 4,
    AesCm128HmacSha1_80 = 5,
    AeadAes128Gcm = 6,
    AeadAes256Gcm = 7,
}

impl From<Option<Profile>> for Cipher {
    fn from(profile: Option<Profile>) -> Self {
        match profile {
            None => Self::NotYet,
            Some(Profile::Plain) => Self::Plain,
            Some(Profile::H235Aes128Cbc) => Self::H235Aes128Cbc,
            Some(Profile::H235Aes256Cbc) => Self::H235Aes256Cbc,
            Some(Profile::AesCm128HmacSha1_32) => Self::AesCm128HmacSha1_32,
            Some(Profile::AesCm128HmacSha1_80) => Self::AesCm128HmacSha1_80,
            Some(Profile::AeadAes128Gcm) => Self::AeadAes128Gcm,
            Some(Profile::AeadAes256Gcm) => Self::AeadAes256Gcm,
        }
    }
}

impl Cipher {
    /// What two lines have in common. One that is open stands for both, also while the other has no keys yet: somebody
    /// on the way can look in.
    fn weaker(one: u64, other: u64) -> u64 {
        let plain = Self::Plain as u64;
        if one == plain || other == plain {
            plain
        } else {
            one.min(other)
        }
    }
}

row! {
    /// One line of a leg.
    LineRow {
        /// Leg id.
        leg,
        /// Place of the line in the leg.
        line,
        /// What protects packets from the peer: 0 nothing yet, 1 nothing (plain RTP), 2 H235_AES_128_CBC and
        /// 3 H235_AES_256_CBC, which hide and prove nothing, 4 AES_CM_128_HMAC_SHA1_32, 5 AES_CM_128_HMAC_SHA1_80,
        /// 6 AEAD_AES_128_GCM, 7 AEAD_AES_256_GCM.
        cipher_in,
        /// What protects packets to it.
        cipher_out,
        /// 1 when something genuine has come, and nothing has been missed for too long.
        found,
        /// Datagrams from addresses that are not the peer's.
        wrong_source,
        /// Datagrams that have no place on their port: of another kind, or of no payload type of the line.
        misplaced,
        /// Good checks of the peer's ICE; none without.
        checks,
    }
}

impl Shard {
    /// The row of a leg, in which all of its lines are added up; `None` for a line that is not the first.
    pub(crate) fn leg_row(&self, leg: &Leg) -> Option<LegRow> {
        let Some(line) = leg.line.as_deref() else {
            return Some(leg.snapshot());
        };
        let others = self.lines.get(&leg.id).filter(|_| line.number == 0)?;
        let others = others.iter().skip(1).filter_map(|index| self.leg(*index));
        Some(others.fold(leg.snapshot(), |row, other| row.with(&other.snapshot())))
    }
}

impl LegRow {
    /// One row for two lines. Counters are added; what is a state is as good as that of the worse line, but one line that
    /// works is a connection.
    fn with(mut self, other: &Self) -> Self {
        let one = self;
        self.add(other);
        (self.leg, self.room, self.gate_open) = (one.leg, one.room, one.gate_open);
        self.connected = one.connected.max(other.connected);
        self.secured = one.secured.min(other.secured);
        self.rtt_us = one.rtt_us.max(other.rtt_us);
        self.last_in_us = one.last_in_us.max(other.last_in_us);
        self.last_out_us = one.last_out_us.max(other.last_out_us);
        self.gate_opened_us = one.gate_opened_us;
        self.link_queue_us = one.link_queue_us.max(other.link_queue_us);
        self.link_loss_ppm = one.link_loss_ppm.max(other.link_loss_ppm);
        self.cipher_in = Cipher::weaker(one.cipher_in, other.cipher_in);
        self.cipher_out = Cipher::weaker(one.cipher_out, other.cipher_out);
        self.by_handshake = one.by_handshake.min(other.by_handshake);
        self
    }
}

impl Leg {
    /// What protects packets from the peer, and to it.
    pub(crate) fn ciphers(&self) -> (Cipher, Cipher) {
        let inbound = self.inbound.as_ref().map(engine_srtp::Inbound::profile);
        let outbound = self.outbound.as_ref().map(engine_srtp::Outbound::profile);
        (inbound.into(), outbound.into())
    }

    pub(crate) fn line_row(&self) -> Option<LineRow> {
        let line = self.line.as_deref()?;
        let (inbound, outbound) = self.ciphers();
        Some(LineRow {
            leg: self.id.0,
            line: line.number.into(),
            cipher_in: inbound as u64,
            cipher_out: outbound as u64,
            found: u64::from(line.is_found() && !line.is_silent),
            wrong_source: line.wrong_source,
            misplaced: line.misplaced,
            checks: line.checks,
        })
    }
}
