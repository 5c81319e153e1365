//! A receiver that reports on each packet, as browsers do: what arrived when, by transport-wide numbers.

use crate::commands::NUMBER_ID;
use engine_wire::rtcp;
use engine_wire::rtp::RtpHeader;

/// Packets that one report may tell of.
const MOST: usize = 250;
/// Numbers are counted from one cycle up, as on the other side.
const FIRST_CYCLE: u64 = 1 << 16;

pub(crate) struct Reporter {
    highest: u64,
    base: u64,
    arrivals: Vec<(u64, u64)>,
    reports: u8,
}

impl Reporter {
    pub(crate) const fn new() -> Self {
        Self {
            highest: FIRST_CYCLE - 1,
            base: FIRST_CYCLE,
            arrivals: Vec::new(),
            reports: 0,
        }
    }

    /// A datagram that came at this time, in microseconds; what has no number is nothing to report on.
    pub(crate) fn note(&mut self, datagram: &[u8], at_us: u64) {
        let is_rtp = datagram[0] >> 6 == 2 && !(192..224).contains(&datagram[1]);
        let Some(header) = RtpHeader::parse(datagram).ok().filter(|_| is_rtp) else {
            return;
        };
        let value = header.extension_value(datagram, NUMBER_ID);
        let Some(number) = value.and_then(|value| value.try_into().ok()) else {
            return;
        };
        let number = engine_wire::seq::extend(self.highest, u16::from_be_bytes(number));
        self.highest = self.highest.max(number);
        self.arrivals.push((number, at_us));
    }

    /// The next report, not yet encrypted; none where nothing has come.
    pub(crate) fn report(&mut self, media: u32) -> Option<Vec<u8>> {
        let mut rtcp = Vec::new();
        let most = self.arrivals.len().min(MOST);
        let held = rtcp::write_transport_feedback(
            &mut rtcp,
            (1, media),
            self.reports,
            self.base,
            &self.arrivals[..most],
        );
        self.base = self.arrivals.get(held.checked_sub(1)?)?.0 + 1;
        self.arrivals.drain(..held);
        self.reports = self.reports.wrapping_add(1);
        Some(rtcp)
    }
}
