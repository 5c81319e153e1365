//! STUN binding requests and answers as ICE uses them (RFC 8489, RFC 8445 section 7).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use aws_lc_rs::{constant_time, hmac};

use crate::bytes::{array, u16_at, u32_at, u64_at, u8_at};
use crate::crc::crc32;
use crate::WireError;

/// Bytes of the message header (RFC 8489 5).
pub const HEADER_LEN: usize = 20;
/// The only method that ICE uses.
pub const BINDING: u16 = 0x001;
/// Unknown comprehension-required attributes that a [`Message`] remembers.
pub const MAX_UNKNOWN: usize = 8;

const MAGIC_COOKIE: u32 = 0x2112_A442;
const INTEGRITY_LEN: usize = 20;
const FINGERPRINT_XOR: u32 = 0x5354_554E;

/// Attribute types (RFC 8489 18.3, RFC 8445 16.1).
mod attribute {
    pub(super) const MAPPED_ADDRESS: u16 = 0x0001;
    pub(super) const USERNAME: u16 = 0x0006;
    pub(super) const MESSAGE_INTEGRITY: u16 = 0x0008;
    pub(super) const ERROR_CODE: u16 = 0x0009;
    pub(super) const UNKNOWN_ATTRIBUTES: u16 = 0x000A;
    pub(super) const REALM: u16 = 0x0014;
    pub(super) const NONCE: u16 = 0x0015;
    pub(super) const MESSAGE_INTEGRITY_SHA256: u16 = 0x001C;
    pub(super) const XOR_MAPPED_ADDRESS: u16 = 0x0020;
    pub(super) const PRIORITY: u16 = 0x0024;
    pub(super) const USE_CANDIDATE: u16 = 0x0025;
    pub(super) const FINGERPRINT: u16 = 0x8028;
    pub(super) const ICE_CONTROLLED: u16 = 0x8029;
    pub(super) const ICE_CONTROLLING: u16 = 0x802A;
    /// Types from here on may be ignored (RFC 8489 14).
    pub(super) const FIRST_OPTIONAL: u16 = 0x8000;
}

/// What a message is for (RFC 8489 5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MessageClass {
    /// A request, to be answered.
    Request,
    /// An indication, not to be answered.
    Indication,
    /// The answer to a request that was granted.
    Success,
    /// The answer to a request that was not.
    Error,
}

/// One STUN message. It borrows the datagram, for the user name and the checks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Message<'a> {
    datagram: &'a [u8],
    /// Request, indication or answer.
    pub class: MessageClass,
    /// Method, 12 bits; [`BINDING`] in ICE.
    pub method: u16,
    /// Transaction id, which the answer repeats.
    pub transaction: [u8; 12],
    /// PRIORITY of the candidate that a success would reveal.
    pub priority: Option<u32>,
    /// USE-CANDIDATE: the controlling side nominates this pair.
    pub use_candidate: bool,
    /// Tie breaker of a sender who is controlled.
    pub controlled: Option<u64>,
    /// Tie breaker of a sender who is controlling.
    pub controlling: Option<u64>,
    /// XOR-MAPPED-ADDRESS: where the answering side saw the request come from.
    pub mapped: Option<SocketAddr>,
    /// ERROR-CODE, 300..=699.
    pub error_code: Option<u16>,
    username: Option<&'a str>,
    /// Byte at which MESSAGE-INTEGRITY starts.
    integrity_at: Option<usize>,
    /// Byte at which FINGERPRINT starts.
    fingerprint_at: Option<usize>,
    unknown: [u16; MAX_UNKNOWN],
    unknown_len: usize,
}

impl<'a> Message<'a> {
    /// Reads a datagram that holds one message and nothing else.
    ///
    /// The first attribute of a type counts. What follows MESSAGE-INTEGRITY is not read, but for FINGERPRINT, which
    /// must be last (RFC 8489 14.5, 14.7). Neither is checked here.
    ///
    /// # Errors
    /// [`WireError::Truncated`], [`WireError::NotStun`], [`WireError::StunLength`] or [`WireError::StunAttribute`].
    pub fn parse(datagram: &'a [u8]) -> Result<Self, WireError> {
        let transaction = array(datagram, 8)?;
        let kind = u16_at(datagram, 0)?;
        if kind >> 14 != 0 || u32_at(datagram, 4)? != MAGIC_COOKIE {
            return Err(WireError::NotStun);
        }
        let declared = usize::from(u16_at(datagram, 2)?);
        if declared % 4 != 0 || datagram.len() != HEADER_LEN + declared {
            return Err(WireError::StunLength {
                declared,
                available: datagram.len(),
            });
        }
        let mut message = Self::without_attributes(datagram, kind, transaction);
        let mut at = HEADER_LEN;
        while at < datagram.len() {
            at = message.read_attribute(at)?;
        }
        Ok(message)
    }

