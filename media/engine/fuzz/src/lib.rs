//! What the fuzz targets run: the checks that the own tests of the wire, core and robot crates replay.

#[path = "../../wire/tests/support/exercise.rs"]
mod exercise;
#[path = "../../robot/tests/support/mod.rs"]
mod support;

/// The check of one target by its name, which is also the name of its folder of seeds.
///
/// # Panics
/// If there is none of that name.
#[must_use]
pub fn check(target: &str) -> fn(&[u8]) {
    let steps = support::ENGINE_EXERCISES.iter().chain(&support::EXERCISES);
    let mut all = exercise::ALL.iter().chain(steps);
    let found = all.find(|(name, _)| *name == target);
    found.expect("each target has a check").1
}
