//! Peers, a network and a clock for the engine's behaviour tests: nothing here is real time, and the same seed makes
//! the same run. Every datagram that the engine sends is opened and held against the model of who may get what.
#![allow(
    dead_code,
    unused_imports,
    unreachable_pub,
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "each test file uses a part of this, and a failed unwrap fails its test"
)]

mod allocations;
mod auditor;
pub mod browser;
mod ccfb;
mod exercise;
mod fec;
pub mod h264;
mod input;
mod legs;
mod model;
mod net;
mod on_lines;
pub mod opus;
mod peer;
pub mod phone;

mod receiver;
pub mod sender;
mod world;

pub use allocations::{allocations_of, Counting};
pub use auditor::Auditor;
pub use engine_core::random::Random;
pub use exercise::ALL as EXERCISES;
pub use fec::FecDecoder;
pub use input::Input;
pub use legs::{feed, End, PeerSpec, AUDIO_LEVEL_ID, MID_ID};
pub use model::Model;
pub use net::{Jitter, Loss, Net, Path};
pub use peer::Peer;
pub use receiver::{Got, Receiver};
pub use sender::{Picture, Plain, Sender, Tag};
pub use world::{ms, World, START};
