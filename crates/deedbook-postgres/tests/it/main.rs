//! The crate against a real server; without one the tests say SKIPPED.

mod capture;
mod crashes;
mod delivering;
mod refusals;
mod schema;
mod support;
mod writers;
