//! Errors of the server as [`Error`]s that tell the next step.

use std::error::Error as _;

use deedbook_core::{Error, ErrorKind};
use tokio_postgres::error::SqlState;

/// The error of an operation on the database; `doing` says which, as in `install the schema`.
pub(crate) fn failed(doing: &str, error: tokio_postgres::Error) -> Error {
    let (kind, advice) = match error.code() {
        Some(code) => refused(code),
        // Told by its words, for the causes hide the type of the error of TLS.
        None if causes(&error).any(|cause| cause.to_string().contains("invalid peer certificate")) => (
            ErrorKind::Denied,
            ": its certificate must be for the host in the address, and of an authority that this machine trusts or that \
             is in the file which SSL_CERT_FILE names; sslmode=disable in the address does without",
        ),
        // What is not the server's answer is the connection: it ended, or never was.
        None => (ErrorKind::Unavailable, ""),
    };
    Error::new(kind, format!("cannot {doing}{advice}")).with_source(error)
}

fn causes<'e>(error: &'e tokio_postgres::Error) -> impl Iterator<Item = &'e (dyn std::error::Error + 'static)> {
    std::iter::successors(error.source(), |&cause| cause.source())
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
