//! Robots: the engine playing the client. Each has a socket, checks connectivity as the controlling side of ICE, sends
//! clips, takes what a bridge sends, and says whether it is what it should be.
//!
//! [`Fleet`] is the state machine, without clock, socket or thread: commands, datagrams and time go in, datagrams come
//! out in an outbox and everything else as events. [`Robots`] runs it on threads. SDP, DTLS and signalling are
//! elsewhere: DTLS datagrams and keys pass through as plain data.
#![forbid(unsafe_code)]

pub mod api;
mod client;
pub mod clip;
mod control;
mod fleet;
mod history;
mod ice;
mod ingress;
mod io;
mod io_thread;
pub mod marker;
mod opus;
mod packet;
mod pictures;
mod receiver;
mod reports;
mod sender;
pub mod stats;
mod twcc;

pub use api::{Command, Event};
pub use clip::Clip;
pub use fleet::{Change, Fleet};
pub use io::Robots;
