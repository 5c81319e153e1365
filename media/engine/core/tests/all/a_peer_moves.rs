//! Addresses change, credentials are renewed, consent runs out; and only who knows the password can bring that about.

use crate::support::{ms, Path, PeerSpec, World};
use engine_core::api::{IceParams, LegId};
use engine_core::{Command, Event};
use engine_wire::stun;
use std::net::SocketAddr;

fn call() -> World {
    let mut world = World::with_room(21, Path::with_delay(10), &[PeerSpec::default(); 2]);
    world.set_feeds(&[((0, 1), (1, 1)), ((1, 1), (0, 1))]);
    world.run(ms(1_000));
    world
}

fn elsewhere(port: u16) -> SocketAddr {
    SocketAddr::from(([10, 9, 9, 9], port))
}

fn received(world: &World, peer: usize) -> usize {
    world.peers[peer].receivers[1].got.len()
}

/// A peer that goes on from another address after a check is sent to there, and heard from there.
#[test]
fn media_follows_a_peer_to_its_new_address() {
    let mut world = call();
    world.move_peer(1, elsewhere(7));
    world.run(ms(300));
    let before = (received(&world, 0), received(&world, 1));
    world.run(ms(1_000));
    assert!(received(&world, 0) > before.0 + 100);
    assert!(received(&world, 1) > before.1 + 100);
    assert_eq!(world.peers[1].receivers[1].missing(), [0_u64; 0]);
}

/// A peer that sends from an address that it has proved is sent to there before it nominates it: its next check may be
/// seconds away.
#[test]
fn media_goes_where_media_comes_from() {
    let mut world = call();
    world.prove_address(1, elsewhere(13));
    let plain = world.peers[1].check(false);
    world.inject(&mut [(elsewhere(13), plain)]);
    world.peers[1].address = elsewhere(13);
    world.run(ms(200));
    let before = received(&world, 1);
    world.run(ms(1_000));
    assert!(received(&world, 1) > before + 100);
}

/// Media from an address that never proved a password is dropped unread, also if it is somebody's genuine media.
#[test]
fn media_without_a_check_is_dropped() {
    let mut world = call();
    let now = world.now;
    let frame = world.peers[1].frame(now, 1);
    let before = world.leg_row(1).datagrams_in;
    world.inject(
        &mut frame
            .into_iter()
            .map(|data| (elsewhere(8), data))
            .collect::<Vec<_>>(),
    );
    assert_eq!(world.snapshot().shards[0].media_unknown_address, 4);
    assert_eq!(world.leg_row(1).datagrams_in, before);
}

/// A peer that was not heard of for a moment is sent to where its first check comes from, though that does not nominate;
/// and its pictures begin with a whole one.
#[test]
fn who_was_away_is_sent_to_where_it_is_checked_from() {
    let mut world = call();
    world.peers[1].fall_silent();
    world.peers[1].address = elsewhere(14);
    world.run(ms(600));
    world.prove_address(1, elsewhere(14));
    let plain = world.peers[1].check(false);
    let at = world.now;
    world.inject(&mut [(elsewhere(14), plain)]);
    world.run(ms(100));
    let later = world.peers[1].receivers[1].got.values();
    let first = later.filter(|got| got.at > at).min_by_key(|got| got.at);
    assert!(first.is_some_and(|got| got.key_frame), "{first:?}");
}

/// The same check of a peer that is heard of where it was moves nothing: it is of another of its networks.
#[test]
fn who_is_heard_of_is_sent_to_where_it_was() {
    let mut world = call();
    world.prove_address(1, elsewhere(15));
    let plain = world.peers[1].check(false);
    world.inject(&mut [(elsewhere(15), plain)]);
    let before = received(&world, 1);
    world.run(ms(500));
    assert!(received(&world, 1) > before + 50);
}

/// A peer may restart ICE without telling: its own name changes, and what it got of ours is as good as before.
#[test]
fn a_peer_restarts_ice_by_itself() {
    let mut world = call();
    let ours = format!("{}/2", world.peers[1].ice.local_ufrag);
    world.peers[1].ice.local_ufrag = ours;
    world.peers[1].ufrag = "again".into();
    world.move_peer(1, elsewhere(16));
    world.run(ms(300));
    let before = (received(&world, 0), received(&world, 1));
    world.run(ms(1_000));
    assert!(received(&world, 0) > before.0 + 100 && received(&world, 1) > before.1 + 100);
}

