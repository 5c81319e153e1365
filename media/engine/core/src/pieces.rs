//! What caches are made of: pieces of memory that go from one source to another.

/// Two of the largest packets that there are: the smaller the pieces, the less is left over at both ends of a cache.
pub(crate) const VIDEO_PIECE: usize = 2_400;
/// Pieces that wait for their next source, at most; more go back to the heap.
const MOST_SPARE: usize = 192;
/// How many are made at once, since one more is needed now and then for as long as a call lasts, and the heap is to be left
/// alone then.
const MADE_AT_ONCE: usize = 32;

/// Some packets, one behind the other.
#[derive(Debug, Default)]
pub struct Piece {
    /// All that fits.
    pub bytes: Box<[u8]>,
    /// How much of it is packets.
    pub filled: usize,
}

impl Piece {
    fn new(size: usize) -> Self {
        Self {
            bytes: vec![0; size].into_boxed_slice(),
            filled: 0,
        }
    }

    /// Whether so many bytes fit in.
    pub const fn has_room(&self, len: usize) -> bool {
        self.bytes.len() - self.filled >= len
    }
}

/// Pieces of pictures that no cache needs now, for all caches of a thread.
#[derive(Debug, Default)]
pub struct Spare(Vec<Box<[u8]>>);

impl Spare {
    /// Takes what a cache does not need any more.
    pub fn keep(&mut self, piece: Piece) {
        if piece.bytes.len() == VIDEO_PIECE && self.0.len() < MOST_SPARE {
            self.0.push(piece.bytes);
        }
    }

    /// An empty piece.
    pub fn take(&mut self, size: usize) -> Piece {
        if size != VIDEO_PIECE {
            return Piece::new(size);
        }
        if self.0.is_empty() {
            self.0.reserve_exact(MOST_SPARE);
            let made = (1..MADE_AT_ONCE).map(|_| Piece::new(VIDEO_PIECE).bytes);
            self.0.extend(made);
        }
        let spare = self.0.pop().map(|bytes| Piece { bytes, filled: 0 });
        spare.unwrap_or_else(|| Piece::new(size))
    }

    /// How many wait.
    #[cfg(test)]
    pub fn count(&self) -> usize {
        self.0.len()
    }
}
