//! What one slot's receiver is sent beside the media, so that its losses mend without being asked for: earlier sound in
//! later packets (`red`), repair packets for pictures (`fec`). Both follow the loss that this receiver reports.

use crate::api::SlotSpec;
use crate::bwe;
use crate::cache::PacketCache;
use crate::exit::{Exit, Frame};
use crate::fec::{FecSender, Way};
use crate::leg::Leg;
use crate::loss::LossMeter;
use crate::outbox::Outbox;
use crate::ready::Ready;
use crate::red::form::{Carried, Leaving};
use crate::red::policy::{Load, Plan, Policy};
use crate::red::Distances;
use crate::rewrite::StreamKey;
use crate::slot::{PayloadMap, Slot};
use crate::time::Micros;
use engine_wire::rtcp::ReportBlock;
use engine_wire::rtp::FixedHeader;

/// Between two decisions at the least.
const PAUSE: Micros = Micros::from_millis(250);
/// What Opus packets last unless something else is seen.
const PACKET_TIME: Micros = Micros::from_millis(20);
/// Packets further apart than this are a silence between them.
const LONGEST_PACKET: Micros = Micros::from_millis(120);
/// What redundancy may take of a link, in percent: pictures give way to sound that is heard, but are not pushed out.
const SPARE: u64 = 25;
/// On a thinner link repair packets for pictures only make its queue longer, which looks like a long way and is none.
const ROOM_FOR_FEC: u64 = 600_000;
/// Weight of one packet, as a power of two, in what is known of packets' lengths.
const SHIFT: u32 = 5;

/// Redundancy of one slot.
#[derive(Debug)]
pub struct Redundancy {
    clock_rate: u32,
    meter: LossMeter,
    policy: Policy,
    plan: Plan,
    fec: Option<FecSender>,
    /// Whether the receiver asks for what it has lost, and can be sent it again.
    can_ask: bool,
    load: SoundLoad,
    spare_bps: Option<u64>,
    decided: Option<Micros>,
    reported: Option<Reported>,
}

/// How far the receiver's last report went.
#[derive(Debug, Clone, Copy)]
struct Reported {
    at: Micros,
    highest: u32,
    bytes: u64,
    media_bps: u64,
}

#[derive(Debug, Default)]
struct SoundLoad {
    bytes: usize,
    packet_time: Option<Micros>,
    last: Option<(u64, u32)>,
}

impl SoundLoad {
    fn note(&mut self, clock_rate: u32, (sequence, timestamp): (u64, u32), bytes: usize) {
        if self.last.is_none() {
            self.bytes = bytes;
        }
        self.bytes = ((self.bytes << SHIFT) - self.bytes + bytes) >> SHIFT;
        if let Some((last, from)) = self.last.replace((sequence, timestamp)) {
            let ticks = u64::from(timestamp.wrapping_sub(from));
            let time = Micros(ticks * 1_000_000 / u64::from(clock_rate.max(1)));
            if last + 1 == sequence && time > Micros(0) && time <= LONGEST_PACKET {
                self.packet_time = Some(time);
            }
        }
    }
}

impl Redundancy {
    /// For a slot whose receiver takes RED or FEC; `None` for one that takes neither.
    pub fn for_slot(spec: &SlotSpec) -> Option<Box<Self>> {
        let fec = spec.fec.map(|fec| FecSender::new(fec.ssrc, spec.ssrc));
        let can_ask = spec.formats.iter().any(|f| f.nack && f.rtx_pt.is_some());
        let takes_red = spec.formats.iter().any(|format| format.red_pt.is_some());
        (takes_red || fec.is_some()).then(|| {
            Box::new(Self {
                clock_rate: spec.formats.first().map_or(48_000, |f| f.clock_rate),
                meter: LossMeter::default(),
                policy: Policy::default(),
                plan: Plan::default(),
                fec,
                can_ask,
                load: SoundLoad::default(),
                spare_bps: None,
                decided: None,
                reported: None,
            })
        })
    }

    /// Which earlier packets each packet of sound carries.
    pub const fn distances(&self) -> Distances {
        self.plan.distances
    }

    /// Notes a packet of sound that leaves, by the numbers of its source.
    pub fn note_sound(&mut self, numbers: (u64, u32), bytes: usize) {
        self.load.note(self.clock_rate, numbers, bytes);
    }

    /// A receiver report about the slot, in which so many packets and bytes were sent so far.
    pub fn handle_report(
        &mut self,
        now: Micros,
        block: &ReportBlock,
        (packets, bytes): (u64, u64),
    ) {
        let (mut packets, mut media_bps) = (packets, 0);
        if let Some(last) = self.reported {
            // Below zero for reports that come out of order, which say nothing new.
            let since = block.highest_sequence.wrapping_sub(last.highest) as i32;
            packets = u64::try_from(since).unwrap_or(0);
            media_bps = (bytes - last.bytes) * 8_000_000 / now.since(last.at).0.max(1);
        }
        self.meter.handle_report(now, block.fraction_lost, packets);
        self.reported = Some(Reported {
            at: now,
            highest: block.highest_sequence,
            bytes,
            media_bps,
        });
    }

    /// How long the receiver should hold sound back, in milliseconds; 0 leaves it to the receiver.
    pub const fn wanted_buffer_ms(&self) -> u32 {
        self.plan.wanted_buffer_ms
    }

