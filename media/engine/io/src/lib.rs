//! Sockets and threads around the packet core: one UDP port and one thread a shard, commands in, events out.
//!
//! The control plane talks to an [`Engine`](engine::Engine) in bytes (MessagePack of the schema in
//! `engine_core::api`), so that the engine can become a process of its own without a change on either side. This
//! crate alone reads a clock.

mod clock;
pub mod engine;
mod hook;
mod shard_thread;
mod socket;

pub use engine::{Config, Engine, EngineError};
pub use engine_core::Histogram;
