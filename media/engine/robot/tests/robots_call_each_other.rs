//! Robots in rooms of the engine, on a virtual clock: they join, their media goes both ways, and what they say about it
//! is so.
#![allow(clippy::unwrap_used, reason = "a failed unwrap fails its test")]

mod support;

use engine_core::api::Codec;
use engine_core::Micros;
use engine_robot::api::{source_id, ClientId, Event, Pacing};
use engine_robot::stats::ReceiverRow;
use engine_robot::Command;
use engine_wire::demux::{classify, Class};
use engine_wire::rtp::RtpHeader;
use std::collections::HashMap;
use support::{ms, Path, RobotSpec, World};

fn faults(row: &ReceiverRow) -> u64 {
    row.auth_failures + row.content_failures + row.wrong_source + row.unexpected
}

/// Everyone gets everyone's sound and pictures whole, once, from the right source, as fast as the network is.
#[test]
fn three_robots_get_each_others_media() {
    for codec in [Codec::Vp8, Codec::H264] {
        let spec = RobotSpec {
            codec,
            ..RobotSpec::default()
        };
        let mut world = World::with_room(1, Path::with_delay(20), 3, spec);
        world.run(ms(10_000));
        let snapshot = world.snapshot();
        assert_eq!(snapshot.receivers.len(), 12);
        for row in &snapshot.receivers {
            assert_eq!(faults(row), 0, "{row:?}");
            assert_eq!((row.lost, row.duplicates, row.repaired), (0, 0, 0));
            assert_eq!(row.packets, row.expected);
            let per_second = if row.kind == 0 { 50 } else { 25 };
            assert!(row.checked > per_second * 9, "{codec:?} {row:?}");
        }
        let bounds = engine_core::histogram::Histogram::bounds();
        for histogram in [&snapshot.latency.audio, &snapshot.latency.video] {
            let counts = histogram.counts().iter().zip(&bounds);
            let taken: Vec<_> = counts.filter(|(n, _)| **n > 0).map(|(_, b)| *b).collect();
            assert_eq!(taken.len(), 1, "twice 20 ms, always: {taken:?}");
            assert!((40_000..43_000).contains(&taken[0]));
        }
        let joined = world
            .events
            .iter()
            .filter(|(_, event)| matches!(event, Event::ClientConnected { .. }));
        assert_eq!(joined.count(), 3);
    }
}

/// First packets are told with their time, once for each receiver.
#[test]
fn first_media_is_told_once() {
    let mut world = World::with_room(2, Path::with_delay(10), 2, RobotSpec::default());
    world.run(ms(3_000));
    let mut told = HashMap::new();
    for (_, event) in &world.events {
        if let Event::FirstMedia {
            client,
            receiver,
            at_us,
        } = event
        {
            assert!(told.insert((*client, *receiver), *at_us).is_none());
        }
    }
    assert_eq!(told.len(), 4);
    for ((client, receiver), at) in told {
        let row = world.receiver(client.0, receiver.into());
        assert_eq!(row.first_us, at.0);
    }
}

/// A clip is sent at its own pace for as long as one likes: numbers, timestamps and picture ids go on over its end.
#[test]
fn a_clip_loops_without_a_seam() {
    let mut world = World::with_room(3, Path::PERFECT, 2, RobotSpec::default());
    world.run(ms(10_000));
    let row = world.sender(1, 1);
    assert!((299..=302).contains(&row.pictures), "{}", row.pictures);
    assert_eq!((row.late_us_max, row.late_resets), (0, 0));
    let mut last = None;
    let keys = world.robots[0].keys[1].clone();
    let mut inbound = engine_srtp::Inbound::new(support::PROFILE, &keys).unwrap();
    let ours = world.sent.iter().filter(|(_, robot, _)| *robot == 1);
    for (at, _, datagram) in ours.filter(|(_, _, d)| classify(d) == Class::Rtp) {
        let header = RtpHeader::parse(datagram).unwrap();
        if header.payload_type != 96 {
            continue;
        }
        let mut plain = datagram.clone();
        let opened = inbound
            .unprotect_rtp(&mut plain, header.header_len)
            .unwrap();
        let payload = &plain[header.header_len..opened.len];
        let vp8 = engine_wire::payload::vp8::Descriptor::parse(payload).unwrap();
        let ids = (vp8.picture_id.unwrap(), vp8.tl0_pic_idx.unwrap());
        if let Some((sequence, timestamp, (picture, tl0), marker, before)) = last {
            assert_eq!(opened.extended_sequence, sequence + 1);
            let step = u16::from(marker);
            assert_eq!(ids.0, (picture + step) & 0x7fff);
            assert_eq!(ids.1, u8::wrapping_add(tl0, step as u8));
            let ticks = header.timestamp.wrapping_sub(timestamp);
            assert_eq!(ticks, 3_000 * u32::from(marker));
            let elapsed = Micros::since(*at, before).0;
            assert!(
                elapsed.abs_diff(u64::from(marker) * 33_333) <= 1,
                "{elapsed}"
            );
        }
        last = Some((
            opened.extended_sequence,
            header.timestamp,
            ids,
            header.marker,
            *at,
        ));
    }
    assert!(last.is_some());
}

