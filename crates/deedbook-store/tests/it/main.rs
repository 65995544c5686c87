//! The file store against the conformance suite, crashes, damage and hostile clocks.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up must fail")]

mod basics;
mod conformance;
mod faults;
mod formats;
mod large;
mod removing;
