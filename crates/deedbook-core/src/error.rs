//! The one error of this crate and of every store.
//!
//! [`Error::kind`] tells the caller what to do; the message tells a person what happened. The chain of causes is
//! reached by [`std::error::Error::source`] and printed once, at the boundary.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

/// What went wrong, in terms of what the caller can do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The input is malformed or breaks a rule; correct it and try again. [`Error::problems`] lists the places.
    Invalid,
    /// The canonical form of an event is over the limit; nothing was trimmed.
    TooLarge,
    /// An event with this id exists in the tenant and its content differs.
    Conflict,
    /// The log is over capacity; try again later.
    Overloaded,
    /// A sync failed earlier: nothing more is acknowledged until the log is opened anew.
    Poisoned,
    /// No space is left on the device; reading goes on.
    DiskFull,
    /// Stored bytes are not what was written.
    Corrupt,
    /// The directory is open in another process.
    InUse,
    /// The data was written by a newer version of Deedbook.
    NewerFormat,
    /// The log is not there, or was closed.
    NotFound,
    /// The operating system refused an operation.
    Io,
    /// A server refused the token, or the token lacks the right; another token is needed.
    Denied,
    /// A legal hold covers it; nothing was taken away. The message tells who placed the hold and why.
    Held,
    /// A server was not reached, or no answer came before the deadline. What was sent may have been recorded: send it
    /// again with the same id.
    Unavailable,
}

/// One place in the input that breaks a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// JSON Pointer (RFC 6901) to the value, the empty string for the whole document.
    pub pointer: String,
    /// Stable code in snake_case, for programs: `unknown_member`, `too_deep`, `duplicate_key` …
    pub code: Cow<'static, str>,
    /// What was found, what was expected and how to mend it, for people.
    pub detail: String,
}

/// The error of every operation on events, queries and stores.
#[derive(Clone)]
pub struct Error(Box<Inner>);

#[derive(Clone)]
struct Inner {
    kind: ErrorKind,
    message: Cow<'static, str>,
    problems: Vec<Problem>,
    retry_after: Option<Duration>,
    source: Option<std::sync::Arc<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    /// An error of `kind` with a message for people.
    pub fn new(kind: ErrorKind, message: impl Into<Cow<'static, str>>) -> Self {
        Self(Box::new(Inner { kind, message: message.into(), problems: Vec::new(), retry_after: None, source: None }))
    }

    /// An [`ErrorKind::Invalid`] error about one place of the input.
    pub fn invalid(pointer: impl Into<String>, code: &'static str, detail: impl Into<String>) -> Self {
        Self::from_problems(vec![Problem { pointer: pointer.into(), code: code.into(), detail: detail.into() }])
    }

    /// An [`ErrorKind::Invalid`] error about several places of the input; `problems` must not be empty.
    pub fn from_problems(problems: Vec<Problem>) -> Self {
        let mut error = Self::new(ErrorKind::Invalid, "the input is not valid");
        error.0.problems = problems;
        error
    }

    /// The same error with its cause attached.
    pub fn with_source(mut self, source: impl std::error::Error + Send + Sync + 'static) -> Self {
        self.0.source = Some(std::sync::Arc::new(source));
        self
    }

    /// The same error with the places of the input that it is about, such as each event of a batch that conflicts.
    pub fn with_problems(mut self, problems: Vec<Problem>) -> Self {
        self.0.problems = problems;
        self
    }

    /// The same error with the time after which another attempt is worth making.
    pub fn with_retry_after(mut self, wait: Duration) -> Self {
        self.0.retry_after = Some(wait);
        self
    }

    /// [`ErrorKind::Conflict`]: the tenant has an event with this id and other content.
    pub fn conflict(tenant: &str, id: &str) -> Self {
        let message = format!(
            "the event {id:?} of tenant {tenant:?} was recorded before with other content; \
             give a new event an id of its own"
        );
        Self::new(ErrorKind::Conflict, message)
    }

    /// [`ErrorKind::Conflict`] of a batch of which all or nothing is recorded; each event that conflicts is a problem
    /// at `/index`.
    pub fn batch_conflict(conflicts: impl IntoIterator<Item = (usize, Self)>) -> Self {
        let problem = |(index, error): (usize, Self)| Problem {
            pointer: format!("/{index}"),
            code: "conflict".into(),
            detail: error.to_string(),
        };
        let problems = conflicts.into_iter().map(problem).collect();
        Self::new(ErrorKind::Conflict, "nothing of the batch was recorded").with_problems(problems)
    }

    /// What the caller can do about it.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The places of the input that break a rule, in the order in which they were met; mostly empty for other kinds
    /// than [`ErrorKind::Invalid`].
    pub fn problems(&self) -> &[Problem] {
        &self.0.problems
    }

    /// After which time another attempt is worth making, where whoever refused said so.
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.problems.is_empty() {
            return f.write_str(&self.0.message);
        }
        for (index, problem) in self.0.problems.iter().enumerate() {
            let separator = if index == 0 { "" } else { "; " };
            match problem.pointer.as_str() {
                "" => write!(f, "{separator}{}", problem.detail)?,
                pointer => write!(f, "{separator}{pointer}: {}", problem.detail)?,
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("Error");
        debug.field("kind", &self.0.kind).field("message", &self.to_string());
        if let Some(source) = &self.0.source {
            debug.field("source", source);
        }
        debug.finish()
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}
