//! Reports that fall due soon leave in front of a packet of sound, in one send with it.

use crate::support::{ms, Path, PeerSpec, World};
use engine_core::{Datagram, Outbox};

fn is_rtcp(datagram: &[u8]) -> bool {
    (192..224).contains(&datagram[1])
}

/// Without a single timer, in 1.5 s of sound: each of two reports is the first part of a send whose second is sound.
#[test]
fn a_report_is_sent_with_the_sound_behind_it() {
    let mut world = World::with_room(61, Path::with_delay(1), &[PeerSpec::default(); 2]);
    world.set_feeds(&[((0, 0), (1, 0)), ((1, 0), (0, 0)), ((1, 1), (0, 1))]);
    world.run(ms(3_000));
    let to = world.peers[1].address;
    let mut out = Outbox::with_capacity(1 << 16);
    let mut sends = Vec::new();
    for round in 0..75 {
        let now = world.now + ms(20 * round);
        let from = world.peers[0].address;
        let mut packets = world.peers[0].frame(now, 0);
        let batch = packets.iter_mut().map(|data| Datagram { from, data });
        let mut batch: Vec<_> = batch.collect();
        world.shard.handle_batch(now, &mut batch, &mut out);
        for (send, bytes) in out.sends().filter(|(send, _)| send.to == to) {
            let parts = bytes.chunks(send.segment_size).map(is_rtcp);
            sends.push(parts.collect::<Vec<bool>>());
        }
        out.clear();
    }
    assert_eq!(sends.len(), 75, "{sends:?}");
    let with_report = sends.iter().filter(|parts| **parts == [true, false]);
    assert!((1..=2).contains(&with_report.count()), "{sends:?}");
    assert!(sends.iter().all(|parts| parts.last() == Some(&false)));
}
