//! Transport-wide feedback: when each packet arrived (draft-holmer-rmcat-transport-wide-cc-extensions-01 section 3.1).

use super::TRANSPORT_FEEDBACK;
use crate::bytes::{u16_at, u32_at, u8_at};
use crate::WireError;

pub(super) const FORMAT: u8 = 15;
const FIXED_LEN: usize = 16;
/// Unit of the reference time.
const REFERENCE_US: i64 = 64_000;
/// Unit of the deltas.
const DELTA_US: i64 = 250;
/// The reference time has 24 bits.
const REFERENCE_END: u64 = 1 << 24;
/// Packets that the writer tells of at most, so that a report stays below 1,200 bytes.
const MAX_ARRIVALS: usize = 300;
/// Numbers that the writer covers at most, arrived or not.
const MAX_SPAN: u64 = 1_500;
const ONE_BIT_SYMBOLS: usize = 14;
const TWO_BIT_SYMBOLS: usize = 7;
const MAX_RUN: usize = 0x1FFF;
const VECTOR: u16 = 0x8000;
const TWO_BIT_VECTOR: u16 = 0xC000;

/// What is said of one packet: the two-bit symbols of section 3.1.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Status {
    NotReceived = 0,
    SmallDelta = 1,
    LargeDelta = 2,
    Reserved = 3,
}

impl Status {
    const fn from_bits(bits: u16) -> Self {
        match bits & 3 {
            0 => Self::NotReceived,
            1 => Self::SmallDelta,
            2 => Self::LargeDelta,
            _ => Self::Reserved,
        }
    }

    const fn delta_len(self) -> usize {
        match self {
            Self::NotReceived | Self::Reserved => 0,
            Self::SmallDelta => 1,
            Self::LargeDelta => 2,
        }
    }
}

/// A chunk of statuses (sections 3.1.3 and 3.1.4).
#[derive(Debug, Clone, Copy)]
struct Chunk(u16);

impl Chunk {
    const fn len(self) -> usize {
        match self.0 & TWO_BIT_VECTOR {
            TWO_BIT_VECTOR => TWO_BIT_SYMBOLS,
            VECTOR => ONE_BIT_SYMBOLS,
            _ => self.0 as usize & MAX_RUN,
        }
    }

    const fn status(self, at: usize) -> Status {
        match self.0 & TWO_BIT_VECTOR {
            TWO_BIT_VECTOR => Status::from_bits(self.0 >> (2 * (TWO_BIT_SYMBOLS - 1 - at))),
            VECTOR => Status::from_bits(self.0 >> (ONE_BIT_SYMBOLS - 1 - at) & 1),
            _ => Status::from_bits(self.0 >> 13),
        }
    }

    /// Bytes of the deltas of its first `len` statuses.
    fn deltas_len(self, len: usize) -> usize {
        if self.0 & VECTOR == 0 {
            len * self.status(0).delta_len()
        } else {
            (0..len).map(|at| self.status(at).delta_len()).sum()
        }
    }
}

/// When packets arrived, or that they did not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TransportFeedback<'a> {
    /// Who reports.
    pub sender: u32,
    /// Any stream of the transport.
    pub media: u32,
    /// Number of the first packet that is reported.
    pub base_sequence: u16,
    /// Packets that are reported, one number after the other.
    pub count: u16,
    /// Reference time in units of 64 ms, signed 24 bits, of any origin; it wraps.
    pub reference: i32,
    /// Counts the reports; it wraps.
    pub report: u8,
    chunks: &'a [u8],
    deltas: &'a [u8],
}

/// One packet's line in a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PacketArrival {
    /// The packet's transport-wide number.
    pub sequence: u16,
    /// When it arrived, in microseconds on the scale of the reference time; none if it did not.
    pub at_us: Option<i64>,
}

impl<'a> TransportFeedback<'a> {
    pub(super) fn parse(body: &'a [u8]) -> Result<Self, WireError> {
        let count = u16_at(body, 10)?;
        let reference = u32_at(body, 12)?;
        let (mut at, mut left, mut deltas_len) = (FIXED_LEN, usize::from(count), 0);
        while left > 0 {
            let chunk = Chunk(u16_at(body, at)?);
            let len = chunk.len().min(left);
            deltas_len += chunk.deltas_len(len);
            left -= len;
            at += 2;
        }
        let needed = at + deltas_len;
        let truncated = WireError::Truncated {
            needed,
            available: body.len(),
        };
        Ok(Self {
            sender: u32_at(body, 0)?,
            media: u32_at(body, 4)?,
            base_sequence: u16_at(body, 8)?,
            count,
            // Shifted with its sign.
            reference: reference as i32 >> 8,
            report: u8_at(body, 15)?,
            chunks: body.get(FIXED_LEN..at).ok_or(truncated)?,
            deltas: body.get(at..needed).ok_or(truncated)?,
        })
    }

