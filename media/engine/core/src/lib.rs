//! The packet engine without IO: legs, sources, slots and feeds as a state machine.
//!
//! A [`Shard`](shard::Shard) owns every leg of the rooms that live on it. The world goes in through
//! `handle_command`, `handle_batch` and `handle_timeout`, each of which takes the time; packets come out in an
//! [`Outbox`](outbox::Outbox) and everything else as [`Event`](api::Event)s. There is no clock, socket, thread or
//! lock here, which is why two peers can be run against each other on a virtual clock (`tests/`).
//!
//! Invariants that the rest of the bridge leans on:
//! - Media of a leg whose gate is closed goes nowhere, and nothing but STUN and DTLS is sent to such a leg. The one
//!   place that asks is [`Leg::gate_open`](leg::Leg::gate_open), on the way in and on the way out.
//! - A pair (SSRC, extended sequence number) is protected with one plain text only; AES-GCM depends on it. The
//!   [`rewrite`] module gives out each number once.
//! - A panic in the work for one room drops that room and no other (`contain`).
//! - In the steady state no packet allocates: buffers are made when a leg is added and reused.
#![forbid(unsafe_code)]

pub mod allocate;
pub mod allocator;
pub mod api;
pub mod arrivals;
pub mod awaited;
mod backlog;
pub mod bwe;
pub mod cache;
mod contain;
mod control;
pub mod copies;
pub mod demand;
pub mod doubt;
pub mod encoding;
mod events;
mod exit;
pub mod fall;
pub mod familiar;
pub mod fec;
mod feeds;
mod format;
mod forward;
pub mod histogram;
mod hoped;
pub mod ice;
mod ingress;
mod joining;
pub mod keyframe;
mod ladder;
pub mod layers;
pub mod ledger;
pub mod leg;
pub mod line;
pub mod link;
pub mod loss;
pub mod missing;
mod moving;
mod near;
pub mod outage;
mod outbox;
pub mod pacer;
mod parameters;
mod pieces;
pub mod pressure;
mod quiet;
pub mod random;
pub mod rates;
pub mod ration;
mod ready;
pub mod receive;
pub mod recording;
pub mod red;
pub mod redundancy;
mod relief;
mod repair;
mod reports;
pub mod rewrite;
pub mod shard;
pub mod slot;
mod sound;
pub mod source;
pub mod speaker;
pub mod stats;
pub mod steady;
pub mod time;
pub mod told;
pub mod transit;
mod upkeep;

pub use api::{Command, Event};
pub use contain::Locate;
pub use histogram::Histogram;
pub use outbox::{Outbox, Transmit, Way};
pub use shard::{Datagram, Shard};
pub use time::Micros;
