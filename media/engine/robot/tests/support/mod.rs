//! Robots and the engine on one virtual clock, joined by the network of the engine's own tests. The same seed makes the
//! same run.
#![allow(
    dead_code,
    unused_imports,
    unreachable_pub,
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "each test file uses a part of this, and a failed unwrap fails its test"
)]

#[path = "../../../core/tests/support/mod.rs"]
mod engine;
mod exercise;
mod material;
mod peer;
mod spec;
mod world;

pub use engine::EXERCISES as ENGINE_EXERCISES;
pub use engine::{allocations_of, ms, Counting, Jitter, Net, Path, START};
pub use exercise::ALL as EXERCISES;
pub use material::{h264_clip, opus_clip, vp8_clip, AUDIO, LEVEL_ID, MID_ID, TWCC_ID, VIDEO};
pub use peer::{Peer, PeerSpec};
pub use spec::RobotSpec;
pub use world::{Robot, World, PROFILE};
