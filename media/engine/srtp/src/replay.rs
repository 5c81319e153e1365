//! Packet indices and replay windows, one per SSRC (RFC 3711 sections 3.3.1 and 3.3.2).

use crate::SrtpError;

/// How many packets back a late one is still taken.
pub const REPLAY_WINDOW: u64 = 1024;
/// Words of 64 bits in a window.
pub const WINDOW_WORDS: usize = 16;
/// SSRCs that one leg may have in RTP, and as many in RTCP, unless [`Inbound::with_streams`](crate::Inbound) says more.
pub const MAX_STREAMS: usize = 64;

const HALF_CYCLE: u64 = 1 << 15;
const CYCLE: u64 = 1 << 16;

/// What must outlive a restart for one SSRC, as plain data, so that a standby can take over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamState {
    /// The stream, as in the packet header.
    pub ssrc: u32,
    /// The highest authenticated index: roll-over counter and sequence number, or SRTCP index.
    pub highest: u64,
    /// Bit `index % 1024` is set when that index was accepted, for the last 1024 indices.
    pub window: [u64; WINDOW_WORDS],
}

impl StreamState {
    /// The state after a first packet with `index`.
    fn first(ssrc: u32, index: u64) -> Self {
        let mut state = Self {
            ssrc,
            highest: index,
            window: [0; WINDOW_WORDS],
        };
        state.set(index);
        state
    }

    /// The place of the highest index, and where the next one will be noted.
    fn touch(&self) -> u64 {
        self.highest ^ self.window[place(self.highest + 1).0]
    }

    /// The most likely index of a packet that carries `sequence` (RFC 3711 appendix A).
    ///
    /// An index below zero cannot exist, so in the first cycle a number far ahead is taken as that.
    pub(crate) fn estimate(&self, sequence: u16) -> u64 {
        let candidate = (self.highest & !(CYCLE - 1)) | u64::from(sequence);
        if candidate + HALF_CYCLE < self.highest {
            candidate + CYCLE
        } else if candidate > self.highest + HALF_CYCLE && candidate >= CYCLE {
            candidate - CYCLE
        } else {
            candidate
        }
    }

    /// Says whether `index` may still come; changes nothing.
    pub(crate) fn check(&self, index: u64) -> Result<(), SrtpError> {
        if index > self.highest {
            return Ok(());
        }
        if self.highest - index >= REPLAY_WINDOW {
            return Err(SrtpError::TooOld);
        }
        let (word, bit) = place(index);
        if self.window[word] & bit == 0 {
            Ok(())
        } else {
            Err(SrtpError::Replay)
        }
    }

    /// Notes an authenticated index that [`StreamState::check`] let through.
    pub(crate) fn commit(&mut self, index: u64) {
        if index > self.highest {
            self.advance(index);
        }
        self.set(index);
    }

    fn set(&mut self, index: u64) {
        let (word, bit) = place(index);
        self.window[word] |= bit;
    }

    /// Moves the window's front to `index` and clears what the front passed over.
    fn advance(&mut self, index: u64) {
        if index - self.highest >= REPLAY_WINDOW {
            self.window = [0; WINDOW_WORDS];
        } else {
            for passed in self.highest + 1..=index {
                let (word, bit) = place(passed);
                self.window[word] &= !bit;
            }
        }
        self.highest = index;
    }
}

/// The word and the bit of `index` in a window.
#[inline]
const fn place(index: u64) -> (usize, u64) {
    let position = index % REPLAY_WINDOW;
    ((position / 64) as usize, 1 << (position % 64))
}

/// The streams of one direction. A leg has a handful, so a scan of a short array beats hashing.
#[derive(Debug)]
pub(crate) struct Streams {
    ssrcs: Vec<u32>,
    states: Vec<StreamState>,
    most: usize,
}

/// An index that passed the replay check and waits for authentication.
#[derive(Clone, Copy)]
pub(crate) struct Candidate {
    position: Option<usize>,
    pub(crate) index: u64,
}

impl Default for Streams {
    fn default() -> Self {
        Self {
            ssrcs: Vec::new(),
            states: Vec::new(),
            most: MAX_STREAMS,
        }
    }
}

impl Streams {
    /// Takes that many streams.
    pub(crate) const fn set_most(&mut self, most: usize) {
        self.most = most;
    }

    /// Reads a little of a stream, so that it is near when its packet comes.
    pub(crate) fn touch(&self, ssrc: u32) -> u64 {
        let state = self.position(ssrc).map(|at| &self.states[at]);
        state.map_or(0, StreamState::touch)
    }

    /// The index of an RTP packet, if it is no replay.
    pub(crate) fn rtp_candidate(&self, ssrc: u32, sequence: u16) -> Result<Candidate, SrtpError> {
        self.candidate(ssrc, |known| {
            known.map_or(u64::from(sequence), |state| state.estimate(sequence))
        })
    }

