//! AES in cipher block chaining over the payload of RTP, as H.235.6 has it: hidden, and nothing proved.
//!
//! The initial value is sequence number and time stamp, as they stand in the header, repeated until a block is full
//! (clause 9.3.1.1). A payload that is no whole number of blocks is padded as RTP has it (RFC 3550 section 5.1), the
//! padding encrypted with it, or, from peers that do so, its last two blocks are exchanged and the last one is short
//! (ciphertext stealing). RTCP is not encrypted. A key that follows another is told by the payload type of its packets.

use crate::{KeyType, SrtpError};
use aws_lc_rs::cipher::{
    DecryptingKey, DecryptionContext, EncryptingKey, EncryptionContext, UnboundCipherKey, AES_128,
    AES_256,
};
use aws_lc_rs::iv::FixedLength;

/// Bytes of a block; no packet grows by more.
pub(crate) const BLOCK: usize = 16;
/// Sequence number and time stamp lie here in the header, in this many bytes.
const IV_AT: usize = 2;
const IV_FROM: usize = 6;
const PADDING_BIT: u8 = 0x20;
const TYPE_BITS: u8 = 0x7f;

type Block = [u8; BLOCK];

/// One key, ready for both ways; aws-lc wipes its key schedules when they are freed.
struct Key {
    sealing: EncryptingKey,
    opening: DecryptingKey,
    told_by: Option<KeyType>,
}

/// The keys of one direction of RTP: the one in force, and the one before, until all of its packets are there.
pub(crate) struct Cbc {
    now: Key,
    before: Option<Key>,
    /// The last packet that told its key told the one before.
    is_before: bool,
}

impl Cbc {
    pub(crate) fn new(key: &[u8]) -> Result<Self, SrtpError> {
        Ok(Self {
            now: Key::new(key, None)?,
            before: None,
            is_before: false,
        })
    }

    pub(crate) fn set_type(&mut self, told_by: Option<KeyType>) {
        self.now.told_by = told_by;
    }

    /// Goes on with another key; the one so far opens what is still on its way.
    pub(crate) fn change(&mut self, key: &[u8], told_by: Option<KeyType>) -> Result<(), SrtpError> {
        let new = Key::new(key, told_by)?;
        self.before = Some(std::mem::replace(&mut self.now, new));
        self.is_before = told_by.is_some();
        Ok(())
    }

    /// Chooses the key of a packet by its payload type, and puts that of the format in its place. A type that tells no
    /// key, such as that of pressed keys, goes with the packets before it.
    pub(crate) fn choose(&mut self, packet: &mut [u8]) {
        let (Some(told_by), Some(byte)) = (self.now.told_by, packet.get_mut(1)) else {
            return;
        };
        // Packets of a first key are told by having the type of their format.
        let earlier = self.before.as_ref().map(|key| key.told_by);
        let earlier = earlier.map(|known| known.map_or(told_by.format, |known| known.wire));
        let found = *byte & TYPE_BITS;
        if found == told_by.wire {
            self.is_before = false;
        } else if Some(found) == earlier {
            self.is_before = true;
        } else {
            return;
        }
        *byte = (*byte & !TYPE_BITS) | told_by.format;
    }

    /// Decrypts the payload where it lies; padding stays, to be taken off by whoever reads the payload.
    #[inline(never)]
    pub(crate) fn open_rtp(&self, packet: &mut [u8], header_len: usize) -> Result<(), SrtpError> {
        let before = self.before.as_ref().filter(|_| self.is_before);
        let (key, iv) = (before.unwrap_or(&self.now), initial_value(packet));
        let is_padded = packet[0] & PADDING_BIT != 0;
        let payload = &mut packet[header_len..];
        match payload.len() % BLOCK {
            0 => key.open(payload, iv),
            rest if payload.len() > BLOCK && !is_padded => key.open_stolen(payload, iv, rest),
            _ => Err(SrtpError::NoWholeBlocks),
        }
    }

