//! The meaning of an event, through the public API.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up must fail")]

mod canonical;
#[cfg(any(feature = "postgres-types", feature = "sqlx", feature = "uuid"))]
mod columns;
mod commitment;
mod history;
mod hostile;
mod id;
mod json;
mod prepare;
mod removal;
mod retention;
mod samples;
mod tree;
mod wire;
