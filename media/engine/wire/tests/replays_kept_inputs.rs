//! Inputs that fuzzing starts from, and those that once broke a parser, are replayed in every test run.
#![allow(clippy::unwrap_used, reason = "a failed unwrap fails its test")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

mod support;

use support::{exercise, samples};

fn fuzz_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz")
}

/// The files of `fuzz/<kind>/<target>/`, by path below `kind`. Hidden files only keep a folder in git.
fn inputs(kind: &str) -> BTreeMap<PathBuf, Vec<u8>> {
    let root = fuzz_folder().join(kind);
    let targets = fs::read_dir(&root)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir());
    targets
        .flat_map(|target| fs::read_dir(target).unwrap())
        .map(|entry| entry.unwrap().path())
        .filter(|path| !path.file_name().unwrap().to_string_lossy().starts_with('.'))
        .map(|path| {
            (
                path.strip_prefix(&root).unwrap().to_owned(),
                fs::read(&path).unwrap(),
            )
        })
        .collect()
}

/// Every kept input is survived by every parser, not only by the one that it was found with.
#[test]
fn kept_inputs_are_survived() {
    let seeds = inputs("seeds");
    assert!(seeds.len() >= samples::all().len());
    for bytes in seeds.into_values().chain(inputs("crashes").into_values()) {
        exercise::ALL.iter().for_each(|(_, run)| run(&bytes));
    }
}

/// Each sample is a seed with the same bytes. `WRITE_SEEDS=1` writes them anew after a sample was changed.
#[test]
fn samples_are_seeds() {
    let write = std::env::var_os("WRITE_SEEDS").is_some();
    for sample in samples::all() {
        let path = fuzz_folder()
            .join("seeds")
            .join(sample.target)
            .join(sample.name);
        if write {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, &sample.bytes).unwrap();
        }
        assert_eq!(
            fs::read(&path).ok(),
            Some(sample.bytes),
            "{}",
            path.display()
        );
    }
}

/// Each fuzz target has an exercise and seeds, so that none is forgotten here.
#[test]
fn every_exercise_has_seeds() {
    let seeds = inputs("seeds");
    for (target, _) in exercise::ALL {
        assert!(
            seeds.keys().any(|path| path.starts_with(target)),
            "no seed for {target}"
        );
        assert!(
            fuzz_folder()
                .join("fuzz_targets")
                .join(target)
                .with_extension("rs")
                .is_file(),
            "no target {target}"
        );
    }
}