/// Spread pictures keep their rate, and no two packets of one leave at one moment.
#[test]
fn even_pacing_spreads_a_picture_over_its_time() {
    let spec = RobotSpec {
        pacing: Pacing::Even,
        ..RobotSpec::default()
    };
    let mut world = World::with_room(4, Path::PERFECT, 2, spec);
    world.run(ms(5_000));
    let mut last: Option<(Micros, u32)> = None;
    for (at, robot, datagram) in &world.sent {
        let header = RtpHeader::parse(datagram).ok();
        let Some(header) = header.filter(|h| *robot == 1 && h.payload_type == 96) else {
            continue;
        };
        if let Some((before, timestamp)) = last {
            let gap = at.since(before).0;
            assert!(gap > 8_000, "{gap} us apart");
            assert!(header.timestamp == timestamp || gap <= 33_334);
        }
        last = Some((*at, header.timestamp));
    }
    assert!((149..=151).contains(&world.sender(1, 1).pictures));
    assert_eq!(world.receiver(2, 1).content_failures, 0);
}

/// A thread that was held up does not send in a bunch what it missed: it leaves the time out and says so.
#[test]
fn who_was_held_up_does_not_bunch() {
    let mut world = World::with_room(5, Path::PERFECT, 2, RobotSpec::default());
    world.run(ms(2_000));
    let before = world.sender(1, 1).pictures;
    world.now = world.now + ms(3_000);
    let at = world.now;
    world.run(ms(0));
    let burst = world.sent.iter().filter(|(time, robot, data)| {
        let pictures = RtpHeader::parse(data).is_ok_and(|h| h.payload_type == 96 && h.marker);
        *time == at && *robot == 1 && pictures
    });
    assert_eq!(burst.count(), 1);
    world.run(ms(1_000));
    let row = world.sender(1, 1);
    assert!((30..=32).contains(&(row.pictures - before)), "{row:?}");
    assert_eq!(row.late_resets, 1);
    assert!((2_960_000..=3_000_000).contains(&row.late_us_max));
    assert_eq!(world.receiver(2, 1).lost, 0);
}

/// Reports go both ways: the engine knows the robots' round trip and loss, they know the engine's reports.
#[test]
fn reports_go_both_ways() {
    let mut world = World::with_room(6, Path::with_delay(25), 2, RobotSpec::default());
    world.run(ms(6_000));
    let slot = world.stream(1, 1, 1);
    assert!((49_000..=51_000).contains(&slot.rtt_us), "{}", slot.rtt_us);
    assert_eq!((slot.lost, slot.fraction_lost), (0, 0));
    let client = world.client(1);
    assert!(client.reports_in >= 4, "{}", client.reports_in);
    assert!(
        (49_000..=51_000).contains(&client.rtt_us),
        "{}",
        client.rtt_us
    );
}

