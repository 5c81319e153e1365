//! A peer without ICE, as a room system or a telephone is one: ports and keys for each line.

use super::legs::feed;
use super::START;
use engine_core::api::{
    Codec, EncodingSpec, Extensions, Format, Kind, LegId, Refusal, RoomId, SlotSpec, SourceSpec,
};
use engine_core::line::api::{
    AddLines, ChannelKey, Feedback, Keys, LinePorts, LineSpec, Protection, Remote,
};
use engine_core::line::LineRow;
use engine_core::stats::{LegRow, Snapshot};
use engine_core::{Command, Datagram, Event, Micros, Outbox, Shard, Way};
use engine_srtp::{Inbound, Outbound, Profile};
use engine_wire::demux::{classify, Class};
use engine_wire::rtp::{FixedHeader, RtpHeader};
use std::net::SocketAddr;

pub const SOUND: usize = 0;
pub const PICTURES: usize = 1;
pub const PCMU: u8 = 0;
pub const EVENT: u8 = 101;
pub const VP8: u8 = 96;

/// What the two directions of a line are protected by: what the phone sends with, and what the engine does.
pub type Suites = (Profile, Profile);

pub const PLAIN: Suites = (Profile::Plain, Profile::Plain);
pub const MIXED: Suites = (Profile::AesCm128HmacSha1_32, Profile::AeadAes256Gcm);
pub const H235: Suites = (Profile::H235Aes128Cbc, Profile::H235Aes128Cbc);

fn format(pt: u8, codec: Codec, clock_rate: u32) -> Format {
    Format {
        pt,
        codec,
        clock_rate,
        rtx_pt: None,
        nack: false,
        pli: codec == Codec::Vp8,
        packetization_mode: None,
        profile: None,
        level_asymmetry: false,
        lines: None,
        interval: None,
        transport_cc: false,
        remb: false,
        red_pt: None,
    }
}

/// One line of a phone.
pub struct PhoneLine {
    pub spec: LineSpec,
    pub from: SocketAddr,
    pub from_rtcp: SocketAddr,
    pub outbound: Outbound,
    pub inbound: Inbound,
    pub next: u64,
    /// That of every packet, instead of one that grows.
    pub timestamp: Option<u32>,
    /// Whether the next packets are the last of their picture.
    pub marker: bool,
    pub ssrc: u32,
}

pub struct Phone {
    pub leg: u64,
    pub lines: Vec<PhoneLine>,
}

fn master(profile: Profile, fill: u8) -> Vec<u8> {
    (0..profile.master_len())
        .map(|at| at as u8 ^ fill)
        .collect()
}

fn keys(profile: Profile, fill: u8) -> Keys {
    Keys {
        profile: profile.name().into(),
        master: master(profile, fill),
    }
}

fn channel_key(profile: Profile, fill: u8) -> ChannelKey {
    ChannelKey {
        profile: profile.name().into(),
        key: master(profile, fill),
        payload_type: None,
    }
}

impl Phone {
    /// A phone with a line of sound on ports of their own for RTCP, and one of pictures that multiplexes.
    pub fn new(leg: u64, suites: Suites) -> Self {
        let line = |number: usize| PhoneLine::new(leg, number, suites);
        Self {
            leg,
            lines: vec![line(SOUND), line(PICTURES)],
        }
    }

    pub fn add(&self, room: u64) -> AddLines {
        AddLines {
            leg: LegId(self.leg),
            room: RoomId(room),
            lines: self.lines.iter().map(|line| line.spec.clone()).collect(),
            extensions: Extensions::default(),
            cname: "phone".into(),
            allow_plain: true,
        }
    }
}

