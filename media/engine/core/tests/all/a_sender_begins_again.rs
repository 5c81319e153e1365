//! A sender that starts over under another SSRC, wherever its numbers stand then.

use crate::support::{ms, Path, PeerSpec, World};

/// A watcher, and a sender whose SSRCs the description does not name.
fn call() -> World {
    let unnamed = PeerSpec {
        names_ssrcs: false,
        ..PeerSpec::default()
    };
    let mut world = World::with_room(3, Path::PERFECT, &[PeerSpec::default(), unnamed]);
    world.set_feeds(&[((0, 0), (1, 0)), ((0, 1), (1, 1))]);
    world.run(ms(1_000));
    world
}

/// Unnamed streams are known by their media identification, pictures and sound each by its own.
#[test]
fn unnamed_streams_find_their_source() {
    let world = call();
    assert!(world.peers[0]
        .receivers
        .iter()
        .all(|r| r.got.len() > 40 && r.missing().is_empty()));
    assert_eq!(world.leg_row(1).unknown_streams, 0);
}

/// When the last packets of the old SSRC and the first of the new share a batch and a number, no number of the slot
/// is used for both: with GCM that would give the key away.
#[test]
fn old_and_new_numbers_never_share_a_nonce() {
    let mut world = call();
    world.peers[1]
        .senders
        .iter_mut()
        .for_each(|sender| sender.on = false);
    for source in [0, 1] {
        let (now, address) = (world.now, world.peers[1].address);
        let mut batch = world.peers[1].frame(now, source);
        let sender = &mut world.peers[1].senders[source];
        let (ssrc, first) = (sender.ssrc + 64, sender.sequence - batch.len() as u64);
        sender.restart(ssrc, first);
        batch.extend(world.peers[1].frame(now, source));
        world.inject(
            &mut batch
                .into_iter()
                .map(|data| (address, data))
                .collect::<Vec<_>>(),
        );
        world.run(ms(20));
    }
}

/// The slot goes on from a key frame, with every number in line, and a lost first packet is asked for.
#[test]
fn the_slot_goes_on_from_a_key_frame() {
    let mut world = call();
    let sender = &mut world.peers[1].senders[1];
    sender.restart(sender.ssrc + 64, 40);
    sender.key_frame_due = false;
    world.run(ms(1_000));
    let video = &world.peers[0].receivers[1];
    assert!(video.missing().is_empty());
    let packets: Vec<_> = video.got.values().collect();
    let resumed = packets
        .windows(2)
        .find(|pair| pair[1].at.since(pair[0].at) > ms(40));
    assert!(resumed.unwrap()[1].key_frame);
    assert!(packets.last().unwrap().at.since(resumed.unwrap()[1].at) > ms(500));
}