    /// The index of an RTCP packet, which carries it in full, if it is no replay.
    pub(crate) fn rtcp_candidate(&self, ssrc: u32, index: u64) -> Result<Candidate, SrtpError> {
        self.candidate(ssrc, |_| index)
    }

    fn candidate(
        &self,
        ssrc: u32,
        index: impl FnOnce(Option<&StreamState>) -> u64,
    ) -> Result<Candidate, SrtpError> {
        let position = self.position(ssrc);
        let state = position.map(|position| &self.states[position]);
        let index = index(state);
        match state {
            Some(state) => state.check(index)?,
            None if self.ssrcs.len() >= self.most => return Err(SrtpError::StreamLimit),
            None => {}
        }
        Ok(Candidate { position, index })
    }

    /// Notes that the candidate's packet was authentic.
    pub(crate) fn commit(&mut self, ssrc: u32, candidate: Candidate) {
        match candidate.position {
            Some(position) => self.states[position].commit(candidate.index),
            None => self.push(StreamState::first(ssrc, candidate.index)),
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = StreamState> + '_ {
        self.states.iter().copied()
    }

    /// Takes in an exported state, in place of what was known of its SSRC.
    pub(crate) fn restore(&mut self, mut state: StreamState) -> Result<(), SrtpError> {
        state.set(state.highest);
        match self.position(state.ssrc) {
            Some(position) => self.states[position] = state,
            None if self.ssrcs.len() >= self.most => return Err(SrtpError::StreamLimit),
            None => self.push(state),
        }
        Ok(())
    }

    /// Drops what is known of `ssrc`; says whether there was anything.
    pub(crate) fn forget(&mut self, ssrc: u32) -> bool {
        let Some(position) = self.position(ssrc) else {
            return false;
        };
        self.ssrcs.swap_remove(position);
        self.states.swap_remove(position);
        true
    }

    #[inline]
    fn position(&self, ssrc: u32) -> Option<usize> {
        self.ssrcs.iter().position(|&known| known == ssrc)
    }

    fn push(&mut self, state: StreamState) {
        self.ssrcs.push(state.ssrc);
        // A leg has two or three, where a vector would begin with four.
        self.states.reserve_exact(1);
        self.states.push(state);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    /// What RFC 3711 section 3.3.1 asks for, said the slow way: of three cycles, the nearest.
    fn nearest(highest: u64, sequence: u16) -> u64 {
        let cycle = highest / CYCLE;
        let cycles = cycle.saturating_sub(1)..=cycle + 1;
        let candidates = cycles.map(|cycle| cycle * CYCLE + u64::from(sequence));
        candidates
            .min_by_key(|candidate| candidate.abs_diff(highest))
            .expect("at least two candidates")
    }

    proptest! {
        /// The estimate is the index nearest to the highest one, ties aside, but for the first
        /// cycle, where only a jump ahead can explain a number far away.
        #[test]
        fn the_estimate_is_the_nearest_index(highest in 0u64..1 << 40, sequence: u16) {
            let estimate = StreamState::first(1, highest).estimate(sequence);
            prop_assert_eq!(estimate as u16, sequence);
            let expected = nearest(highest, sequence);
            if estimate.abs_diff(highest) != HALF_CYCLE {
                prop_assert_eq!(estimate, expected);
            }
        }

        /// The bitmap decides as a set of all accepted indices would.
        #[test]
        fn the_window_agrees_with_a_set(
            first in 0u64..5_000,
            steps in prop::collection::vec((any::<bool>(), 0u64..1_500), 1..300),
        ) {
            let mut state = StreamState::first(1, first);
            let mut accepted = BTreeSet::from([first]);
            for (ahead, distance) in steps {
                let index = if ahead {
                    state.highest + distance % 70
                } else {
                    state.highest.saturating_sub(distance)
                };
                let highest = *accepted.last().expect("never empty");
                let expected = if index + REPLAY_WINDOW <= highest {
                    Err(SrtpError::TooOld)
                } else if accepted.contains(&index) {
                    Err(SrtpError::Replay)
                } else {
                    Ok(())
                };
                prop_assert_eq!(state.check(index), expected);
                if expected.is_ok() {
                    state.commit(index);
                    accepted.insert(index);
                }
            }
        }
    }

    /// A jump of any length around the window's size leaves no bit of the old round set.
    #[test]
    fn a_jump_ahead_clears_what_it_passes() {
        for jump in [1, 63, 64, 65, 1023, 1024, 1025, 70_000] {
            let mut state = StreamState::first(1, 0);
            for index in 1..2_000 {
                state.commit(index);
            }
            let front = 1_999 + jump;
            state.commit(front);
            assert_eq!(state.check(front), Err(SrtpError::Replay));
            let fresh = (2_000.max(front - 1_023)..front).all(|index| state.check(index).is_ok());
            assert!(fresh, "a jump of {jump} left a bit behind");
        }
    }
}
