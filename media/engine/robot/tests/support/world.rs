//! Robots, network and engine on one virtual clock.

use super::engine::{ms, Net, Path, START};
use super::material::{
    opus_clip, opus_format, video_format, vp8_clip, AUDIO, LEVEL_ID, MID_ID, TWCC_ID, VIDEO,
};
use super::spec::{keys_of, RobotSpec};
use engine_core::api::{
    Codec, EncodingSpec, Extensions, Feed, IceParams, Kind, LegId, RoomId, SlotSpec, SourceRef,
    SourceSpec,
};
use engine_core::random::Random;
use engine_core::stats::StreamRow;
use engine_core::{Datagram, Micros, Outbox, Shard};
use engine_robot::api::{
    source_id, ClientIce, ClientId, ClientSpec, Event, Pacing, ReceiverSpec, SenderSpec,
};
use engine_robot::stats::{ClientRow, ReceiverRow, SenderRow, Snapshot};
use engine_robot::{Change, Command, Fleet};
use engine_srtp::{Inbound, Outbound, Profile};
use engine_wire::demux::{classify, Class};
use engine_wire::rtp::RtpHeader;
use std::collections::HashMap;
use std::net::SocketAddr;

pub const PROFILE: Profile = Profile::AeadAes128Gcm;

/// One robot and its leg, which have the same number. Sender and source 0 are sound, 1 pictures; receiver and slot 2n
/// are sound of the nth other, 2n+1 pictures.
pub struct Robot {
    pub number: u64,
    pub address: SocketAddr,
    pub up: Path,
    pub down: Path,
    /// Keys that the engine sends with, and that the robot does.
    pub keys: [Vec<u8>; 2],
    place: usize,
}

/// A robot and the index of its receiver or sender.
pub type End = (u64, u16);

/// Changes a decrypted packet to a robot: its number, header, plain bytes.
pub type Tamper = Box<dyn FnMut(u64, &RtpHeader, &mut Vec<u8>)>;

pub struct World {
    pub now: Micros,
    pub shard: Shard,
    pub fleet: Fleet,
    pub net: Net,
    pub robots: Vec<Robot>,
    pub events: Vec<(Micros, Event)>,
    /// Every datagram that robots sent.
    pub sent: Vec<(Micros, u64, Vec<u8>)>,
    pub tamper: Option<Tamper>,
    openers: HashMap<u64, (Inbound, Outbound)>,
    pub room: RoomId,
    first: u64,
    pub size: u64,
    engine_address: SocketAddr,
    outbox: Outbox,
}

impl World {
    pub fn empty(seed: u64) -> Self {
        Self {
            now: START,
            shard: Shard::new(0),
            fleet: Fleet::new(0, seed),
            net: Net::new(seed),
            robots: Vec::new(),
            events: Vec::new(),
            sent: Vec::new(),
            tamper: None,
            openers: HashMap::new(),
            room: RoomId(1),
            first: 1,
            size: 0,
            engine_address: SocketAddr::from(([10, 0, 0, 1], 40_000)),
            outbox: Outbox::with_capacity(1 << 16),
        }
    }

    /// For a room of that size, of which nobody has joined yet.
    pub fn sized(size: u64) -> Self {
        Self::sized_from(1, 1, size)
    }

    /// As [`Self::sized`], for one room of many; its robots are numbered from `first` on.
    pub fn sized_from(room: u64, first: u64, size: u64) -> Self {
        Self {
            room: RoomId(room),
            first,
            size,
            ..Self::empty(1)
        }
    }

    pub fn members(&self) -> std::ops::Range<u64> {
        self.first..self.first + self.size
    }

    /// A room of robots that are admitted and see and hear each other.
    pub fn with_room(seed: u64, path: Path, size: u64, spec: RobotSpec) -> Self {
        let mut world = Self::empty(seed);
        world.size = size;
        world.command(opus_clip());
        match spec.codec {
            Codec::H264 => world.command(super::h264_clip()),
            _ => world.command(vp8_clip(60)),
        }
        for number in 1..=size {
            world.join(number, path, spec);
        }
        world.set_feeds(&world.whole_plan());
        world
    }

    /// Whom receivers `2n` and `2n + 1` of a robot carry.
    pub fn others(&self, number: u64) -> impl Iterator<Item = u64> {
        self.members().filter(move |other| *other != number)
    }

