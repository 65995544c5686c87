//! The file store against the conformance suite, crashes, damage and hostile clocks.

mod basics;
mod conformance;
mod faults;