    fn without_attributes(datagram: &'a [u8], kind: u16, transaction: [u8; 12]) -> Self {
        Self {
            datagram,
            class: class_of(kind),
            method: kind & 0x000F | (kind & 0x00E0) >> 1 | (kind & 0x3E00) >> 2,
            transaction,
            priority: None,
            use_candidate: false,
            controlled: None,
            controlling: None,
            mapped: None,
            error_code: None,
            username: None,
            integrity_at: None,
            fingerprint_at: None,
            unknown: [0; MAX_UNKNOWN],
            unknown_len: 0,
        }
    }

    /// Reads the attribute at `at` and gives the place of the next.
    fn read_attribute(&mut self, at: usize) -> Result<usize, WireError> {
        let kind = u16_at(self.datagram, at)?;
        let malformed = WireError::StunAttribute(kind);
        let start = at + 4;
        let end = start + usize::from(u16_at(self.datagram, at + 2)?);
        let value = self.datagram.get(start..end).ok_or(malformed)?;
        let next = end.next_multiple_of(4);
        if next > self.datagram.len() || self.fingerprint_at.is_some() {
            return Err(malformed);
        }
        if kind == attribute::FINGERPRINT && value.len() == 4 {
            self.fingerprint_at = Some(at);
        } else if self.integrity_at.is_none() {
            self.take(kind, value, at).ok_or(malformed)?;
        }
        Ok(next)
    }

    /// Takes up one attribute in front of MESSAGE-INTEGRITY, or that itself; none if its value is malformed.
    fn take(&mut self, kind: u16, value: &'a [u8], at: usize) -> Option<()> {
        match kind {
            attribute::USERNAME => {
                let name = std::str::from_utf8(value).ok()?;
                self.username.get_or_insert(name);
            }
            attribute::MESSAGE_INTEGRITY => {
                self.integrity_at = (value.len() == INTEGRITY_LEN).then_some(at);
                self.integrity_at?;
            }
            attribute::ERROR_CODE => {
                let code = error_code(value)?;
                self.error_code.get_or_insert(code);
            }
            attribute::XOR_MAPPED_ADDRESS => {
                let mapped = xor_address(value, &self.transaction)?;
                self.mapped.get_or_insert(mapped);
            }
            attribute::PRIORITY => {
                let priority = u32::from_be_bytes(value.try_into().ok()?);
                self.priority.get_or_insert(priority);
            }
            attribute::USE_CANDIDATE => self.use_candidate = true,
            attribute::ICE_CONTROLLED => {
                let tie_breaker = u64::from_be_bytes(value.try_into().ok()?);
                self.controlled.get_or_insert(tie_breaker);
            }
            attribute::ICE_CONTROLLING => {
                let tie_breaker = u64::from_be_bytes(value.try_into().ok()?);
                self.controlling.get_or_insert(tie_breaker);
            }
            attribute::FINGERPRINT => return None,
            _ => self.note_if_unknown(kind),
        }
        Some(())
    }

    fn note_if_unknown(&mut self, kind: u16) {
        let known = matches!(
            kind,
            attribute::MAPPED_ADDRESS
                | attribute::UNKNOWN_ATTRIBUTES
                | attribute::REALM
                | attribute::NONCE
                | attribute::MESSAGE_INTEGRITY_SHA256
        );
        if known || kind >= attribute::FIRST_OPTIONAL || self.unknown_required().contains(&kind) {
            return;
        }
        if let Some(slot) = self.unknown.get_mut(self.unknown_len) {
            *slot = kind;
            self.unknown_len += 1;
        }
    }

    /// USERNAME: in a request to the bridge, its own ufrag, a colon and the peer's (RFC 8445 7.2.2).
    #[must_use]
    pub const fn username(&self) -> Option<&'a str> {
        self.username
    }

    /// Whether the message has MESSAGE-INTEGRITY (SHA-1).
    #[must_use]
    pub const fn has_integrity(&self) -> bool {
        self.integrity_at.is_some()
    }

    /// Whether the message ends with FINGERPRINT.
    #[must_use]
    pub const fn has_fingerprint(&self) -> bool {
        self.fingerprint_at.is_some()
    }

    /// Types of attributes that must be understood and are not, for an error 420: the first [`MAX_UNKNOWN`], each once.
    #[must_use]
    pub fn unknown_required(&self) -> &[u16] {
        self.unknown.get(..self.unknown_len).unwrap_or_default()
    }

    /// Whether MESSAGE-INTEGRITY is there and made with `key`, in ICE the password's bytes (RFC 8489 14.5).
    ///
    /// The comparison takes the same time wherever the two differ.
    #[must_use]
    pub fn verify_integrity(&self, key: &[u8]) -> bool {
        let Some(at) = self.integrity_at else {
            return false;
        };
        let Some(claimed) = self.datagram.get(at + 4..at + 4 + INTEGRITY_LEN) else {
            return false;
        };
        let Some(covered) = self.datagram.get(..at) else {
            return false;
        };
        let made = integrity(covered, key);
        constant_time::verify_slices_are_equal(made.as_ref(), claimed).is_ok()
    }

    /// Whether FINGERPRINT is there and right (RFC 8489 14.7).
    #[must_use]
    pub fn verify_fingerprint(&self) -> bool {
        let Some(at) = self.fingerprint_at else {
            return false;
        };
        let Some(covered) = self.datagram.get(..at) else {
            return false;
        };
        u32_at(self.datagram, at + 4) == Ok(fingerprint(covered))
    }
}

