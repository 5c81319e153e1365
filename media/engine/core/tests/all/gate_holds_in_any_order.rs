//! The gate under arbitrary interleavings of commands and packets. The harness decrypts whatever comes out and holds
//! it against the model; what the model allows on a perfect network must come out, too.

use crate::support::{feed, ms, End, PeerSpec, World};
use engine_core::api::{Feed, LegId, RoomId};
use engine_core::Command;
use proptest::prelude::*;

const PEERS: usize = 4;

#[derive(Debug, Clone)]
enum Step {
    SetGate(usize, bool),
    SetFeeds(u64, Vec<(End, End)>),
    SetMuted(usize, u16, bool),
    Remove(usize),
    Move(usize, u64),
    Join(u64),
    Media(usize, usize, usize),
    Restart(usize),
    LateAndLost(usize, u64),
    Nack(usize, u16),
    Pli(usize),
    Complain(usize, u8),
    Lose(usize, u8),
    Carries(usize, Option<u64>),
    Wait(u64),
}

/// Mostly hardly enough for sound.
fn link() -> impl Strategy<Value = Option<u64>> {
    prop_oneof![3 => (1_000_u64..30_000).prop_map(Some), 1 => Just(Some(5_000_000)), 1 => Just(None)]
}

fn step() -> impl Strategy<Value = Step> {
    let peer = || 0..PEERS;
    let end = || ((0..PEERS), 0_u16..3);
    let plan = prop::collection::vec((end(), end()), 0..8);
    prop_oneof![
        3 => (peer(), any::<bool>()).prop_map(|(p, open)| Step::SetGate(p, open)),
        3 => (1_u64..4, plan).prop_map(|(room, plan)| Step::SetFeeds(room, plan)),
        1 => (peer(), 0_u16..2, any::<bool>()).prop_map(|(p, s, m)| Step::SetMuted(p, s, m)),
        1 => peer().prop_map(Step::Remove),
        2 => (peer(), 1_u64..4).prop_map(|(p, room)| Step::Move(p, room)),
        1 => (1_u64..3).prop_map(Step::Join),
        6 => (peer(), 0_usize..2, 1_usize..4).prop_map(|(p, s, n)| Step::Media(p, s, n)),
        1 => peer().prop_map(Step::Restart),
        2 => (peer(), any::<u64>()).prop_map(|(p, which)| Step::LateAndLost(p, which)),
        2 => (peer(), any::<u16>()).prop_map(|(p, n)| Step::Nack(p, n)),
        1 => peer().prop_map(Step::Pli),
        3 => (peer(), any::<u8>()).prop_map(|(p, lost)| Step::Complain(p, lost)),
        3 => (peer(), 1_u8..4).prop_map(|(p, sounds)| Step::Lose(p, sounds)),
        2 => (peer(), link()).prop_map(|(p, bps)| Step::Carries(p, bps)),
        3 => (1_u64..400).prop_map(Step::Wait),
    ]
}

/// The peers that the steps name are the youngest; those before them have been removed or stay as they are.
fn nth(world: &World, peer: usize) -> usize {
    world.peers.len() - PEERS + peer
}

