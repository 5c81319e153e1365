//! From a source to the slots that it feeds. The payload is copied once for each receiver, into the place from
//! which the kernel takes it; header, encryption and tag are what is new.

use crate::api::{Kind, LegId, Site};
use crate::backlog::Backlog;
use crate::cache::{Cached, PacketCache};
use crate::contain::strike;
use crate::encoding::{SenderReportSeen, Taker};
use crate::exit::{Exit, Frame, Payload};
use crate::link::Held;
use crate::outbox::Outbox;
use crate::parameters::ParameterSets;
use crate::pieces::Spare;
use crate::ready::{even_out, Ready};
use crate::rewrite::{Outgoing, StreamKey};
use crate::shard::{Datagram, Shard};
use crate::slot::{PayloadMap, Slot};
use crate::source::{Source, MOST_ENCODINGS};
use crate::time::Micros;
use engine_wire::rtp::FixedHeader;

/// What became of a group in one slot.
#[derive(Debug, Clone, Copy, Default)]
struct Fed {
    /// The slot waits for a key frame of this encoding.
    waiting: bool,
    /// A slot that waits and may ask for one.
    asks: Option<Taker>,
    /// The stream has begun there.
    began: bool,
    /// Packets of the slot carry earlier ones.
    carries: bool,
    /// The longest that a packet waits for its turn.
    waits: Micros,
}

/// A stream on its way to a slot.
#[derive(Clone, Copy)]
struct Flow<'a> {
    stream: StreamKey,
    clocks: &'a Clocks,
    /// What the stream has sent before.
    earlier: Option<&'a PacketCache>,
    /// What its key frames cannot be decoded without.
    parameters: Option<&'a ParameterSets>,
}

/// What is taken out of an encoding while it is forwarded.
type Taken = (
    Vec<Taker>,
    Option<Box<PacketCache>>,
    Option<Box<ParameterSets>>,
);

/// The clocks of a source's encodings, needed where one may give way to another.
#[derive(Debug, Default)]
struct Clocks {
    own: Option<SenderReportSeen>,
    others: [Option<(StreamKey, SenderReportSeen)>; MOST_ENCODINGS],
    clock_rate: u32,
}

impl Clocks {
    fn of(source: &Source, leg: LegId, (encoding, needed): (u8, bool)) -> Self {
        let mut clocks = Self::default();
        if !needed || source.encodings.len() < 2 {
            return clocks;
        }
        clocks.clock_rate = source.clock_rate();
        clocks.own = source.encodings[usize::from(encoding)].sender_report;
        for (number, (clock, other)) in
            (0_u8..).zip(clocks.others.iter_mut().zip(&source.encodings))
        {
            *clock = source.stream(leg, number).zip(other.sender_report);
        }
        clocks
    }

    /// What another encoding would call the moment of this timestamp.
    fn same_moment(&self, other: StreamKey, timestamp: u32) -> Option<u32> {
        let mut others = self.others.iter().flatten();
        let (_, report) = others.find(|(stream, _)| *stream == other)?;
        Some(report.translate(&self.own?, timestamp, self.clock_rate))
    }
}

