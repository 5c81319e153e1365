//! Whether a receiver can decode a format as it comes from its sender, and where decoding can begin.

use crate::api::{Codec, Format};
use engine_wire::payload::{av1, h261, h263, h264, vp8, vp9};

/// RFC 6184 section 8.1: a description without profile-level-id means baseline at level 1.
const BASELINE_LEVEL_1: u32 = 0x42_00_0a;
const CIF: u16 = 288;

impl Codec {
    /// Whether decoding can begin with a packet of this payload; never said of sound.
    pub fn starts_key_frame(self, payload: &[u8]) -> bool {
        match self {
            Self::Vp8 => vp8::Descriptor::parse(payload).is_ok_and(|d| d.is_key_frame),
            Self::H264 => h264::is_key_frame(payload) && h264::starts_picture(payload),
            Self::Vp9 => vp9::is_key_frame(payload),
            Self::Av1 => av1::is_key_frame(payload),
            Self::H261 => h261::is_key_frame(payload),
            Self::H263 => h263::is_key_frame(payload),
            Self::H263Plus => h263::is_plus_key_frame(payload),
            Self::Opus | Self::G722 | Self::Pcmu | Self::Pcma | Self::TelephoneEvent => false,
        }
    }

    /// Lines of the pictures from this packet on, where it tells them: of VP8 its descriptor does, which is read for more.
    pub fn height(self, payload: &[u8]) -> Option<u16> {
        match self {
            Self::H264 => h264::height(payload),
            Self::Vp9 => vp9::height(payload),
            _ => None,
        }
    }
}

impl Format {
    /// Whether packets of `from` can be forwarded as this format, their payload unchanged. Keys that are pressed are for
    /// the bridge alone: they may be a PIN.
    pub fn takes(&self, from: &Self) -> bool {
        self.codec == from.codec
            && self.codec != Codec::TelephoneEvent
            && self.clock_rate == from.clock_rate
            && match self.codec {
                Codec::H264 => self.takes_h264(from),
                Codec::H261 | Codec::H263 | Codec::H263Plus => self.takes_as_large(from),
                _ => true,
            }
    }

    /// What a peer takes is what it may send: pictures no larger than these and no closer together fit a receiver.
    fn takes_as_large(&self, from: &Self) -> bool {
        let of = |format: &Self| (format.lines.unwrap_or(CIF), format.interval.unwrap_or(1));
        let ((mine, mine_apart), (theirs, theirs_apart)) = (of(self), of(from));
        mine >= theirs && mine_apart <= theirs_apart
    }

    /// Mode and profile identify a format of H.264 in offers and answers (RFC 6184 section 8.2.2), but a receiver can do
    /// more: mode 1 holds mode 0 (section 6.3), and any decoder takes constrained baseline but for extended profile's (ITU-T
    /// H.264 A.2). The level is a limit of the receiver.
    ///
    /// What comes in mode 1 cannot become mode 0 here: a sender fragments just what does not fit its packets, and
    /// what is longer than a packet has no form in mode 0. Senders have to be asked for mode 0, in which they make slices
    /// that fit.
    fn takes_h264(&self, from: &Self) -> bool {
        let (mine, theirs) = (H264::of(self), H264::of(from));
        let mode_fits = mine.mode == theirs.mode || (mine.mode, theirs.mode) == (1, 0);
        let level_fits = self.level_asymmetry || mine.level >= theirs.level;
        let decodes = theirs.profile == CONSTRAINED && [0x42, 0x4d, 0x64].contains(&mine.profile.0);
        mode_fits && (mine.profile == theirs.profile || decodes) && level_fits
    }
}

/// Constrained baseline, however it is spelled.
const CONSTRAINED: (u8, u8) = (0x42, 0x40);

#[derive(Debug, Clone, Copy)]
struct H264 {
    mode: u8,
    profile: (u8, u8),
    level: u8,
}