/// The class bits, 4 and 8 of the type (RFC 8489 5).
const fn class_of(kind: u16) -> MessageClass {
    match kind & 0x0110 {
        0x0000 => MessageClass::Request,
        0x0010 => MessageClass::Indication,
        0x0100 => MessageClass::Success,
        _ => MessageClass::Error,
    }
}

/// The type field of a binding message (RFC 8489 5).
const fn binding_kind(class: MessageClass) -> u16 {
    let class_bits = match class {
        MessageClass::Request => 0x0000,
        MessageClass::Indication => 0x0010,
        MessageClass::Success => 0x0100,
        MessageClass::Error => 0x0110,
    };
    BINDING | class_bits
}

/// Class and number of ERROR-CODE (RFC 8489 14.8).
fn error_code(value: &[u8]) -> Option<u16> {
    let (class, number) = (u8_at(value, 2).ok()? & 0x07, u8_at(value, 3).ok()?);
    ((3..=6).contains(&class) && number < 100).then(|| u16::from(class) * 100 + u16::from(number))
}

/// What XOR-MAPPED-ADDRESS is masked with: the cookie, then the transaction id (RFC 8489 14.2).
fn address_mask(transaction: &[u8; 12]) -> u128 {
    transaction
        .iter()
        .fold(u128::from(MAGIC_COOKIE), |mask, &byte| {
            mask << 8 | u128::from(byte)
        })
}

fn xor_address(value: &[u8], transaction: &[u8; 12]) -> Option<SocketAddr> {
    let port = u16_at(value, 2).ok()? ^ (MAGIC_COOKIE >> 16) as u16;
    let ip = match (u8_at(value, 1).ok()?, value.len()) {
        (1, 8) => IpAddr::V4(Ipv4Addr::from_bits(u32_at(value, 4).ok()? ^ MAGIC_COOKIE)),
        (2, 20) => {
            let bits =
                u128::from(u64_at(value, 4).ok()?) << 64 | u128::from(u64_at(value, 12).ok()?);
            IpAddr::V6(Ipv6Addr::from_bits(bits ^ address_mask(transaction)))
        }
        _ => return None,
    };
    Some(SocketAddr::new(ip, port))
}

/// HMAC-SHA1 over what comes before MESSAGE-INTEGRITY, with the length field set as if that attribute were the last.
fn integrity(covered: &[u8], key: &[u8]) -> hmac::Tag {
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, key);
    let mut context = hmac::Context::with_key(&key);
    let (kind, rest) = covered.split_at_checked(2).unwrap_or_default();
    context.update(kind);
    context.update(&length_with(covered, 4 + INTEGRITY_LEN).to_be_bytes());
    context.update(rest.get(2..).unwrap_or_default());
    context.sign()
}

/// FINGERPRINT over what comes before it, whose length field counts it already.
fn fingerprint(covered: &[u8]) -> u32 {
    crc32(covered) ^ FINGERPRINT_XOR
}

/// The length field of a message of `so_far` and `more` bytes.
const fn length_with(so_far: &[u8], more: usize) -> u16 {
    (so_far.len() + more).saturating_sub(HEADER_LEN) as u16
}

/// A message that is being appended to a buffer.
struct Writer<'a> {
    out: &'a mut Vec<u8>,
    start: usize,
}

impl<'a> Writer<'a> {
    fn begin(out: &'a mut Vec<u8>, class: MessageClass, transaction: &[u8; 12]) -> Self {
        let start = out.len();
        out.extend_from_slice(&binding_kind(class).to_be_bytes());
        out.extend_from_slice(&[0, 0]);
        out.extend_from_slice(&MAGIC_COOKIE.to_be_bytes());
        out.extend_from_slice(transaction);
        Self { out, start }
    }

    fn attribute(&mut self, kind: u16, value: &[u8]) {
        self.out.extend_from_slice(&kind.to_be_bytes());
        self.out
            .extend_from_slice(&(value.len() as u16).to_be_bytes());
        self.out.extend_from_slice(value);
        let len = (self.out.len() - self.start).next_multiple_of(4);
        self.out.resize(self.start + len, 0);
    }

