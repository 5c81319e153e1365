//! What protection costs: nanoseconds for a packet of 1200 bytes, by profile and direction.
//!
//! Run with `cargo run --release -p engine-srtp --example srtp_cost`. Each figure is the best of
//! many short rounds, since anything slower was the machine doing something else.

use std::hint::black_box;
use std::time::{Duration, Instant};

use engine_srtp::{Inbound, Outbound, Profile, SrtpError};

const ROUNDS: usize = 200;
const PACKETS: usize = 1_000;
const HEADER_LEN: usize = 20;
const SIZES: [usize; 2] = [160, 1200];

fn main() -> Result<(), SrtpError> {
    println!(
        "{:<26}{:>7}{:>14}{:>14}",
        "profile", "bytes", "protect ns", "unprotect ns"
    );
    for profile in Profile::ALL {
        for size in SIZES {
            let (protect, unprotect) = measure(profile, size)?;
            println!(
                "{:<26}{size:>7}{protect:>14.0}{unprotect:>14.0}",
                profile.name()
            );
        }
    }
    Ok(())
}

/// Nanoseconds per packet to protect and to unprotect, with `size` bytes of header and payload.
fn measure(profile: Profile, size: usize) -> Result<(f64, f64), SrtpError> {
    let master: Vec<u8> = (0..profile.master_len()).map(|byte| byte as u8).collect();
    let stride = size + profile.rtp_overhead();
    let mut best = (Duration::MAX, Duration::MAX);
    for _ in 0..ROUNDS {
        let outbound = Outbound::new(profile, &master)?;
        let mut inbound = Inbound::new(profile, &master)?;
        let mut arena = plain_packets(size, stride);

        let start = now();
        for (sequence, buffer) in (0..).zip(arena.chunks_exact_mut(stride)) {
            outbound.protect_rtp(buffer, size, HEADER_LEN, sequence)?;
        }
        best.0 = best.0.min(start.elapsed());

        let start = now();
        for packet in arena.chunks_exact_mut(stride) {
            black_box(inbound.unprotect_rtp(packet, HEADER_LEN)?);
        }
        best.1 = best.1.min(start.elapsed());
    }
    let per_packet = |time: Duration| time.as_nanos() as f64 / PACKETS as f64;
    Ok((per_packet(best.0), per_packet(best.1)))
}

/// Packets with consecutive sequence numbers, `stride` bytes apart.
fn plain_packets(size: usize, stride: usize) -> Vec<u8> {
    let mut arena = vec![0x5c; stride * PACKETS];
    for (sequence, packet) in (0_u16..).zip(arena.chunks_exact_mut(stride)) {
        packet[..2].copy_from_slice(&[0x90, 96]);
        packet[2..4].copy_from_slice(&sequence.to_be_bytes());
        packet[8..12].copy_from_slice(&7_u32.to_be_bytes());
        packet[12..16].copy_from_slice(&[0xbe, 0xde, 0, 1]);
    }
    debug_assert!(HEADER_LEN <= size);
    arena
}

#[allow(clippy::disallowed_methods)] // a benchmark is what a clock is for
fn now() -> Instant {
    Instant::now()
}
