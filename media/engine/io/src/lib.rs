//! Sockets and threads around the packet core: one UDP port and one thread a shard, commands in, events out.
//!
//! The control plane talks to an [`Engine`](engine::Engine) in bytes (MessagePack of the schema in
//! `engine_core::api`), so that the engine can become a process of its own without a change on either side. This
//! crate alone reads a clock.

pub mod clock;
pub mod engine;
pub mod events;
mod hook;
mod line_ports;
mod many;
mod ports;
mod receive_drops;
mod shard_thread;
pub mod socket;
pub mod worker;

pub use engine::{Config, Engine, EngineError};
pub use engine_core::Histogram;
pub use ports::LinePorts;
