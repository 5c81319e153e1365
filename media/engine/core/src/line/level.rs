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

/// The level of a payload, in dB below full scale, as far as it shows. Of G.711 it is the true one; of Opus whether its
/// encoder found speech, which packets in CELT alone do not tell (RFC 6716 section 4.2.3); of G.722 nothing.
pub(crate) fn level(codec: Codec, payload: &[u8]) -> Option<u8> {
    match codec {
        Codec::Pcmu => Some(of_samples(&MU_LAW, payload)),
        Codec::Pcma => Some(of_samples(&A_LAW, payload)),
        Codec::Opus => opus::voice(payload).map(|is_voice| if is_voice { SPEECH } else { SILENCE }),
        _ => None,
    }
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
    fn what_shows_nothing_is_not_guessed() {
        assert_eq!(level(Codec::G722, &[0x55; 160]), None);
        assert_eq!(level(Codec::TelephoneEvent, &[1, 0, 0, 0]), None);
        assert_eq!(level(Codec::Opus, &[]), None);
        assert_eq!(level(Codec::Vp8, &[0; 10]), None);
    }
}
