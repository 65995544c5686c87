//! Entries after a cursor, to the outside: [`Courier`], which brings them to a [`Sink`].

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test may panic"))]

mod courier;
mod handle;
mod sink;
mod state;
mod time;
#[cfg(test)]
mod trial;

pub use courier::{Courier, Incident, Start, Terms, position_at};
pub use handle::{Handle, Status};
pub use sink::{Failure, FileSink, Rotation, Sink};
pub use state::{Folder, Parked, State, States};
pub use time::{RealTime, Time};
