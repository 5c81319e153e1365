//! Fuzzes the `h235` check; see run.sh.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| engine_fuzz::check("h235")(data));
