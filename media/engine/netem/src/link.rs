//! The link itself.

use crate::counters::Counters;
use crate::loss::Losses;
use crate::profile::{Jitter, Loss, Profile};
use crate::random::Random;
use std::cmp::{Ordering, Reverse};
use std::collections::{BinaryHeap, VecDeque};

/// What becomes of a packet that was pushed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It will arrive, unless an outage finds it in the queue.
    Taken,
    /// It never arrives.
    Lost(Cause),
}

/// Why a packet is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// By chance.
    Random,
    /// In a burst.
    Burst,
    /// No room in the queue.
    Queue,
    /// More than the policer lets pass.
    Policer,
    /// The link was down.
    Outage,
}

#[derive(Debug)]
struct Waiting<T> {
    /// Not yet on the wire.
    bits: u64,
    bytes: u64,
    pushed_us: u64,
    order: u64,
    /// `None`: lost, and takes its share of the rate all the same.
    packet: Option<T>,
}

#[derive(Debug)]
struct Flight<T> {
    at_us: u64,
    order: u64,
    bytes: u64,
    pushed_us: u64,
    copy: bool,
    packet: T,
}

impl<T> Flight<T> {
    const fn key(&self) -> (u64, u64, bool) {
        (self.at_us, self.order, self.copy)
    }
}

impl<T> PartialEq for Flight<T> {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl<T> Eq for Flight<T> {}

impl<T> PartialOrd for Flight<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> Ord for Flight<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key().cmp(&other.key())
    }
}

/// One direction of a link with packets `T` on it. `now_us` never goes back from one call to the next.
#[derive(Debug)]
pub struct Link<T> {
    profile: Profile,
    planned: VecDeque<(u64, Profile)>,
    losses: Losses,
    jitter: Random,
    copies: Random,
    queue: VecDeque<Waiting<T>>,
    queued_bytes: u64,
    /// Up to when the queue has been served, in nanoseconds: at a high rate a packet takes no whole microseconds.
    served_ns: u64,
    /// When all that has passed the policer would have passed at its rate, in nanoseconds.
    policed_ns: u64,
    flights: BinaryHeap<Reverse<Flight<T>>>,
    order: u64,
    /// The latest arrival so far, for links that keep their order.
    latest_us: u64,
    /// The highest order that came out.
    highest: u64,
    losing: bool,
    counters: Counters,
}

impl<T: Clone> Link<T> {
    /// An empty link.
    pub fn new(profile: Profile, seed: u64) -> Self {
        let mut seeds = Random::new(seed);
        Self {
            profile,
            planned: VecDeque::new(),
            losses: Losses::new(Random::new(seeds.next())),
            jitter: Random::new(seeds.next()),
            copies: Random::new(seeds.next()),
            queue: VecDeque::new(),
            queued_bytes: 0,
            served_ns: 0,
            policed_ns: 0,
            flights: BinaryHeap::new(),
            order: 0,
            latest_us: 0,
            highest: 0,
            losing: false,
            counters: Counters::default(),
        }
    }

    /// What the link is like now.
    pub const fn profile(&self) -> &Profile {
        &self.profile
    }

    /// What it did so far.
    pub const fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Bytes that wait for the rate as of the last call.
    pub const fn queued_bytes(&self) -> u64 {
        self.queued_bytes
    }

    /// Makes it another link from now on: what waits goes on at the new rate, what travels is not changed.
    pub fn set_profile(&mut self, now_us: u64, profile: Profile) {
        self.advance(now_us);
        self.change(now_us, profile);
    }

    /// Makes it another link at a later time. Plans are made in the order of their times.
    pub fn plan(&mut self, at_us: u64, profile: Profile) {
        self.planned.push_back((at_us, profile));
    }

    /// A packet that takes `bytes` on the wire. Tells at once whether it will arrive.
    pub fn push(&mut self, now_us: u64, bytes: usize, packet: T) -> Fate {
        self.advance(now_us);
        let bytes = bytes as u64;
        self.counters.pushed += 1;
        self.counters.pushed_bytes += bytes;
        self.order += 1;
        let cause = self.cause_of_loss(now_us, bytes);
        self.note_loss(cause);
        if matches!(cause, None | Some(Cause::Random | Cause::Burst)) {
            self.queued_bytes += bytes;
            self.counters.queue_bytes_max = self.counters.queue_bytes_max.max(self.queued_bytes);
            self.queue.push_back(Waiting {
                bits: bytes * 8,
                bytes,
                pushed_us: now_us,
                order: self.order,
                packet: cause.is_none().then_some(packet),
            });
            self.serve(now_us);
        }
        cause.map_or(Fate::Taken, Fate::Lost)
    }

    /// The next packet that has arrived by now.
    pub fn pop(&mut self, now_us: u64) -> Option<T> {
        self.advance(now_us);
        let next = self.flights.peek()?;
        if next.0.at_us > now_us {
            return None;
        }
        let flight = self.flights.pop()?.0;
        self.note_arrival(&flight);
        Some(flight.packet)
    }

    /// When to call `pop` again: a packet arrives then, or one begins its travel, or a plan changes how long those that
    /// wait have to. `None` while the link is empty.
    pub fn next_at(&self) -> Option<u64> {
        let flight = self.flights.peek().map(|Reverse(flight)| flight.at_us);
        let served = self.queue.front().map(|head| {
            let done_ns = self.served_ns.saturating_add(self.time_for(head.bits));
            let planned = self.planned.front().map_or(u64::MAX, |plan| plan.0);
            done_ns.div_ceil(1_000).min(planned)
        });
        flight.into_iter().chain(served).min()
    }

