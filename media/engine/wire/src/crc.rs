//! The CRC-32 of ITU-T V.42 that FINGERPRINT is made with (RFC 8489 section 14.7).

/// Reflected generator polynomial.
const POLYNOMIAL: u32 = 0xEDB8_8320;
/// `TABLES[n][b]` is what a byte b adds that n more bytes follow in the same step.
const TABLES: [[u32; 256]; 8] = tables();

const fn tables() -> [[u32; 256]; 8] {
    let mut tables = [[0; 256]; 8];
    let mut at = 0;
    while at < 8 * 256 {
        let (n, byte) = (at / 256, at % 256);
        tables[n][byte] = if n == 0 {
            times_x8(byte as u32)
        } else {
            let before = tables[n - 1][byte];
            before >> 8 ^ tables[0][before as u8 as usize]
        };
        at += 1;
    }
    tables
}

/// Eight steps of the register with nothing coming in.
const fn times_x8(mut value: u32) -> u32 {
    let mut bit = 0;
    while bit < 8 {
        value = times_x(value);
        bit += 1;
    }
    value
}

const fn times_x(value: u32) -> u32 {
    if value & 1 == 0 {
        value >> 1
    } else {
        value >> 1 ^ POLYNOMIAL
    }
}

/// The checksum of `bytes`.
#[must_use]
pub fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    let mut chunks = bytes.chunks_exact(8);
    for chunk in &mut chunks {
        let start = crc.to_le_bytes();
        crc = chunk.iter().enumerate().fold(0, |sum, (at, byte)| {
            let byte = byte ^ start.get(at).copied().unwrap_or(0);
            sum ^ TABLES[7 - at][usize::from(byte)]
        });
    }
    !chunks.remainder().iter().fold(crc, |crc, &byte| {
        crc >> 8 ^ TABLES[0][usize::from(crc as u8 ^ byte)]
    })
}

/// The checksum of two parts put together, from `first` and `second`, theirs, and the length of the second in bytes.
///
/// Parts may thus be taken in any order. A checksum is a polynomial modulo the generator; what follows multiplies it.
#[must_use]
pub const fn combine(first: u32, second: u32, second_len: usize) -> u32 {
    product(first, power(second_len)) ^ second
}

/// x to the power of 8 times `bytes`, modulo the generator.
const fn power(bytes: usize) -> u32 {
    // Bit-reflected: the highest bit is the constant term.
    let (mut result, mut square, mut rest) = (1 << 31, times_x8(1 << 31), bytes);
    while rest > 0 {
        if rest & 1 != 0 {
            result = product(result, square);
        }
        square = product(square, square);
        rest >>= 1;
    }
    result
}

const fn product(mut a: u32, mut b: u32) -> u32 {
    let mut sum = 0;
    while a != 0 {
        if a & 1 << 31 != 0 {
            sum ^= b;
        }
        a <<= 1;
        b = times_x(b);
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The check value of the CRC catalogue comes out.
    #[test]
    fn gives_the_catalogue_value() {
        assert_eq!(crc32(b"123456789"), 0xCBF4_3926);
        assert_eq!(crc32(b""), 0);
    }

    proptest! {
        /// Wherever a text is cut, its checksum follows from those of the parts.
        #[test]
        fn parts_combine(text in prop::collection::vec(any::<u8>(), 0..3_000), cut in any::<prop::sample::Index>()) {
            let (first, second) = text.split_at(cut.index(text.len() + 1));
            prop_assert_eq!(combine(crc32(first), crc32(second), second.len()), crc32(&text));
        }

        /// Eight bytes at a time give what one at a time gives.
        #[test]
        fn steps_of_eight_agree_with_single_ones(text in prop::collection::vec(any::<u8>(), 0..100)) {
            let single = !text.iter().fold(u32::MAX, |crc, &byte| {
                crc >> 8 ^ TABLES[0][usize::from(crc as u8 ^ byte)]
            });
            prop_assert_eq!(crc32(&text), single);
        }
    }
}
