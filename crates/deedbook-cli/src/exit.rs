//! How a run ends: the exit codes that scripts rely on, and the error that carries one.
//!
//! Nothing here prints; `main` prints an error and its causes once.

use std::error::Error as StdError;
use std::{fmt, io};

use deedbook_core::{Error, ErrorKind};

/// The documented exit codes; no number is ever given a second meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Done.
    Done = 0,
    /// `get` found nothing, no entry is about the thing of `history` and its kin, or `doctor` or
    /// `sinks test` found something wrong.
    No = 1,
    /// The arguments make no sense; clap ends the process with this one itself.
    Usage = 2,
    /// `import` or `demo` went through, but some of the input was rejected.
    SomeRejected = 3,
    /// An event, a query or an input file is not valid.
    Invalid = 4,
    /// An event with this id is there and differs.
    Conflict = 5,
    /// Another process has the directory open.
    InUse = 6,
    /// Stored bytes are not what was written.
    Corrupt = 7,
    /// The operating system refused an operation, the disk is full, or the log could not take more.
    Io = 8,
    /// The directory was written by a newer version.
    NewerFormat = 9,
    /// There is no Deedbook in the directory, or in the database.
    NoBook = 10,
    /// A server refused the token, or it lacks the right.
    Denied = 11,
    /// A server was not reached, or did not answer in time.
    Unavailable = 12,
    /// A legal hold covers it, and nothing was taken away.
    Held = 13,
}

/// The table of exit codes, as `--help` shows it.
pub(crate) const EXIT_CODES: &str = "\
Exit codes:
   0  done
   1  get, history, as-of, diff, restore: there is no such entry; doctor, sinks test,
      archive verify: something is wrong
   2  the arguments make no sense
   3  import, demo: some of the input was rejected
   4  an event, a query or an input is not valid
   5  an event with this id is there and differs
   6  the data directory is in use by another process
   7  stored data is corrupt; run `deedbook doctor`
   8  the operating system refused an operation, or the disk is full
   9  the data was written by a newer version of Deedbook
  10  there is no Deedbook in the data directory, or in the database
  11  the server refused the token, or it lacks the right
  12  the server was not reached, or did not answer in time
  13  a legal hold covers it, and nothing was taken away";

/// An error on its way to `main`: a message, its cause, what to do about it, and the exit code.
#[derive(Debug)]
pub(crate) struct Failure {
    exit: Exit,
    message: String,
    advice: Option<String>,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

/// The result of everything in this binary that can fail.
pub(crate) type Outcome<T> = std::result::Result<T, Failure>;

impl Failure {
    /// An error without a cause.
    pub(crate) fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: message.into(), advice: None, source: None }
    }

    /// Input that breaks a rule.
    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::new(Exit::Invalid, message)
    }

    /// An operation the operating system refused; `doing` says which, as in `read events.ndjson`.
    pub(crate) fn io(doing: impl fmt::Display, source: io::Error) -> Self {
        Self::new(Exit::Io, format!("cannot {doing}")).caused_by(source)
    }

    /// The same error with a sentence on what to do.
    pub(crate) fn advise(self, advice: impl Into<String>) -> Self {
        Self { advice: Some(advice.into()), ..self }
    }

    /// The same error with its cause.
    pub(crate) fn caused_by(self, source: impl StdError + Send + Sync + 'static) -> Self {
        Self { source: Some(Box::new(source)), ..self }
    }

    /// The same error with another exit code.
    pub(crate) fn with_exit(self, exit: Exit) -> Self {
        Self { exit, ..self }
    }

    /// With which code the process ends.
    pub(crate) fn exit(&self) -> Exit {
        self.exit
    }

    /// What to do about it.
    pub(crate) fn advice(&self) -> Option<&str> {
        self.advice.as_deref()
    }

    /// Whether it only says that the reader of our output has gone, as `head` does.
    pub(crate) fn is_broken_pipe(&self) -> bool {
        let mut cause = self.source();
        while let Some(error) = cause {
            if error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe) {
                return true;
            }
            cause = error.source();
        }
        false
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl StdError for Failure {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let failure = Self::new(exit_of(error.kind()), error.to_string());
        match StdError::source(&error) {
            Some(source) => failure.caused_by(Cause::of(source)),
            None => failure,
        }
    }
}

fn exit_of(kind: ErrorKind) -> Exit {
    match kind {
        ErrorKind::Invalid | ErrorKind::TooLarge => Exit::Invalid,
        ErrorKind::Conflict => Exit::Conflict,
        ErrorKind::InUse => Exit::InUse,
        ErrorKind::Corrupt => Exit::Corrupt,
        ErrorKind::NewerFormat => Exit::NewerFormat,
        ErrorKind::NotFound => Exit::NoBook,
        ErrorKind::Denied => Exit::Denied,
        ErrorKind::Unavailable => Exit::Unavailable,
        ErrorKind::Held => Exit::Held,
        _ => Exit::Io,
    }
}

/// A chain of causes that was lent to us, kept as text.
#[derive(Debug)]
struct Cause {
    message: String,
    source: Option<Box<Cause>>,
}

impl Cause {
    fn of(error: &(dyn StdError + 'static)) -> Self {
        Self { message: error.to_string(), source: error.source().map(|source| Box::new(Self::of(source))) }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl StdError for Cause {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_in_the_help() {
        for exit in [
            Exit::Done,
            Exit::No,
            Exit::Usage,
            Exit::SomeRejected,
            Exit::Invalid,
            Exit::Conflict,
            Exit::InUse,
            Exit::Corrupt,
            Exit::Io,
            Exit::NewerFormat,
            Exit::NoBook,
            Exit::Denied,
            Exit::Unavailable,
            Exit::Held,
        ] {
            assert!(EXIT_CODES.contains(&format!("\n  {:>2}  ", exit as u8)), "{exit:?}");
        }
    }

    #[test]
    fn a_store_error_keeps_its_chain() {
        let error = Error::new(ErrorKind::DiskFull, "cannot append").with_source(io::Error::other("no space"));
        let failure = Failure::from(error);
        assert_eq!(failure.exit(), Exit::Io);
        assert_eq!(failure.source().map(ToString::to_string).as_deref(), Some("no space"));
    }

    #[test]
    fn a_broken_pipe_is_recognised_behind_other_errors() {
        let broken = Failure::io("write", io::Error::from(io::ErrorKind::BrokenPipe));
        assert!(broken.is_broken_pipe());
        assert!(!Failure::io("write", io::Error::other("x")).is_broken_pipe());
    }
}
