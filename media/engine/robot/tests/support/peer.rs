//! A peer that does to one robot whatever a test wants, by hand.

use super::engine::{ms, START};
use super::material::{opus_clip, vp8_clip, AUDIO, LEVEL_ID, MID_ID, TWCC_ID, VIDEO};
use super::world::PROFILE;
use engine_core::api::{Codec, Format, Kind};
use engine_core::{Micros, Outbox};
use engine_robot::api::{
    ClientIce, ClientId, ClientSpec, Event, Pacing, ReceiverSpec, SenderSpec, ANY_SOURCE,
};
use engine_robot::stats::{ClientRow, ReceiverRow, SenderRow, Snapshot};
use engine_robot::{Command, Fleet};
use engine_srtp::{Inbound, Outbound};
use engine_wire::demux::{classify, Class};
use engine_wire::rtcp;
use engine_wire::rtp::{FixedHeader, RtpHeader};
use engine_wire::stun::{self, Message, MessageClass};
use std::net::SocketAddr;

const OURS: &[u8] = b"password-of-the-peer-22";
const THEIRS: &[u8] = b"password-of-the-robot-22";
pub const CLIENT: ClientId = ClientId(1);

/// What the robot is told.
#[derive(Debug, Clone, Copy)]
pub struct PeerSpec {
    /// Whether it knows the SSRCs that it will get.
    pub named: bool,
    pub mid: bool,
    pub twcc: bool,
    /// Receivers of pictures; there is one of sound.
    pub cameras: u16,
}

/// Bytes and where they were sent to, by the robot.
pub type Heard = Vec<Vec<u8>>;

pub struct Peer {
    pub now: Micros,
    pub fleet: Fleet,
    pub events: Vec<Event>,
    pub address: SocketAddr,
    pub inbound: Inbound,
    pub outbound: Outbound,
    pub sequence: u64,
    place: usize,
    outbox: Outbox,
    twcc: u16,
}

impl Peer {
    /// A robot with keys whose first check was answered.
    pub fn connected(spec: PeerSpec) -> Self {
        let mut peer = Self::new(spec);
        let heard = peer.run(ms(0));
        let check = heard.iter().find(|data| classify(data) == Class::Stun);
        let answer = peer.answer(check.unwrap());
        peer.send(answer);
        peer
    }

    pub fn new(spec: PeerSpec) -> Self {
        let mut peer = Self {
            now: START,
            fleet: Fleet::new(0, 1),
            events: Vec::new(),
            address: SocketAddr::from(([10, 0, 0, 1], 40_000)),
            inbound: Inbound::new(PROFILE, &[2; 28]).unwrap(),
            outbound: Outbound::new(PROFILE, &[1; 28]).unwrap(),
            sequence: 1_000,
            place: 0,
            outbox: Outbox::with_capacity(1 << 16),
            twcc: 65_500,
        };
        peer.command(opus_clip());
        peer.command(vp8_clip(60));
        peer.command(Command::AddClient(client(peer.address, spec)));
        peer.command(Command::SetClientKeys {
            client: CLIENT,
            profile: PROFILE.name().into(),
            local: vec![2; 28],
            remote: vec![1; 28],
        });
        peer
    }

    pub fn command(&mut self, command: Command) {
        self.fleet
            .handle_command(self.now, command, &mut self.outbox);
        self.note_events();
    }

    /// Lets time pass; gives what the robot sent meanwhile, and what waited.
    pub fn run(&mut self, span: Micros) -> Heard {
        let end = self.now + span;
        while let Some(at) = self.fleet.poll_timeout().filter(|at| *at <= end) {
            self.now = self.now.max(at);
            while let Some(place) = self.fleet.poll_due(self.now) {
                self.fleet.handle_timeout(self.now, place, &mut self.outbox);
            }
        }
        self.now = end;
        self.note_events();
        self.collect()
    }

    fn collect(&mut self) -> Heard {
        let heard = self.outbox.datagrams().map(|(_, data)| data.to_vec());
        let heard = heard.collect();
        self.outbox.clear();
        heard
    }

    fn note_events(&mut self) {
        while let Some(event) = self.fleet.poll_event() {
            self.events.push(event);
        }
    }

    pub fn send(&mut self, data: Vec<u8>) -> Heard {
        self.send_from(self.address, data)
    }

    /// A datagram arrives; gives what the robot answers at once.
    pub fn send_from(&mut self, from: SocketAddr, mut data: Vec<u8>) -> Heard {
        let arrived = (self.now, from, &mut data[..]);
        self.fleet
            .handle_datagram(self.now, self.place, arrived, &mut self.outbox);
        self.note_events();
        self.collect()
    }

    /// The answer to a check of the robot's.
    pub fn answer(&self, check: &[u8]) -> Vec<u8> {
        let check = Message::parse(check).unwrap();
        assert!(check.class == MessageClass::Request && check.verify_integrity(OURS));
        let mut out = Vec::new();
        let mapped = SocketAddr::from(([10, 0, 0, 2], 5_000));
        stun::write_binding_success(&mut out, &check.transaction, mapped, OURS);
        out
    }

