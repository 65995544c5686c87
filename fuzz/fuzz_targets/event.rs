//! Arbitrary bytes as an event.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| deedbook_fuzz::core::event(bytes));
