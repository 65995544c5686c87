#![doc = include_str!("../README.md")]

#[cfg(feature = "http")]
pub mod client;
pub mod context;
pub mod event;
pub mod search;

mod backend;
#[cfg(any(feature = "http", feature = "spool"))]
mod background;
mod best_effort;
mod blocking;
mod book;
mod builder;
mod deadline;
mod entry;
mod receipt;
mod record;
#[cfg(any(feature = "http", feature = "spool"))]
mod retry;
#[cfg(feature = "spool")]
pub mod spool;
#[cfg(feature = "spool")]
mod spooling;
mod tally;

pub use best_effort::BestEffortCounts;
pub use book::Deedbook;
pub use builder::Builder;
pub use context::Context;
pub use deedbook_core::{
    Actor, AppendStatus, Change, Digest, Error, ErrorKind, Event, GroupBy, Id, IdKind, Outcome, Result, Scope, Store,
    Target, Timestamp,
};
pub use entry::Entry;
pub use event::IntoEvent;
pub use receipt::{Receipt, Recorded};
pub use record::Record;
#[cfg(feature = "spool")]
pub use spooling::{Kept, SpooledRecord};
