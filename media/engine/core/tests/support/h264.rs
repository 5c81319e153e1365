//! Payloads of H.264 as a browser sends them in packetization mode 1 (RFC 6184): a key frame is its parameter sets, each in
//! a packet of its own, and a slice; slices that do not fit a packet are cut into parts (FU-A).

/// Packets ahead of the slice of a key frame.
pub const SETS: usize = 2;
const SEQUENCE_SET: &[u8] = &[0x67, 0x42, 0xe0, 0x1f, 0x8c];
const PICTURE_SET: &[u8] = &[0x68, 0xce, 0x3c, 0x80];
/// First bytes of slices that begin with the first macroblock.
const IDR_SLICE: [u8; 3] = [0x65, 0x88, 0x84];
const SLICE: [u8; 3] = [0x41, 0x9a, 0x02];
const PART: u8 = 28;
const TYPE: u8 = 0x1f;

/// How the payload of a packet of a picture begins, by its place among all of them.
pub fn head(key: bool, (at, count): (usize, usize)) -> Vec<u8> {
    match (key, at) {
        (true, 0) => SEQUENCE_SET.to_vec(),
        (true, 1) => PICTURE_SET.to_vec(),
        (true, _) => of_slice(IDR_SLICE, (at - SETS, count - SETS)),
        (false, _) => of_slice(SLICE, (at, count)),
    }
}

fn of_slice(slice: [u8; 3], (at, count): (usize, usize)) -> Vec<u8> {
    if count == 1 {
        return slice.to_vec();
    }
    let [header, rest @ ..] = slice;
    let (begins, ends) = (at == 0, at + 1 == count);
    let place = u8::from(begins) << 7 | u8::from(ends) << 6;
    let mut head = vec![header & !TYPE | PART, place | header & TYPE];
    head.extend(rest.iter().filter(|_| begins));
    head
}
