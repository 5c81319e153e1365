//! Telling apart what shares one UDP port (RFC 7983, RFC 5761 section 4).

/// What a datagram claims to be. A claim only: the parser of that kind decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Class {
    /// STUN, with its magic cookie and a whole header.
    Stun,
    /// A DTLS record.
    Dtls,
    /// RTP or SRTP, with at least the fixed header.
    Rtp,
    /// RTCP or SRTCP, with at least one header and an SSRC.
    Rtcp,
    /// Nothing that the engine takes: ZRTP, TURN channels, keep-alives, noise.
    Unknown,
}

const STUN_MAGIC_COOKIE: [u8; 4] = 0x2112_A442_u32.to_be_bytes();

/// Classifies one datagram by its first bytes.
///
/// The first byte splits STUN (0..=3), DTLS (20..=63) and RTP (128..=191) as RFC 7983 section 7 has it. RTCP is known
/// from RTP by the second byte without its marker bit: 64..=95 are RTCP's (RFC 5761 section 4).
#[must_use]
pub fn classify(datagram: &[u8]) -> Class {
    match datagram {
        [0..=3, ..] if datagram.len() >= 20 && datagram.get(4..8) == Some(&STUN_MAGIC_COOKIE) => {
            Class::Stun
        }
        [20..=63, ..] => Class::Dtls,
        [128..=191, kind, ..] if (64..=95).contains(&(kind & 0x7F)) => {
            if datagram.len() >= 8 {
                Class::Rtcp
            } else {
                Class::Unknown
            }
        }
        [128..=191, ..] if datagram.len() >= 12 => Class::Rtp,
        _ => Class::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn starting(first: u8, second: u8, len: usize) -> Vec<u8> {
        let mut datagram = vec![0; len];
        datagram[0] = first;
        datagram[1] = second;
        datagram
    }

    /// STUN needs its first bits, its cookie and 20 bytes.
    #[test]
    fn stun_needs_cookie_and_whole_header() {
        let mut datagram = starting(0, 1, 20);
        assert_eq!(classify(&datagram), Class::Unknown);
        datagram[4..8].copy_from_slice(&STUN_MAGIC_COOKIE);
        assert_eq!(classify(&datagram), Class::Stun);
        assert_eq!(classify(&datagram[..19]), Class::Unknown);
        datagram[0] = 4;
        assert_eq!(classify(&datagram), Class::Unknown);
    }

    /// Each boundary of RFC 7983's table falls on its own side.
    #[test]
    fn first_byte_ranges_have_exact_edges() {
        for (first, class) in [
            (19, Class::Unknown),
            (20, Class::Dtls),
            (63, Class::Dtls),
            (64, Class::Unknown),
            (79, Class::Unknown),
            (127, Class::Unknown),
            (128, Class::Rtp),
            (191, Class::Rtp),
            (192, Class::Unknown),
            (255, Class::Unknown),
        ] {
            assert_eq!(
                classify(&starting(first, 0, 40)),
                class,
                "first byte {first}"
            );
        }
    }

    /// The payload types 64 to 95 are RTCP's whatever the marker bit says.
    #[test]
    fn rtcp_is_known_by_its_payload_type() {
        for second in 0..=255 {
            let expected = if (64..=95).contains(&(second & 0x7F)) {
                Class::Rtcp
            } else {
                Class::Rtp
            };
            assert_eq!(
                classify(&starting(0x80, second, 12)),
                expected,
                "second byte {second}"
            );
        }
    }

    /// What is too short for any header is unknown.
    #[test]
    fn short_datagrams_are_unknown() {
        assert_eq!(classify(&[]), Class::Unknown);
        assert_eq!(classify(&[0x80]), Class::Unknown);
        assert_eq!(classify(&starting(0x80, 200, 7)), Class::Unknown);
        assert_eq!(classify(&starting(0x80, 200, 8)), Class::Rtcp);
        assert_eq!(classify(&starting(0x80, 96, 11)), Class::Unknown);
    }
}
