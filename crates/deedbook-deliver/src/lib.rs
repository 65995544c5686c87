//! Entries after a cursor, to the outside.
//!
//! * A [`Courier`] follows the log and brings what is new to a [`Sink`], in order, at least once.
//! * [`Couriers`] are those of a log, by the names of their sinks; [`Settings`] are what an operator says of one.
//! * [`Format`] turns an entry into the bytes of one record. It does no IO and knows no clock.
//!
//! What goes where in each format, and what is lost, is told in `docs/formats.md`.

mod courier;
mod couriers;
mod format;
mod handle;
mod secret;
mod settings;
mod sink;
mod state;
mod time;
#[cfg(test)]
mod trial;

pub use courier::{Courier, Incident, Start, Terms, position_at};
pub use couriers::{Couriers, Outlet};
pub use format::{Format, Template};
pub use handle::{Handle, Status, TestReply};
pub use secret::Secret;
pub use settings::{Origin, Said, Settings};
pub use sink::{Bodies, Failure, FileSink, Guard, Rotation, Sink, StreamSink, TracingSink, Webhook, Writer};
pub use state::{Folder, Parked, State, States};
pub use time::{RealTime, Time};
