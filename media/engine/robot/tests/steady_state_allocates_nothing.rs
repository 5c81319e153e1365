//! Once warm, a robot sends, receives, checks and repairs without a single call to the allocator.
#![allow(clippy::unwrap_used, reason = "a failed unwrap fails its test")]

mod support;

use engine_core::{Micros, Outbox};
use engine_robot::Fleet;
use engine_wire::rtcp;
use engine_wire::rtp::RtpHeader;
use std::net::SocketAddr;
use support::{allocations_of, ms, Counting, Peer, PeerSpec};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const SPEC: PeerSpec = PeerSpec {
    named: true,
    mid: true,
    twcc: true,
    cameras: 3,
};

fn let_run(fleet: &mut Fleet, (start, end): (Micros, Micros), out: &mut Outbox) -> usize {
    let (mut now, mut sent) = (start, 0);
    while let Some(at) = fleet.poll_timeout().filter(|at| *at <= end) {
        now = now.max(at);
        while let Some(place) = fleet.poll_due(now) {
            fleet.handle_timeout(now, place, out);
            sent += out.datagrams().count();
            out.clear();
        }
    }
    sent
}

/// Ten seconds of sound and pictures, with checks and reports, allocate nothing.
#[test]
fn sending_allocates_nothing() {
    let mut peer = Peer::connected(SPEC);
    peer.run(ms(3_000));
    let mut out = Outbox::with_capacity(1 << 20);
    let span = (peer.now, peer.now + ms(10_000));
    let mut sent = 0;
    let count = allocations_of(|| sent = let_run(&mut peer.fleet, span, &mut out));
    assert_eq!(count, 0);
    assert!(sent > 1_200, "{sent}");
}

fn deliver(fleet: &mut Fleet, at: Micros, from: SocketAddr, packet: &mut [u8], out: &mut Outbox) {
    fleet.handle_datagram(at, 0, (at, from, packet), out);
    out.clear();
}

/// Media with losses, repairs and requests for repair: nothing is allocated but for the reports of arrivals, ten a second.
#[test]
fn receiving_allocates_for_reports_of_arrivals_only() {
    let mut peer = Peer::connected(SPEC);
    let heard = peer.run(ms(100));
    let numbers = heard.iter().filter_map(|data| RtpHeader::parse(data).ok());
    let number = numbers
        .max_by_key(|header| header.sequence)
        .unwrap()
        .sequence;
    let mut packets = Vec::new();
    for round in 0..1_200_u32 {
        let camera = round % 3;
        let payload = [&[0x90, 0x80, 0x11, 0x11, 2, 0][..], &[7; 500]].concat();
        let packet = peer.rtp(1_001 + camera, 96, None, &payload);
        if round % 20 != 7 {
            packets.push(packet);
        }
        if round % 40 == 9 {
            packets.push(peer.rtcp(|out| rtcp::write_nack(out, 9, 2, &[number])));
        }
    }
    let mut out = Outbox::with_capacity(1 << 20);
    let (start, from) = (peer.now, peer.address);
    let (warm, rest) = packets.split_at_mut(300);
    let fleet = &mut peer.fleet;
    let mut at = start;
    for packet in warm {
        at = at + ms(2);
        deliver(fleet, at, from, packet, &mut out);
        let_run(fleet, (at, at), &mut out);
    }
    let before = at;
    let count = allocations_of(|| {
        for packet in rest {
            at = at + ms(2);
            deliver(fleet, at, from, packet, &mut out);
            let_run(fleet, (at, at), &mut out);
        }
    });
    peer.now = at;
    let reports = at.since(before).0 / 100_000;
    assert!(peer.receiver(1).packets > 300 && peer.receiver(1).nacks > 10);
    assert!(peer.row().twcc_out >= reports);
    assert!(count <= 20 * reports, "{count} in {reports} reports");
}
