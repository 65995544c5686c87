//! Arbitrary bytes as a segment of a log.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| deedbook_fuzz::store::segment(bytes));