    pub fn join(&mut self, number: u64, path: Path, spec: RobotSpec) {
        for command in self.leg_commands(number, spec) {
            self.shard
                .handle_command(self.now, command, &mut self.outbox);
        }
        let address = SocketAddr::from(([10, 0, 1, number as u8], 20_000));
        let keys = keys_of(number);
        self.robots.push(Robot {
            number,
            address,
            up: path,
            down: path,
            keys: keys.clone(),
            place: usize::MAX,
        });
        let opener = (
            Inbound::new(PROFILE, &keys[0]).unwrap(),
            Outbound::new(PROFILE, &keys[0]).unwrap(),
        );
        self.openers.insert(number, opener);
        for command in self.client_commands(number, spec, self.engine_address) {
            self.command(command);
        }
    }

    /// A leg with keys and an open gate.
    pub fn leg_commands(&self, number: u64, spec: RobotSpec) -> [engine_core::Command; 3] {
        let [local, remote] = keys_of(number);
        let (leg, open) = (LegId(number), true);
        let set_keys = engine_core::Command::SetKeys {
            leg,
            profile: PROFILE.name().into(),
            local,
            remote,
        };
        let set_gate = engine_core::Command::SetGate { leg, open };
        [self.add_leg(number, spec), set_keys, set_gate]
    }

    /// Its robot with keys.
    pub fn client_commands(
        &self,
        number: u64,
        spec: RobotSpec,
        remote: SocketAddr,
    ) -> [Command; 2] {
        let add = self.add_client(number, spec, remote);
        let [remote, local] = keys_of(number);
        let set_keys = Command::SetClientKeys {
            client: ClientId(number),
            profile: PROFILE.name().into(),
            local,
            remote,
        };
        [add, set_keys]
    }

    pub fn command(&mut self, command: Command) {
        let (_, client) = command.subject();
        let change = self
            .fleet
            .handle_command(self.now, command, &mut self.outbox);
        if let Change::Added(place) = change {
            let robot = self.robots.iter_mut().find(|r| r.number == client.0);
            robot.unwrap().place = place;
        }
        let robot = self.robots.iter().position(|r| r.number == client.0);
        if let Some(robot) = robot {
            self.carry_up(robot);
        }
        self.note_events();
    }

    /// (robot, receiver) from (robot, sender).
    pub fn whole_plan(&self) -> Vec<(End, End)> {
        let mut plan = Vec::new();
        for number in self.members() {
            for (at, other) in self.others(number).enumerate() {
                for source in 0..2 {
                    plan.push(((number, 2 * at as u16 + source), (other, source)));
                }
            }
        }
        plan
    }

    pub fn set_feeds(&mut self, plan: &[(End, End)]) {
        let command = self.feeds(plan);
        self.shard
            .handle_command(self.now, command, &mut self.outbox);
        self.carry_down();
    }

    pub fn feeds(&self, plan: &[(End, End)]) -> engine_core::Command {
        let feed = |((leg, slot), (from, source)): (End, End)| Feed {
            leg: LegId(leg),
            slot,
            from: Some(SourceRef {
                leg: LegId(from),
                source,
            }),
            importance: Feed::of_others(),
            height: None,
        };
        let feeds = plan.iter().copied().map(feed).collect();
        let room = self.room;
        engine_core::Command::SetFeeds { room, feeds }
    }

    pub fn run(&mut self, span: Micros) {
        let end = self.now + span;
        while let Some(next) = self.next_at().filter(|next| *next <= end) {
            self.now = self.now.max(next);
            self.step();
        }
        self.now = end;
    }

    fn next_at(&self) -> Option<Micros> {
        let times = [
            self.net.next_at(),
            self.shard.poll_timeout(),
            self.fleet.poll_timeout(),
        ];
        times.into_iter().flatten().min()
    }

    fn step(&mut self) {
        let now = self.now;
        for mut packet in self.net.arrived(now) {
            if packet.to == self.engine_address {
                let data = &mut packet.data;
                let from = packet.from;
                let mut batch = [Datagram { from, data }];
                self.shard.handle_batch(now, &mut batch, &mut self.outbox);
                self.carry_down();
            } else if let Some(at) = self.robots.iter().position(|r| r.address == packet.to) {
                self.deliver(at, packet.from, packet.data);
            }
        }
        self.shard.handle_timeout(now, &mut self.outbox);
        self.carry_down();
        while let Some(place) = self.fleet.poll_due(now) {
            self.fleet.handle_timeout(now, place, &mut self.outbox);
            let robot = self.robots.iter().position(|r| r.place == place);
            self.carry_up(robot.unwrap());
        }
        self.note_events();
    }

