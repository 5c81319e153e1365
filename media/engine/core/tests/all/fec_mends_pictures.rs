//! Repair packets mend what is lost, byte for byte, and only where a retransmission would come too late.

use crate::support;
use crate::support::{ms, FecDecoder, Random};
use engine_core::fec::{FecSender, Way};
use engine_core::loss::Loss;
use engine_core::Micros;
use engine_wire::rtp::FixedHeader;
use proptest::prelude::*;
use std::collections::BTreeMap;

const MEDIA: u32 = 0xcafe_f00d;

fn way(rate: f64, burst: f64, round_trip: u64) -> Way {
    Way {
        loss: Loss { rate, burst },
        round_trip: ms(round_trip),
        media_bps: 1_000_000,
        spare_bps: None,
    }
}

fn sender(way: Way) -> FecSender {
    let mut fec = FecSender::new(0xffff_0000, MEDIA);
    fec.decide(at(0), way);
    fec
}

fn at(millis: u64) -> Micros {
    ms(100_000 + millis)
}

/// A packet with a header of 12 bytes, or of 20 with a transport-wide number in it.
fn packet(random: &mut Random, sequence: u64, (marker, extended): (bool, bool)) -> Vec<u8> {
    let header = FixedHeader {
        marker,
        payload_type: 96,
        sequence: sequence as u16,
        timestamp: (sequence / 4 * 3_600) as u32,
        ssrc: MEDIA,
    };
    let mut bytes = header.to_bytes().to_vec();
    if extended {
        bytes[0] |= 0x10;
        let number = (sequence as u16).wrapping_mul(3).to_be_bytes();
        bytes.extend([0xbe, 0xde, 0, 1, 0x51, number[0], number[1], 0]);
    }
    let len = random.below(1_180) as usize;
    bytes.extend(random.bytes(len));
    bytes
}

/// What changes on the way and counts as zero.
fn without_number(mut packet: Vec<u8>) -> Vec<u8> {
    if packet[0] & 0x10 != 0 {
        packet[17..19].fill(0);
    }
    packet
}

struct Outcome {
    lost: Vec<u64>,
    mended: BTreeMap<u64, Vec<u8>>,
    sent: BTreeMap<u64, Vec<u8>>,
    repairs: u64,
}

/// Four packets a picture, 25 pictures a second, over a link that `loses` packets and repair packets alike.
fn run(
    fec: &mut FecSender,
    count: u64,
    extended: bool,
    mut loses: impl FnMut() -> bool,
) -> Outcome {
    let mut random = Random::new(7);
    let (mut decoder, mut lost) = (FecDecoder::default(), Vec::new());
    let (mut mended, mut sent) = (BTreeMap::new(), BTreeMap::new());
    let mut numbers = Vec::new();
    for sequence in 65_000..65_000 + count {
        let (now, ends) = (at((sequence - 65_000) / 4 * 40), sequence % 4 == 3);
        let bytes = packet(&mut random, sequence, (ends, extended));
        let changing = if extended { 17..19 } else { 0..0 };
        fec.protect(now, sequence, &bytes, changing);
        let plain = without_number(bytes);
        if loses() {
            lost.push(sequence);
        } else {
            mended.extend(decoder.handle_media(sequence, &plain));
        }
        sent.insert(sequence, plain);
        fec.close_due(now, ends, |number, lane| {
            numbers.push(number);
            let mut payload = vec![0; lane.len()];
            assert_eq!(lane.write(&mut payload), payload.len());
            assert!(12 + payload.len() + 16 <= 1_300);
            if !loses() {
                mended.extend(decoder.handle_repair(&payload));
            }
        });
    }
    assert!(numbers.windows(2).all(|pair| pair[1] == pair[0] + 1));
    Outcome {
        lost,
        mended,
        sent,
        repairs: numbers.len() as u64,
    }
}

/// A single loss anywhere is mended, with and without the header extension, over the wrap of the numbers.
#[test]
fn single_losses_are_mended_byte_for_byte() {
    for extended in [false, true] {
        let mut fec = sender(way(0.05, 1.0, 200));
        let mut packets = 0;
        let outcome = run(&mut fec, 2_000, extended, || {
            packets += 1;
            packets % 31 == 0
        });
        let lost = outcome.lost.len();
        assert!(lost > 40);
        for (sequence, packet) in &outcome.mended {
            assert_eq!(packet, &outcome.sent[sequence]);
        }
        // The last of all have no repair packet yet.
        assert!(
            outcome.mended.len() + 2 >= lost,
            "{} of {lost}",
            outcome.mended.len()
        );
    }
}

