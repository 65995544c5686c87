//! What governs a log, in a directory or behind a server: rules, holds and erasures as the JSON that the API gives.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use clap::{Args, ValueEnum};
use deedbook_core::{Store, Timestamp};
use deedbook_server::{Author, Governance, Pace, Policy, Settings, Watch};
use serde_json::Value;

use crate::book::{self, Book};
use crate::exit::{Exit, Failure, Outcome};
use crate::output::safe::safe;
use crate::output::{self, Destination};
use crate::place::Place;
use crate::progress::Progress;
use crate::remote::Remote;

/// Who changes something on a directory; a server knows it by the token.
#[derive(Debug, Args)]
pub(super) struct By {
    /// Who does it, where it is done on a directory; the user of the operating system when absent
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
}

impl By {
    /// The author of a change on a directory.
    pub(super) fn author(&self) -> Author {
        let user = || std::env::var("USER").or_else(|_| std::env::var("LOGNAME"));
        let name = self.by.clone().or_else(|| user().ok().filter(|name| !name.is_empty()));
        Author::operator(name.as_deref().unwrap_or("unknown"))
    }
}

/// Why something is changed.
#[derive(Debug, Args)]
pub(super) struct Why {
    /// Why; the entry of the change keeps it
    #[arg(long, value_name = "TEXT")]
    pub(super) reason: Option<String>,
}

/// How an answer is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// For people.
    Text,
    /// As the API gives it.
    Json,
}

impl Format {
    /// Prints `answer`, for people as `shown` says it.
    pub(super) fn print(self, answer: &Value, shown: impl FnOnce(&Value) -> String) -> Outcome<()> {
        match self {
            Self::Json => {
                output::print_line(output::json_text(answer.to_string().as_bytes(), Destination::of_stdout()))
            }
            Self::Text => output::print_line(shown(answer).trim_end()),
        }
    }
}

/// A log with what governs it.
pub(super) enum Governed {
    /// Opened by this process; `None` in place of the book where it is only read.
    Directory(Option<Book>, Box<Governance>),
    /// Asked over HTTP.
    Server(Box<Remote>),
}

impl Governed {
    /// The log at `place`, to be changed.
    pub(super) fn open(place: &Place, policy: Policy) -> Outcome<Self> {
        match place {
            Place::Directory(directory) => {
                let book = Book::open(directory)?;
                let governance = governance(book.shared(), policy)?;
                Ok(Self::Directory(Some(book), Box::new(governance)))
            }
            Place::Server(address) => Ok(Self::Server(Box::new(book::connect(address)?))),
        }
    }

    /// The log at `place`, to be looked at.
    pub(super) fn look(place: &Place) -> Outcome<Self> {
        match place {
            Place::Directory(directory) => Self::look_at(directory),
            Place::Server(address) => Ok(Self::Server(Box::new(book::connect(address)?))),
        }
    }

    fn look_at(directory: &Path) -> Outcome<Self> {
        let store: Arc<dyn Store> = Arc::from(book::open_to_read(directory)?);
        Ok(Self::Directory(None, Box::new(governance(store, Policy::default())?)))
    }

    /// Asks either side, and lets go of the log.
    pub(super) fn ask<T>(
        self,
        directory: impl FnOnce(&Governance) -> Outcome<T>,
        server: impl AsyncFnOnce(&deedbook::client::Client) -> deedbook_core::Result<T>,
    ) -> Outcome<T> {
        match self {
            Self::Directory(book, governance) => {
                let answer = directory(&governance);
                drop(governance);
                book.map_or(Ok(()), Book::close).and(answer)
            }
            Self::Server(remote) => {
                let (client, runtime) = remote.parts();
                Ok(runtime.block_on(server(client))?)
            }
        }
    }
}

fn governance(store: Arc<dyn Store>, policy: Policy) -> Outcome<Governance> {
    let clock: deedbook_server::Clock = Arc::new(Timestamp::now);
    let settings = Arc::new(Settings::load(store.clone(), clock.clone())?);
    Ok(Governance::new(store, settings, clock, policy))
}

/// Does what takes long, with a bar for people.
pub(super) fn watched<T>(work: impl FnOnce(&Watch<'_>) -> T) -> T {
    static NEVER: AtomicBool = AtomicBool::new(false);
    let progress = Progress::new();
    progress.begin_entries();
    let read = |count| progress.advance(count);
    let done = work(&Watch { read: &read, stop: &NEVER, pace: Pace::Full });
    progress.end();
    done
}

/// A text of an answer, made safe for a terminal.
pub(super) fn text(value: &Value) -> String {
    value.as_str().map(|text| safe(text).into_owned()).unwrap_or_default()
}

/// What was asked for by its id.
///
/// # Errors
/// [`Exit::No`] where there is none; a directory without a log stays that.
pub(super) fn found(answer: Outcome<Option<Value>>, what: &str, id: &str, list: &str) -> Outcome<Value> {
    match answer {
        Ok(Some(value)) => Ok(value),
        Ok(None) => Err(absent(what, id, list)),
        Err(failure) if failure.exit() == Exit::NoBook && failure.advice().is_none() => Err(absent(what, id, list)),
        Err(failure) => Err(failure),
    }
}

fn absent(what: &str, id: &str, list: &str) -> Failure {
    Failure::new(Exit::No, format!("there is no {what} {}", safe(id))).advise(format!("`{list}` shows their ids."))
}