impl Shard {
    /// Sends what a batch brought. Packets of one source go to one receiver together, so that a picture becomes one
    /// call to the socket for each.
    pub(crate) fn forward_ready(&mut self, now: Micros, batch: &[Datagram<'_>], out: &mut Outbox) {
        let mut ready = std::mem::take(&mut self.scratch.ready);
        ready.sort_unstable_by_key(Ready::order);
        self.touch_takers(&ready);
        self.scratch.forwarded.clear();
        for group in ready.chunk_by_mut(|a, b| a.group() == b.group()) {
            self.guarded(out, |shard, out| {
                shard.forward_group(now, group, batch, out);
            });
        }
        let forwarded = ready.iter().filter(|ready| ready.forwarded);
        let positions = forwarded.map(|ready| ready.at);
        self.scratch.forwarded.extend(positions);
        self.scratch.forwarded.dedup();
        ready.clear();
        self.scratch.ready = ready;
    }

    fn forward_group(
        &mut self,
        now: Micros,
        group: &mut [Ready],
        batch: &[Datagram<'_>],
        out: &mut Outbox,
    ) {
        let (index, position) = (group[0].leg, usize::from(group[0].source));
        let number = group[0].encoding;
        let armed = self.armed;
        let Some(leg) = self.legs[index as usize].as_deref_mut() else {
            return;
        };
        self.at_work = Some(leg.room);
        let (id, room) = (leg.id, leg.room);
        let source = &mut leg.sources[position];
        let (is_kept, kind) = (source.is_kept(), source.spec.kind);
        let key_frames = group.iter().filter(|r| r.key_frame).count() as u64;
        let clocks = Clocks::of(source, id, (number, key_frames > 0));
        let Some(stream) = source.stream(id, number) else {
            return;
        };
        let encoding = &mut source.encodings[usize::from(number)];
        if stream.epoch != group[0].epoch {
            // The sender began again within the batch. Under the new stream's name these numbers would be used twice.
            return;
        }
        if key_frames > 0 {
            encoding.row.keyframes += key_frames;
        }
        // What wakes an encoding may have overtaken the beginning of its key frame: who takes it now asks for that again.
        let is_taken = !encoding.takers.is_empty() || group.iter().any(|ready| ready.wakes);
        if encoding.keeps(now, is_kept) && is_taken {
            let kept_for = encoding.kept_for(now);
            let kept = (encoding.cache_mut(kind), &mut self.spare);
            remember(kept, (now, kept_for), group, batch);
        }
        let (takers, cache) = (std::mem::take(&mut encoding.takers), encoding.cache.take());
        let parameters = encoding.parameters.take();
        if kind == Kind::Video {
            even_out(group);
        }
        let mut fed = Fed::default();
        let flow = Flow {
            stream,
            clocks: &clocks,
            earlier: cache.as_deref(),
            parameters: parameters.as_deref(),
        };
        for taker in &takers {
            let one = self.feed(now, *taker, flow, (&mut *group, batch), out);
            fed.waiting |= one.waiting;
            fed.asks = fed.asks.or(one.asks);
            fed.began |= one.began;
            fed.carries |= one.carries;
            fed.waits = fed.waits.max(one.waits);
        }
        strike(armed, room, Site::Forward);
        let at = (index, position, number);
        self.give_back(
            now,
            at,
            (takers, cache, parameters),
            (key_frames > 0, fed),
            out,
        );
        if group.iter().any(|ready| ready.wakes) {
            self.encoding_woke(now, (index, position), out);
        }
    }

    /// Puts the list of takers and the cache back, and sees to a key frame where one is still waited for.
    fn give_back(
        &mut self,
        now: Micros,
        (index, position, number): (u32, usize, u8),
        (takers, cache, parameters): Taken,
        (had_key_frame, fed): (bool, Fed),
        out: &mut Outbox,
    ) {
        let Some(leg) = self.leg_mut(index) else {
            return;
        };
        let source = &mut leg.sources[position];
        let has_several = source.encodings.len() > 1;
        let encoding = &mut source.encodings[usize::from(number)];
        (encoding.takers, encoding.cache, encoding.parameters) = (takers, cache, parameters);
        if fed.carries {
            encoding.keep_to_carry(now);
        }
        if fed.waits > Micros(0) {
            encoding.keep_to_wait(now, fed.waits);
        }
        if had_key_frame {
            encoding.key_frames.came(now, !fed.waiting);
        }
        let may_ask =
            |_: &Taker| source.spec.kind == Kind::Video && !encoding.key_frames.is_wanted();
        if let Some(taker) = fed.asks.filter(may_ask) {
            let source = source.spec.source;
            self.ask_for(now, taker, (index, (source, number)), out);
        }
        if fed.began && has_several {
            self.list_anew(now, (index, position, number));
        }
    }

    /// Sends a group to one slot.
    fn feed(
        &mut self,
        now: Micros,
        taker: Taker,
        flow: Flow<'_>,
        (group, batch): (&mut [Ready], &[Datagram<'_>]),
        out: &mut Outbox,
    ) -> Fed {
        let Some(leg) = self.leg_mut(taker.leg) else {
            return Fed::default();
        };
        if !leg.gate_open() {
            leg.row.gate_drops_out += group.len() as u64;
            return Fed::default();
        }
        self.report_before_sound(now, taker, out);
        let exit = self.leg_mut(taker.leg).and_then(|leg| leg.exit(now));
        let Some((mut exit, slots)) = exit else {
            return Fed::default();
        };
        let slot = &mut slots[usize::from(taker.slot)];
        let stream = flow.stream;
        let flowed = slot.is_flowing(stream);
        let backlog = exit.backlog(slot);
        if backlog == Backlog::Hopeless {
            exit.begin_anew(slot, taker.slot);
        }
        let mut held = false;
        for ready in group {
            let clocks = (stream, flow.clocks);
            let payload = &batch[ready.at as usize].data[ready.payload.clone()];
            let packet = (&*ready, payload, backlog);
            let Some((map, mut numbers, len)) = slot.next_numbers(now, clocks, packet) else {
                continue;
            };
            let payload = &payload[..len];
            if let Some(sets) = flow.parameters.filter(|_| ready.lacks_parameters) {
                let (of, way) = ((stream, ready.sequence), (&mut exit, &mut *out));
                numbers = slot.send_parameters(of, sets, (map, numbers), way);
            }
            if !exit.may_leave(slot, payload.len(), Held::new(taker.slot, numbers.sequence)) {
                // Its delay is the link's from here on.
                ready.forwarded = true;
                held = true;
                continue;
            }
            let numbered = (map, numbers);
            let sent = slot.send((ready, payload), flow, numbered, (&mut exit, out));
            slot.count_sent(payload.len(), ready.key_frame, map);
            ready.forwarded |= sent > 0;
            slot.write_fec(now, ready.marker, (&mut exit, out));
        }
        let waiting = slot.waits_for() == Some(stream.encoding);
        let fed = Fed {
            began: !flowed && slot.is_flowing(stream),
            waiting,
            asks: Some(taker).filter(|_| waiting && slot.asked.patience.is_over(now)),
            carries: slot.carries(),
            waits: if held { exit.waits() } else { Micros(0) },
        };
        if fed.began {
            self.report_soon(now, taker.leg);
        }
        if held {
            self.wake_for_link(now, taker.leg);
        }
        fed
    }
}

fn remember(
    (cache, spare): (&mut PacketCache, &mut Spare),
    (now, kept_for): (Micros, Micros),
    group: &[Ready],
    batch: &[Datagram<'_>],
) {
    let bytes = group.iter().map(|ready| ready.payload.len()).sum();
    cache.make_room(now, kept_for, bytes, group.len());
    for ready in group.iter().filter(|r| !r.payload.is_empty()) {
        let payload = &batch[ready.at as usize].data[ready.payload.clone()];
        let packet = Cached {
            marker: ready.marker,
            payload_type: ready.payload_type,
            timestamp: ready.timestamp,
            payload,
        };
        cache.insert(ready.sequence, packet, spare);
    }
}

impl Slot {
    /// The payload type and numbers under which a packet leaves, and the bytes of its payload that do; `None` when it is not to
    /// be sent here.
    fn next_numbers(
        &mut self,
        now: Micros,
        (stream, clocks): (StreamKey, &Clocks),
        (ready, payload, backlog): (&Ready, &[u8], Backlog),
    ) -> Option<(PayloadMap, Outgoing, usize)> {
        let filling = self.filling.as_mut()?;
        let map = filling.map(ready.payload_type);
        // Padding, and formats that this receiver does not take, leave no hole.
        let is_media = map.is_some() && !ready.payload.is_empty();
        if filling.flowing != Some(stream) {
            // Redundancy may be from before the receiver was there to hear it.
            let is_start = self.spec.kind == Kind::Audio && !ready.recovered || ready.key_frame;
            let may_begin = is_media && is_start;
            if !filling.turn_to(stream, may_begin) {
                return None;
            }
            self.begin(now, (stream, clocks), ready);
        }
        if !is_media {
            self.rewriter.skip(stream, ready.sequence, None);
            return None;
        }
        if let Some(descriptor) = ready.vp8.as_ref() {
            if self.leaves_out((stream, ready.sequence), descriptor, backlog) {
                let picture = descriptor.picture_id;
                self.rewriter.skip(stream, ready.sequence, picture);
                return None;
            }
        }
        let map = map?;
        let packet = (map.codec, payload);
        let len = self.audible(now, (stream, ready), packet);
        let is_whole = len == Some(payload.len());
        if len.is_none()
            || is_whole && self.joining.is_on() && self.joining.waits(ready.sequence, packet)
        {
            self.rewriter.skip(stream, ready.sequence, None);
            return None;
        }
        let numbers = self.rewriter.map(now, stream, ready.incoming())?;
        Some((map, numbers, len?))
    }

    /// Sends a packet as it is, or with earlier ones that it takes along. Gives the bytes sent.
    fn send(
        &mut self,
        (ready, payload): (&Ready, &[u8]),
        flow: Flow<'_>,
        (map, mut numbers): (PayloadMap, Outgoing),
        (exit, out): (&mut Exit<'_>, &mut Outbox),
    ) -> usize {
        if let Some((pair, ticks)) = self.joined((ready, map.codec), (flow.earlier, payload)) {
            numbers.timestamp = numbers.timestamp.wrapping_sub(ticks);
            return exit.both(
                out,
                self.frame(map.to, ready.marker, numbers),
                numbers,
                &pair,
            );
        }
        let carried = self.carried((flow.stream, flow.earlier), (ready, payload), map);
        if let Some((red_pt, carried)) = carried {
            let frame = self.frame(red_pt, ready.marker, numbers);
            self.row.red_packets += 1;
            return exit.sound(out, frame, numbers, (&carried, map.to, payload));
        }
        let frame = self.frame(map.to, ready.marker, numbers);
        let payload = Payload {
            bytes: payload,
            vp8: ready.vp8,
            padding: ready.padding,
        };
        exit.media(out, frame, numbers, payload, self.fec_mut())
    }

    /// Lets another stream go on in the slot.
    fn begin(&mut self, now: Micros, (stream, clocks): (StreamKey, &Clocks), ready: &Ready) {
        let before = self.rewriter.current_stream();
        let beside = before.filter(|before| before.is_beside(&stream));
        if beside.is_some_and(|before| before.encoding != stream.encoding) {
            self.row.layer_switches += 1;
        } else {
            self.row.switches += 1;
        }
        let moment = beside.and_then(|before| clocks.same_moment(before, ready.timestamp));
        self.rewriter.switch(now, stream, ready.incoming(), moment);
        self.joining.restart();
        self.end_silence(now);
        if let Some(fec) = self.fec_mut() {
            fec.forget();
        }
    }

    pub(crate) fn frame(&self, payload_type: u8, marker: bool, numbers: Outgoing) -> Frame {
        Frame {
            kind: self.sends,
            header: FixedHeader {
                marker,
                payload_type,
                sequence: numbers.sequence as u16,
                timestamp: numbers.timestamp,
                ssrc: self.rewriter.ssrc(),
            },
            numbered: self.numbered,
        }
    }

    pub(crate) fn count_sent(&mut self, bytes: usize, key_frame: bool, map: PayloadMap) {
        self.row.packets += 1;
        self.row.bytes += bytes as u64;
        if key_frame {
            self.row.keyframes += 1;
        }
        self.row.codec = crate::source::codec_number(map.codec);
    }
}
