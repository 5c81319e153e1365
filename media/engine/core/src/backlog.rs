//! What is held for a leg because its link is slow, in words.

use crate::time::Micros;

/// Above this pictures come faster than they leave: one picture of 25 a second and a half.
const LONG: Micros = Micros::from_millis(60);
/// And above this what is held would be too late to be looked at.
const HOPELESS: Micros = Micros::from_millis(1_200);

/// How long what is held for a leg takes to leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backlog {
    /// It does no harm.
    Short,
    /// Pictures that no other one refers to had better be left out.
    Long,
    /// It is better to begin anew, with a key frame.
    Hopeless,
}

impl Backlog {
    /// Of what takes so long.
    pub fn of(delay: Micros) -> Self {
        match delay {
            delay if delay > HOPELESS => Self::Hopeless,
            delay if delay > LONG => Self::Long,
            _ => Self::Short,
        }
    }
}
