#![doc = include_str!("../README.md")]

pub mod auth;
pub mod capture;
#[cfg(feature = "http")]
pub mod client;
pub mod context;
#[doc(hidden)]
pub mod derived;
pub mod entity;
pub mod event;
pub mod history;
#[cfg(any(feature = "sqlx-postgres", feature = "tokio-postgres"))]
pub mod postgres;
pub mod search;
#[cfg(feature = "sinks")]
pub mod sinks;
#[cfg(feature = "spool")]
pub mod spool;
pub mod store;

mod backend;
#[cfg(any(feature = "http", feature = "spool"))]
mod background;
mod batch;
mod best_effort;
mod blocking;
mod book;
mod builder;
mod deadline;
mod entry;
mod instant;
mod receipt;
mod record;
#[cfg(feature = "tower")]
mod requests;
#[cfg(any(feature = "http", feature = "spool"))]
mod retry;
#[cfg(feature = "spool")]
mod spooling;
mod tally;

pub use batch::Batch;
pub use best_effort::BestEffortCounts;
pub use book::Deedbook;
pub use builder::Builder;
pub use context::Context;
pub use deedbook_core::{
    Actor, AppendStatus, Change, Digest, Error, ErrorKind, Event, GroupBy, Id, IdKind, Outcome, Result, Scope, Store,
    Target, Timestamp,
};
pub use deedbook_derive::{Entity, Event, Id};
pub use entity::{Changes, Entity, changes};
pub use entry::Entry;
pub use event::IntoEvent;
pub use instant::ToTimestamp;
pub use receipt::{Receipt, Recorded};
pub use record::Record;
#[cfg(feature = "tower")]
pub use requests::{Handling, RequestLayer, Requests};
#[cfg(feature = "spool")]
pub use spooling::{Kept, SpooledRecord};

/// A new id of `T`, of 16 random bytes of the operating system: `user_8hWAb-kHmq5nmfE-xPggAA`.
pub fn new_id<T: IdKind>() -> Id<T> {
    let mut random = [0; 16];
    fill_random(&mut random);
    Id::from_random(random)
}

fn fill_random(buffer: &mut [u8]) {
    getrandom::fill(buffer).expect("the operating system gives random bytes");
}