    /// A check of a full ICE peer.
    pub fn check(&self, controlling: Option<u64>) -> Vec<u8> {
        let mut out = Vec::new();
        let name = "robot:peer";
        stun::write_binding_request(&mut out, &[9; 12], name, THEIRS, 1, controlling, false);
        out
    }

    /// A protected packet; with the extensions, if they have a value.
    pub fn rtp(&mut self, ssrc: u32, pt: u8, mid: Option<&str>, payload: &[u8]) -> Vec<u8> {
        self.sequence += 1;
        let header = FixedHeader {
            marker: true,
            payload_type: pt,
            sequence: self.sequence as u16,
            timestamp: (self.sequence * 3_000) as u32,
            ssrc,
        };
        let mut packet = header.to_bytes().to_vec();
        packet[0] |= 0x10;
        let mut block = vec![0xbe, 0xde, 0, 0, TWCC_ID << 4 | 1];
        block.extend_from_slice(&self.twcc.to_be_bytes());
        self.twcc = self.twcc.wrapping_add(1);
        if let Some(mid) = mid {
            block.push(MID_ID << 4 | (mid.len() - 1) as u8);
            block.extend_from_slice(mid.as_bytes());
        }
        block.resize(block.len().next_multiple_of(4), 0);
        block[3] = (block.len() / 4 - 1) as u8;
        packet.extend_from_slice(&block);
        let header_len = packet.len();
        packet.extend_from_slice(payload);
        let len = packet.len();
        packet.resize(len + PROFILE.rtp_overhead(), 0);
        self.outbound
            .protect_rtp(&mut packet, len, header_len, self.sequence)
            .unwrap();
        packet
    }

    pub fn rtcp(&mut self, write: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
        let mut packet = Vec::new();
        write(&mut packet);
        self.outbound.protect_rtcp(&mut packet).unwrap();
        packet
    }

    /// The plain compounds among what was heard.
    pub fn open_rtcp(&mut self, heard: &Heard) -> Heard {
        let compounds = heard.iter().filter(|data| classify(data) == Class::Rtcp);
        let open = |data: &Vec<u8>| {
            let mut data = data.clone();
            let len = self.inbound.unprotect_rtcp(&mut data).unwrap();
            data.truncate(len);
            data
        };
        compounds.map(open).collect()
    }

    pub fn snapshot(&self) -> Snapshot {
        let mut snapshot = Snapshot::default();
        self.fleet.snapshot(self.now, &mut snapshot);
        snapshot
    }

    pub fn row(&self) -> ClientRow {
        self.snapshot().clients[0]
    }

    pub fn receiver(&self, at: usize) -> ReceiverRow {
        self.snapshot().receivers[at]
    }

    pub fn sender(&self, at: usize) -> SenderRow {
        self.snapshot().senders[at]
    }
}

fn client(remote: SocketAddr, spec: PeerSpec) -> ClientSpec {
    let cameras = (0..spec.cameras).map(|at| receiver(1 + at, spec));
    ClientSpec {
        client: CLIENT,
        remote: (remote.ip().to_string(), remote.port()),
        bind: "10.0.0.2".into(),
        ice: ClientIce {
            local_ufrag: "robot".into(),
            local_pwd: String::from_utf8_lossy(THEIRS).into(),
            remote_ufrag: "peer".into(),
            remote_pwd: String::from_utf8_lossy(OURS).into(),
        },
        senders: vec![sender(0), sender(1)],
        receivers: std::iter::once(receiver(0, spec)).chain(cameras).collect(),
        cname: "robot".into(),
        mid_ext: spec.mid.then_some(MID_ID),
        twcc_ext: spec.twcc.then_some(TWCC_ID),
        check_percent: 100,
        grace_ms: 0,
    }
}

fn receiver(receiver: u16, spec: PeerSpec) -> ReceiverSpec {
    let pictures = receiver > 0;
    let ssrc = 1_000 + u32::from(receiver);
    let format = Format {
        pt: if pictures { 96 } else { 111 },
        codec: if pictures { Codec::Vp8 } else { Codec::Opus },
        clock_rate: if pictures { 90_000 } else { 48_000 },
        rtx_pt: pictures.then_some(97),
        nack: pictures,
        pli: pictures,
        packetization_mode: None,
        profile: None,
        level_asymmetry: false,
    };
    ReceiverSpec {
        receiver,
        kind: if pictures { Kind::Video } else { Kind::Audio },
        mid: receiver.to_string(),
        ssrc: spec.named.then_some(ssrc),
        rtx_ssrc: (spec.named && pictures).then_some(ssrc + 500),
        formats: vec![format],
        nack: pictures,
        expects: Some(ANY_SOURCE),
    }
}

fn sender(sender: u16) -> SenderSpec {
    let pictures = sender == 1;
    let ssrc = 1 + u32::from(sender);
    SenderSpec {
        sender,
        clip: if pictures { VIDEO } else { AUDIO },
        start_frame: 0,
        ssrc,
        rtx_ssrc: pictures.then_some(ssrc + 100),
        pt: if pictures { 96 } else { 111 },
        rtx_pt: pictures.then_some(97),
        mid: sender.to_string(),
        mid_ext: Some(MID_ID),
        audio_level_ext: (!pictures).then_some(LEVEL_ID),
        twcc_ext: Some(TWCC_ID),
        nack: pictures,
        pacing: Pacing::Burst,
    }
}
