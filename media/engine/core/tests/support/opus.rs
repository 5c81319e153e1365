//! Packets of Opus as a receiver takes them apart (RFC 6716 section 3.2).

/// What a sender's packets begin with: speech, 20 ms, one frame.
pub const FIRST_BYTE: u8 = 0b0100_1000;

/// The frames of a packet of one or two.
pub fn frames(packet: &[u8]) -> Vec<&[u8]> {
    let (first, rest) = packet.split_first().unwrap();
    match first & 3 {
        0 => vec![rest],
        1 => rest.chunks(rest.len() / 2).collect(),
        2 => {
            let (len, rest) = match rest[0] {
                0..=251 => (usize::from(rest[0]), &rest[1..]),
                low => (usize::from(rest[1]) * 4 + usize::from(low), &rest[2..]),
            };
            let (first, second) = rest.split_at(len);
            vec![first, second]
        }
        _ => panic!("nobody sends so many"),
    }
}
