//! What a receiver that reports by RFC 8888 does: ten times a second, each packet of each stream since the last report.

use engine_core::Micros;
use engine_wire::rtcp::{self, Arrival, PacketReport};
use std::collections::BTreeMap;

const INTERVAL: Micros = Micros::from_millis(100);

#[derive(Debug, Default)]
pub struct BySequence {
    /// When packets came, by their number from one cycle up; and the first that was not reported.
    streams: BTreeMap<u32, (BTreeMap<u64, Micros>, u64)>,
    due: Option<Micros>,
}

impl BySequence {
    pub fn note(&mut self, now: Micros, ssrc: u32, sequence: u16) {
        let stream = self.streams.entry(ssrc).or_insert_with(|| {
            let first = 1 << 16 | u64::from(sequence);
            (BTreeMap::new(), first)
        });
        let number = engine_wire::seq::extend(stream.1, sequence);
        stream.0.entry(number).or_insert(now);
        self.due.get_or_insert(now + INTERVAL);
    }

    pub fn next_at(&self) -> Option<Micros> {
        self.due
    }

    /// A report, if it is due.
    pub fn poll(&mut self, now: Micros) -> Option<Vec<u8>> {
        self.due.take_if(|due| *due <= now)?;
        let mut told = Vec::new();
        for (ssrc, (arrived, next)) in &mut self.streams {
            let Some(last) = arrived.last_key_value().map(|(number, _)| *number) else {
                continue;
            };
            let packets = (*next..=last).map(|number| {
                let at = arrived.get(&number);
                let arrival = at.map_or(Arrival::Missing, |at| {
                    Arrival::Before((now.since(*at).0 * 1_024 / 1_000_000) as u16)
                });
                PacketReport { arrival, ecn: 0 }
            });
            let packets: Vec<PacketReport> = packets.collect();
            if !packets.is_empty() {
                told.push((*ssrc, *next as u16, packets));
            }
            *next = (*next).max(last + 1);
        }
        let streams: Vec<_> = told
            .iter()
            .map(|(s, n, p)| (*s, *n, p.as_slice()))
            .collect();
        let mut rtcp = Vec::new();
        rtcp::write_congestion_feedback(&mut rtcp, 1, now.to_ntp_middle(), &streams);
        Some(rtcp)
    }
}
