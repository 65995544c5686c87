//! What each fuzz target does with its bytes, and what it demands besides not to panic.
//!
//! The targets in `fuzz_targets/` call one function of here each; the tests of the crates include the same files and
//! replay the corpus with them, so that fuzzing and replaying cannot drift apart.

pub mod core;
pub mod store;
