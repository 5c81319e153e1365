//! The exercise of legs without ICE, for the fuzzer and for the tests that replay what it has kept.

use super::phone::{
    call_with, feeds, gate, key_frame, Exchange, Phone, Sent, EVENT, H235, MIXED, PCMU, PICTURES,
    PLAIN, SOUND, VP8,
};
use super::{ms, Input};
use engine_core::api::{Codec, Format, IceParams, LegId};
use engine_core::line::api::{Feedback, Remote, SetRemote, WantKeyFrame};
use engine_core::Command;
use engine_wire::demux::{classify, Class};
use engine_wire::stun;
use std::net::SocketAddr;

const H264: u8 = 97;

struct Game {
    exchange: Exchange,
    phones: [Phone; 2],
    open: [bool; 2],
}

/// Two phones, with keys of SRTP or H.235.6 or without, one of which may wait; datagrams of every sort from them and from strangers, and
/// commands in between; pictures may go by ICE. Whatever comes out is opened: with the keys of its line, each number once, and nothing behind a
/// closed gate.
pub fn lines(data: &[u8]) {
    let mut input = Input(data);
    let setting = input.byte();
    let suites = match setting & 129 {
        0 | 128 => MIXED,
        1 => PLAIN,
        _ => H235,
    };
    let (exchange, phones) = call_with(suites, |phone| {
        let line = &mut phone.lines[PICTURES].spec;
        line.remote.learn = setting & 2 != 0;
        line.ice = (setting & 64 != 0).then(ice);
        line.feedback = Feedback {
            pli: setting & 4 != 0,
            fir: setting & 8 != 0,
            tmmbr: setting & 16 != 0,
        };
        for formats in [&mut line.sources[0].formats, &mut line.slots[0].formats] {
            formats.push(Format {
                pt: H264,
                codec: Codec::H264,
                packetization_mode: Some(setting >> 5 & 1),
                ..formats[0].clone()
            });
        }
    });
    let open = [true; 2];
    let mut game = Game {
        exchange,
        phones,
        open,
    };
    while !input.0.is_empty() {
        game.step(&mut input);
    }
    let sent = game.exchange.pass(ms(3_000));
    game.check(&sent);
}

fn ice() -> IceParams {
    IceParams {
        local_ufrag: "line".into(),
        local_pwd: "the-password-of-a-line".into(),
    }
}

impl Game {
    fn step(&mut self, input: &mut Input<'_>) {
        let (kind, choice) = (input.byte(), input.byte());
        let (phone, line) = (usize::from(choice & 1), usize::from(choice >> 1 & 1));
        let (ports, from) = {
            let line = &self.phones[phone].lines[line];
            (line.spec.ports, line.from)
        };
        let port = match choice >> 2 & 1 {
            0 => ports.rtp,
            _ => ports.rtcp.unwrap_or(ports.rtp),
        };
        let stranger = SocketAddr::from(([203, 0, 113, choice >> 4], input.byte().into()));
        let from = if choice & 8 == 0 { from } else { stranger };
        let sent = match kind % 9 {
            0 => self.exchange.come(port, from, input.bytes().to_vec()),
            1 | 2 => {
                let (pt, payload) = Self::payload(line, input);
                let packet = self.phones[phone].lines[line].packet(pt, &payload);
                self.exchange.come(port, from, packet)
            }
            3 => {
                let mut compound = vec![0x80, 201, 0, 1, 0, 0, 0, 1];
                compound.extend_from_slice(input.bytes());
                let report = self.phones[phone].lines[line].rtcp(compound);
                self.exchange.come(port, from, report)
            }
            4 => {
                let skip = u64::from(input.byte() % 40);
                self.phones[phone].lines[line].next += skip;
                Sent::new()
            }
            5 => self.exchange.pass(ms(u64::from(input.number() % 2_000))),
            6 => {
                self.open[phone] = choice & 128 == 0;
                self.exchange
                    .command(gate(phone as u64 + 1, self.open[phone]))
            }
            7 => self.command(phone as u64 + 1, (line as u8, from), choice),
            _ => self.exchange.come(port, from, Self::request(choice)),
        };
        self.check(&sent);
    }

    /// A check of ICE, which may nominate.
    fn request(choice: u8) -> Vec<u8> {
        let mut out = Vec::new();
        let key = ice().local_pwd.into_bytes();
        let nominates = choice & 128 != 0;
        stun::write_binding_request(
            &mut out,
            &[7; 12],
            "line:theirs",
            &key,
            1,
            Some(5),
            nominates,
        );
        out
    }

    fn payload(line: usize, input: &mut Input<'_>) -> (u8, Vec<u8>) {
        let kind = input.byte();
        match (line, kind % 4) {
            (SOUND, 0) => (PCMU, vec![kind; 160]),
            (SOUND, _) => (EVENT, input.bytes().to_vec()),
            (_, 0) => (VP8, key_frame(kind)),
            (_, 1) => (VP8, input.bytes().to_vec()),
            (_, _) => (H264, input.bytes().to_vec()),
        }
    }

    fn command(&mut self, leg: u64, (line, from): (u8, SocketAddr), choice: u8) -> Sent {
        let name = LegId(leg);
        let command = match choice >> 5 {
            0 => feeds(),
            1 => Command::WantKeyFrame(WantKeyFrame {
                leg: name,
                slot: line.into(),
            }),
            2 => Command::SetMuted {
                leg: name,
                source: line.into(),
                muted: choice & 16 != 0,
            },
            _ => {
                let remote = Remote {
                    rtp: from,
                    rtcp: None,
                    learn: choice & 16 != 0,
                };
                Command::SetRemote(SetRemote {
                    leg: name,
                    line,
                    remote,
                    keys: None,
                    ice: (choice & 128 != 0).then(ice),
                    max_bitrate: None,
                })
            }
        };
        self.exchange.command(command)
    }

    fn check(&mut self, sent: &Sent) {
        for (way, datagram) in sent {
            let lines = self.phones.iter_mut().zip(self.open);
            let mut lines = lines
                .flat_map(|(phone, open)| phone.lines.iter_mut().map(move |line| (line, open)));
            let ours = lines.find(|(line, _)| {
                let ports = line.spec.ports;
                ports.rtp == way.port || ports.rtcp == Some(way.port)
            });
            let (line, open) = ours.expect("from a port of a line");
            if classify(datagram) == Class::Stun {
                assert!(line.spec.ice.is_some(), "nobody asked");
                continue;
            }
            assert!(open, "behind a closed gate");
            assert!(matches!(classify(datagram), Class::Rtp | Class::Rtcp));
            // Opens with the keys of its line, and no number comes twice.
            line.open(datagram);
        }
    }
}
