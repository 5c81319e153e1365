//! Robots and the engine on real sockets and threads, driven with bytes as Python drives them.
#![allow(clippy::unwrap_used, reason = "a failed unwrap fails its test")]

mod support;

use engine_io::{Config, Engine};
use engine_robot::api::{ClientId, Command, Event, Refusal};
use engine_robot::Robots;
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;
use support::{opus_clip, vp8_clip, RobotSpec, World};

/// Longer than anything here takes; who waits that long has failed.
const PATIENCE: Duration = Duration::from_secs(20);

struct Listener<'a> {
    robots: &'a Robots,
    poll: Poll,
    seen: Vec<Event>,
}

impl<'a> Listener<'a> {
    fn new(robots: &'a Robots) -> Self {
        let poll = Poll::new().unwrap();
        let fd = robots.events_fd();
        poll.registry()
            .register(&mut SourceFd(&fd), Token(0), Interest::READABLE)
            .unwrap();
        let seen = Vec::new();
        Self { robots, poll, seen }
    }

    /// Waits until that many events fit.
    fn until(&mut self, count: usize, fits: impl Fn(&Event) -> bool) {
        let mut ready = Events::with_capacity(4);
        while self.seen.iter().filter(|event| fits(event)).count() < count {
            self.poll.poll(&mut ready, Some(PATIENCE)).unwrap();
            assert!(!ready.is_empty(), "nothing came after {:?}", self.seen);
            for event in self.robots.drain_events(1_000).unwrap() {
                self.seen.push(rmp_serde::from_slice(&event).unwrap());
            }
        }
    }
}

fn submit(robots: &Robots, command: &Command) {
    let bytes = rmp_serde::to_vec_named(command).unwrap();
    robots.submit(&bytes).unwrap();
}

fn tell(engine: &Engine, command: &engine_core::Command) {
    let bytes = rmp_serde::to_vec_named(command).unwrap();
    engine.submit(&bytes).unwrap();
}

fn engine() -> Engine {
    let ip = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let (base_port, shards) = (0, 1);
    Engine::start(Config {
        ip,
        base_port,
        shards,
        drills: false,
        lines: None,
    })
    .unwrap()
}

/// The value of a column in every row of a block of a snapshot.
fn column(blocks: &[Vec<u8>; 5], block: usize, name: &str) -> Vec<u64> {
    let names = Robots::columns()[block];
    let at = names.iter().position(|column| *column == name).unwrap();
    let words = blocks[block].chunks_exact(8);
    let words: Vec<u64> = words
        .map(|word| u64::from_le_bytes(word.try_into().unwrap()))
        .collect();
    words.chunks_exact(names.len()).map(|row| row[at]).collect()
}

/// Counters until every receiver has verified that many.
fn until_checked(robots: &Robots, least: u64) -> [Vec<u8>; 5] {
    for _ in 0..400 {
        let blocks = robots.snapshot(PATIENCE).unwrap();
        let checked = column(&blocks, 2, "checked");
        if !checked.is_empty() && checked.iter().all(|count| *count >= least) {
            return blocks;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    panic!("media does not flow");
}

/// Four robots on two threads meet in a room of the engine, and get each other's media whole.
#[test]
fn robots_meet_on_real_sockets() {
    let (engine, robots) = (engine(), Robots::start(2).unwrap());
    let mut listener = Listener::new(&robots);
    let room = World::sized(4);
    submit(&robots, &opus_clip());
    submit(&robots, &vp8_clip(60));
    for number in 1..=4 {
        for command in room.leg_commands(number, RobotSpec::default()) {
            tell(&engine, &command);
        }
        let remote = engine.addresses()[0];
        for command in room.client_commands(number, RobotSpec::default(), remote) {
            submit(&robots, &command);
        }
    }
    tell(&engine, &room.feeds(&room.whole_plan()));
    listener.until(4, |event| matches!(event, Event::ClientConnected { .. }));
    listener.until(24, |event| matches!(event, Event::FirstMedia { .. }));
    let blocks = until_checked(&robots, 30);
    for fault in [
        "content_failures",
        "auth_failures",
        "wrong_source",
        "unexpected",
        "lost",
    ] {
        assert_eq!(column(&blocks, 2, fault), [0; 24], "{fault}");
    }
    assert_eq!(column(&blocks, 3, "clients"), [2, 2]);
    assert!(column(&blocks, 3, "cpu_us").iter().all(|spent| *spent > 0));
    assert!(column(&blocks, 3, "sends").iter().all(|sends| *sends > 100));
    assert!(column(&blocks, 0, "rtt_us").iter().all(|rtt| *rtt > 0));
    let counts = blocks[4].chunks_exact(8);
    let counts: Vec<u64> = counts
        .map(|word| u64::from_le_bytes(word.try_into().unwrap()))
        .collect();
    let (audio, video) = counts.split_at(counts.len() / 2);
    assert_eq!(audio.len(), engine_core::histogram::BUCKETS);
    assert!(audio.iter().sum::<u64>() >= 12 * 30 && video.iter().sum::<u64>() >= 12 * 30);
    robots.reset_latency().unwrap();
    let client = ClientId(3);
    submit(&robots, &Command::RemoveClient { client });
    listener.until(1, |event| *event == Event::ClientRemoved { client });
    let blocks = robots.snapshot(PATIENCE).unwrap();
    assert_eq!(column(&blocks, 0, "client").len(), 3);
}

/// Addresses that are none, or not ours, and clips that are none, are refused by name.
#[test]
fn what_cannot_be_is_refused() {
    let robots = Robots::start(2).unwrap();
    let mut listener = Listener::new(&robots);
    submit(&robots, &opus_clip());
    submit(&robots, &vp8_clip(60));
    submit(&robots, &opus_clip());
    let room = World::sized(2);
    let remote = (Ipv4Addr::LOCALHOST, 9).into();
    let whole = room.client_commands(1, RobotSpec::default(), remote);
    let Some(Command::AddClient(spec)) = whole.first().cloned() else {
        panic!("{whole:?}");
    };
    let mut expected = vec![("AddClip", 0, Refusal::DuplicateClip)];
    for (number, bind, code) in [
        (11, "nowhere", Refusal::BadAddress),
        (12, "::1", Refusal::BadAddress),
        // TEST-NET-1 (RFC 5737) is no machine's.
        (13, "192.0.2.1", Refusal::Socket),
    ] {
        let (client, bind) = (ClientId(number), bind.to_owned());
        let spec = spec.clone();
        submit(
            &robots,
            &Command::AddClient(engine_robot::api::ClientSpec {
                client,
                bind,
                ..spec
            }),
        );
        expected.push(("AddClient", number, code));
    }
    for (command, client, code) in expected {
        let refused = Event::ClientRefused {
            command: command.into(),
            client: ClientId(client),
            code,
        };
        listener.until(1, |event| *event == refused);
    }
    let unknown = rmp_serde::to_vec_named(&[("type", "BecomeHuman")]).unwrap();
    assert_eq!(robots.submit(&unknown).unwrap_err().code(), "schema");
}

/// Stopping ends the threads; what comes afterwards is refused, and a second stop does nothing.
#[test]
fn stopping_ends_the_threads() {
    let robots = Robots::start(2).unwrap();
    robots.stop();
    robots.stop();
    let command = rmp_serde::to_vec_named(&opus_clip()).unwrap();
    assert_eq!(robots.submit(&command).unwrap_err().code(), "stopped");
    assert_eq!(robots.snapshot(PATIENCE).unwrap_err().code(), "stopped");
    assert_eq!(Robots::start(0).err().unwrap().code(), "config");
}