    /// Decides anew if it is time; `round_trip` is the receiver's.
    pub fn decide(&mut self, now: Micros, round_trip: Micros) {
        if self.decided.is_some_and(|at| now.since(at) < PAUSE) {
            return;
        }
        self.decided = Some(now);
        let loss = self.meter.loss();
        if let Some(fec) = &mut self.fec {
            let media_bps = self.reported.map_or(0, |reported| reported.media_bps);
            // Who cannot ask would wait for ever.
            let never = Micros(u64::MAX);
            let way = Way {
                loss,
                round_trip: if self.can_ask { round_trip } else { never },
                media_bps,
                spare_bps: self.spare_bps,
            };
            return fec.decide(now, way);
        }
        let load = Load {
            packet_time: self.load.packet_time.unwrap_or(PACKET_TIME),
            packet_bytes: self.load.bytes,
            spare_bps: self.spare_bps,
        };
        self.plan = self.policy.decide(now, loss, &load);
    }
}

impl Leg {
    /// Takes what the last report of the link told of packets into account, slot by slot.
    pub(crate) fn heed_fates(&mut self, now: Micros) {
        let round_trip = self.round_trip();
        let Some(link) = self.link.as_deref() else {
            return;
        };
        let estimate = u64::from(link.planned_bps(now));
        // What a full queue drops, redundancy would only make more of.
        let full = link.is_full();
        for slot in &mut self.slots {
            let Some(redundancy) = slot.redundancy.as_deref_mut() else {
                continue;
            };
            let fates = link.fates().iter();
            for fate in fates.filter(|fate| fate.kind == slot.sends) {
                if fate.late {
                    redundancy.meter.take_back();
                } else {
                    redundancy.meter.handle_packet(now, fate.lost && !full);
                }
            }
            let is_for_pictures = redundancy.fec.is_some();
            let must_ask = is_for_pictures && redundancy.can_ask;
            let has_room = !must_ask || estimate >= ROOM_FOR_FEC;
            redundancy.spare_bps = Some(if has_room { estimate * SPARE / 100 } else { 0 });
            redundancy.decide(now, round_trip);
            slot.row.wanted_buffer_ms = redundancy.wanted_buffer_ms().into();
        }
    }
}

impl Slot {
    /// Share of its packets that the link has lost of late, 0 to 1; 0 where nobody has measured.
    pub(crate) fn loss(&self) -> f64 {
        let redundancy = self.redundancy.as_ref();
        redundancy.map_or(0.0, |redundancy| redundancy.meter.loss().rate)
    }

    /// Which earlier packets each packet of sound carries now.
    pub fn distances(&self) -> Distances {
        let redundancy = self.redundancy.as_ref().filter(|_| !self.joining.is_on());
        redundancy.map_or(Distances::NONE, |redundancy| redundancy.distances())
    }

    /// Whether packets of the slot may take earlier ones along.
    pub(crate) fn carries(&self) -> bool {
        self.joining.is_on() || self.quiet.is_some() || !self.distances().is_empty()
    }

    /// What a packet that is about to leave carries of those before it, and the payload type that says so; nothing where
    /// the receiver does not take it, or where there is nothing that it may be sent.
    pub(crate) fn carried<'a>(
        &mut self,
        (stream, earlier): (StreamKey, Option<&'a PacketCache>),
        (ready, payload): (&Ready, &[u8]),
        map: PayloadMap,
    ) -> Option<(u8, Carried<'a>)> {
        let lead = self.lead(ready.sequence);
        let red_pt = map.red.filter(|_| payload.len() > 1)?;
        let (distances, first) = match lead {
            Some(lead) => lead,
            None => (self.distances(), self.rewriter.first_of_turn(stream)?),
        };
        let redundancy = self.redundancy.as_mut()?;
        let numbers = (ready.sequence, ready.timestamp);
        redundancy.note_sound(numbers, payload.len());
        let packet = Leaving {
            sequence: ready.sequence,
            timestamp: ready.timestamp,
            payload_type: ready.payload_type,
            len: payload.len(),
        };
        let carried = Carried::gather(earlier?, packet, distances, first);
        (!carried.is_empty()).then_some((red_pt, carried))
    }

    /// Repair packets, while they are on.
    pub(crate) fn fec_mut(&mut self) -> Option<&mut FecSender> {
        let redundancy = self.redundancy.as_deref_mut()?;
        redundancy.fec.as_mut().filter(|fec| fec.is_on())
    }

    /// Whether what is lost may be mended without being asked for.
    pub(crate) fn has_repair_packets(&self) -> bool {
        let fec = self.redundancy.as_deref().and_then(|of| of.fec.as_ref());
        fec.is_some_and(FecSender::is_on)
    }

    /// Sends the repair packets that are due after a packet, which may be the last of its picture.
    pub(crate) fn write_fec(
        &mut self,
        now: Micros,
        picture_ends: bool,
        (exit, out): (&mut Exit<'_>, &mut Outbox),
    ) {
        let redundancy = self.redundancy.as_deref_mut();
        let fec = redundancy.and_then(|redundancy| redundancy.fec.as_mut());
        // Most slots have none: counters and terms, which lie further off, are not asked for then.
        let Some(fec) = fec.filter(|fec| fec.is_on()) else {
            return;
        };
        let Some(spec) = self.spec.fec else {
            return;
        };
        let (numbered, mut sent) = (self.numbered, 0);
        fec.close_due(now, picture_ends, |sequence, lane| {
            let header = FixedHeader {
                marker: false,
                payload_type: spec.pt,
                sequence: sequence as u16,
                timestamp: lane.timestamp(),
                ssrc: spec.ssrc,
            };
            let kind = bwe::Kind::Repair;
            let frame = Frame {
                kind,
                header,
                numbered,
            };
            exit.fec(out, frame, sequence, lane);
            sent += 1;
        });
        self.row.fec_packets += sent;
    }
}
