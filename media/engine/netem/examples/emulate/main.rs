//! A link between two TUN devices, in real time.
//!
//!     emulate CONTROL SEED < TUN_A > TUN_B
//!
//! Standard input and output are the descriptors of two TUN devices without packet information (`IFF_NO_PI`), open for
//! reading and writing, not blocking; whoever starts this has opened them, which keeps `ioctl` out of here. What comes
//! out of A goes through one [`Link`](engine_netem::Link) into B and back through another. CONTROL is a listening Unix
//! socket; it is spoken by lines of JSON (`control.rs`). Ends when the socket is closed from there.
//!
//! The loop sleeps in `ppoll` until the next packet is due, to the microsecond; the kernel wakes it within a tenth of a
//! millisecond where the process has a high priority. `late_us_max` in the counters tells how well that went.
#![allow(
    clippy::disallowed_methods,
    reason = "this is real time, and the only place of this crate that reads a clock"
)]

mod control;
mod relay;
mod streams;

use control::{Control, Request};
use relay::Relay;
use rustix::event::{poll, PollFd, PollFlags, Timespec};
use std::error::Error;
use std::time::{Duration, Instant};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().ok_or("CONTROL is missing")?;
    let seed = arguments.next().map_or(Ok(1), |text| text.parse())?;
    let mut control = Control::connect(&path)?;
    let mut relay = Relay::new(rustix::stdio::stdin(), rustix::stdio::stdout(), seed);
    let start = Instant::now();
    let now_us = || start.elapsed().as_micros() as u64;
    loop {
        wait(&relay, &control, now_us())?;
        relay.carry(now_us)?;
        for request in control.requests()? {
            match request {
                Request::Profiles(change) => relay.change(now_us(), &change),
                Request::Counters => control.answer(&relay.counters(now_us()))?,
                Request::Bad(error) => control.answer(&serde_json::json!({ "error": error }))?,
                Request::End => return Ok(()),
            }
        }
    }
}

/// Until something can be read, or a packet is due.
fn wait(relay: &Relay<'_>, control: &Control, now_us: u64) -> rustix::io::Result<()> {
    let due = relay.next_at().map(|at| {
        let span = Duration::from_micros(at.saturating_sub(now_us));
        Timespec {
            tv_sec: span.as_secs() as i64,
            tv_nsec: i64::from(span.subsec_nanos()),
        }
    });
    let [a, b] = relay.devices();
    let mut watched = [
        PollFd::from_borrowed_fd(a, PollFlags::IN),
        PollFd::from_borrowed_fd(b, PollFlags::IN),
        PollFd::new(control, PollFlags::IN),
    ];
    match poll(&mut watched, due.as_ref()) {
        Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
        Err(error) => Err(error),
    }
}