impl PhoneLine {
    fn new(leg: u64, number: usize, (theirs, ours): Suites) -> Self {
        let base = 20_000 + leg as u16 * 10 + number as u16 * 4;
        let from = SocketAddr::from(([192, 0, 2, leg as u8], base));
        let fill = leg as u8 * 16 + number as u8;
        let protection = if theirs.proves() {
            Protection::Sdes {
                local: keys(ours, fill),
                remote: keys(theirs, fill ^ 0x80),
            }
        } else if theirs.hides() {
            Protection::H235 {
                local: channel_key(ours, fill),
                remote: channel_key(theirs, fill ^ 0x80),
            }
        } else {
            Protection::Plain
        };
        let (kind, formats) = match number {
            SOUND => (
                Kind::Audio,
                vec![
                    format(PCMU, Codec::Pcmu, 8_000),
                    format(EVENT, Codec::TelephoneEvent, 8_000),
                ],
            ),
            _ => (Kind::Video, vec![format(VP8, Codec::Vp8, 90_000)]),
        };
        let spec = LineSpec {
            ports: LinePorts {
                rtp: base,
                rtcp: (number == SOUND).then_some(base + 1),
            },
            remote: Remote {
                rtp: from,
                rtcp: None,
                learn: false,
            },
            protection,
            ice: None,
            feedback: Feedback {
                pli: true,
                ..Feedback::default()
            },
            parameter_sets: Vec::new(),
            max_bitrate: None,
            sources: vec![SourceSpec {
                source: number as u16,
                kind,
                mid: String::new(),
                encodings: vec![EncodingSpec::default()],
                formats: formats.clone(),
            }],
            slots: vec![SlotSpec {
                slot: number as u16,
                kind,
                ssrc: leg as u32 * 100 + number as u32,
                rtx_ssrc: None,
                formats,
                fec: None,
                ccfb: false,
                max_ptime_ms: None,
            }],
        };
        Self {
            spec,
            from,
            from_rtcp: SocketAddr::new(from.ip(), from.port() + 1),
            outbound: Outbound::new(theirs, &master(theirs, fill ^ 0x80)).unwrap(),
            inbound: Inbound::new(ours, &master(ours, fill)).unwrap(),
            next: 1_000,
            timestamp: None,
            marker: false,
            ssrc: leg as u32 * 1_000 + number as u32,
        }
    }

    /// The next packet, of any payload type.
    pub fn packet(&mut self, payload_type: u8, payload: &[u8]) -> Vec<u8> {
        let header = FixedHeader {
            marker: self.marker,
            payload_type,
            sequence: self.next as u16,
            timestamp: self.timestamp.unwrap_or((self.next * 160) as u32),
            ssrc: self.ssrc,
        };
        let mut packet = header.to_bytes().to_vec();
        packet.extend_from_slice(payload);
        let plain = packet.len();
        packet.resize(plain + self.outbound.profile().rtp_overhead(), 0);
        let len = self.outbound.protect_rtp(&mut packet, plain, 12, self.next);
        packet.truncate(len.unwrap());
        self.next += 1;
        packet
    }

    pub fn rtcp(&mut self, mut compound: Vec<u8>) -> Vec<u8> {
        self.outbound.protect_rtcp(&mut compound).unwrap();
        compound
    }

    /// A datagram of the engine in the clear: payload of RTP, or a compound.
    pub fn open(&mut self, datagram: &[u8]) -> Vec<u8> {
        let mut plain = datagram.to_vec();
        if classify(datagram) == Class::Rtcp {
            let len = self.inbound.unprotect_rtcp(&mut plain).unwrap();
            return plain[..len].to_vec();
        }
        let header = RtpHeader::parse(datagram).unwrap();
        let opened = self.inbound.unprotect_rtp(&mut plain, header.header_len);
        plain.truncate(opened.unwrap().len);
        let payload = header.payload_range(&plain).unwrap();
        plain[payload].to_vec()
    }
}

/// The first packet of a key frame of VP8, with something after it.
pub fn key_frame(fill: u8) -> Vec<u8> {
    let mut payload = vec![
        0x10, 0x10, 0x02, 0x00, 0x9d, 0x01, 0x2a, 0x40, 0x01, 0xf0, 0x00,
    ];
    payload.extend([fill; 40]);
    payload
}

/// A shard with phones, and what has come out of it.
pub struct Exchange {
    pub now: Micros,
    pub shard: Shard,
    pub outbox: Outbox,
    pub events: Vec<Event>,
}

impl Default for Exchange {
    fn default() -> Self {
        Self {
            now: START,
            shard: Shard::new(0),
            outbox: Outbox::with_capacity(1 << 16),
            events: Vec::new(),
        }
    }
}

pub type Sent = Vec<(Way, Vec<u8>)>;

impl Exchange {
    pub fn command(&mut self, command: Command) -> Sent {
        self.shard
            .handle_command(self.now, command, &mut self.outbox);
        self.sent()
    }

