//! The crate against a real server; without one the tests say SKIPPED.

mod schema;
mod support;
