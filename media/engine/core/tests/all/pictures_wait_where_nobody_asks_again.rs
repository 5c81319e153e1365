//! Pictures that have to wait for their turn are sent when it comes, also where retransmission was not agreed: nothing is
//! held for somebody who asks again then, and yet it has to be kept.

use crate::support::{ms, Path, PeerSpec, World};

const SENDS: PeerSpec = PeerSpec {
    audio: false,
    audio_slots: 0,
    can_ask: false,
    ..PeerSpec::BROWSER
};

#[test]
fn all_that_waited_arrives() {
    let takes = PeerSpec {
        reports_each: true,
        ..SENDS
    };
    let path = Path::with_delay(20);
    let mut world = World::with_room(71, path, &[SENDS, takes]);
    world.set_feeds(&[((1, 0), (0, 1))]);
    world.peers[0].senders[0].payload_len = 1_100;
    // Until the link is known to carry that: without retransmissions there is nothing to probe it with.
    world.run(ms(5_000));
    let known: Vec<u64> = world.peers[1].receivers[0].missing();
    world.run(ms(10_000));
    let row = world.leg_row(1);
    assert!(row.paced > 20, "{row:?}");
    world.peers[0].fall_silent();
    world.run(ms(1_000));
    let receiver = &world.peers[1].receivers[0];
    assert!(receiver.got.len() > 200);
    assert_eq!(receiver.missing(), known);
}
