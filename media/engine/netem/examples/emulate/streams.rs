//! What became of each RTP stream on one way: what the figures of those at both ends are held against.
//!
//! Headers of SRTP are in clear, so that streams can be told apart here by their SSRC (RFC 3711 section 3.1).

use serde::Serialize;

/// More than two pages have; what comes beyond is not counted by stream.
const MOST: usize = 64;
const IPV4_LEAST: usize = 20;
const UDP: u8 = 17;
const UDP_HEADER: usize = 8;
const RTP_HEADER: usize = 12;

/// One stream so far. Delays are from the one device to the other, with the emulator's own lateness, as they are felt.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Stream {
    ssrc: u32,
    pushed: u64,
    /// Without those that waited for the rate when the link went down.
    lost: u64,
    arrived: u64,
    delay_sum_us: u64,
    /// Sum of the differences between each delay and that of the packet before it in the order of arrival, without
    /// sign: over `arrived` less one it is the jitter of RFC 3550 section 6.4.1, had the sender none.
    steps_us: u64,
    /// The same sum of what the sender had of its own as packets went in, for a clock of 48 kHz.
    own_steps_us: u64,
    #[serde(skip)]
    last_us: Option<u64>,
    #[serde(skip)]
    last_in: Option<(u64, u32)>,
}

/// What a packet of RTP says of itself.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Said {
    ssrc: u32,
    timestamp: u32,
}

/// The streams of one way.
#[derive(Debug, Default, Serialize)]
#[serde(transparent)]
pub(crate) struct Streams(Vec<Stream>);

impl Streams {
    /// The place of the stream that a packet belongs to, if it has one, and what it says of itself.
    pub(crate) fn place_of(&mut self, packet: &[u8]) -> Option<(usize, Said)> {
        let said = read(packet)?;
        Some((self.place_of_ssrc(said.ssrc)?, said))
    }

    fn place_of_ssrc(&mut self, ssrc: u32) -> Option<usize> {
        let known = self.0.iter().position(|stream| stream.ssrc == ssrc);
        if known.is_none() && self.0.len() < MOST {
            self.0.push(Stream {
                ssrc,
                ..Stream::default()
            });
            return Some(self.0.len() - 1);
        }
        known
    }

    /// A packet of the stream at this place went in.
    pub(crate) fn note_pushed(&mut self, now_us: u64, (place, said): (usize, Said), lost: bool) {
        let stream = &mut self.0[place];
        stream.pushed += 1;
        stream.lost += u64::from(lost);
        if let Some((at, timestamp)) = stream.last_in.replace((now_us, said.timestamp)) {
            let ticks = i64::from(said.timestamp.wrapping_sub(timestamp) as i32);
            let step = (now_us - at) as i64 - ticks * 1_000 / 48;
            stream.own_steps_us += step.unsigned_abs();
        }
    }

    /// A packet of the stream at this place came out, so much later.
    pub(crate) fn note_arrived(&mut self, place: usize, delay_us: u64) {
        let stream = &mut self.0[place];
        stream.arrived += 1;
        stream.delay_sum_us += delay_us;
        stream.steps_us += stream.last_us.map_or(0, |last| last.abs_diff(delay_us));
        stream.last_us = Some(delay_us);
    }
}

/// Reads an IPv4 packet with RTP in it; RTCP, STUN, DTLS and all else are passed over (RFC 7983, RFC 5761 section 4).
fn read(packet: &[u8]) -> Option<Said> {
    let first = *packet.first()?;
    let header = usize::from(first & 0x0f) * 4;
    if first >> 4 != 4 || header < IPV4_LEAST || packet.get(9) != Some(&UDP) {
        return None;
    }
    let rtp = packet.get(header + UDP_HEADER..)?;
    let is_rtp =
        rtp.len() >= RTP_HEADER && rtp[0] >> 6 == 2 && !(64..96).contains(&(rtp[1] & 0x7f));
    let number = |at: usize| {
        let bytes = rtp.get(at..at + 4)?.try_into().ok()?;
        Some(u32::from_be_bytes(bytes))
    };
    let (timestamp, ssrc) = (number(4)?, number(8)?);
    is_rtp.then_some(Said { ssrc, timestamp })
}