    /// Encrypts the payload of the `plain_len` bytes at the start of `packet`, behind which there is room for a block;
    /// returns the new length.
    #[inline(never)]
    pub(crate) fn seal_rtp(
        &self,
        packet: &mut [u8],
        plain_len: usize,
        header_len: usize,
    ) -> Result<usize, SrtpError> {
        let len = pad(packet, plain_len, header_len)?;
        if let Some(told_by) = self.now.told_by {
            if packet[1] & TYPE_BITS == told_by.format {
                packet[1] = (packet[1] & !TYPE_BITS) | told_by.wire;
            }
        }
        let iv = initial_value(packet);
        self.now.seal(&mut packet[header_len..len], iv)?;
        Ok(len)
    }
}

impl Key {
    fn new(key: &[u8], told_by: Option<KeyType>) -> Result<Self, SrtpError> {
        let algorithm = match key.len() {
            16 => &AES_128,
            32 => &AES_256,
            _ => return Err(SrtpError::KeyLength),
        };
        let unbound = || UnboundCipherKey::new(algorithm, key).map_err(|_| SrtpError::KeyLength);
        Ok(Self {
            sealing: EncryptingKey::cbc(unbound()?).map_err(|_| SrtpError::Cipher)?,
            opening: DecryptingKey::cbc(unbound()?).map_err(|_| SrtpError::Cipher)?,
            told_by,
        })
    }

    fn seal(&self, blocks: &mut [u8], iv: Block) -> Result<(), SrtpError> {
        if blocks.is_empty() {
            return Ok(());
        }
        let context = EncryptionContext::Iv128(FixedLength::from(iv));
        let sealed = self.sealing.less_safe_encrypt(blocks, context);
        sealed.map(|_| ()).map_err(|_| SrtpError::Cipher)
    }

    fn open(&self, blocks: &mut [u8], iv: Block) -> Result<(), SrtpError> {
        if blocks.is_empty() {
            return Ok(());
        }
        let context = DecryptionContext::Iv128(FixedLength::from(iv));
        let opened = self.opening.decrypt(blocks, context);
        opened.map(|_| ()).map_err(|_| SrtpError::Cipher)
    }

    /// The last whole block is the last of the text, filled with zeros; what was encrypted before it is the short end, of
    /// which the rest comes to light with that block (CBC-CS3).
    fn open_stolen(&self, payload: &mut [u8], iv: Block, rest: usize) -> Result<(), SrtpError> {
        let (whole, short) = payload.split_at_mut(payload.len() - rest);
        let (head, last) = whole.split_at_mut(whole.len() - BLOCK);
        let chained = head.last_chunk::<BLOCK>().copied().unwrap_or(iv);
        self.open(last, [0; BLOCK])?;
        for (of_text, of_cipher) in last.iter_mut().zip(short.iter_mut()) {
            // What is below the short end is cipher text of the block before; what it hides is text.
            (*of_text, *of_cipher) = (*of_cipher, *of_text ^ *of_cipher);
        }
        self.open(last, chained)?;
        self.open(head, iv)
    }
}

fn initial_value(packet: &[u8]) -> Block {
    std::array::from_fn(|at| packet[IV_AT + at % IV_FROM])
}

/// Fills the last block, as RTP pads; each byte tells how many, of which receivers look at the last. Returns the new length.
fn pad(packet: &mut [u8], plain_len: usize, header_len: usize) -> Result<usize, SrtpError> {
    let rest = (plain_len - header_len) % BLOCK;
    if rest == 0 {
        return Ok(plain_len);
    }
    let len = plain_len + BLOCK - rest;
    // Padding that is there already stays a part of it.
    let is_padded = packet[0] & PADDING_BIT != 0;
    let known = if is_padded { packet[plain_len - 1] } else { 0 };
    let count = known
        .checked_add((len - plain_len) as u8)
        .ok_or(SrtpError::BadHeader)?;
    let room = packet.get_mut(plain_len..len).ok_or(SrtpError::TooShort)?;
    room.fill(count);
    packet[0] |= PADDING_BIT;
    Ok(len)
}