/// A check with a wrong password, another leg's or no integrity moves nothing and is not answered.
#[test]
fn who_does_not_know_the_password_moves_nothing() {
    let mut world = call();
    let user = format!("{}:peer", world.peers[1].ice.local_ufrag);
    let others = world.peers[0].ice.local_pwd.clone();
    for key in ["guessed-password-here", others.as_str()] {
        let mut check = Vec::new();
        stun::write_binding_request(
            &mut check,
            &[9; 12],
            &user,
            key.as_bytes(),
            1,
            Some(1),
            true,
        );
        world.inject(&mut [(elsewhere(9), check)]);
    }
    let mut bare = Vec::new();
    stun::write_binding_error(&mut bare, &[9; 12], 400, "No", None);
    world.inject(&mut [(elsewhere(9), bare)]);
    let shard = world.snapshot().shards[0];
    assert_eq!(
        (shard.stun_unauthenticated, shard.stun_unknown_user),
        (2, 1)
    );
    let before = received(&world, 1);
    world.run(ms(500));
    assert!(
        received(&world, 1) > before + 50,
        "media still goes where it went"
    );
}

/// A check that arrives again from another address, as a thief would send it, cannot be told from the peer's own; but
/// the peer's next nominating check brings the media back.
#[test]
fn the_peers_next_check_brings_the_media_back() {
    let mut world = call();
    let stolen = world.peers[1].check(true);
    world.inject(&mut [(elsewhere(10), stolen)]);
    let before = received(&world, 1);
    world.run(ms(5_200));
    assert!(received(&world, 1) > before + 150);
    assert_eq!(world.leg_row(1).connected, 1);
}

/// After an ICE restart only the new credentials count, and media goes on meanwhile.
#[test]
fn an_ice_restart_keeps_the_media_going() {
    let mut world = call();
    let old_check = world.peers[1].check(true);
    let ice = IceParams {
        local_ufrag: "renewed".into(),
        local_pwd: "a-renewed-password-of-ours".into(),
    };
    world.command(Command::RestartIce {
        leg: LegId(2),
        ice: ice.clone(),
    });
    let before = received(&world, 1);
    world.run(ms(300));
    assert!(
        received(&world, 1) > before,
        "no pause while the restart is under way"
    );
    world.inject(&mut [(elsewhere(11), old_check)]);
    assert!(world.snapshot().shards[0].stun_unknown_user >= 1);
    world.peers[1].ice = ice;
    world.move_peer(1, elsewhere(12));
    world.run(ms(200));
    let before = (received(&world, 0), received(&world, 1));
    world.run(ms(1_000));
    assert!(received(&world, 0) > before.0 + 100 && received(&world, 1) > before.1 + 100);
}

/// Thirty seconds without a check end all sending, with one event; the next check begins it again, whole pictures
/// first and without a hole.
#[test]
fn consent_runs_out_and_comes_back() {
    let mut world = call();
    let silent_since = world.now;
    world.peers[1].fall_silent();
    world.run(ms(40_000));
    let lost: Vec<_> = world
        .events
        .iter()
        .filter(|(_, e)| matches!(e, Event::ConsentLost { .. }))
        .collect();
    assert_eq!(lost.len(), 1);
    let waited = lost[0].0.since(silent_since);
    assert!(waited > ms(26_000) && waited <= ms(31_100), "{waited:?}");
    let row = world.leg_row(1);
    assert!(row.last_out_us <= lost[0].0 .0 && row.connected == 0);
    let sent = row.rtp_out;
    world.run(ms(5_000));
    assert_eq!(world.leg_row(1).rtp_out, sent);
    let now = world.now;
    world.peers[1].check_again(now);
    world.run(ms(500));
    let video = &world.peers[1].receivers[1];
    assert_eq!(video.missing(), [0_u64; 0]);
    let first_again = video.got.values().find(|got| got.at > now).unwrap();
    assert!(first_again.key_frame);
    let connected = world
        .events
        .iter()
        .filter(|(_, e)| matches!(e, Event::IceConnected { .. }));
    assert_eq!(connected.count(), 3);
}

/// An address that another leg proves with its own password becomes that leg's; the first one finds its way back with
/// its next check, nominating or not.
#[test]
fn an_address_belongs_to_who_proved_it_last() {
    let mut world = call();
    let (mine, theirs) = (world.peers[0].address, world.peers[1].check(true));
    world.inject(&mut [(mine, theirs)]);
    assert_eq!(world.leg_row(0).connected, 0);
    let plain = world.peers[0].check(false);
    world.inject(&mut [(mine, plain)]);
    assert_eq!(world.leg_row(0).connected, 1);
    // The other leg's path was taken with the address; its next check, within 2.5 s, gives it one again.
    let before = (received(&world, 0), received(&world, 1));
    world.run(ms(4_000));
    assert!(received(&world, 0) > before.0 + 100 && received(&world, 1) > before.1 + 100);
}
