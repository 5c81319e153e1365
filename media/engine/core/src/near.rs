//! Memory that is brought near before it is needed. Of a thousand legs hardly one is in the nearer caches when its turn comes;
//! what a batch or a report needs is read here a little of each, since waits that do not hang on one another pass together,
//! while each would stand alone where the work is done.

use crate::encoding::{Encoding, Taker};
use crate::leg::Leg;
use crate::link::Link;
use crate::ready::Ready;
use crate::shard::{Datagram, Shard};
use crate::slot::Slot;
use crate::told::Told;
use std::hint::black_box;

/// The SSRC of a datagram, if it is RTP.
fn ssrc_of(data: &[u8]) -> Option<u32> {
    let bytes = data.get(8..12)?.first_chunk()?;
    Some(u32::from_be_bytes(*bytes))
}

impl Shard {
    /// Reads a little of everything that is needed for each sender.
    pub(crate) fn touch_senders(&self, batch: &[Datagram<'_>]) {
        let turns = batch.chunk_by(|a, b| a.from == b.from && ssrc_of(a.data) == ssrc_of(b.data));
        let streams = turns.filter_map(|turn| {
            let index = self.by_address.get(&turn[0].from)?;
            Some((self.leg(*index)?, ssrc_of(turn[0].data)))
        });
        black_box(streams.fold(0, |sum, (leg, ssrc)| sum ^ leg.touch_sender(ssrc)));
    }

    /// Reads a little of everything that is needed for all who take what a batch brought.
    pub(crate) fn touch_takers(&self, ready: &[Ready]) {
        let groups = ready.chunk_by(|a, b| a.group() == b.group());
        let takers = groups.flat_map(|group| self.takers_of(&group[0]));
        black_box(takers.fold(0, |sum, taker| sum ^ self.touch_taker(*taker)));
    }

    fn takers_of(&self, ready: &Ready) -> &[Taker] {
        let source = self
            .leg(ready.leg)
            .and_then(|leg| leg.sources.get(usize::from(ready.source)));
        let encoding = source.and_then(|source| source.encodings.get(usize::from(ready.encoding)));
        encoding.map_or(&[], |encoding| &encoding.takers)
    }

    fn touch_taker(&self, taker: Taker) -> u64 {
        let leg = self.leg(taker.leg);
        let slot = leg.and_then(|leg| leg.slots.get(usize::from(taker.slot)));
        leg.map_or(0, |leg| leg.touch() ^ leg.touch_link()) ^ slot.map_or(0, Slot::touch)
    }

    /// Reads a little of everything that reports are made of: most of it is other legs'.
    pub(crate) fn touch_reported(&self, leg: &Leg) {
        let encodings = leg.sources.iter().flat_map(|source| &source.encodings);
        let own = encodings.fold(0, |sum, encoding| sum ^ encoding.touch_reported());
        let clocks = leg.slots.iter().filter_map(|slot| {
            let filling = slot.filling.as_ref()?;
            let clock = self.leg(filling.leg)?.touch_clock(filling.source);
            Some(clock ^ slot.touch())
        });
        black_box(clocks.fold(own, |sum, clock| sum ^ clock));
    }
}

impl Leg {
    /// Brings the lines near that hold what is written down of a packet, where its receiver reports on each.
    fn touch_link(&self) -> u64 {
        let link = self.link.as_deref().map_or(0, Link::touch);
        link ^ self.told.as_deref().map_or(0, Told::touch)
    }

    /// Brings the lines near that the clock of one of its sources lies on, and its round trip.
    fn touch_clock(&self, source: u16) -> u64 {
        let source = self.sources.iter().find(|one| one.spec.source == source);
        let encodings = source.into_iter().flat_map(|source| &source.encodings);
        encodings.fold(self.touch(), |sum, encoding| sum ^ encoding.touch_clock())
    }
}

impl Encoding {
    fn touch_clock(&self) -> u64 {
        let report = self.sender_report.map_or(0, |report| report.ntp);
        self.newest.map_or(report, |(_, at)| at.0 ^ report)
    }

    fn touch_reported(&self) -> u64 {
        self.touch_clock() ^ self.register.touch_report() ^ self.row.fraction_lost
    }
}
