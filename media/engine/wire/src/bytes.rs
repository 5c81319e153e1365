//! Big-endian reads that answer an error instead of a panic.

use crate::WireError;

/// The `N` bytes from `at`.
pub(crate) fn array<const N: usize>(bytes: &[u8], at: usize) -> Result<[u8; N], WireError> {
    bytes
        .get(at..)
        .and_then(|rest| rest.first_chunk())
        .copied()
        .ok_or(WireError::Truncated {
            needed: at.saturating_add(N),
            available: bytes.len(),
        })
}

/// The byte at `at`.
pub(crate) fn u8_at(bytes: &[u8], at: usize) -> Result<u8, WireError> {
    array::<1>(bytes, at).map(|[byte]| byte)
}

/// The big-endian 16 bits from `at`.
pub(crate) fn u16_at(bytes: &[u8], at: usize) -> Result<u16, WireError> {
    array(bytes, at).map(u16::from_be_bytes)
}

/// The big-endian 32 bits from `at`.
pub(crate) fn u32_at(bytes: &[u8], at: usize) -> Result<u32, WireError> {
    array(bytes, at).map(u32::from_be_bytes)
}

/// The big-endian 64 bits from `at`.
pub(crate) fn u64_at(bytes: &[u8], at: usize) -> Result<u64, WireError> {
    array(bytes, at).map(u64::from_be_bytes)
}

/// The big-endian 32-bit words of `bytes`; a rest shorter than a word is left out.
pub(crate) fn words(bytes: &[u8]) -> impl Iterator<Item = u32> + '_ {
    bytes.chunks_exact(4).map(|word| {
        word.iter()
            .fold(0, |value, &byte| value << 8 | u32::from(byte))
    })
}