    /// A datagram that comes to a port.
    pub fn come(&mut self, port: u16, from: SocketAddr, mut data: Vec<u8>) -> Sent {
        let mut batch = [Datagram {
            from,
            data: &mut data,
        }];
        self.shard
            .handle_batch_on(self.now, port, &mut batch, &mut self.outbox);
        self.sent()
    }

    /// RTP from a line to where it belongs.
    pub fn speak(&mut self, line: &mut PhoneLine, pt: u8, payload: &[u8]) -> Sent {
        let (port, from) = (line.spec.ports.rtp, line.from);
        let packet = line.packet(pt, payload);
        self.come(port, from, packet)
    }

    pub fn pass(&mut self, span: Micros) -> Sent {
        let end = self.now + span;
        let mut sent = Sent::new();
        while let Some(at) = self.shard.poll_timeout().filter(|at| *at <= end) {
            self.now = self.now.max(at);
            self.shard.handle_timeout(self.now, &mut self.outbox);
            sent.extend(self.sent());
        }
        self.now = end;
        sent
    }

    fn sent(&mut self) -> Sent {
        while let Some(event) = self.shard.poll_event() {
            assert!(
                !matches!(event, Event::RoomFailed { .. }),
                "a fault of the engine's own"
            );
            self.events.push(event);
        }
        let sends = self.outbox.sends().flat_map(|(send, bytes)| {
            let way = Way {
                to: send.to,
                port: send.port,
            };
            let parts = bytes.chunks(send.segment_size);
            parts.map(move |part| (way, part.to_vec()))
        });
        let sent = sends.collect();
        self.outbox.clear();
        sent
    }

    pub fn snapshot(&self) -> Snapshot {
        let mut snapshot = Snapshot::default();
        self.shard.snapshot(&mut snapshot);
        snapshot
    }

    pub fn line_row(&self, leg: u64, line: u64) -> LineRow {
        let rows = self.snapshot().lines;
        let row = rows.iter().find(|row| (row.leg, row.line) == (leg, line));
        *row.expect("the line is there")
    }

    pub fn leg_row(&self, leg: u64) -> LegRow {
        let rows = self.snapshot().legs;
        let mut rows = rows.iter().filter(|row| row.leg == leg);
        let row = *rows.next().expect("the leg is there");
        assert!(rows.next().is_none(), "a leg has one row");
        row
    }
}

/// Two phones in a room that see and hear each other, admitted.
pub fn call(suites: Suites) -> (Exchange, [Phone; 2]) {
    call_with(suites, |_| {})
}

/// The same of phones whose descriptions differ.
pub fn call_with(suites: Suites, change: impl Fn(&mut Phone)) -> (Exchange, [Phone; 2]) {
    let mut exchange = Exchange::default();
    let phones = [1, 2].map(|leg| {
        let mut phone = Phone::new(leg, suites);
        change(&mut phone);
        phone
    });
    for phone in &phones {
        exchange.command(Command::AddLines(phone.add(1)));
    }
    exchange.command(feeds());
    for phone in &phones {
        exchange.command(gate(phone.leg, true));
    }
    assert!(exchange
        .events
        .iter()
        .all(|e| !matches!(e, Event::CommandRefused { .. })));
    (exchange, phones)
}

pub fn feeds() -> Command {
    let ends = [
        ((1, 0), (2, 0)),
        ((1, 1), (2, 1)),
        ((2, 0), (1, 0)),
        ((2, 1), (1, 1)),
    ];
    Command::SetFeeds {
        room: RoomId(1),
        feeds: ends.map(|(to, from)| feed(to, from)).to_vec(),
    }
}

pub fn gate(leg: u64, open: bool) -> Command {
    let leg = LegId(leg);
    Command::SetGate { leg, open }
}

/// What of a kind was sent, with its way.
pub fn of_class(sent: &Sent, class: Class) -> Vec<&(Way, Vec<u8>)> {
    sent.iter()
        .filter(|(_, data)| classify(data) == class)
        .collect()
}

pub fn refusal(exchange: &Exchange) -> Option<Refusal> {
    let refused = exchange.events.iter().rev().find_map(|event| match event {
        Event::CommandRefused { code, .. } => Some(*code),
        _ => None,
    });
    refused
}
