//! What the tests of every store share: a clock that is moved by hand, events that are always the same, one
//! conformance suite, a state machine that compares any store with [`deedbook_core::MemoryStore`], and a disk in memory
//! that loses power and fails.
//!
//! A store's tests implement [`Subject`] once and call [`conformance::run`] and [`model::run`]. Nothing here is random
//! but what a printed seed reproduces, and nothing sleeps to wait for something but the start of a PostgreSQL server.

pub mod bytes;
pub mod conformance;
pub mod disk;
pub mod events;
pub mod model;
#[cfg(feature = "postgres")]
pub mod postgres;
pub mod questions;

mod clock;
mod random;
mod skipped;
mod stores;
mod subject;

pub use clock::Clock;
pub use random::Random;
pub use skipped::skipped;
pub use stores::StoreKind;
pub use subject::{Durability, MemorySubject, Subject};