    /// The packets in the order of their numbers, at most 65,535.
    pub fn packets(&self) -> impl Iterator<Item = PacketArrival> + 'a {
        let (mut deltas, mut clock) = (self.deltas, i64::from(self.reference) * REFERENCE_US);
        let (mut sequence, count) = (self.base_sequence, usize::from(self.count));
        statuses(self.chunks).take(count).map(move |status| {
            let (delta, rest) = deltas
                .split_at_checked(status.delta_len())
                .unwrap_or_default();
            deltas = rest;
            let delta = match *delta {
                [small] => Some(i64::from(small)),
                [high, low] => Some(i64::from(i16::from_be_bytes([high, low]))),
                _ => None,
            };
            let line = PacketArrival {
                sequence,
                at_us: delta.map(|delta| clock + delta * DELTA_US),
            };
            clock = line.at_us.unwrap_or(clock);
            sequence = sequence.wrapping_add(1);
            line
        })
    }
}

fn statuses(chunks: &[u8]) -> impl Iterator<Item = Status> + '_ {
    let chunks = chunks.chunks_exact(2);
    let chunks = chunks.map(|bytes| Chunk(u16::from_be_bytes([bytes[0], bytes[1]])));
    chunks.flat_map(|chunk| (0..chunk.len()).map(move |at| chunk.status(at)))
}

/// Appends a report on the packets from number `base` on, and gives how many of `arrivals` it holds.
///
/// `arrivals` are extended numbers and times in microseconds, by ascending number, none of them below `base`; numbers
/// that are left out did not arrive. Times are rounded to 250 us. What does not fit, or arrived more than eight seconds
/// before or after its neighbour, is left for another report. Nothing is written if there are none.
pub fn write_transport_feedback(
    out: &mut Vec<u8>,
    (sender, media): (u32, u32),
    report: u8,
    base: u64,
    arrivals: &[(u64, u64)],
) -> usize {
    let Some(&(_, first_at)) = arrivals.first() else {
        return 0;
    };
    let reference = first_at / REFERENCE_US as u64;
    let mut plan = Plan::new(base, reference);
    let held = arrivals
        .iter()
        .take(MAX_ARRIVALS)
        .take_while(|(sequence, at)| plan.add(*sequence, *at))
        .count();
    if held == 0 {
        return 0;
    }
    let start = super::begin(out, FORMAT, TRANSPORT_FEEDBACK);
    super::put_u32(out, sender);
    super::put_u32(out, media);
    out.extend_from_slice(&(base as u16).to_be_bytes());
    out.extend_from_slice(&(plan.statuses.len() as u16).to_be_bytes());
    let reference = (reference % REFERENCE_END) as u32;
    super::put_u32(out, reference << 8 | u32::from(report));
    write_chunks(out, &plan.statuses);
    out.extend_from_slice(&plan.deltas);
    let len = (out.len() - start).next_multiple_of(4);
    out.resize(start + len, 0);
    super::finish(out, start);
    held
}

/// Statuses and deltas as they are gathered.
struct Plan {
    base: u64,
    statuses: Vec<Status>,
    deltas: Vec<u8>,
    /// Time of the last arrival as the reader will see it, in units of 250 us.
    clock: i64,
}

impl Plan {
    fn new(base: u64, reference: u64) -> Self {
        Self {
            base,
            statuses: Vec::new(),
            deltas: Vec::new(),
            clock: reference as i64 * (REFERENCE_US / DELTA_US),
        }
    }

    /// False, and nothing changes, if the packet has no place in this report.
    fn add(&mut self, sequence: u64, at_us: u64) -> bool {
        let Some(place) = sequence.checked_sub(self.base).filter(|p| *p < MAX_SPAN) else {
            return false;
        };
        let place = place as usize;
        let time = at_us as i64 / DELTA_US;
        let delta = time - self.clock;
        let Ok(large) = i16::try_from(delta) else {
            return false;
        };
        if place < self.statuses.len() {
            return false;
        }
        self.statuses.resize(place, Status::NotReceived);
        if let Ok(small) = u8::try_from(delta) {
            self.statuses.push(Status::SmallDelta);
            self.deltas.push(small);
        } else {
            self.statuses.push(Status::LargeDelta);
            self.deltas.extend_from_slice(&large.to_be_bytes());
        }
        self.clock = time;
        true
    }
}

/// Long runs as such, everything else in the shorter kind of vector.
fn write_chunks(out: &mut Vec<u8>, statuses: &[Status]) {
    let mut rest = statuses;
    while let [first, ..] = rest {
        let run = rest.iter().take_while(|status| *status == first).count();
        let (chunk, len) = if run >= ONE_BIT_SYMBOLS || run == rest.len() {
            let len = run.min(MAX_RUN);
            ((*first as u16) << 13 | len as u16, len)
        } else {
            vector(rest)
        };
        out.extend_from_slice(&chunk.to_be_bytes());
        rest = rest.get(len..).unwrap_or_default();
    }
}

fn vector(statuses: &[Status]) -> (u16, usize) {
    let one_bit = statuses
        .iter()
        .take(ONE_BIT_SYMBOLS)
        .all(|status| *status != Status::LargeDelta);
    let (kind, symbols, bits) = if one_bit {
        (VECTOR, ONE_BIT_SYMBOLS, 1)
    } else {
        (TWO_BIT_VECTOR, TWO_BIT_SYMBOLS, 2)
    };
    let len = symbols.min(statuses.len());
    let packed = (0..symbols).fold(0, |packed, at| {
        let status = statuses.get(at).map_or(0, |status| *status as u16);
        packed << bits | status
    });
    (kind | packed, len)
}
