//! FlexFEC towards one receiver (draft-ietf-payload-flexible-fec-scheme-03): repair packets for pictures, where the
//! round trip makes a retransmission come too late.
//!
//! Packets are taken in as they leave, with the slot's numbers, just before encryption; their exclusive or is all that
//! is kept. Packets that follow one another go to different *lanes*, so that a burst of losses takes one from each.

use crate::loss::Loss;
use crate::time::Micros;
use engine_wire::payload::flexfec::{Header, MAX_SPAN, PROTECTED_HEAD};

/// What retransmission takes when it comes too late, and below which it no longer does: as long as a picture can wait.
const LATE: (Micros, Micros) = (Micros::from_millis(65), Micros::from_millis(55));
/// Of all packets, those that retransmission may leave unmended in that time.
const UNMENDED: f64 = 0.005;
/// Loss from which on, and below which no longer, repair packets are worth their bits. A single packet is no loss yet.
const LOSSY: (f64, f64) = (0.016, 0.002_5);
/// How long they go on when loss or round trip no longer ask for them.
const HOLD: Micros = Micros::from_secs(5);
/// Losses among the packets of one lane that are expected: more than one cannot be mended.
const EXPECTED_LOSSES: f64 = 0.3;
const GROUP: (u8, u8) = (2, 12);
const MAX_LANES: u8 = 4;
/// At the end of a picture a lane that began this long ago is closed: a repair that comes later is of no use.
const LANE_AGE: Micros = Micros::from_millis(100);
/// Bytes of a packet that can be protected, so that the repair packet stays below 1,300 bytes.
const BODY: usize = 1_220;

/// How packets are protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// Packets that share a repair packet.
    pub group: u8,
    /// Repair packets that are in the making at once.
    pub lanes: u8,
}

/// What is known of the way to the receiver.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Way {
    /// How it loses packets.
    pub loss: Loss,
    /// Round trip.
    pub round_trip: Micros,
    /// Bits a second of the pictures that are protected.
    pub media_bps: u64,
    /// Bits a second that it carries beside them; `None` if nobody knows.
    pub spare_bps: Option<u64>,
}

impl Way {
    /// How long retransmission takes: at least a round trip, and another for as long as requests and answers are lost.
    fn mended_after(&self) -> Micros {
        let lost = self.loss.rate.clamp(0.0, 0.9);
        let fails = 1.0 - (1.0 - lost).powi(2);
        let rounds = ((UNMENDED / lost).ln() / fails.ln()).max(1.0);
        Micros((self.round_trip.0 as f64 * rounds) as u64)
    }

    /// The shape that mends this way's losses, if it carries that.
    fn shape(&self) -> Option<Shape> {
        let by_loss = (EXPECTED_LOSSES / self.loss.rate.max(0.01)).round() as u64;
        let by_room = self
            .spare_bps
            .map_or(0, |spare| self.media_bps.div_ceil(spare.max(1)));
        let group = by_loss.max(by_room).max(GROUP.0.into());
        let group = u8::try_from(group).ok()?;
        (by_room <= GROUP.1.into()).then_some(Shape {
            group: group.min(GROUP.1),
            lanes: (self.loss.burst.round() as u8).clamp(1, MAX_LANES),
        })
    }
}

/// The exclusive or of a lane's packets.
#[derive(Debug, Clone)]
pub struct Lane {
    header: Header,
    first: u64,
    count: u8,
    begun: Micros,
    timestamp: u32,
    body: Box<[u8; BODY]>,
    len: usize,
}

impl Lane {
    fn new() -> Self {
        Self {
            header: Header::default(),
            first: 0,
            count: 0,
            begun: Micros(0),
            timestamp: 0,
            body: Box::new([0; BODY]),
            len: 0,
        }
    }

    fn clear(&mut self) {
        self.body[..self.len].fill(0);
        (self.header, self.count, self.len) = (Header::default(), 0, 0);
    }

    /// Whether a packet has a place in the mask.
    fn takes(&self, sequence: u64) -> bool {
        let place = sequence.checked_sub(self.first);
        self.count == 0 || place.is_some_and(|place| place < MAX_SPAN.into())
    }

    fn add(&mut self, now: Micros, ssrc: u32, sequence: u64, packet: &[u8]) {
        let Some((head, body)) = packet.split_first_chunk::<PROTECTED_HEAD>() else {
            return;
        };
        if self.count == 0 {
            (self.first, self.begun) = (sequence, now);
            (self.header.base, self.header.ssrc) = (sequence as u16, ssrc);
        }
        self.count += 1;
        self.header.mask |= 1 << (sequence - self.first);
        self.header.flags ^= head[0] & 0x3F;
        self.header.kind ^= head[1];
        self.header.length ^= body.len() as u16;
        self.timestamp = u32::from_be_bytes([head[4], head[5], head[6], head[7]]);
        self.header.timestamp ^= self.timestamp;
        self.len = self.len.max(body.len());
        let places = self.body.iter_mut().zip(body);
        places.for_each(|(place, byte)| *place ^= byte);
    }

    /// Takes bytes of a packet that was added out again, as if they had been zero.
    fn take_out(&mut self, at: usize, bytes: &[u8]) {
        let places = self.body[at..].iter_mut().zip(bytes);
        places.for_each(|(place, byte)| *place ^= byte);
    }

