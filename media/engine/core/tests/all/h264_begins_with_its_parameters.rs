//! Key frames of H.264 that come without parameter sets are sent with them, in the form that each receiver takes, and
//! without a number that is used twice or left out.

use crate::support::ms;
use crate::support::phone::{
    call_with, feeds, of_class, Exchange, Phone, PhoneLine, MIXED, PICTURES,
};
use engine_core::api::{Codec, Format, RoomId};
use engine_core::Command;
use engine_wire::demux::{classify, Class};
use engine_wire::rtp::RtpHeader;

const PT: u8 = 97;
const SPS: &[u8] = &[0x67, 0x42, 0xe0, 0x1f, 0x8c];
const PPS: &[u8] = &[0x68, 0xce, 0x3c, 0x80];
const IDR: &[u8] = &[0x65, 0x88, 0x84, 7, 7, 7];
const DELTA: &[u8] = &[0x41, 0x9a, 1, 2];

fn h264(mode: u8) -> Format {
    Format {
        pt: PT,
        codec: Codec::H264,
        clock_rate: 90_000,
        rtx_pt: None,
        nack: false,
        pli: true,
        packetization_mode: Some(mode),
        profile: Some(0x42_e0_1f),
        level_asymmetry: true,
        lines: None,
        interval: None,
        transport_cc: false,
        remb: false,
        red_pt: None,
    }
}

/// A sender in mode 0 and a receiver in `mode`.
fn call_in(mode: u8, sets: &[&[u8]]) -> (Exchange, [Phone; 2]) {
    call_with(MIXED, |phone| {
        let line = &mut phone.lines[PICTURES].spec;
        line.sources[0].formats = vec![h264(0)];
        line.slots[0].formats = vec![h264(mode)];
        line.parameter_sets = sets.iter().map(|set| set.to_vec().into()).collect();
    })
}

/// Sends a picture of one packet each and gives what the other phone gets: numbers, marks and payloads.
struct Watch {
    exchange: Exchange,
    phones: [Phone; 2],
    numbers: Vec<u16>,
    timestamp: u32,
}

impl Watch {
    fn new((exchange, phones): (Exchange, [Phone; 2])) -> Self {
        let (numbers, timestamp) = (Vec::new(), 0);
        Self {
            exchange,
            phones,
            numbers,
            timestamp,
        }
    }

    fn next_picture(&mut self) {
        self.timestamp += 3_000;
        self.exchange.pass(ms(33));
    }

    fn show(&mut self, payload: &[u8]) -> Vec<Vec<u8>> {
        let [one, two] = &mut self.phones;
        let (from, to) = (&mut one.lines[PICTURES], &mut two.lines[PICTURES]);
        from.timestamp = Some(self.timestamp);
        let sent = self.exchange.speak(from, PT, payload);
        let got = sent.iter().filter(|(_, data)| classify(data) == Class::Rtp);
        let mut timestamps = Vec::new();
        let payloads = got.map(|(_, data)| {
            let header = RtpHeader::parse(data).unwrap();
            self.numbers.push(header.sequence);
            timestamps.push(header.timestamp);
            to.open(data)
        });
        let payloads: Vec<_> = payloads.collect();
        timestamps.dedup();
        assert!(timestamps.len() <= 1, "all of one picture");
        payloads
    }

    /// The same of the last packet of a picture.
    fn show_last(&mut self, payload: &[u8]) -> Vec<Vec<u8>> {
        self.phones[0].lines[PICTURES].marker = true;
        let got = self.show(payload);
        self.phones[0].lines[PICTURES].marker = false;
        got
    }

    fn assert_without_holes(&self) {
        let steps = self
            .numbers
            .windows(2)
            .map(|pair| pair[1].wrapping_sub(pair[0]));
        assert!(
            steps.into_iter().all(|step| step == 1),
            "{:?}",
            self.numbers
        );
    }
}

fn aggregate() -> Vec<u8> {
    [&[0x78, 0, 5][..], SPS, &[0, 4], PPS].concat()
}

