//! Nobody who is not admitted gets or gives a single packet. The harness holds every datagram that the engine sends
//! against the model of who may get what; these tests add what must flow when it may.

use crate::support::{feed, ms, Path, PeerSpec, World};
use engine_core::api::{LegId, Refusal, RoomId};
use engine_core::{Command, Event};

const BOTH_WAYS: [((usize, u16), (usize, u16)); 4] = [
    ((0, 0), (1, 0)),
    ((0, 1), (1, 1)),
    ((1, 0), (0, 0)),
    ((1, 1), (0, 1)),
];

/// Peer 0 is admitted; peer 1 waits, fully connected, with the plan already made.
fn somebody_waits(path: Path) -> World {
    let mut world = World::with_room(5, path, &[PeerSpec::default()]);
    let waiting = world.join(1, PeerSpec::default());
    world.peers[waiting].up = path;
    world.peers[waiting].down = path;
    world.set_feeds(&BOTH_WAYS);
    world.run(ms(3_000));
    world
}

fn rtp_and_rtcp_to(world: &World, leg: u64) -> (u64, u64) {
    let sent = world.auditor.sent.get(&LegId(leg));
    sent.map_or((0, 0), |sent| (sent.rtp, sent.rtcp))
}

/// A connected leg behind a closed gate is sent no RTP and no RTCP, gives none, and both are counted.
#[test]
fn who_waits_gets_and_gives_nothing() {
    let world = somebody_waits(Path::with_delay(10));
    assert_eq!(rtp_and_rtcp_to(&world, 2), (0, 0));
    assert!(world.peers[0].receivers.iter().all(|r| r.got.is_empty()));
    let row = world.leg_row(1);
    assert_eq!((row.connected, row.secured, row.gate_open), (1, 1, 0));
    assert!(row.gate_drops_in > 400, "{}", row.gate_drops_in);
    assert!(row.gate_drops_out > 400, "{}", row.gate_drops_out);
    assert_eq!((row.rtp_out, row.rtcp_out, row.last_out_us), (0, 0, 0));
}

/// Opening the gate shows both sides a decodable picture within a round trip and a frame.
#[test]
fn an_open_gate_passes_media_at_once() {
    let mut world = somebody_waits(Path::with_delay(10));
    world.set_gate(1, true);
    world.run(ms(150));
    for peer in 0..2 {
        let video = &world.peers[peer].receivers[1];
        assert!(video.got.first_key_value().unwrap().1.key_frame);
        assert!(!world.peers[peer].receivers[0].got.is_empty());
    }
}

/// Not one packet passes after the gate was closed, in either direction, and the event says when the last one did.
#[test]
fn a_closed_gate_stops_media_at_once() {
    let mut world = somebody_waits(Path::with_delay(10));
    world.set_gate(1, true);
    world.run(ms(1_000));
    world.set_gate(1, false);
    let before = rtp_and_rtcp_to(&world, 2);
    let given = world.auditor.forwarded[&(LegId(1), 2, 1)].len();
    world.run(ms(1_000));
    assert_eq!(rtp_and_rtcp_to(&world, 2), before);
    assert_eq!(world.auditor.forwarded[&(LegId(1), 2, 1)].len(), given);
    let closed = world
        .events
        .iter()
        .rev()
        .find_map(|(at, event)| match event {
            Event::GateChanged {
                open: false,
                at_us,
                last_out_us,
                ..
            } => Some((*at, *at_us, *last_out_us)),
            _ => None,
        });
    let (at, at_us, last_out_us) = closed.unwrap();
    assert_eq!(at, at_us);
    assert!(last_out_us <= at_us && at_us.since(last_out_us) <= ms(40));
}

/// Who is put out and let in again is shown the picture as soon as at first, after a short and after a long while in the
/// room: what is known of their link is not mixed with what it was like before.
#[test]
fn an_open_gate_passes_media_at_once_again() {
    let reports = PeerSpec {
        reports_each: true,
        ..PeerSpec::BROWSER
    };
    let mut world = World::with_room(6, Path::with_delay(10), &[reports; 2]);
    world.set_feeds(&BOTH_WAYS);
    for inside in [1_000, 3_000, 45_000, 500, 2_000] {
        world.run(ms(inside));
        world.set_gate(1, false);
        world.run(ms(4_000));
        let before = world.peers[1].receivers[1].got.len();
        world.set_gate(1, true);
        world.run(ms(150));
        assert!(world.peers[1].receivers[1].got.len() > before);
        world.run(ms(3_000));
        let row = world.leg_row(1);
        assert!(row.link_queue_us < 20_000, "{}", row.link_queue_us);
        assert!(row.estimate_bps >= 400_000, "{}", row.estimate_bps);
    }
}

