//! The binary itself, run in temporary directories: every command, every exit code, bad input of all kinds.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up must fail")]

mod server;
mod sinks;
mod support;

#[cfg(feature = "archive")]
mod archive;
#[cfg(feature = "archive-cloud")]
mod archive_s3;
mod capture;
mod cloudtrail;
mod demo;
mod doctor;
mod example;
mod exits;
mod export;
mod git;
mod governing;
mod history;
mod kill;
mod killed_removals;
mod library;
mod log;
mod ndjson;
#[cfg(feature = "archive-cloud")]
mod offload_s3;
mod overload;
mod questions;
mod record;
mod registry;
mod remote;
mod serve;
#[cfg(feature = "https")]
mod tls;
