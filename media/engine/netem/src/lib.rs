//! A seeded model of one direction of a network link: what goes in comes out later, twice, in another order, or never.
//!
//! A [`Link`] takes packets with the time at which they were sent and gives them back at the time at which they arrive.
//! What it does to them is told by a [`Profile`], which may change while packets are under way; what it did is in its
//! [`Counters`]. The way of a packet:
//!
//! 1. An outage takes it, or the loss of the profile marks it.
//! 2. A policer drops what is more than its rate and a burst.
//! 3. It waits in a drop-tail queue for the rate of the link; packets that are marked take their share of the rate too.
//! 4. It travels: delay and jitter, and perhaps a copy of it.
//!
//! There is no clock and no IO here. Times are microseconds from any origin, and the same seed and calls give the same
//! link. Loss, jitter and duplicates draw from generators of their own, so that one link can be had with and without
//! one of them and is the same in all else.
#![forbid(unsafe_code)]

mod counters;
mod link;
mod loss;
mod profile;
mod random;

pub use counters::{Counters, Delays};
pub use link::{Cause, Fate, Link};
pub use profile::{Jitter, Loss, Policer, Profile, Queue};
