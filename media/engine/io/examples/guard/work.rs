//! The same packets through a shard and through a bare loop, without sockets and clocks.

use crate::commands::{add_leg, set_feeds, set_keys, write_check};
use crate::peers::Peers;
use crate::plan::{own_key, peer_key, ssrc_out, Plan, PROFILE};
use crate::traffic::{Burst, Track};
use engine_core::api::LegId;
use engine_core::{Command, Datagram, Micros, Outbox, Shard};
use engine_srtp::{Inbound, Outbound};
use engine_wire::rtp::RtpHeader;
use std::hint::black_box;
use std::net::SocketAddr;

/// Time that is counted, in steps of five milliseconds.
const STEPS: usize = 200;
const STEP_US: u64 = 5_000;
/// Steps before it where everybody reports on each packet: what links are known to carry has to grow first.
const GROWING: usize = 2_400;
/// The same where legs are counted: caches have to fill.
const FILLING: usize = 400;
/// Frames that come with one receive there, as they do while the thread is half busy.
const AT_ONCE: usize = 2;
const FIRST_PORT: u16 = 10_000;
const START: Micros = Micros(1_800_000_000_000_000);

/// Packets of one stream that came in together.
#[derive(Clone)]
struct Frame {
    leg: usize,
    source: usize,
    packets: Vec<Vec<u8>>,
}

/// How many packets the subject sends.
pub(crate) fn run(subject: &str, plan: &Plan) -> usize {
    let steps = prepare(plan);
    let growing = growing(plan);
    let sent = match subject {
        "prepare" => steps.len(),
        "limit" => limit(plan, steps.into_iter().skip(growing)),
        "warm" => bridge(plan, steps, growing),
        "bridge" => bridge(plan, steps, usize::MAX),
        other => panic!("no subject {other}"),
    };
    assert!(black_box(sent) > 0);
    sent
}

const fn growing(plan: &Plan) -> usize {
    match (plan.reported, plan.period_percent) {
        (true, _) => GROWING,
        (false, 100) => 0,
        (false, _) => FILLING,
    }
}

/// What arrives in each step: every stream has its period, and its own place in it.
fn prepare(plan: &Plan) -> Vec<Vec<Frame>> {
    let count = growing(plan) + STEPS;
    let mut steps: Vec<Vec<Frame>> = (0..count).map(|_| Vec::new()).collect();
    let mut burst = Burst::new();
    for (leg, seat) in plan.seats.iter().enumerate() {
        let outbound = Outbound::new(PROFILE, &peer_key(leg)).unwrap();
        for (source, shape) in seat.sends.iter().enumerate() {
            let mut track = Track::new(leg, source, *shape);
            let mut due = crate::traffic::scatter(leg as u64) % shape.period_us();
            while due < count as u64 * STEP_US {
                track.write_frame(due, &outbound, &mut burst);
                let packets = burst.packets().map(<[u8]>::to_vec);
                steps[(due / STEP_US) as usize].push(Frame {
                    leg,
                    source,
                    packets: packets.collect(),
                });
                due += shape.period_us() * plan.period_percent / 100;
            }
        }
    }
    steps
}

fn address(leg: usize) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], FIRST_PORT + leg as u16))
}

fn set_up(plan: &Plan, out: &mut Outbox) -> Shard {
    let mut shard = Shard::new(0);
    let mut check = Vec::new();
    for (leg, seat) in plan.seats.iter().enumerate() {
        let open = Command::SetGate {
            leg: LegId(leg as u64),
            open: true,
        };
        for command in [add_leg(leg, seat, plan.reported), set_keys(leg), open] {
            shard.handle_command(START, command, out);
        }
        write_check(&mut check, leg);
        let datagram = Datagram {
            from: address(leg),
            data: &mut check,
        };
        shard.handle_batch(START, &mut [datagram], out);
    }
    for room in 0..plan.rooms {
        shard.handle_command(START, set_feeds(plan, room), out);
    }
    out.clear();
    shard
}

