//! Entries after a cursor to the outside.
//!
//! * [`Format`] turns an entry into the bytes of one record. It does no IO and knows no clock.
//!
//! What goes where in each format, and what is lost, is told in `docs/formats.md`.

mod format;

pub use format::{Format, Template};
