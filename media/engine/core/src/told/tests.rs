use super::*;
use crate::api::{Codec, Kind, SlotSpec};
use engine_wire::rtcp::{self, Packet};

const SSRC: u32 = 7;

fn at(millis: u64) -> Micros {
    Micros::from_millis(10_000 + millis)
}

fn slot() -> Slot {
    Slot::new(SlotSpec {
        slot: 0,
        kind: Kind::Audio,
        ssrc: SSRC,
        rtx_ssrc: None,
        formats: vec![crate::slot::tests::format(111, Codec::Opus)],
        fec: None,
        ccfb: false,
        max_ptime_ms: None,
    })
}

fn report(
    (told, slots): (&mut Told, &mut [Slot]),
    now: Micros,
    (base, arrivals): (u64, &[(u64, u64)]),
) {
    let mut out = Vec::new();
    let held = rtcp::write_transport_feedback(&mut out, (1, SSRC), 0, base, arrivals);
    assert_eq!(held, arrivals.len());
    for packet in rtcp::parse(&out) {
        if let Ok(Packet::TransportFeedback(feedback)) = packet {
            told.handle_feedback(now, &feedback, slots);
        }
    }
}

/// A packet a millisecond, of which every tenth is lost; reports come so late that this many are open.
#[test]
fn what_is_long_in_coming_is_counted_as_well() {
    for open in [100, 400, 1_000] {
        let mut slots = [slot()];
        let mut told = Told::new(at(0), &slots, 0);
        for number in 0..open {
            told.note_sent(at(number), (FIRST + number) as u16, (SSRC, number as u16));
        }
        let came: Vec<(u64, u64)> = (0..open)
            .filter(|number| number % 10 != 5)
            .map(|number| (FIRST + number, at(number + 20).0))
            .collect();
        let mut base = FIRST;
        for (turn, some) in came.chunks(250).enumerate() {
            let now = at(open + turn as u64 * 200);
            report((&mut told, &mut slots), now, (base, some));
            base = some[some.len() - 1].0 + 1;
        }
        let last = [(FIRST + open, at(open + 20).0)];
        told.note_sent(at(open), (FIRST + open) as u16, (SSRC, open as u16));
        for turn in 0..3 {
            let now = at(open + 2_000 + turn * 200);
            report((&mut told, &mut slots), now, (last[0].0, &last));
        }
        let (row, size) = (&slots[0].row, told.ring.len());
        assert_eq!((row.expected, row.lost), (open + 1, open / 10), "{size}");
        assert!((AT_FIRST..=KEPT).contains(&size));
    }
}
