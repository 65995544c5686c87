//! Errors of the server as [`Error`]s that tell the next step.

use deedbook_core::{Error, ErrorKind};
use tokio_postgres::error::SqlState;

/// The error of an operation on the database; `doing` says which, as in `install the schema`.
pub(crate) fn failed(doing: &str, error: tokio_postgres::Error) -> Error {
    let (kind, advice) = match error.code() {
        Some(code) => refused(code),
        // What is not the server's answer is the connection: it ended, or never was.
        None => (ErrorKind::Unavailable, ""),
    };
    Error::new(kind, format!("cannot {doing}{advice}")).with_source(error)
}

fn refused(code: &SqlState) -> (ErrorKind, &'static str) {
    let class = code.code().get(..2).unwrap_or_default();
    match class {
        _ if *code == SqlState::INSUFFICIENT_PRIVILEGE => (ErrorKind::Denied, ""),
        _ if *code == SqlState::UNDEFINED_TABLE || *code == SqlState::INVALID_SCHEMA_NAME => {
            (ErrorKind::NotFound, ": Deedbook is not installed in this database")
        }
        // Connection exceptions, refused log-ins, an operator who ends the session, a server that starts or is full.
        "28" => (ErrorKind::Denied, ""),
        "08" | "57" | "53" => (ErrorKind::Unavailable, ""),
        _ => (ErrorKind::Io, ""),
    }
}