    fn set_length(&mut self, more: usize) {
        let length = length_with(&self.out[self.start..], more);
        self.out[self.start + 2..self.start + 4].copy_from_slice(&length.to_be_bytes());
    }

    /// Appends MESSAGE-INTEGRITY if there is a key, then FINGERPRINT, and sets the length.
    fn finish(mut self, key: Option<&[u8]>) {
        if let Some(key) = key {
            let tag = integrity(&self.out[self.start..], key);
            self.attribute(attribute::MESSAGE_INTEGRITY, tag.as_ref());
        }
        self.set_length(8);
        let crc = fingerprint(&self.out[self.start..]);
        self.attribute(attribute::FINGERPRINT, &crc.to_be_bytes());
    }
}

/// Appends the answer to a binding request from `mapped` that was granted.
///
/// `key` is the password's bytes of the side that answers (RFC 8445 7.2.2).
pub fn write_binding_success(
    out: &mut Vec<u8>,
    transaction: &[u8; 12],
    mapped: SocketAddr,
    key: &[u8],
) {
    let mut value = [0; 20];
    let port = mapped.port() ^ (MAGIC_COOKIE >> 16) as u16;
    value[2..4].copy_from_slice(&port.to_be_bytes());
    let len = match mapped.ip() {
        IpAddr::V4(ip) => {
            value[1] = 1;
            value[4..8].copy_from_slice(&(ip.to_bits() ^ MAGIC_COOKIE).to_be_bytes());
            8
        }
        IpAddr::V6(ip) => {
            value[1] = 2;
            value[4..].copy_from_slice(&(ip.to_bits() ^ address_mask(transaction)).to_be_bytes());
            20
        }
    };
    let mut writer = Writer::begin(out, MessageClass::Success, transaction);
    writer.attribute(attribute::XOR_MAPPED_ADDRESS, &value[..len]);
    writer.finish(Some(key));
}

/// Appends the answer to a binding request that was refused, with `code` in 300..=699 (RFC 8489 14.8).
///
/// Without `key` it has no integrity: for 400 and 401 no key is shared (RFC 8489 9.1.3).
pub fn write_binding_error(
    out: &mut Vec<u8>,
    transaction: &[u8; 12],
    code: u16,
    reason: &str,
    key: Option<&[u8]>,
) {
    begin_error(out, transaction, code, reason).finish(key);
}

/// Appends a refusal 420 that names the attributes not understood (RFC 8489 6.3.1, 14.13).
pub fn write_unknown_attributes(
    out: &mut Vec<u8>,
    transaction: &[u8; 12],
    unknown: &[u16],
    key: Option<&[u8]>,
) {
    let mut named = [0; 2 * MAX_UNKNOWN];
    let held = unknown
        .iter()
        .take(MAX_UNKNOWN)
        .flat_map(|kind| kind.to_be_bytes());
    let len = named
        .iter_mut()
        .zip(held)
        .map(|(slot, byte)| *slot = byte)
        .count();
    let mut writer = begin_error(out, transaction, 420, "Unknown Attribute");
    writer.attribute(attribute::UNKNOWN_ATTRIBUTES, &named[..len]);
    writer.finish(key);
}

fn begin_error<'a>(
    out: &'a mut Vec<u8>,
    transaction: &[u8; 12],
    code: u16,
    reason: &str,
) -> Writer<'a> {
    let mut value = vec![0, 0, (code / 100) as u8 & 0x07, (code % 100) as u8];
    // RFC 8489 14.8: the reason has fewer than 128 characters.
    value.extend(
        reason
            .chars()
            .take(127)
            .flat_map(|c| c.to_string().into_bytes()),
    );
    let mut writer = Writer::begin(out, MessageClass::Error, transaction);
    writer.attribute(attribute::ERROR_CODE, &value);
    writer
}

/// Appends a connectivity check as a peer of the bridge sends it (RFC 8445 7.2.2); the bridge, ICE-lite, sends none.
///
/// `username` is "theirs:ours", `key` their password, `controlling` the tie breaker of the controlling role. Without
/// it no role is named.
pub fn write_binding_request(
    out: &mut Vec<u8>,
    transaction: &[u8; 12],
    username: &str,
    key: &[u8],
    priority: u32,
    controlling: Option<u64>,
    use_candidate: bool,
) {
    let mut writer = Writer::begin(out, MessageClass::Request, transaction);
    writer.attribute(attribute::USERNAME, username.as_bytes());
    writer.attribute(attribute::PRIORITY, &priority.to_be_bytes());
    if let Some(tie_breaker) = controlling {
        writer.attribute(attribute::ICE_CONTROLLING, &tie_breaker.to_be_bytes());
    }
    if use_candidate {
        writer.attribute(attribute::USE_CANDIDATE, &[]);
    }
    writer.finish(Some(key));
}