/// How much of what is lost is mended, and at what price: a lost packet is not if another of its group is lost, too.
#[test]
fn most_of_what_usual_links_lose_is_mended() {
    for (rate, burst, least_mended, most_repairs) in [
        (0.02, 1.02, 0.65, 0.1),
        (0.05, 1.05, 0.65, 0.2),
        (0.1, 1.1, 0.6, 0.34),
        (0.05, 4.0, 0.4, 0.25),
    ] {
        let mut fec = sender(way(rate, burst, 200));
        let bursts = support::Loss::Bursts {
            share: rate,
            mean: burst,
        };
        let path = support::Path {
            loss: bursts,
            ..support::Path::PERFECT
        };
        let mut link = engine_netem::Link::new(path, 11);
        let outcome = run(&mut fec, 10_000, true, || {
            matches!(link.push(0, 1_000, ()), engine_netem::Fate::Lost(_))
        });
        let mended = outcome.mended.len() as f64 / outcome.lost.len() as f64;
        let price = outcome.repairs as f64 / 10_000.0;
        eprintln!("{rate} in bursts of {burst}: {mended:.2} mended for {price:.2}");
        assert!(
            mended >= least_mended,
            "{mended} of {rate} in bursts of {burst}"
        );
        assert!(price <= most_repairs, "{price}");
    }
}

/// It is on only while loss and round trip ask for it and the link carries it, and holds for five seconds.
#[test]
fn it_is_on_only_where_retransmissions_are_late() {
    let mut fec = FecSender::new(1, MEDIA);
    let decide = |fec: &mut FecSender, millis, way| {
        fec.decide(at(millis), way);
        fec.is_on()
    };
    assert!(!decide(&mut fec, 0, way(0.05, 1.0, 60)));
    assert!(!decide(&mut fec, 1, way(0.015, 1.0, 300)));
    assert!(decide(&mut fec, 2, way(0.022, 1.0, 70)));
    assert!(decide(&mut fec, 1_000, way(0.003, 1.0, 60)));
    assert!(decide(&mut fec, 5_000, way(0.0, 1.0, 60)));
    assert!(!decide(&mut fec, 6_000, way(0.0, 1.0, 60)));
    let thin = |spare| Way {
        spare_bps: Some(spare),
        ..way(0.1, 1.0, 200)
    };
    assert!(!decide(&mut fec, 7_000, thin(50_000)));
    assert!(decide(&mut fec, 8_000, thin(200_000)));
    assert!(!decide(&mut fec, 9_000, thin(0)));
}

/// While it is off nothing is kept, and nothing comes out.
#[test]
fn off_is_off() {
    let mut fec = FecSender::new(1, MEDIA);
    let outcome = run(&mut fec, 100, true, || false);
    assert_eq!(outcome.repairs, 0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    /// Whatever order, gaps, sizes and changes of shape: no panic, numbers go up by one, and what is mended is right.
    #[test]
    fn what_is_mended_is_what_was_sent(
        seed: u64,
        jumps in prop::collection::vec((0_u64..6, 0_u8..12), 1..200),
        (rate, burst) in (0.006_f64..0.3, 1.0_f64..6.0),
    ) {
        let mut random = Random::new(seed);
        let (mut fec, mut decoder) = (sender(way(rate, burst, 200)), FecDecoder::default());
        let (mut sent, mut sequence, mut next) = (BTreeMap::new(), 65_500_u64, None);
        for (step, (forward, choice)) in (0_u64..).zip(jumps) {
            sequence += 1 + forward * u64::from(forward == 5) * 30;
            let late = sequence - u64::from(choice).min(3);
            let number = if choice == 3 && !sent.contains_key(&late) { late } else { sequence };
            let bytes = packet(&mut random, number, (choice == 4, false));
            fec.protect(at(step), number, &bytes, 0..0);
            sent.insert(number, bytes.clone());
            let mut mended = Vec::new();
            if choice != 5 {
                mended.extend(decoder.handle_media(number, &bytes));
            }
            fec.close_due(at(step), choice == 4, |number, lane| {
                assert!(next.is_none_or(|next| next == number));
                next = Some(number + 1);
                let mut payload = vec![0; lane.len()];
                lane.write(&mut payload);
                mended.extend(decoder.handle_repair(&payload));
            });
            for (number, packet) in mended {
                prop_assert_eq!(&packet, &sent[&number]);
            }
            if choice == 6 {
                fec.decide(at(step), way(rate / 2.0, burst + 1.0, 200));
            }
        }
    }
}
