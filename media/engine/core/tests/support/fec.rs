//! What a receiver does with FlexFEC: it keeps what came, and mends what is alone missing in a repair packet.

use engine_wire::payload::flexfec::{Header, PROTECTED_HEAD};
use std::collections::BTreeMap;

/// Packets kept, as many as Chromium keeps.
const KEPT: usize = 192;
const REPAIRS_KEPT: usize = 48;

#[derive(Debug, Default)]
pub struct FecDecoder {
    /// Whole packets by their number, what changes in them zero.
    packets: BTreeMap<u64, Vec<u8>>,
    repairs: Vec<(Header, Vec<u8>)>,
    pub repair_packets: u64,
    pub mended: u64,
}

impl FecDecoder {
    /// A packet that came, by its extended number; what can be mended now comes back.
    pub fn handle_media(&mut self, sequence: u64, packet: &[u8]) -> Vec<(u64, Vec<u8>)> {
        self.packets.insert(sequence, packet.to_vec());
        while self.packets.len() > KEPT {
            self.packets.pop_first();
        }
        self.mend()
    }

    /// The payload of a repair packet.
    pub fn handle_repair(&mut self, payload: &[u8]) -> Vec<(u64, Vec<u8>)> {
        let (header, len) = Header::parse(payload).unwrap();
        self.repair_packets += 1;
        self.repairs.push((header, payload[len..].to_vec()));
        if self.repairs.len() > REPAIRS_KEPT {
            self.repairs.remove(0);
        }
        self.mend()
    }

    fn mend(&mut self) -> Vec<(u64, Vec<u8>)> {
        let mut mended = Vec::new();
        let mut repairs = std::mem::take(&mut self.repairs);
        while let Some((sequence, packet)) = repairs.iter().find_map(|r| self.mend_by(r)) {
            self.packets.insert(sequence, packet.clone());
            self.mended += 1;
            mended.push((sequence, packet));
        }
        repairs.retain(|repair| self.missing(&repair.0).len() > 1);
        self.repairs = repairs;
        mended
    }

    fn missing(&self, header: &Header) -> Vec<u64> {
        let reference = self.packets.last_key_value().map_or(0, |(at, _)| *at);
        let numbers = header.numbers();
        numbers
            .map(|number| engine_wire::seq::extend(reference, number))
            .filter(|number| !self.packets.contains_key(number))
            .collect()
    }

    fn mend_by(&self, (header, body): &(Header, Vec<u8>)) -> Option<(u64, Vec<u8>)> {
        let [sequence] = self.missing(header)[..] else {
            return None;
        };
        let mut sum = vec![header.flags, header.kind];
        sum.extend(header.length.to_be_bytes());
        sum.extend(header.timestamp.to_be_bytes());
        sum.extend([0; 4]);
        sum.extend(body);
        for number in header.numbers() {
            let number = engine_wire::seq::extend(sequence, number);
            if let Some(packet) = self.packets.get(&number) {
                let mut bytes = packet.clone();
                let len = (packet.len() - PROTECTED_HEAD) as u16;
                bytes[2..4].copy_from_slice(&len.to_be_bytes());
                bytes[8..12].fill(0);
                sum.iter_mut().zip(bytes).for_each(|(a, b)| *a ^= b);
            }
        }
        sum[0] = sum[0] & 0x3f | 0x80;
        let len = usize::from(u16::from_be_bytes([sum[2], sum[3]]));
        sum.truncate(PROTECTED_HEAD + len);
        sum[2..4].copy_from_slice(&(sequence as u16).to_be_bytes());
        sum[8..12].copy_from_slice(&header.ssrc.to_be_bytes());
        Some((sequence, sum))
    }
}
