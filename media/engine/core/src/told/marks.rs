//! What became of packets at first, for those that are sent again: of a lost one, what is sent again makes a recovered one.

use super::Fate;

/// Packets of a stream that may be sent again while it is remembered what became of the first: some seconds of pictures.
const REMEMBERED: usize = 1_024;

/// What is known of a packet that may be sent again.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mark {
    /// It came, or nothing is known yet.
    #[default]
    Nothing,
    /// It came when it was sent again; of the first time nothing is known yet.
    Brought,
    Lost,
    Unknown,
}

/// Marks of the packets of a stream of which a receiver may ask again, by number.
#[derive(Debug)]
pub(super) struct Marks {
    marks: [Mark; REMEMBERED],
    /// How often each was sent again of which nothing is told yet.
    open: [u8; REMEMBERED],
}

impl Marks {
    pub(super) const fn new() -> Self {
        Self {
            marks: [Mark::Nothing; REMEMBERED],
            open: [0; REMEMBERED],
        }
    }

    /// Takes what became of a packet that was sent for the first time. True when it has come again meanwhile.
    pub(super) fn settle(&mut self, sequence: u16, fate: Fate) -> bool {
        let mark = &mut self.marks[usize::from(sequence) % REMEMBERED];
        let is_brought = *mark == Mark::Brought;
        *mark = match fate {
            Fate::Missing if !is_brought => Mark::Lost,
            Fate::Unknown if !is_brought => Mark::Unknown,
            _ => Mark::Nothing,
        };
        is_brought
    }

    /// A packet is sent again.
    pub(super) const fn send(&mut self, sequence: u16) {
        let open = &mut self.open[sequence as usize % REMEMBERED];
        *open = open.saturating_add(1);
    }

    /// Whether nothing is told yet of a time that it was sent again.
    pub(super) const fn is_open(&self, sequence: u16) -> bool {
        self.open[sequence as usize % REMEMBERED] > 0
    }

    /// Takes what became of a packet that was sent again. Gives what is known of its first time, if it came.
    /// `settled` is the last packet of which all is told that will be of its first time.
    pub(super) fn settle_again(&mut self, settled: Option<u16>, sequence: u16, fate: Fate) -> Mark {
        let open = &mut self.open[usize::from(sequence) % REMEMBERED];
        *open = open.saturating_sub(1);
        // Who asks once more has not got it.
        let came = fate == Fate::Arrived || fate == Fate::Unknown && *open == 0;
        if came {
            self.bring(settled, sequence)
        } else {
            Mark::Nothing
        }
    }

    /// A packet came that was sent again.
    fn bring(&mut self, settled: Option<u16>, sequence: u16) -> Mark {
        let is_open = |settled: u16| sequence.wrapping_sub(settled) as i16 > 0;
        let mark = &mut self.marks[usize::from(sequence) % REMEMBERED];
        if settled.is_none_or(is_open) {
            *mark = Mark::Brought;
            return Mark::Brought;
        }
        std::mem::take(mark)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Marks, and the last packet that was settled.
    #[derive(Default)]
    struct Stream(Option<Marks>, Option<u16>);

    impl Stream {
        fn settle(&mut self, sequence: u16, fate: Fate) -> bool {
            self.1 = Some(sequence);
            self.0.get_or_insert_with(Marks::new).settle(sequence, fate)
        }

        fn again(&mut self, sequence: u16, fate: Fate) -> Mark {
            let marks = self.0.get_or_insert_with(Marks::new);
            marks.settle_again(self.1, sequence, fate)
        }

        fn bring(&mut self, sequence: u16) -> Mark {
            self.again(sequence, Fate::Arrived)
        }
    }

    #[test]
    fn what_is_lost_is_brought_once_before_it_is_told_or_after() {
        let mut stream = Stream::default();
        assert_eq!(
            stream.bring(5),
            Mark::Brought,
            "of the first time nothing is told"
        );
        assert!(stream.settle(5, Fate::Missing));
        assert_eq!(
            stream.bring(5),
            Mark::Nothing,
            "a second time it brings nothing"
        );
        assert!(!stream.settle(6, Fate::Missing));
        assert_eq!(
            [stream.bring(6), stream.bring(6)],
            [Mark::Lost, Mark::Nothing]
        );
    }

    #[test]
    fn what_came_is_not_brought_nor_is_what_has_its_place_later() {
        let mut stream = Stream::default();
        assert!(!stream.settle(7, Fate::Arrived));
        assert_eq!(stream.bring(7), Mark::Nothing);
        assert_eq!(stream.bring(8), Mark::Brought, "a copy that overtook it");
        stream.settle(8, Fate::Arrived);
        let later = 8 + REMEMBERED as u16;
        assert!(
            !stream.settle(later, Fate::Missing),
            "the copy was of another"
        );
    }

    #[test]
    fn of_what_nothing_is_told_the_last_is_taken_to_have_come() {
        let mut stream = Stream::default();
        stream.settle(3, Fate::Missing);
        let send = |stream: &mut Stream| stream.0.as_mut().unwrap().send(3);
        for fate in [Fate::Unknown, Fate::Missing] {
            send(&mut stream);
            send(&mut stream);
            assert_eq!(
                stream.again(3, fate),
                Mark::Nothing,
                "it was asked for again"
            );
            assert_eq!(stream.again(3, Fate::Missing), Mark::Nothing);
        }
        send(&mut stream);
        assert_eq!(stream.again(3, Fate::Unknown), Mark::Lost);
    }

    #[test]
    fn numbers_begin_anew_after_the_last() {
        let mut stream = Stream::default();
        stream.settle(u16::MAX, Fate::Unknown);
        assert_eq!(stream.bring(u16::MAX), Mark::Unknown);
        assert_eq!(stream.bring(0), Mark::Brought);
        assert!(stream.settle(0, Fate::Unknown));
    }
}
