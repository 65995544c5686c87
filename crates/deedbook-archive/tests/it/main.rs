//! Archives of logs in memory and in files, on stores of objects that fail at any step.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up must fail")]

mod objects;
mod support;

mod crashes;
mod given_back;
mod lossless;
mod removed;
mod stranger;
mod tampered;
mod writers;