fn carry_out(world: &mut World, step: Step) {
    match step {
        Step::SetGate(p, open) => {
            let p = nth(world, p);
            world.set_gate(p, open);
        }
        Step::SetFeeds(room, plan) => set_feeds(world, room, &plan),
        Step::SetMuted(p, source, muted) => {
            let leg = LegId(world.peers[nth(world, p)].leg);
            world.command(Command::SetMuted { leg, source, muted });
        }
        Step::Remove(p) => {
            let leg = LegId(world.peers[nth(world, p)].leg);
            world.command(Command::RemoveLeg { leg });
        }
        Step::Move(p, room) => {
            let (leg, room) = (LegId(world.peers[nth(world, p)].leg), RoomId(room));
            world.command(Command::MoveLeg { leg, room });
        }
        Step::Join(room) => {
            let peer = world.join(room, quiet());
            connect(world, peer);
        }
        Step::Media(p, source, frames) => send_media(world, p, source, frames),
        Step::Restart(p) => restart(world, p),
        Step::LateAndLost(p, which) => late_and_lost(world, p, which),
        Step::Nack(p, number) => nack(world, p, number),
        Step::Pli(p) => {
            let p = nth(world, p);
            let pli = world.peers[p].pli(1);
            world.inject_from(p, pli);
        }
        Step::Complain(p, lost) => complain(world, p, lost),
        Step::Lose(p, sounds) => {
            let p = nth(world, p);
            for _ in 0..sounds {
                let now = world.now;
                world.peers[p].frame(now, 0);
                world.run(ms(1));
            }
        }
        Step::Carries(p, bps) => carries(world, p, bps),
        Step::Wait(millis) => world.run(ms(millis)),
    }
    // So that what was sent before a command and after it can be told apart.
    world.run(ms(1));
}

/// So much is lost on a long way that redundancy and repair packets are called for.
fn complain(world: &mut World, p: usize, lost: u8) {
    let (p, now) = (nth(world, p), world.now);
    for slot in 0..2 {
        let complaint = world.peers[p].complaint(now, slot, (lost, ms(200)));
        world.inject_from(p, complaint);
    }
}

/// The link to a peer carries so much while all are heard: two packets of sound become one where that is little.
fn carries(world: &mut World, p: usize, bps: Option<u64>) {
    for turn in 0..4 {
        for speaker in 0..PEERS {
            send_media(world, speaker, 0, 1);
        }
        world.run(ms(20));
        if turn == 2 {
            world.set_estimate(nth(world, p), bps);
        }
    }
}

fn set_feeds(world: &mut World, room: u64, plan: &[(End, End)]) {
    let leg = |peer: usize| world.peers[nth(world, peer)].leg;
    let feeds: Vec<Feed> = plan
        .iter()
        .map(|(to, from)| feed((leg(to.0), to.1), (leg(from.0), from.1)))
        .collect();
    let room = RoomId(room);
    world.command(Command::SetFeeds { room, feeds });
}

fn send_media(world: &mut World, p: usize, source: usize, frames: usize) {
    let p = nth(world, p);
    let (now, address) = (world.now, world.peers[p].address);
    let mut batch = Vec::new();
    for _ in 0..frames {
        let frame = world.peers[p].frame(now, source);
        batch.extend(frame.into_iter().map(|data| (address, data)));
    }
    world.inject(&mut batch);
}

/// Old and new SSRC in one batch, the new one with numbers that the old one has used.
fn restart(world: &mut World, p: usize) {
    let p = nth(world, p);
    let (now, address) = (world.now, world.peers[p].address);
    let mut batch = world.peers[p].frame(now, 1);
    let sender = &mut world.peers[p].senders[1];
    let (ssrc, sequence) = (sender.ssrc + 16, sender.sequence.saturating_sub(3) & 0x7fff);
    sender.restart(ssrc, sequence);
    batch.extend(world.peers[p].frame(now, 1));
    world.inject(
        &mut batch
            .into_iter()
            .map(|data| (address, data))
            .collect::<Vec<_>>(),
    );
}

/// A picture with one packet lost, the rest in another order; the lost one is there for a NACK to fetch.
fn late_and_lost(world: &mut World, p: usize, which: u64) {
    let p = nth(world, p);
    let (now, address) = (world.now, world.peers[p].address);
    let mut frame = world.peers[p].frame(now, 1);
    let at = which as usize % frame.len();
    frame.swap_remove(at);
    frame.reverse();
    world.inject(
        &mut frame
            .into_iter()
            .map(|data| (address, data))
            .collect::<Vec<_>>(),
    );
}