    fn cause_of_loss(&mut self, now_us: u64, bytes: u64) -> Option<Cause> {
        let chance = self.losses.next(self.profile.loss);
        if self.profile.down {
            return Some(Cause::Outage);
        }
        if !self.passes_policer(now_us, bytes) {
            return Some(Cause::Policer);
        }
        if self.queued_bytes.saturating_add(bytes) > self.profile.queue_bytes() {
            return Some(Cause::Queue);
        }
        let bursts = matches!(self.profile.loss, Loss::Bursts { .. });
        chance.then_some(if bursts { Cause::Burst } else { Cause::Random })
    }

    /// The bucket as a time: it is full when that is past, and empty when it is as far ahead as a full one lasts.
    fn passes_policer(&mut self, now_us: u64, bytes: u64) -> bool {
        let Some(policer) = self.profile.policer else {
            return true;
        };
        let now_ns = now_us.saturating_mul(1_000);
        let time_for = |bytes: u64| bytes.saturating_mul(8_000_000_000) / policer.rate_bps.max(1);
        let after = self.policed_ns.max(now_ns).saturating_add(time_for(bytes));
        let passes = after <= now_ns.saturating_add(time_for(policer.burst_bytes));
        if passes {
            self.policed_ns = after;
        }
        passes
    }

    fn note_loss(&mut self, cause: Option<Cause>) {
        let counters = &mut self.counters;
        match cause {
            Some(Cause::Random) => counters.lost_random += 1,
            Some(Cause::Burst) => counters.lost_burst += 1,
            Some(Cause::Queue) => counters.lost_queue += 1,
            Some(Cause::Policer) => counters.lost_policer += 1,
            Some(Cause::Outage) => counters.lost_outage += 1,
            None => {}
        }
        counters.runs += u64::from(cause.is_some() && !self.losing);
        self.losing = cause.is_some();
    }

    fn note_arrival(&mut self, flight: &Flight<T>) {
        let counters = &mut self.counters;
        if flight.copy {
            counters.duplicated += 1;
            return;
        }
        counters.arrived += 1;
        counters.arrived_bytes += flight.bytes;
        counters.reordered += u64::from(flight.order < self.highest);
        counters.delays.note(flight.at_us - flight.pushed_us);
        self.highest = self.highest.max(flight.order);
    }

    /// Brings the queue, and the plan, up to now.
    fn advance(&mut self, now_us: u64) {
        while let Some((at_us, profile)) = self.planned.front().copied() {
            if at_us > now_us {
                break;
            }
            self.planned.pop_front();
            self.serve(at_us);
            self.change(at_us, profile);
        }
        self.serve(now_us);
    }

    fn change(&mut self, now_us: u64, profile: Profile) {
        self.serve_in_part(now_us);
        self.profile = profile;
        if profile.down {
            let gone = self
                .queue
                .drain(..)
                .filter(|waiting| waiting.packet.is_some());
            self.counters.lost_outage += gone.count() as u64;
            self.queued_bytes = 0;
        }
    }

    /// Sends off what the rate has carried by now.
    fn serve(&mut self, now_us: u64) {
        let now_ns = now_us.saturating_mul(1_000);
        while let Some(head) = self.queue.front() {
            let done_ns = self.served_ns.saturating_add(self.time_for(head.bits));
            if done_ns > now_ns {
                return;
            }
            self.served_ns = done_ns;
            self.send_off(done_ns.div_ceil(1_000));
        }
        self.served_ns = self.served_ns.max(now_ns);
    }

    /// Takes off the packet that is being sent what the present rate has carried of it, since another rate follows.
    fn serve_in_part(&mut self, now_us: u64) {
        let now_ns = now_us.saturating_mul(1_000);
        let (rate, served_ns) = (self.profile.rate_bps, self.served_ns);
        if let (Some(head), Some(rate)) = (self.queue.front_mut(), rate) {
            let span = u128::from(now_ns.saturating_sub(served_ns));
            let carried = span * u128::from(rate.max(1)) / 1_000_000_000;
            head.bits = head.bits.saturating_sub(carried as u64);
            self.served_ns = served_ns.max(now_ns);
        }
    }

    fn time_for(&self, bits: u64) -> u64 {
        let Some(rate) = self.profile.rate_bps else {
            return 0;
        };
        (u128::from(bits) * 1_000_000_000).div_ceil(u128::from(rate.max(1))) as u64
    }

    /// The head of the queue begins its travel.
    fn send_off(&mut self, now_us: u64) {
        let Some(sent) = self.queue.pop_front() else {
            return;
        };
        self.queued_bytes -= sent.bytes;
        let copy = self.copies.chance(self.profile.duplicate);
        let arrivals = [self.travel(now_us), self.travel(now_us)];
        let Some(packet) = sent.packet else {
            return;
        };
        for (copy, at_us) in [false, true]
            .into_iter()
            .zip(arrivals)
            .take(1 + usize::from(copy))
        {
            let at_us = self.in_order(at_us);
            self.flights.push(Reverse(Flight {
                at_us,
                order: sent.order,
                bytes: sent.bytes,
                pushed_us: sent.pushed_us,
                copy,
                packet: packet.clone(),
            }));
        }
    }

    fn travel(&mut self, now_us: u64) -> u64 {
        let delay_us = self.profile.delay_us;
        let (unit, normal) = (self.jitter.unit(), self.jitter.normal());
        let delay_us = match self.profile.jitter {
            Jitter::Off => delay_us,
            Jitter::UniformUs(up_to) => delay_us + (unit * (up_to + 1) as f64) as u64,
            Jitter::NormalUs(deviation) => (delay_us as f64 + normal * deviation as f64) as u64,
        };
        now_us + delay_us
    }

    fn in_order(&mut self, at_us: u64) -> u64 {
        if !self.profile.keep_order {
            return at_us;
        }
        self.latest_us = self.latest_us.max(at_us);
        self.latest_us
    }
}
