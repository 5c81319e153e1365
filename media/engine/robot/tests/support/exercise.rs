//! What the fuzz target of the robots runs, and the test that replays what fuzzing has kept: an input is a list of steps.

use super::engine::{ms, Input};
use super::peer::CLIENT;
use super::{Peer, PeerSpec};
use engine_robot::api::ClientId;
use engine_robot::Command;
use engine_wire::demux::{classify, Class};
use engine_wire::rtcp;
use engine_wire::rtp::RtpHeader;
use std::collections::HashMap;
use std::net::SocketAddr;

/// Panics if what should hold does not.
pub type Exercise = fn(&[u8]);

/// Every exercise by the name of its fuzz target.
pub const ALL: [(&str, Exercise); 1] = [("robot", robot)];

/// A robot whose peer sends anything, genuine or not. What the robot sends opens, goes to its peer, and uses no nonce for
/// two texts.
pub fn robot(data: &[u8]) {
    let mut input = Input(data);
    let choice = input.byte();
    let mut peer = Peer::connected(PeerSpec {
        named: choice & 1 != 0,
        mid: choice & 2 != 0,
        twcc: choice & 4 != 0,
        cameras: 2,
    });
    let mut audit = Audit::default();
    while !input.0.is_empty() {
        let heard = step(&mut peer, &mut input);
        audit.check(&mut peer, &heard);
    }
    let heard = peer.run(ms(200));
    audit.check(&mut peer, &heard);
    let rows = peer.snapshot();
    assert!(rows.receivers.iter().all(|row| row.lost <= row.expected));
}

fn step(peer: &mut Peer, input: &mut Input<'_>) -> Vec<Vec<u8>> {
    let kind = input.byte();
    match kind % 9 {
        0 => peer.send(input.bytes().to_vec()),
        1 => {
            let from = SocketAddr::from(([10, 0, 0, 1], input.number()));
            peer.send_from(from, input.bytes().to_vec())
        }
        2 | 3 => {
            let ssrc = 1_000 + u32::from(input.number() & 0x01ff);
            let pt = [96, 97, 111, input.byte() & 0x7f][usize::from(kind >> 4) & 3];
            if kind & 0x80 != 0 {
                peer.sequence += u64::from(input.number() >> 3);
            }
            let mid = ["0", "1", "2", "x"][usize::from(kind >> 5) & 3];
            let mut packet = peer.rtp(ssrc, pt, (kind & 8 != 0).then_some(mid), input.bytes());
            let at = usize::from(input.byte());
            if let Some(byte) = packet.get_mut(at).filter(|_| kind & 4 != 0) {
                *byte ^= input.byte();
            }
            peer.send(packet)
        }
        4 => {
            let body = input.bytes();
            let packet = peer.rtcp(|out| {
                out.extend_from_slice(&[0x80, 201, 0, 1, 0, 0, 0, 1]);
                out.extend_from_slice(body);
            });
            peer.send(packet)
        }
        5 => {
            let lost: Vec<u16> = (0..input.byte() % 60)
                .map(|back| input.number() ^ u16::from(back))
                .collect();
            let (fir, media) = (input.byte(), 1 + u32::from(kind >> 7));
            let packet = peer.rtcp(|out| {
                rtcp::write_pli(out, 9, media);
                rtcp::write_nack(out, 9, media, &lost);
                rtcp::write_fir(out, 9, media, fir);
            });
            peer.send(packet)
        }
        6 => peer.send(peer.check((kind & 0x80 != 0).then_some(input.number().into()))),
        7 => peer.run(ms(u64::from(input.number() % 1_500))),
        _ => {
            command(peer, input);
            Vec::new()
        }
    }
}

fn command(peer: &mut Peer, input: &mut Input<'_>) {
    let choice = input.byte();
    let client = if choice & 0x80 == 0 {
        CLIENT
    } else {
        ClientId(7)
    };
    let stream = u16::from(choice >> 2 & 3);
    let source = (choice & 0x10 != 0).then_some(u64::from(choice >> 5));
    peer.command(match choice % 3 {
        0 => Command::Play {
            client,
            sender: stream,
            on: choice & 0x10 != 0,
        },
        1 => Command::Expect {
            client,
            receiver: stream,
            source,
        },
        _ => Command::SendClientDtls {
            client,
            datagrams: vec![input.bytes().to_vec().into()],
        },
    });
}

/// Every packet that the robot has sent, by its nonce, and the last one of each stream.
#[derive(Default)]
struct Audit {
    seen: HashMap<(u32, u16), Vec<u8>>,
    last: HashMap<u32, RtpHeader>,
    packets: u64,
}

impl Audit {
    fn check(&mut self, peer: &mut Peer, heard: &Vec<Vec<u8>>) {
        peer.open_rtcp(heard);
        for data in heard.iter().filter(|data| classify(data) == Class::Rtp) {
            self.packets += 1;
            let header = RtpHeader::parse(data).expect("a robot sends RTP");
            // Before the first sequence number comes round again.
            if self.packets > 60_000 {
                return;
            }
            let key = (header.ssrc, header.sequence);
            let before = self.seen.insert(key, data.clone());
            let again = before.is_some();
            assert!(before.is_none_or(|before| before == *data), "a nonce twice");
            let mut plain = data.clone();
            let opened = peer.inbound.unprotect_rtp(&mut plain, header.header_len);
            assert!(opened.is_ok() != again, "{opened:?}");
            // Streams 1 and 2 are media, the others repeat them.
            if !again && header.ssrc <= 2 {
                self.follow(header);
            }
        }
    }

    /// Numbers go on by one, and time goes on from picture to picture and stands still within one.
    fn follow(&mut self, header: RtpHeader) {
        let Some(before) = self.last.insert(header.ssrc, header) else {
            return;
        };
        assert_eq!(header.sequence, before.sequence.wrapping_add(1));
        let ticks = header.timestamp.wrapping_sub(before.timestamp) as i32;
        let next_picture = header.ssrc == 1 || before.marker;
        assert!(if next_picture { ticks > 0 } else { ticks == 0 }, "{ticks}");
    }
}
