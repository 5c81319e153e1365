//! The engine itself, with a shard of eight rooms.

use crate::cameras::{key, ssrc, Cameras, PAYLOAD_TYPE};
use crate::report::Round;
use crate::{PROFILE, ROOMS, WATCHERS};
use engine_core::api::{
    Codec, Extensions, Feed, Format, IceParams, Kind, LegId, RoomId, SlotSpec, SourceRef,
    SourceSpec,
};
use engine_core::Command;
use engine_io::{Config, Engine};
use engine_wire::stun;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

const PASSWORD: &str = "a-password-of-the-bench";
const PATIENCE: Duration = Duration::from_secs(10);

pub(crate) struct Bridge {
    engine: Engine,
    address: SocketAddr,
}

#[derive(Clone, Copy)]
struct Counts {
    packets: u64,
    cpu_us: u64,
    drops: u64,
}

impl Bridge {
    /// Legs of room r are r (the camera), then ROOMS + r * WATCHERS and the following (those who watch).
    pub(crate) fn start(cameras: &mut Cameras) -> Self {
        let ip = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let config = Config {
            ip,
            base_port: 0,
            shards: 1,
            drills: false,
        };
        let engine = Engine::start(config).unwrap();
        let bridge = Self {
            address: engine.addresses()[0],
            engine,
        };
        for room in 0..ROOMS {
            bridge.add(room, room, true);
            let watchers = watchers(room);
            watchers
                .clone()
                .for_each(|leg| bridge.add(leg, room, false));
            let feeds = watchers.map(|leg| feed(leg, room)).collect();
            bridge.submit(&Command::SetFeeds {
                room: RoomId(room as u64),
                feeds,
            });
        }
        bridge.check_all(cameras);
        bridge
    }

    fn submit(&self, command: &Command) {
        self.engine
            .submit(&rmp_serde::to_vec_named(command).unwrap())
            .unwrap();
    }

    fn add(&self, leg: usize, room: usize, is_camera: bool) {
        let id = LegId(leg as u64);
        self.submit(&add_leg(leg, room, is_camera));
        self.submit(&Command::SetKeys {
            leg: id,
            profile: PROFILE.name().into(),
            local: key(leg + 100_000),
            remote: key(leg),
        });
        self.submit(&Command::SetGate {
            leg: id,
            open: true,
        });
    }

    /// Consent lasts thirty seconds, so every round begins with a check of each leg.
    fn check_all(&self, cameras: &Cameras) {
        let start = Instant::now();
        loop {
            for (room, camera) in cameras.all.iter().enumerate() {
                self.check(&camera.socket, room);
                let legs = watchers(room).zip(&camera.watchers);
                legs.for_each(|(leg, socket)| self.check(socket, leg));
            }
            self.engine.drain_events(10_000).unwrap();
            if self.connected() == ROOMS * (1 + WATCHERS) {
                break;
            }
            // A check may have overtaken the command that makes its leg.
            assert!(start.elapsed() < PATIENCE, "not every leg connects");
        }
        let mut sink = [0; 2_048];
        let readers = cameras.all.iter().map(|camera| &camera.socket);
        readers.for_each(|socket| while socket.recv(&mut sink).is_ok() {});
    }

    fn check(&self, socket: &UdpSocket, leg: usize) {
        let mut check = Vec::new();
        let user = format!("leg{leg}:peer");
        stun::write_binding_request(
            &mut check,
            &[3; 12],
            &user,
            PASSWORD.as_bytes(),
            1,
            Some(1),
            true,
        );
        socket.send_to(&check, self.address).unwrap();
    }

    fn connected(&self) -> usize {
        self.column(0, "connected").iter().sum::<u64>() as usize
    }

    fn column(&self, block: usize, name: &str) -> Vec<u64> {
        let blocks = self.engine.snapshot(PATIENCE).unwrap();
        let names = Engine::columns()[block];
        let at = names.iter().position(|column| *column == name).unwrap();
        let rows = blocks[block].chunks_exact(8 * names.len());
        rows.map(|row| u64::from_le_bytes(row[at * 8..at * 8 + 8].try_into().unwrap()))
            .collect()
    }

    fn counts(&self) -> Counts {
        Counts {
            packets: self.column(0, "rtp_out").iter().sum(),
            drops: self.column(2, "send_drops").iter().sum(),
            cpu_us: self.column(2, "cpu_us").iter().sum(),
        }
    }

    pub(crate) fn round(&mut self, cameras: &mut Cameras, span: Duration) -> Round {
        self.check_all(cameras);
        let (start, before) = (Instant::now(), self.counts());
        cameras.run(self.address, span);
        let (wall, after) = (start.elapsed(), self.counts());
        assert_eq!(
            after.drops, before.drops,
            "the socket did not take everything"
        );
        Round {
            packets: after.packets - before.packets,
            cpu_us: after.cpu_us - before.cpu_us,
            wall_us: wall.as_micros() as u64,
        }
    }
}

fn watchers(room: usize) -> std::ops::Range<usize> {
    let first = ROOMS + room * WATCHERS;
    first..first + WATCHERS
}

fn feed(leg: usize, room: usize) -> Feed {
    Feed {
        leg: LegId(leg as u64),
        slot: 0,
        from: Some(SourceRef {
            leg: LegId(room as u64),
            source: 1,
        }),
    }
}

fn add_leg(leg: usize, room: usize, is_camera: bool) -> Command {
    let vp8 = Format {
        pt: PAYLOAD_TYPE,
        codec: Codec::Vp8,
        clock_rate: 90_000,
        rtx_pt: Some(97),
        nack: true,
        pli: true,
        packetization_mode: None,
        profile: None,
        level_asymmetry: false,
    };
    let source = SourceSpec {
        source: 1,
        kind: Kind::Video,
        mid: "1".into(),
        ssrc: Some(ssrc(room)),
        rtx_ssrc: None,
        formats: vec![vp8.clone()],
    };
    let slot = SlotSpec {
        slot: 0,
        kind: Kind::Video,
        ssrc: 0x10_0000 + leg as u32,
        rtx_ssrc: Some(0x20_0000 + leg as u32),
        formats: vec![vp8],
    };
    Command::AddLeg {
        leg: LegId(leg as u64),
        room: RoomId(room as u64),
        ice: IceParams {
            local_ufrag: format!("leg{leg}"),
            local_pwd: PASSWORD.into(),
            remote_ufrag: "peer".into(),
        },
        sources: if is_camera { vec![source] } else { vec![] },
        slots: if is_camera { vec![] } else { vec![slot] },
        extensions: Extensions::default(),
        cname: "bench".into(),
    }
}
