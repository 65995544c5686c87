//! What every sink must do that speaks to another side: a list of named checks, each a real courier over a small log
//! and a peer that does what a script says.
//!
//! A kind of sink is tested by a [`Dialect`], which is the peer's side of its protocol, and [`run`].

mod checks;
mod control;
mod log;
mod peer;

mod deedbook;
pub(crate) mod http;
#[cfg(feature = "kafka")]
mod kafka;
#[cfg(feature = "nats")]
mod nats;
mod otlp;
mod splunk;
mod syslog;
mod webhook;

use std::io;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use deedbook_deliver::Sink;

pub(crate) use peer::Connection;

/// After what time a sink gives up a peer that does not answer: the least that can be set.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(1);

/// An entry as a peer knows it: its tenant and its id.
pub(crate) type Id = (String, String);

/// What a peer reads before it answers: a batch, or a part of one.
pub(crate) struct Message {
    /// The entries in it, in their order.
    pub(crate) entries: Vec<Id>,
}

/// What a peer answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Says {
    /// It has them.
    Taken,
    /// It will never take these.
    Refused(Vec<Id>),
    /// That was too much at once.
    TooLarge,
    /// It wants to be asked again after [`BUSY`].
    Busy,
    /// Something went wrong on its side.
    Failed,
    /// It is not there at the moment.
    Unavailable,
}

/// When a peer that is busy wants to be asked again.
pub(crate) const BUSY: Duration = Duration::from_secs(7);

/// What a peer does with a message.
#[derive(Clone, Debug)]
pub(crate) enum Act {
    /// Answers.
    Says(Says),
    /// Takes it, says so, and resets the connection.
    TakesAndResets,
    /// Takes it, and the connection breaks in the middle of the answer.
    TakesAndBreaksOff,
    /// Takes it, and resets the connection without an answer.
    TakesInSilence,
    /// Resets the connection and takes nothing.
    Resets,
    /// Takes nothing and never answers.
    Hangs,
}

/// The peer's side of the protocol of a kind of sink.
pub(crate) trait Dialect: Send + Sync + 'static {
    /// The sink for a peer at this address, which gives up after [`TIMEOUT`].
    fn sink(&self, address: SocketAddr) -> Box<dyn Sink>;

    /// What a peer says before anything is said to it.
    fn greeting(&self) -> Vec<u8> {
        Vec::new()
    }

    /// Reads the next message, and answers what else is asked in between; `None` where the connection ends.
    fn read(&self, connection: &mut Connection) -> io::Result<Option<Message>>;

    /// The bytes of an answer; `None` where the protocol has none for it, so that nobody expects anything of it.
    fn answer(&self, says: &Says, message: &Message) -> Option<Vec<u8>>;

    /// Whether a peer says that it has what was sent. Without that, what was on its way when a connection broke is lost,
    /// and nobody expects otherwise.
    fn confirms(&self) -> bool {
        true
    }

    /// Whether a peer that refuses some entries of a message takes the others of it.
    fn takes_the_rest(&self) -> bool {
        false
    }
}

/// One thing that every sink must do.
pub(crate) struct Check {
    /// What it is, for reports.
    pub(crate) name: &'static str,
    /// Panics with what it found.
    run: fn(&Arc<dyn Dialect>),
}

/// Runs every check.
///
/// # Panics
/// With the names and findings of all checks that failed.
pub(crate) fn run(dialect: impl Dialect) {
    let dialect: Arc<dyn Dialect> = Arc::new(dialect);
    let report = |check: &Check| Some(format!("* {}: {}", check.name, failure(check, &dialect)?));
    let report: Vec<String> = checks::CHECKS.iter().filter_map(report).collect();
    assert!(report.is_empty(), "{} of {} checks failed:\n{}", report.len(), checks::CHECKS.len(), report.join("\n"));
}

/// What a check found wrong, if anything.
fn failure(check: &Check, dialect: &Arc<dyn Dialect>) -> Option<String> {
    let panic = catch_unwind(AssertUnwindSafe(|| (check.run)(dialect))).err()?;
    let text = panic.downcast_ref::<String>().map(String::as_str);
    Some(text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("a panic without words").to_owned())
}
