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
//! Lines of one report follow each other and have one time. What was written down of a call (`recording`) tells the rest
//! too, so that a replay does exactly what the estimator of the call did. It begins with `b`, and its times count from
//! there; those of the receiver count from the first that it told:
//!
//! ```text
//! b 0 400000 17        the first guess is 400 kbit/s, and the first packet has the number 17
//! t 25000 2000000 400000  time passed, 2 Mbit/s were wanted, and the estimate was 400 kbit/s then
//! d 26000              it was asked what a probe or a trial lacks
//! h 27000              the peer was heard of again
//! e 95000 410000       the report whose lines stand before this is over; the estimate was 410 kbit/s then
//! ```

use super::Kind;
use crate::time::Micros;
use std::fmt;
use std::str::FromStr;
use thiserror::Error;

pub use super::replay::{replay, retrace, Retraced};

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
    /// Where a recording begins.
    Begun {
        /// When, which is 0.
        at: Micros,
        /// The first guess, in bit/s.
        bps: u32,
        /// The number of the first packet.
        first: u16,
    },
    /// Time passed.
    Polled {
        /// When.
        at: Micros,
        /// What was wanted, in bit/s.
        wanted: u32,
        /// The estimate that came of it, in bit/s: what a replay is held against.
        bps: u32,
    },
    /// The estimator was asked what a probe or a trial lacks.
    Asked {
        /// When.
        at: Micros,
    },
    /// The peer was heard of again.
    Heard {
        /// When.
        at: Micros,
    },
    /// A report is over.
    Reported {
        /// When it came.
        at: Micros,
        /// The estimate that came of it, in bit/s: what a replay is held against.
        bps: u32,
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
            Self::Begun { at, .. } | Self::Polled { at, .. } | Self::Reported { at, .. } => *at,
            Self::Asked { at } | Self::Heard { at } => *at,
        }
    }
}

impl Record {
    /// The same at a time that counts from `start`.
    pub fn moved_by(mut self, start: Micros) -> Self {
        match &mut self {
            Self::Wanted { at, .. } | Self::Sent { at, .. } | Self::Fed { at, .. } => at,
            Self::Begun { at, .. } | Self::Polled { at, .. } | Self::Reported { at, .. } => at,
            Self::Asked { at } | Self::Heard { at } => at,
        }
        .0 = self.at().since(start).0;
        self
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
            Self::Begun { at, bps, first } => write!(f, "b {} {bps} {first}", at.0),
            Self::Polled { at, wanted, bps } => write!(f, "t {} {wanted} {bps}", at.0),
            Self::Asked { at } => write!(f, "d {}", at.0),
            Self::Heard { at } => write!(f, "h {}", at.0),
            Self::Reported { at, bps } => write!(f, "e {} {bps}", at.0),
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
        let record = match what {
            "w" => Self::Wanted {
                at,
                bps: number(next()?)?,
            },
            "s" => Self::Sent {
                at,
                number: number(next()?)?,
                bytes: number(next()?)?,
                kind: kind(next()?)?,
            },
            "f" => Self::Fed {
                at,
                number: number(next()?)?,
                arrived_us: arrival(next()?)?,
            },
            "b" => Self::Begun {
                at,
                bps: number(next()?)?,
                first: number(next()?)?,
            },
            "t" => Self::Polled {
                at,
                wanted: number(next()?)?,
                bps: number(next()?)?,
            },
            "d" => Self::Asked { at },
            "h" => Self::Heard { at },
            "e" => Self::Reported {
                at,
                bps: number(next()?)?,
            },
            _ => return Err(TraceError),
        };
        Ok(record)
    }
}

fn kind(word: &str) -> Result<Kind, TraceError> {
    let kind = KINDS.iter().find(|(_, is)| *is == word);
    kind.map(|(kind, _)| *kind).ok_or(TraceError)
}

fn arrival(word: &str) -> Result<Option<i64>, TraceError> {
    match word {
        "-" => Ok(None),
        _ => number(word).map(Some),
    }
}

/// Reads a trace; lines that are empty or begin with `#` are passed over.
pub fn parse(text: &str) -> Result<Vec<Record>, TraceError> {
    let lines = text.lines().map(str::trim);
    let lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(str::parse).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

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
            "b 1 2",
            "b 0 1 65536",
            "t 1 2",
            "d",
            "h x",
            "e 1 -1",
        ] {
            assert_eq!(line.parse::<Record>(), Err(TraceError), "{line}");
        }
    }

    fn record() -> impl Strategy<Value = Record> {
        let parts = (
            any::<u64>(),
            any::<u32>(),
            any::<u16>(),
            any::<Option<i64>>(),
        );
        (0..8_usize, 0..4_usize, parts).prop_map(|(what, kind, (at, bps, number, arrived_us))| {
            let at = Micros(at);
            match what {
                0 => Record::Wanted { at, bps },
                1 => Record::Fed {
                    at,
                    number,
                    arrived_us,
                },
                2 => Record::Begun {
                    at,
                    bps,
                    first: number,
                },
                3 => Record::Polled {
                    at,
                    wanted: bps / 2,
                    bps,
                },
                4 => Record::Asked { at },
                5 => Record::Heard { at },
                6 => Record::Reported { at, bps },
                _ => Record::Sent {
                    at,
                    number,
                    bytes: bps,
                    kind: KINDS[kind].0,
                },
            }
        })
    }

    proptest! {
        /// Whatever is written down is read back as it was.
        #[test]
        fn each_record_survives_its_line(records in prop::collection::vec(record(), 0..40)) {
            let lines: Vec<_> = records.iter().map(Record::to_string).collect();
            prop_assert_eq!(parse(&lines.join("\n")), Ok(records));
        }

        /// Lines that are nearly some are refused or read, and what is read can be replayed, whatever it is.
        #[test]
        fn any_text_is_borne(text in "([wsfbtdhe] [0-9]{1,21}( [0-9]{1,10}| -| v){0,3}\n){0,20}") {
            if let Ok(records) = parse(&text) {
                retrace(&records);
            }
        }
    }
}
