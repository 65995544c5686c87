//! PostgreSQL for tests and measurements: a private server, and a database of its own for each test.
//!
//! The server listens on a socket in its own temporary directory and nowhere else, and ends with the process that
//! started it, even where that is killed.

mod database;
mod server;

pub use database::Database;
pub use server::{Error, Halt, Server};
