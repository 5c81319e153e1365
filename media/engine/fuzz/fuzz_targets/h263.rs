//! Fuzzes the `h263` check; see run.sh.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| engine_fuzz::check("h263")(data));