/// Asks for many numbers around what was received, so that old plans and old senders are reached for.
fn nack(world: &mut World, p: usize, number: u16) {
    let p = nth(world, p);
    world.run(ms(0));
    let video = &world.peers[p].receivers[1];
    let highest = video.highest().unwrap_or_else(|| number.into()) as u16;
    let numbers: Vec<u16> = (0..48).map(|back| highest.wrapping_sub(back)).collect();
    let nack = world.peers[p].nack(1, &numbers);
    world.inject_from(p, nack);
}

/// Sends nothing of its own accord.
fn quiet() -> PeerSpec {
    PeerSpec {
        names_ssrcs: false,
        sends_red: true,
        takes_red: true,
        takes_fec: true,
        ..PeerSpec::default()
    }
}

fn connect(world: &mut World, peer: usize) {
    world.auditor.instant = true;
    world.peers[peer]
        .senders
        .iter_mut()
        .for_each(|sender| sender.on = false);
    world.peers[peer].senders[0].red = vec![1, 2];
    let check = world.peers[peer].check(true);
    world.inject_from(peer, check);
}

/// Four peers; unless `cold`, those of room 1 are admitted and see one another.
fn start(seed: u64, cold: bool) -> World {
    let mut world = World::new(seed);
    for room in [1, 1, 1, 2] {
        let peer = world.join(room, quiet());
        connect(&mut world, peer);
        world.set_gate(peer, !cold);
    }
    if !cold {
        let pairs = [(0, 1), (1, 2), (2, 0)];
        let kinds = [0, 1].into_iter();
        let plan = kinds.flat_map(|kind| pairs.map(|(to, from)| ((to, kind), (from, kind))));
        world.set_feeds(&plan.collect::<Vec<_>>());
    }
    world
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 160, ..ProptestConfig::default() })]

    /// Whatever the order of commands and packets, only what the model allows comes out, and no nonce comes twice.
    #[test]
    fn only_what_the_model_allows_comes_out(
        seed in any::<u64>(),
        cold in prop::bool::weighted(0.2),
        steps in prop::collection::vec(step(), 1..80),
    ) {
        let mut world = start(seed, cold);
        for step in steps {
            carry_out(&mut world, step);
        }
        world.run(ms(50));
    }
}

/// The walk is worth something: with the seeds of this test media does come out.
#[test]
fn the_walk_reaches_open_gates() {
    let mut world = World::new(7);
    for _ in 0..PEERS {
        let peer = world.join(1, quiet());
        connect(&mut world, peer);
    }
    let plan = vec![((1, 1), (0, 1)), ((2, 0), (0, 0))];
    let steps = [
        Step::SetGate(0, true),
        Step::SetGate(1, true),
        Step::SetFeeds(1, plan),
        Step::Media(0, 1, 2),
        Step::LateAndLost(0, 1),
        Step::Wait(60),
        Step::Restart(0),
        Step::Nack(1, 0),
        Step::Complain(1, 100),
        Step::Complain(2, 100),
        Step::Media(0, 0, 1),
        Step::Media(0, 0, 1),
        Step::Lose(0, 1),
        Step::Media(0, 0, 1),
        Step::Media(0, 1, 3),
        Step::Complain(1, 100),
        Step::Media(0, 1, 3),
    ];
    for step in steps {
        carry_out(&mut world, step);
    }
    let forwarded = &world.auditor.forwarded;
    assert!(forwarded[&(LegId(2), 1, 1)].len() >= 15);
    assert!(!forwarded.contains_key(&(LegId(3), 1, 0)));
    world.set_gate(2, true);
    carry_out(&mut world, Step::Media(0, 0, 1));
    carry_out(&mut world, Step::Complain(2, 100));
    for _ in 0..3 {
        carry_out(&mut world, Step::Media(0, 0, 1));
    }
    assert_eq!(world.source_row(0, 0).red_recovered, 1);
    assert!(world.slot_row(2, 0).red_packets > 0);
    assert!(world.slot_row(1, 1).fec_packets > 0);
}
