//! Fuzzes the `h261` check; see run.sh.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| engine_fuzz::check("h261")(data));