/// The sets that came once go ahead of every key frame that comes without, as one packet where that may be, and as two
/// where not; pictures and their numbers go on as before.
#[test]
fn sets_that_came_once_are_repeated() {
    for (mode, ahead) in [
        (1, vec![aggregate()]),
        (0, vec![SPS.to_vec(), PPS.to_vec()]),
    ] {
        let mut watch = Watch::new(call_in(mode, &[]));
        for unit in [SPS, PPS, IDR] {
            assert_eq!(watch.show(unit), [unit], "mode {mode}");
        }
        for _ in 0..3 {
            watch.next_picture();
            assert_eq!(watch.show(DELTA), [DELTA]);
            watch.next_picture();
            let expected: Vec<Vec<u8>> = ahead.iter().cloned().chain([IDR.to_vec()]).collect();
            assert_eq!(watch.show(IDR), expected, "mode {mode}");
            assert_eq!(
                watch.show(&[0x65, 0x08, 1]),
                [[0x65, 0x08, 1]],
                "a later slice"
            );
        }
        watch.assert_without_holes();
    }
}

/// Sets that only the description holds are sent, from the first picture on.
#[test]
fn sets_of_the_description_are_sent() {
    let mut watch = Watch::new(call_in(1, &[SPS, PPS]));
    assert_eq!(watch.show(IDR), [aggregate(), IDR.to_vec()]);
    watch.next_picture();
    assert_eq!(watch.show(DELTA), [DELTA]);
    watch.assert_without_holes();
}

/// A key frame that others have overtaken is sent as it is: its number is its own.
#[test]
fn an_overtaken_key_frame_keeps_its_number() {
    let mut watch = Watch::new(call_in(1, &[SPS, PPS]));
    watch.show(IDR);
    let late = {
        watch.next_picture();
        let line: &mut PhoneLine = &mut watch.phones[0].lines[PICTURES];
        line.timestamp = Some(watch.timestamp);
        line.packet(PT, IDR)
    };
    watch.next_picture();
    watch.show(DELTA);
    let (port, from) = {
        let line = &watch.phones[0].lines[PICTURES];
        (line.spec.ports.rtp, line.from)
    };
    let sent = watch.exchange.come(port, from, late);
    let media: Vec<_> = sent
        .iter()
        .filter(|(_, data)| classify(data) == Class::Rtp)
        .collect();
    assert_eq!(media.len(), 1);
    let number = RtpHeader::parse(&media[0].1).unwrap().sequence;
    assert_eq!(watch.phones[1].lines[PICTURES].open(&media[0].1), IDR);
    assert!(!watch.numbers.contains(&number));
    watch.numbers.push(number);
    watch.numbers.sort_unstable();
    watch.assert_without_holes();
}

/// Whoever comes in the middle of a key frame is shown nothing of it: not one of its slices says that others are missing, so
/// that no decoder would ask again. It is asked for another one, and that is shown from its first packet on.
#[test]
fn a_key_frame_is_shown_whole_or_not_at_all() {
    let picture = [SPS, PPS, IDR, &[0x65, 0x48, 1][..], &[0x65, 0x28, 2][..]];
    for missed in 1..picture.len() {
        let mut watch = Watch::new(call_in(0, &[]));
        let nobody = Command::SetFeeds {
            room: RoomId(1),
            feeds: Vec::new(),
        };
        watch.exchange.command(nobody);
        let (before, after) = picture.split_at(missed);
        for unit in before {
            assert!(watch.show(unit).is_empty());
        }
        let asked = watch.exchange.command(feeds());
        let asked = of_class(&asked, Class::Rtcp).len();
        for unit in after {
            assert!(watch.show(unit).is_empty(), "behind {missed} packets");
        }
        watch.next_picture();
        assert!(watch.show(DELTA).is_empty());
        let later = watch.exchange.pass(ms(250));
        assert!(asked + of_class(&later, Class::Rtcp).len() > 0);
        watch.next_picture();
        for unit in picture {
            assert_eq!(watch.show(unit), [unit]);
        }
        watch.assert_without_holes();
    }
}

/// A sender may give all its pictures one timestamp; the marker tells where the next begins.
#[test]
fn pictures_of_one_timestamp_are_told_apart_by_their_ends() {
    let mut watch = Watch::new(call_in(0, &[]));
    let nobody = Command::SetFeeds {
        room: RoomId(1),
        feeds: Vec::new(),
    };
    for turn in 0..3 {
        for unit in [SPS, PPS, IDR] {
            assert_eq!(watch.show(unit), [unit], "turn {turn}");
        }
        assert_eq!(watch.show_last(&[0x65, 0x08, 1]), [[0x65, 0x08, 1]]);
        let expected = [SPS, PPS, IDR];
        assert_eq!(watch.show_last(IDR), expected, "sets go ahead, turn {turn}");
        watch.exchange.command(nobody.clone());
        watch.exchange.command(feeds());
        assert!(watch.show_last(DELTA).is_empty(), "turn {turn}");
        watch.exchange.pass(ms(300));
    }
    watch.assert_without_holes();
}