    /// A datagram arrives at a robot.
    pub fn deliver(&mut self, robot: usize, from: SocketAddr, mut data: Vec<u8>) {
        let (now, place) = (self.now, self.robots[robot].place);
        let arrived = (now, from, &mut data[..]);
        self.fleet
            .handle_datagram(now, place, arrived, &mut self.outbox);
        self.carry_up(robot);
        self.note_events();
    }

    pub fn deliver_from_engine(&mut self, robot: usize, data: Vec<u8>) {
        self.deliver(robot, self.engine_address, data);
    }

    fn carry_up(&mut self, robot: usize) {
        let Robot {
            address,
            up,
            number,
            ..
        } = self.robots[robot];
        for (to, datagram) in self.outbox.datagrams() {
            assert_eq!(to, self.engine_address, "a robot talks to its peer only");
            self.sent.push((self.now, number, datagram.to_vec()));
            self.net.send(self.now, up, (address, to), datagram);
        }
        self.outbox.clear();
    }

    fn carry_down(&mut self) {
        for (to, datagram) in self.outbox.datagrams() {
            let Some(robot) = self.robots.iter().find(|robot| robot.address == to) else {
                continue;
            };
            let mut data = datagram.to_vec();
            if let Some(tamper) = &mut self.tamper {
                let opener = self.openers.get_mut(&robot.number).unwrap();
                tamper_with(robot.number, &mut data, opener, tamper);
            }
            let ends = (self.engine_address, to);
            self.net.send(self.now, robot.down, ends, &data);
        }
        self.outbox.clear();
    }

    fn note_events(&mut self) {
        while let Some(event) = self.fleet.poll_event() {
            self.events.push((self.now, event));
        }
    }

    pub fn snapshot(&self) -> Snapshot {
        let mut snapshot = Snapshot::default();
        self.fleet.snapshot(self.now, &mut snapshot);
        snapshot
    }

    pub fn client(&self, number: u64) -> ClientRow {
        let rows = self.snapshot().clients;
        *rows.iter().find(|row| row.client == number).unwrap()
    }

    pub fn sender(&self, number: u64, sender: u64) -> SenderRow {
        let rows = self.snapshot().senders;
        let row = rows
            .iter()
            .find(|r| (r.client, r.sender) == (number, sender));
        *row.unwrap()
    }

    pub fn receiver(&self, number: u64, receiver: u64) -> ReceiverRow {
        let rows = self.snapshot().receivers;
        let mut rows = rows.iter();
        *rows
            .find(|r| (r.client, r.receiver) == (number, receiver))
            .unwrap()
    }

    /// A row of the engine: direction 0 for sources, 1 for slots.
    pub fn stream(&self, leg: u64, direction: u64, index: u64) -> StreamRow {
        let mut snapshot = engine_core::stats::Snapshot::default();
        self.shard.snapshot(&mut snapshot);
        let key = (leg, direction, index);
        let mut rows = snapshot.streams.iter();
        *rows
            .find(|row| (row.leg, row.direction, row.index) == key)
            .unwrap()
    }

    /// Pauses every sender.
    pub fn hush(&mut self) {
        for number in self.members() {
            for sender in 0..2 {
                let (client, on) = (ClientId(number), false);
                self.command(Command::Play { client, sender, on });
            }
        }
    }
}

fn tamper_with(
    number: u64,
    data: &mut Vec<u8>,
    (inbound, outbound): &mut (Inbound, Outbound),
    tamper: &mut Tamper,
) {
    if classify(data) != Class::Rtp {
        return;
    }
    let header = RtpHeader::parse(data).unwrap();
    let opened = inbound.unprotect_rtp(data, header.header_len).unwrap();
    data.truncate(opened.len);
    tamper(number, &header, data);
    let len = data.len();
    data.resize(len + PROFILE.rtp_overhead(), 0);
    let sealed = outbound.protect_rtp(data, len, header.header_len, opened.extended_sequence);
    sealed.unwrap();
}
