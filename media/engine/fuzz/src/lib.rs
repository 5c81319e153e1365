//! What the fuzz targets run: the checks that the wire crate's own tests replay.

#[path = "../../wire/tests/support/exercise.rs"]
mod exercise;

/// The check of one target by its name, which is also the name of its folder of seeds.
///
/// # Panics
/// If there is none of that name.
#[must_use]
pub fn check(target: &str) -> fn(&[u8]) {
    let found = exercise::ALL.iter().find(|(name, _)| *name == target);
    found.expect("each target has a check").1
}