/// A request for a key frame brings the clip's next one at once, however far it is, and everything goes on from there.
#[test]
fn a_request_brings_a_key_frame_at_once() {
    let mut world = World::with_room(7, Path::PERFECT, 2, RobotSpec::default());
    world.run(ms(1_000));
    let before = world.receiver(2, 1).keyframes;
    // The engine asks the source when a slot begins anew.
    world.set_feeds(&[]);
    world.run(ms(100));
    world.set_feeds(&world.whole_plan());
    let asked = world.now;
    world.run(ms(40));
    assert_eq!(world.receiver(2, 1).keyframes, before + 1);
    assert!(world.sender(1, 1).keyframe_requests >= 1);
    let first = world.sent.iter().find(|(at, robot, data)| {
        let pictures = RtpHeader::parse(data).is_ok_and(|h| h.payload_type == 96);
        *at >= asked && *robot == 1 && pictures
    });
    assert_eq!(first.unwrap().0, asked, "before the picture's own time");
    world.run(ms(2_000));
    let row = world.receiver(2, 1);
    assert_eq!((faults(&row), row.lost), (0, 0));
    let rate = world.sender(1, 1).pictures;
    assert!((92..=97).contains(&rate), "{rate}");
}

/// Who gets another's media than expected says so, and nobody else does.
#[test]
fn the_wrong_source_is_seen() {
    let mut world = World::with_room(8, Path::with_delay(5), 3, RobotSpec::default());
    let mut plan = world.whole_plan();
    let swapped = plan.iter_mut().find(|(to, _)| *to == (1, 1)).unwrap();
    assert_eq!(swapped.1, (2, 1));
    swapped.1 = (3, 1);
    world.set_feeds(&plan);
    world.run(ms(3_000));
    for row in world.snapshot().receivers {
        let wrong = (row.client, row.receiver) == (1, 1);
        assert_eq!(
            row.wrong_source,
            if wrong { row.checked } else { 0 },
            "{row:?}"
        );
        assert_eq!(row.content_failures + row.unexpected, 0);
    }
    assert_eq!(world.receiver(1, 1).source, source_id(ClientId(3), 1));
}

/// Packets where nobody's may come are counted, also when none is decrypted.
#[test]
fn media_for_nobody_is_seen() {
    let spec = RobotSpec {
        check_percent: 0,
        ..RobotSpec::default()
    };
    let mut world = World::with_room(9, Path::PERFECT, 2, spec);
    let (client, receiver, source) = (ClientId(1), 1, None);
    world.run(ms(1_000));
    world.command(Command::Expect {
        client,
        receiver,
        source,
    });
    let before = world.receiver(1, 1).packets;
    world.run(ms(1_000));
    let row = world.receiver(1, 1);
    assert_eq!(row.unexpected, row.packets - before);
    assert!(row.unexpected > 50);
    assert_eq!(world.receiver(1, 0).unexpected, 0);
}

/// With a time of grace, a change that is announced a little before or after it is seen counts as no fault; one that is
/// never announced does.
#[test]
fn a_change_is_allowed_to_be_seen_around_its_announcement() {
    let spec = RobotSpec {
        grace_ms: 400,
        ..RobotSpec::default()
    };
    for announced in [-200_i64, 200] {
        let mut world = World::with_room(10, Path::with_delay(5), 3, spec);
        world.run(ms(1_000));
        let mut plan = world.whole_plan();
        plan.iter_mut().find(|(to, _)| *to == (1, 1)).unwrap().1 = (3, 1);
        let expect = Command::Expect {
            client: ClientId(1),
            receiver: 1,
            source: Some(source_id(ClientId(3), 1)),
        };
        if announced < 0 {
            world.command(expect);
            world.run(ms(announced.unsigned_abs()));
            world.set_feeds(&plan);
        } else {
            world.set_feeds(&plan);
            world.run(ms(announced.unsigned_abs()));
            world.command(expect);
        }
        world.run(ms(2_000));
        assert_eq!(world.receiver(1, 1).wrong_source, 0, "{announced} ms");
    }
    let mut world = World::with_room(10, Path::with_delay(5), 3, spec);
    let mut plan = world.whole_plan();
    plan.iter_mut().find(|(to, _)| *to == (1, 1)).unwrap().1 = (3, 1);
    world.set_feeds(&plan);
    world.run(ms(2_000));
    assert!(world.receiver(1, 1).wrong_source > 40);
}