    /// RTP timestamp of the last packet in it.
    pub const fn timestamp(&self) -> u32 {
        self.timestamp
    }

    /// Bytes of the repair payload.
    pub fn len(&self) -> usize {
        self.header.header_len().unwrap_or(0) + self.len
    }

    /// Whether no packet is in it.
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Writes the repair payload to the first [`len`](Self::len) bytes of `out`, and gives their number; 0 if there is
    /// nothing to write or no room.
    pub fn write(&self, out: &mut [u8]) -> usize {
        let Ok(start) = self.header.write(out) else {
            return 0;
        };
        let Some(place) = out.get_mut(start..start + self.len) else {
            return 0;
        };
        place.copy_from_slice(&self.body[..self.len]);
        start + self.len
    }
}

#[derive(Debug)]
struct Lanes {
    shape: Shape,
    lanes: Vec<Lane>,
    turn: usize,
}

/// Repair packets of one slot.
#[derive(Debug)]
pub struct FecSender {
    media_ssrc: u32,
    /// Extended sequence number of the next repair packet, whose stream has numbers of its own.
    next: u64,
    /// Memory only while it is on.
    lanes: Option<Box<Lanes>>,
    asked_at: Micros,
}

impl FecSender {
    /// For the pictures that leave under `media_ssrc`, repaired under `own_ssrc`; off. The first number lies in the
    /// lower half, as RFC 3711 wants.
    pub const fn new(own_ssrc: u32, media_ssrc: u32) -> Self {
        Self {
            next: (own_ssrc >> 17) as u64,
            media_ssrc,
            lanes: None,
            asked_at: Micros(0),
        }
    }

    /// Whether packets are protected now.
    pub const fn is_on(&self) -> bool {
        self.lanes.is_some()
    }

    /// Decides anew, with every report of the receiver.
    pub fn decide(&mut self, now: Micros, way: Way) {
        let on = self.is_on();
        let (late, lossy) = if on {
            (LATE.1, LOSSY.1)
        } else {
            (LATE.0, LOSSY.0)
        };
        if way.loss.rate > lossy && way.mended_after() > late {
            self.asked_at = now;
        }
        let wanted = on || self.asked_at == now;
        let holds = wanted && now.since(self.asked_at) < HOLD;
        match way.shape().filter(|_| holds) {
            Some(shape) => self.set_shape(shape),
            None => self.stop(),
        }
    }

    /// No protection, and no memory for it.
    pub fn stop(&mut self) {
        self.lanes = None;
    }

    /// Forgets what waits for a repair packet: another source begins, and nobody has a claim to the one before.
    pub fn forget(&mut self) {
        let lanes = self.lanes.iter_mut().flat_map(|lanes| &mut lanes.lanes);
        lanes.for_each(Lane::clear);
    }

    fn set_shape(&mut self, shape: Shape) {
        let lanes = self.lanes.get_or_insert_with(|| {
            Box::new(Lanes {
                shape,
                lanes: Vec::new(),
                turn: 0,
            })
        });
        lanes.shape = shape;
        // What lies in lanes that are no longer used goes unprotected.
        lanes.lanes.resize_with(shape.lanes.into(), Lane::new);
    }

    /// Takes a packet in as it leaves, unencrypted: 12 bytes of header, then whatever comes. Of its bytes, `changing`
    /// count as zero: what the receiver's FEC does not look at either, since senders fill it in late (the value of the
    /// transport-wide sequence number).
    pub fn protect(
        &mut self,
        now: Micros,
        sequence: u64,
        packet: &[u8],
        changing: std::ops::Range<usize>,
    ) {
        let ssrc = self.media_ssrc;
        let Some(lanes) = self.lanes.as_deref_mut() else {
            return;
        };
        if packet.len() > PROTECTED_HEAD + BODY {
            return;
        }
        let turn = lanes.turn % lanes.lanes.len();
        let lane = &mut lanes.lanes[turn];
        if !lane.takes(sequence) {
            // Late ones are mended as they are; after a jump nothing in the lane can be mended together.
            if sequence < lane.first {
                return;
            }
            lane.clear();
        }
        lane.add(now, ssrc, sequence, packet);
        let at = changing.start.checked_sub(PROTECTED_HEAD);
        if let Some((at, bytes)) = at.zip(packet.get(changing)) {
            lane.take_out(at, bytes);
        }
        lanes.turn = turn + 1;
    }

    /// Hands each lane that is full, or due at the end of a picture, to `write` with the number to send it under, and
    /// empties it.
    pub fn close_due(
        &mut self,
        now: Micros,
        picture_ends: bool,
        mut write: impl FnMut(u64, &Lane),
    ) {
        let Some(lanes) = self.lanes.as_deref_mut() else {
            return;
        };
        let group = lanes.shape.group;
        for lane in lanes.lanes.iter_mut().filter(|lane| !lane.is_empty()) {
            let is_old = picture_ends && now.since(lane.begun) >= LANE_AGE;
            if lane.count >= group || is_old {
                write(self.next, lane);
                self.next += 1;
                lane.clear();
            }
        }
    }
}
