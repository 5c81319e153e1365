//! How loud a packet of a line is. No such peer sends levels (RFC 6464), and without them nobody would be seen to
//! speak. What is told is what the payload itself says, without decoding it: nothing where it says nothing.

use crate::api::Codec;
use engine_wire::payload::opus;

/// Told of a packet that its encoder calls speech: well above what counts, as the true level is not known.
const SPEECH: u8 = 30;
/// Silence, as RFC 6464 has it.
const SILENCE: u8 = 127;
const FULL_SCALE: u64 = 1 << 30;

/// The squares of what the 256 codes stand for (ITU-T G.711, 16 bits).
static MU_LAW: [u32; 256] = squares(true);
static A_LAW: [u32; 256] = squares(false);

/// What a code of G.722's lower band, without its two last bits, adds to the logarithm of the quantizer's step (ITU-T G.722,
/// 6.2.1.3: W_L).
const STEPS: [i32; 16] = [
    -60, 3042, 1198, 538, 334, 172, 58, -30, 3042, 1198, 538, 334, 172, 58, -30, -60,
];
/// That logarithm at its largest.
const LARGEST_STEP: i32 = 18_432;
/// It forgets where it began within so many samples of 8 kHz.
const FORGETS: usize = 320;
/// What it is at 0 dB, and how much less with each dB below that, of noise and speech that FFmpeg encoded.
const AT_FULL_SCALE: i32 = 19_300;
const A_DECIBEL: i32 = 259;

/// The level of a payload, in dB below full scale, as far as it shows. Of G.711 it is the true one; of G.722 what its step,
/// which follows what is to be coded, tells of speech and noise (a pure tone, well predicted, seems to be less); of Opus
/// whether its encoder found speech, which packets in CELT alone do not tell (RFC 6716 section 4.2.3).
pub(crate) fn level(codec: Codec, payload: &[u8]) -> Option<u8> {
    match codec {
        Codec::Pcmu => Some(of_samples(&MU_LAW, payload)),
        Codec::Pcma => Some(of_samples(&A_LAW, payload)),
        Codec::G722 => Some(of_steps(payload)),
        Codec::Opus => opus::voice(payload).map(|is_voice| if is_voice { SPEECH } else { SILENCE }),
        _ => None,
    }
}

/// The step is a decoder's, which begins with what the packet before has left; instead, this one is gone through until that
/// is of no account.
fn of_steps(payload: &[u8]) -> u8 {
    let some = payload.get(..FORGETS / 2).unwrap_or(payload);
    let (mut step, mut mean) = (0, 0);
    for _ in 0..FORGETS.div_ceil(some.len().max(1)) {
        let mut sum = 0;
        for code in some {
            step = ((step * 127) >> 7) + STEPS[usize::from((code & 0x3f) >> 2)];
            step = step.clamp(0, LARGEST_STEP);
            sum += step;
        }
        mean = sum / some.len().max(1) as i32;
    }
    ((AT_FULL_SCALE - mean) / A_DECIBEL).clamp(0, i32::from(SILENCE)) as u8
}

fn of_samples(squares: &[u32; 256], payload: &[u8]) -> u8 {
    let sum: u64 = payload
        .iter()
        .map(|code| u64::from(squares[usize::from(*code)]))
        .sum();
    let Some(mean) = sum
        .checked_div(payload.len() as u64)
        .filter(|mean| *mean > 0)
    else {
        return SILENCE;
    };
    // Half a bit of the logarithm is 3 dB of power, and the rest of it is of no account to who speaks.
    let halvings = (FULL_SCALE / mean.min(FULL_SCALE)).ilog2();
    (halvings * 3).min(u32::from(SILENCE)) as u8
}

const fn squares(mu_law: bool) -> [u32; 256] {
    let mut table = [0; 256];
    let mut code = 0;
    while code < 256 {
        let sample = if mu_law {
            mu(code as u8)
        } else {
            a(code as u8)
        };
        table[code] = sample * sample;
        code += 1;
    }
    table
}

/// Magnitude of a code of mu-law.
const fn mu(code: u8) -> u32 {
    let code = !code;
    (((((code & 0x0f) as u32) << 3) + 0x84) << ((code >> 4) & 7)) - 0x84
}

/// Magnitude of a code of A-law.
const fn a(code: u8) -> u32 {
    let code = code ^ 0x55;
    let (step, segment) = (((code & 0x0f) as u32) << 4, (code >> 4) & 7);
    match segment {
        0 => step + 8,
        _ => (step + 0x108) << (segment - 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn g711_is_as_loud_as_its_samples() {
        // Loudest, digital silence, and a step far below speech.
        assert_eq!(level(Codec::Pcmu, &[0x80; 160]), Some(0));
        assert_eq!(level(Codec::Pcmu, &[0xff; 160]), Some(127));
        assert_eq!(level(Codec::Pcma, &[0xaa; 160]), Some(0));
        assert!(level(Codec::Pcma, &[0xd5; 160]).is_some_and(|level| level > 70));
        // Amplitudes of 1,000 are at 30 dB below full scale.
        assert_eq!(level(Codec::Pcmu, &[0xce; 160]), Some(30));
        assert_eq!(level(Codec::Pcma, &[0xfa; 160]), Some(30));
        assert_eq!(level(Codec::Pcmu, &[]), Some(127));
    }

    #[test]
    fn g722_is_as_loud_as_its_steps() {
        // The same noise, 20 dB apart, as FFmpeg encodes it.
        let loud = [
            0x58, 0x5c, 0xd3, 0xa9, 0x5a, 0xf8, 0xdd, 0x5d, 0x8f, 0xff, 0xbf, 0x5f, 0x4b, 0x9a,
            0x2c, 0x5a, 0x5f, 0x39, 0xf2, 0x38, 0xba, 0xb2, 0xdb, 0x71, 0x53, 0xd3, 0xdb, 0x74,
            0x1b, 0x34, 0xa9, 0xfd, 0x4f, 0x53, 0x75, 0x73, 0xd9, 0xdf, 0x78, 0x93,
        ];
        let soft = [
            0x5b, 0x5d, 0xd6, 0xac, 0x5b, 0xf8, 0xdf, 0x5f, 0x92, 0xfd, 0xbf, 0x7e, 0x4f, 0x9a,
            0x6d, 0x5c, 0x5f, 0x39, 0xf2, 0x38, 0xba, 0xb3, 0xdd, 0x72, 0x56, 0xd4, 0xdb, 0x75,
            0x1d, 0x76, 0xaa, 0xfb, 0x51, 0x54, 0x76, 0x73, 0xdb, 0xfe, 0x78, 0x95,
        ];
        assert_eq!(level(Codec::G722, &loud), Some(5));
        assert_eq!(level(Codec::G722, &soft), Some(32));
        // The largest steps there are, the smallest, and nothing at all.
        assert_eq!(level(Codec::G722, &[0x04; 160]), Some(3));
        assert_eq!(level(Codec::G722, &[0xff; 160]), Some(74));
        assert_eq!(level(Codec::G722, &[]), Some(74));
        assert_eq!(level(Codec::G722, &[0xff; 1_400]), Some(74));
    }

    #[test]
    fn what_shows_nothing_is_not_guessed() {
        assert_eq!(level(Codec::TelephoneEvent, &[1, 0, 0, 0]), None);
        assert_eq!(level(Codec::Opus, &[]), None);
        assert_eq!(level(Codec::Vp8, &[0; 10]), None);
    }
}
