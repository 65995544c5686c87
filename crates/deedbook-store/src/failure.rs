//! How failures of files become errors that tell the next step.

use std::io;

use deedbook_core::{Error, ErrorKind};

/// An operation on `name` failed.
pub(crate) fn io_error(doing: &str, name: &str, error: io::Error) -> Error {
    let (kind, advice) = match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            (ErrorKind::DiskFull, "; free some space and try again, reading goes on meanwhile")
        }
        io::ErrorKind::UnexpectedEof => return corrupt(name, "the file ends too early"),
        _ => (ErrorKind::Io, ""),
    };
    Error::new(kind, format!("could not {doing} {name}{advice}")).with_source(error)
}

/// The bytes of `name` are not what was written.
pub(crate) fn corrupt(name: &str, what: impl std::fmt::Display) -> Error {
    let advice = "nothing was changed; restore this file from a backup, and see `deedbook doctor` for the extent";
    Error::new(ErrorKind::Corrupt, format!("{name} is damaged: {what}; {advice}"))
}
