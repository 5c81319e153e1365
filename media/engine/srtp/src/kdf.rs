//! Session keys from a master key (RFC 3711 section 4.3, RFC 7714 section 11, RFC 6188 section 3).

use aws_lc_rs::cipher::{EncryptingKey, EncryptionContext, UnboundCipherKey, AES_128, AES_256};
use aws_lc_rs::iv::FixedLength;
use zeroize::Zeroize;

use crate::{Profile, SrtpError};

/// Salts are kept in the 112 bits of RFC 3711; a GCM salt fills the first 96.
pub(crate) const SALT_LEN: usize = 14;
const MAX_KEY_LEN: usize = 32;
pub(crate) const AUTH_KEY_LEN: usize = 20;

/// Which half of a session the keys are for; the labels of RFC 3711 section 4.3.1 follow from it.
#[derive(Clone, Copy)]
pub(crate) enum Half {
    Rtp,
    Rtcp,
}

impl Half {
    const fn first_label(self) -> u8 {
        match self {
            Self::Rtp => 0,
            Self::Rtcp => 3,
        }
    }
}

/// The session keys of one direction of RTP or of RTCP; wiped when dropped.
pub(crate) struct SessionKeys {
    cipher: [u8; MAX_KEY_LEN],
    cipher_len: usize,
    pub(crate) auth: [u8; AUTH_KEY_LEN],
    pub(crate) salt: [u8; SALT_LEN],
}

impl Drop for SessionKeys {
    fn drop(&mut self) {
        self.cipher.zeroize();
        self.auth.zeroize();
        self.salt.zeroize();
    }
}

impl SessionKeys {
    /// Derives from `master`, the master key followed by the master salt.
    pub(crate) fn derive(profile: Profile, master: &[u8], half: Half) -> Result<Self, SrtpError> {
        if master.len() != profile.master_len() {
            return Err(SrtpError::KeyLength);
        }
        let (key, salt) = master.split_at(profile.key_len());
        let prf = counter_mode_key(key)?;
        let mut master_salt = [0; SALT_LEN];
        master_salt[..salt.len()].copy_from_slice(salt);

        let label = half.first_label();
        let mut keys = Self {
            cipher: [0; MAX_KEY_LEN],
            cipher_len: key.len(),
            auth: [0; AUTH_KEY_LEN],
            salt: [0; SALT_LEN],
        };
        expand(&prf, &master_salt, label, &mut keys.cipher[..key.len()])?;
        expand(&prf, &master_salt, label + 1, &mut keys.auth)?;
        expand(&prf, &master_salt, label + 2, &mut keys.salt[..salt.len()])?;
        master_salt.zeroize();
        Ok(keys)
    }

    pub(crate) fn cipher(&self) -> &[u8] {
        &self.cipher[..self.cipher_len]
    }
}

/// An AES key in counter mode, 128 or 256 bits long.
pub(crate) fn counter_mode_key(key: &[u8]) -> Result<EncryptingKey, SrtpError> {
    let algorithm = match key.len() {
        16 => &AES_128,
        32 => &AES_256,
        _ => return Err(SrtpError::KeyLength),
    };
    let unbound = UnboundCipherKey::new(algorithm, key).map_err(|_| SrtpError::KeyLength)?;
    EncryptingKey::ctr(unbound).map_err(|_| SrtpError::Cipher)
}

/// XORs the key stream that starts at counter block `block` onto `data` (RFC 3711 section 4.1.1).
#[inline]
pub(crate) fn apply_key_stream(
    key: &EncryptingKey,
    block: &[u8; 16],
    data: &mut [u8],
) -> Result<(), SrtpError> {
    let context = EncryptionContext::Iv128(FixedLength::from(block));
    key.less_safe_encrypt(data, context)
        .map(|_| ())
        .map_err(|_| SrtpError::Cipher)
}

/// Fills `out` for `label`, with a key derivation rate of zero (so that r is zero).
fn expand(
    prf: &EncryptingKey,
    master_salt: &[u8; SALT_LEN],
    label: u8,
    out: &mut [u8],
) -> Result<(), SrtpError> {
    let mut block = [0; 16];
    block[..SALT_LEN].copy_from_slice(master_salt);
    // key_id is label || r, 8 + 48 bits, aligned to the right end of the 112 bits of salt.
    block[7] ^= label;
    out.fill(0);
    apply_key_stream(prf, &block, out)
}