/// What the shard sends until this step. Where the peers report, they have heard all of it once before.
fn bridge(plan: &Plan, steps: Vec<Vec<Frame>>, until: usize) -> usize {
    let mut peers = Peers::new(plan, steps.len());
    if plan.reported {
        pass(plan, steps.clone(), &mut peers);
        peers = peers.again();
    }
    pass(plan, steps.into_iter().take(until).collect(), &mut peers)
}

fn datagrams(frames: &mut [Frame]) -> Vec<Datagram<'_>> {
    let datagrams = frames.iter_mut().flat_map(|frame| {
        let from = address(frame.leg);
        let packets = frame.packets.iter_mut();
        packets.map(move |data| Datagram { from, data })
    });
    datagrams.collect()
}

fn pass(plan: &Plan, mut steps: Vec<Vec<Frame>>, peers: &mut Peers) -> usize {
    let mut out = Outbox::with_capacity(1 << 20);
    let mut shard = set_up(plan, &mut out);
    let frames_at_once = if plan.period_percent == 100 {
        usize::MAX
    } else {
        AT_ONCE
    };
    let mut sent = 0;
    for (step, frames) in steps.iter_mut().enumerate() {
        let now = START + Micros(step as u64 * STEP_US);
        let at_once = frames.len().clamp(1, frames_at_once);
        for frames in frames.chunks_mut(at_once) {
            shard.handle_batch(now, &mut datagrams(frames), &mut out);
        }
        let mut reports = peers.say(step);
        let reports = reports.iter_mut().map(|(leg, data)| Datagram {
            from: address(*leg),
            data,
        });
        shard.handle_batch(now, &mut reports.collect::<Vec<_>>(), &mut out);
        shard.handle_timeout(now, &mut out);
        sent += out.sends().map(|(send, _)| send.segments).sum::<usize>();
        peers.listen((step, now), &out, |port| usize::from(port - FIRST_PORT));
        out.clear();
        while shard.poll_event().is_some() {}
    }
    sent
}

fn limit(plan: &Plan, steps: impl Iterator<Item = Vec<Frame>>) -> usize {
    let legs = 0..plan.legs();
    let mut inbound: Vec<Inbound> = legs
        .clone()
        .map(|leg| Inbound::new(PROFILE, &peer_key(leg)).unwrap())
        .collect();
    let outbound: Vec<Outbound> = legs
        .map(|leg| Outbound::new(PROFILE, &own_key(leg)).unwrap())
        .collect();
    let mut receivers = receivers(plan);
    let mut arena = vec![0; 2_048];
    let mut sent = 0;
    for mut frame in steps.flatten() {
        for packet in &mut frame.packets {
            let header = RtpHeader::parse(packet).unwrap();
            let opened = inbound[frame.leg].unprotect_rtp(packet, header.header_len);
            let len = opened.unwrap().len;
            for (leg, ssrc, next) in &mut receivers[frame.leg][frame.source] {
                arena[..len].copy_from_slice(&packet[..len]);
                arena[2..4].copy_from_slice(&(*next as u16).to_be_bytes());
                arena[8..12].copy_from_slice(&ssrc.to_be_bytes());
                let sealed = outbound[*leg].protect_rtp(&mut arena, len, 12, *next);
                *next += 1;
                sent += usize::from(black_box(sealed.unwrap()) > 0);
            }
        }
    }
    sent
}

/// By leg and source: whose keys, SSRC and next number of everyone who takes it.
fn receivers(plan: &Plan) -> Vec<Vec<Vec<(usize, u32, u64)>>> {
    let empty = |seat: &crate::plan::Seat| seat.sends.iter().map(|_| Vec::new()).collect();
    let mut all: Vec<Vec<Vec<(usize, u32, u64)>>> = plan.seats.iter().map(empty).collect();
    for (leg, seat) in plan.seats.iter().enumerate() {
        for (slot, take) in seat.takes.iter().enumerate() {
            all[take.leg][take.source].push((leg, ssrc_out(leg, slot), 1));
        }
    }
    all
}
