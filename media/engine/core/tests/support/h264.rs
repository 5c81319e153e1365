//! Payloads of H.264 as a browser sends them in packetization mode 1 (RFC 6184): a key frame is its parameter sets, each in
//! a packet of its own, and a slice; slices that do not fit a packet are cut into parts (FU-A).

/// Packets ahead of the slice of a key frame.
pub const SETS: usize = 2;
/// As x264 writes them for 320x180, 640x360 and 1280x720.
const SEQUENCE_SETS: [&[u8]; 3] = [
    &[
        0x67, 0x42, 0xc0, 0x0c, 0xda, 5, 6, 0x7e, 0x78, 0x40, 0, 0, 3, 0, 0x40, 0, 0, 0x0c, 0xa3,
        0xc5, 0x0a, 0xa8,
    ],
    &[
        0x67, 0x42, 0xc0, 0x1e, 0xda, 2, 0x80, 0xbf, 0xe5, 0x84, 0, 0, 3, 0, 4, 0, 0, 3, 0, 0xca,
        0x3c, 0x58, 0xba, 0x80,
    ],
    &[
        0x67, 0x42, 0xc0, 0x1f, 0xda, 1, 0x40, 0x16, 0xe8, 0x40, 0, 0, 3, 0, 0x40, 0, 0, 0x0c,
        0xa3, 0xc6, 0x0c, 0xa8,
    ],
];
const PICTURE_SET: &[u8] = &[0x68, 0xce, 0x3c, 0x80];
/// First bytes of slices that begin with the first macroblock.
const IDR_SLICE: [u8; 3] = [0x65, 0x88, 0x84];
const SLICE: [u8; 3] = [0x41, 0x9a, 0x02];
const PART: u8 = 28;
const TYPE: u8 = 0x1f;

/// How the payload of a packet of a picture of an encoding begins, by its place among all of them.
pub fn head(encoding: u8, key: bool, (at, count): (usize, usize)) -> Vec<u8> {
    match (key, at) {
        (true, 0) => SEQUENCE_SETS[usize::from(encoding)].to_vec(),
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
