//! Fuzzes the `red` check; see run.sh.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| engine_fuzz::check("red")(data));