impl H264 {
    fn of(format: &Format) -> Self {
        let id = format.profile.unwrap_or(BASELINE_LEVEL_1);
        let [_, profile, constraints, level] = id.to_be_bytes();
        // Flags that say nothing for a profile are left out (RFC 6184 table 5); of others the two bytes are the profile.
        let profile = match (profile, constraints) {
            (0x42, flags) if flags & 0x4f == 0x40 => CONSTRAINED,
            (0x4d, flags) if flags & 0x8f == 0x80 => CONSTRAINED,
            (0x58, flags) if flags & 0xcf == 0xc0 => CONSTRAINED,
            (0x42, flags) if flags & 0x4f == 0 => (0x42, 0),
            (0x58, flags) if flags & 0xcf == 0x80 => (0x42, 0),
            (0x4d, flags) if flags & 0xaf == 0 => (0x4d, 0),
            other => other,
        };
        Self {
            mode: format.packetization_mode.unwrap_or(0),
            profile,
            level,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn h264(mode: Option<u8>, profile: Option<u32>, level_asymmetry: bool) -> Format {
        Format {
            pt: 96,
            codec: Codec::H264,
            clock_rate: 90_000,
            rtx_pt: None,
            nack: true,
            pli: true,
            packetization_mode: mode,
            profile,
            level_asymmetry,
            lines: None,
            interval: None,
            transport_cc: false,
            remb: false,
            red_pt: None,
        }
    }

    #[test]
    fn older_pictures_fit_receivers_of_as_large_ones_and_as_many() {
        let old = |codec, lines, interval| Format {
            codec,
            lines,
            interval,
            ..h264(None, None, false)
        };
        let cif = old(Codec::H261, None, None);
        let quarter = old(Codec::H261, Some(144), Some(1));
        let slow = old(Codec::H261, Some(288), Some(2));
        assert!(cif.takes(&cif) && cif.takes(&quarter) && cif.takes(&slow));
        assert!(!quarter.takes(&cif) && !slow.takes(&cif));
        assert!(!cif.takes(&old(Codec::H263, None, None)));
        assert!(!old(Codec::H263, None, None).takes(&old(Codec::H263Plus, None, None)));
    }

    #[test]
    fn mode_and_profile_are_the_format_and_the_level_is_a_limit() {
        let one = |profile| h264(Some(1), Some(profile), false);
        // (receiver, sender, whether it fits)
        for (to, from, fits) in [
            (one(0x42_e0_1f), one(0x42_e0_1f), true),
            (one(0x42_e0_1f), one(0x42_c0_1f), true),
            (one(0x42_e0_1f), one(0x4d_80_1f), true),
            (one(0x42_e0_1f), one(0x42_00_1f), false),
            (one(0x64_0c_1f), one(0x64_00_1f), false),
            (one(0x42_e0_1f), one(0x64_0c_1f), false),
            (one(0x42_80_1f), one(0x42_00_1f), true),
            (one(0x42_80_1f), one(0x42_e0_1f), true),
            (one(0x4d_40_1f), one(0x4d_00_1f), true),
            (one(0x4d_00_1f), one(0x42_e0_1f), true),
            (one(0x64_00_1f), one(0x4d_80_1f), true),
            (one(0x58_00_1f), one(0x42_e0_1f), false),
            (one(0x4d_00_1f), one(0x42_00_1f), false),
            (one(0x64_00_1f), one(0x42_e0_34), false),
            (one(0x42_e0_34), one(0x42_e0_1f), true),
            (one(0x42_e0_1f), one(0x42_e0_34), false),
            (h264(Some(1), Some(0x42_e0_1f), true), one(0x42_e0_34), true),
            (
                h264(Some(0), Some(0x42_e0_1f), true),
                one(0x42_e0_1f),
                false,
            ),
            (one(0x42_e0_1f), h264(Some(0), Some(0x42_e0_1f), true), true),
            (
                h264(None, None, false),
                h264(Some(0), Some(0x42_00_0a), false),
                true,
            ),
        ] {
            assert_eq!(to.takes(&from), fits, "{to:?} {from:?}");
        }
    }
}
