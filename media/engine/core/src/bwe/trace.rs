//! What goes into an [`Estimator`](super::Estimator), as text: one line a packet that was sent, one a line of a report.
//!
//! ```text
//! # a comment
//! w 0 2000000          from 0 us on, 2 Mbit/s are wanted
//! s 12000 65536 1200 v at 12,000 us packet 65536 was sent, 1,200 bytes, video (a, v, r: repair, p: padding)
//! f 95000 65536 61250  a report that came at 95,000 us says that 65536 arrived at 61,250 us of the receiver's clock
//! f 95000 65537 -      and that 65537 did not
//! ```
//!
//! Lines of one report follow each other and have one time.

use super::{Estimator, Kind};
use crate::time::Micros;
use std::fmt;
use std::str::FromStr;
use thiserror::Error;

/// One line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Record {
    /// How much is wanted from now on, in bit/s.
    Wanted {
        /// When.
        at: Micros,
        /// Bit/s.
        bps: u32,
    },
    /// A packet that was sent.
    Sent {
        /// When.
        at: Micros,
        /// Its transport-wide number.
        number: u16,
        /// Bytes on the wire.
        bytes: u32,
        /// What it was.
        kind: Kind,
    },
    /// What a report says of a packet.
    Fed {
        /// When the report came.
        at: Micros,
        /// The packet's number.
        number: u16,
        /// When it arrived, in microseconds of the receiver's clock.
        arrived_us: Option<i64>,
    },
}

/// A line that is none of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("not a line of a trace")]
pub struct TraceError;

const KINDS: [(Kind, &str); 4] = [
    (Kind::Audio, "a"),
    (Kind::Video, "v"),
    (Kind::Repair, "r"),
    (Kind::Padding, "p"),
];

impl Record {
    /// When it was.
    pub const fn at(&self) -> Micros {
        match self {
            Self::Wanted { at, .. } | Self::Sent { at, .. } | Self::Fed { at, .. } => *at,
        }
    }
}

impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Wanted { at, bps } => write!(f, "w {} {bps}", at.0),
            Self::Sent {
                at,
                number,
                bytes,
                kind,
            } => {
                let word = KINDS
                    .iter()
                    .find(|(is, _)| is == kind)
                    .map_or("v", |(_, word)| word);
                write!(f, "s {} {number} {bytes} {word}", at.0)
            }
            Self::Fed {
                at,
                number,
                arrived_us: Some(arrived),
            } => {
                write!(f, "f {} {number} {arrived}", at.0)
            }
            Self::Fed { at, number, .. } => write!(f, "f {} {number} -", at.0),
        }
    }
}

fn number<T: FromStr>(word: &str) -> Result<T, TraceError> {
    word.parse().map_err(|_| TraceError)
}

impl FromStr for Record {
    type Err = TraceError;

    fn from_str(line: &str) -> Result<Self, TraceError> {
        let mut words = line.split_ascii_whitespace();
        let mut next = || words.next().ok_or(TraceError);
        let (what, at) = (next()?, Micros(number(next()?)?));
        let first = next()?;
        Ok(match what {
            "w" => Self::Wanted {
                at,
                bps: number(first)?,
            },
            "s" => {
                let (bytes, word) = (number(next()?)?, next()?);
                let kind = KINDS.iter().find(|(_, is)| *is == word);
                let kind = kind.ok_or(TraceError)?.0;
                Self::Sent {
                    at,
                    number: number(first)?,
                    bytes,
                    kind,
                }
            }
            "f" => {
                let arrived = next()?;
                let arrived_us = if arrived == "-" {
                    None
                } else {
                    Some(number(arrived)?)
                };
                Self::Fed {
                    at,
                    number: number(first)?,
                    arrived_us,
                }
            }
            _ => return Err(TraceError),
        })
    }
}

/// Reads a trace; lines that are empty or begin with `#` are passed over.
pub fn parse(text: &str) -> Result<Vec<Record>, TraceError> {
    let lines = text.lines().map(str::trim);
    let lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(str::parse).collect()
}

/// Puts a trace through an estimator, polled every `step`, and tells `look` the time and the estimator after each poll.
pub fn replay(
    records: &[Record],
    estimator: &mut Estimator,
    step: Micros,
    mut look: impl FnMut(Micros, &Estimator),
) {
    let Some(first) = records.first() else { return };
    let (mut polled, mut wanted) = (first.at(), 0);
    // Numbers are given out anew, one after the other: those of the trace differ from them by what the first ones do.
    let mut shift = None;
    let mut rest = records;
    while let Some(record) = rest.first() {
        while polled + step <= record.at() {
            polled = polled + step;
            estimator.poll(polled, wanted);
            look(polled, estimator);
        }
        let mut used = 1;
        match *record {
            Record::Wanted { bps, .. } => wanted = bps,
            Record::Sent {
                at,
                number,
                bytes,
                kind,
            } => {
                let given = estimator.note_sent(at, bytes as usize, kind);
                shift.get_or_insert(given.wrapping_sub(number));
            }
            Record::Fed { at, .. } => {
                let same = |next: &&Record| matches!(next, Record::Fed { .. }) && next.at() == at;
                used = rest.iter().take_while(same).count();
                let shift = shift.unwrap_or(0);
                let lines = rest[..used].iter().filter_map(|line| match line {
                    Record::Fed {
                        number, arrived_us, ..
                    } => Some((number.wrapping_add(shift), *arrived_us)),
                    _ => None,
                });
                estimator.on_arrivals(at, lines);
            }
        }
        rest = &rest[used..];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_as_written() {
        let text =
            "# head\nw 0 2000000\n\ns 12000 65535 1200 v\nf 95000 65535 -61250\nf 95000 0 -\n";
        let records = parse(text).unwrap();
        let lines: Vec<_> = records.iter().map(Record::to_string).collect();
        let bare: Vec<_> = text
            .lines()
            .filter(|l| !l.is_empty() && !l.starts_with('#'))
            .collect();
        assert_eq!(lines, bare);
        assert_eq!(records[3].at(), Micros(95_000));
    }

    #[test]
    fn other_lines_are_refused() {
        for line in [
            "x 1 2",
            "s 1 2 3",
            "s 1 2 3 z",
            "f 1 70000 -",
            "w 1",
            "f 1 2 x",
        ] {
            assert_eq!(line.parse::<Record>(), Err(TraceError), "{line}");
        }
    }
}