/// What was sent before the gate opened is not fetched by retransmission once it is open.
#[test]
fn the_past_is_not_repaired_into_the_room() {
    let mut world = somebody_waits(Path::PERFECT);
    world.peers[1]
        .senders
        .iter_mut()
        .for_each(|sender| sender.on = false);
    let now = world.now;
    let mut frames = world.peers[1].frame(now, 1);
    frames.remove(1);
    let address = world.peers[1].address;
    world.inject(
        &mut frames
            .into_iter()
            .map(|data| (address, data))
            .collect::<Vec<_>>(),
    );
    world.set_gate(1, true);
    world.run(ms(500));
    assert_eq!(world.peers[1].senders[1].nacked, 0);
    assert!(!world.auditor.forwarded.contains_key(&(LegId(1), 2, 1)));
}

/// A receiver cannot fetch by NACK what an earlier plan gave, or would have given: neither with the slot empty, nor
/// with somebody else in it.
#[test]
fn a_request_fetches_nothing_beyond_the_plan() {
    let mut world = somebody_waits(Path::PERFECT);
    let other = world.join(1, PeerSpec::default());
    world.set_gate(other, true);
    world.set_gate(1, true);
    world.run(ms(500));
    let received = &world.peers[0].receivers[1].got;
    let numbers: Vec<u16> = received.keys().map(|number| *number as u16).collect();
    for plan in [&[][..], &[((0, 1), (other, 1))]] {
        world.set_feeds(plan);
        world.run(ms(200));
        let before = world.slot_row(0, 1);
        let nack = world.peers[0].nack(1, &numbers);
        world.inject_from(0, nack);
        let after = world.slot_row(0, 1);
        assert_eq!(after.rtx_packets, before.rtx_packets);
        assert_eq!(after.rtx_misses - before.rtx_misses, numbers.len() as u64);
    }
}

/// Who waits is spoken to by somebody else in a room of their own, and hears nothing of the other one; on the way from there
/// to it no packet of either follows, and it is no way past an open gate.
#[test]
fn a_leg_goes_from_a_room_of_its_own_to_that_of_others() {
    let mut world = somebody_waits(Path::with_delay(10));
    let speaker = world.join(2, PeerSpec::default());
    world.set_gate(speaker, true);
    let (waiting, lobby) = (LegId(world.peers[1].leg), RoomId(2));
    let to = |room| Command::MoveLeg { leg: waiting, room };
    world.command(to(lobby));
    let feeds = [0, 1].map(|kind| feed((waiting.0, kind), (world.peers[speaker].leg, kind)));
    let feeds = feeds.to_vec();
    world.command(Command::SetFeeds { room: lobby, feeds });
    world.set_gate(1, true);
    world.run(ms(1_000));
    let ways = &world.auditor.forwarded;
    for kind in 0..2 {
        assert!(ways[&(waiting, world.peers[speaker].leg, kind)].len() > 10);
        assert!(!ways.contains_key(&(LegId(1), waiting.0, kind)));
        assert!(!ways.contains_key(&(waiting, 1, kind)));
    }
    world.command(to(RoomId(1)));
    world.run(ms(1));
    let refused = world.events.iter().any(|(_, event)| {
        matches!(event, Event::CommandRefused { code: Refusal::GateOpen, leg, .. } if *leg == waiting)
    });
    assert!(refused);
    world.set_gate(1, false);
    world.command(to(RoomId(1)));
    world.set_feeds(&BOTH_WAYS);
    world.set_gate(1, true);
    world.run(ms(150));
    let ways = &world.auditor.forwarded;
    for kind in 0..2 {
        assert!(!ways[&(LegId(1), waiting.0, kind)].is_empty());
        assert!(!ways[&(waiting, 1, kind)].is_empty());
    }
}
