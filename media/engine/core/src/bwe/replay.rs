//! Traces put through an estimator again.

use super::trace::Record;
use super::Estimator;
use crate::time::Micros;

/// The first guess where a trace does not tell one.
const START_BPS: u32 = 400_000;
/// What is added to the times of a recording, which begin at 0: no engine's clock has ever been there.
const AGE: Micros = Micros::from_secs(1 << 30);

/// A moment at which a recording tells the estimate, and what a replay says then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retraced {
    /// Since the recording began.
    pub at: Micros,
    /// The estimate of the call, in bit/s.
    pub recorded_bps: u32,
    /// That of the replay.
    pub replayed_bps: u32,
}

/// Puts a trace through an estimator, polled every `step`, and tells `look` the time and the estimator after each poll.
/// A recording says itself when its estimator was polled: that is what [`retrace`] is for.
pub fn replay(
    records: &[Record],
    estimator: &mut Estimator,
    step: Micros,
    mut look: impl FnMut(Micros, &Estimator),
) {
    let Some(first) = records.first() else { return };
    let mut polled = first.at();
    let mut player = Player::new(estimator, Micros(0));
    let mut rest = records;
    while let Some(record) = rest.first() {
        while polled + step <= record.at() {
            polled = polled + step;
            player.estimator.poll(polled, player.wanted);
            look(polled, player.estimator);
        }
        rest = &rest[player.play(rest)..];
    }
}

/// Puts a recording through an estimator like that of the call, and gives what both said after each report and poll. A recording that
/// began with the link gives the same; one that began later comes near in some seconds.
pub fn retrace(records: &[Record]) -> Vec<Retraced> {
    let (bps, first) = match records.first() {
        Some(Record::Begun { bps, first, .. }) => (*bps, *first),
        _ => (START_BPS, 0),
    };
    let start = records.first().map_or(Micros(0), Record::at);
    let mut estimator = Estimator::new(later(start, AGE), bps).numbering_from(first);
    let mut player = Player::new(&mut estimator, AGE);
    let (mut rest, mut retraced) = (records, Vec::new());
    while !rest.is_empty() {
        let (done, others) = rest.split_at(player.play(rest));
        if let Some(Record::Reported { at, bps } | Record::Polled { at, bps, .. }) = done.last() {
            retraced.push(Retraced {
                at: *at,
                recorded_bps: *bps,
                replayed_bps: player.estimator.estimate_bps(),
            });
        }
        rest = others;
    }
    retraced
}

const fn later(at: Micros, by: Micros) -> Micros {
    Micros(at.0.saturating_add(by.0))
}

struct Player<'a> {
    estimator: &'a mut Estimator,
    age: Micros,
    wanted: u32,
    /// Numbers are given out anew, one after the other: those of the trace differ from them by what the first ones do.
    shift: Option<u16>,
}

impl<'a> Player<'a> {
    const fn new(estimator: &'a mut Estimator, age: Micros) -> Self {
        Self {
            estimator,
            age,
            wanted: 0,
            shift: None,
        }
    }

    /// Plays the first of these, or all lines of a report; gives how many those are.
    fn play(&mut self, rest: &[Record]) -> usize {
        let Some(record) = rest.first() else { return 0 };
        let now = later(record.at(), self.age);
        match *record {
            Record::Begun { .. } => {}
            Record::Wanted { bps, .. } => self.wanted = bps,
            Record::Polled { wanted, .. } => self.estimator.poll(now, wanted),
            Record::Heard { .. } => self.estimator.hear(now),
            Record::Asked { .. } => {
                self.estimator.padding(now);
            }
            Record::Sent {
                number,
                bytes,
                kind,
                ..
            } => {
                let given = self.estimator.note_sent(now, bytes as usize, kind);
                self.shift.get_or_insert(given.wrapping_sub(number));
            }
            Record::Fed { .. } | Record::Reported { .. } => return self.report(now, rest),
        }
        1
    }

    fn report(&mut self, now: Micros, rest: &[Record]) -> usize {
        let shift = self.shift.unwrap_or(0);
        let line = |record: &Record| match record {
            Record::Fed {
                at,
                number,
                arrived_us,
            } if *at == rest[0].at() => Some((number.wrapping_add(shift), *arrived_us)),
            _ => None,
        };
        let lines = rest.iter().map_while(line);
        let used = lines.clone().count();
        self.estimator.on_arrivals(now, lines);
        let is_over =
            matches!(rest.get(used), Some(Record::Reported { at, .. }) if *at == rest[0].at());
        used + usize::from(is_over)
    }
}
