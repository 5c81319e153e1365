//! What fuzzing started from, and what once broke the shard or SRTP, is replayed in every test run.

use crate::support;
use proptest::prelude::*;
use std::fs;
use std::path::Path;

fn inputs(kind: &str, target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../fuzz")
        .join(kind)
        .join(target);
    let files = fs::read_dir(folder)
        .into_iter()
        .flatten()
        .map(|entry| entry.unwrap().path());
    files.map(|file| fs::read(file).unwrap()).collect()
}

/// Every kept input is survived, and every target has seeds.
#[test]
fn kept_inputs_are_survived() {
    for (target, run) in support::EXERCISES {
        let seeds = inputs("seeds", target);
        assert!(seeds.len() >= 3, "{target} has few seeds");
        let crashes = inputs("crashes", target);
        seeds.iter().chain(&crashes).for_each(|input| run(input));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    /// Arbitrary lists of steps are survived, too.
    #[test]
    fn any_input_is_survived(input in prop::collection::vec(any::<u8>(), 0..400)) {
        for (_, run) in support::EXERCISES {
            run(&input);
        }
    }
}
