//! The binary itself, run in temporary directories: every command, every exit code, bad input of all kinds.

mod support;

mod cloudtrail;
mod demo;
mod doctor;
mod exits;
mod export;
mod git;
mod history;
mod log;
mod ndjson;
mod record;
