#![doc = include_str!("../README.md")]

pub mod context;
pub mod event;
pub mod search;

mod backend;
mod best_effort;
mod blocking;
mod book;
mod builder;
mod deadline;
mod entry;
mod receipt;
mod record;
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
