//! What takes entries outside: the trait [`Sink`], and a module for each kind.

pub(crate) mod deedbook;
pub(crate) mod file;
#[cfg(feature = "kafka")]
pub(crate) mod kafka;
pub(crate) mod log;
#[cfg(feature = "nats")]
pub(crate) mod nats;
pub(crate) mod otlp;
pub(crate) mod postgres;
pub(crate) mod splunk;
pub(crate) mod stream;
pub(crate) mod syslog;
pub(crate) mod webhook;

mod guard;
mod http;

use std::error::Error;
use std::time::Duration;

use deedbook_core::Entry;
use tokio::runtime::{Builder, Runtime};

pub use file::{FileSink, Rotation};
pub use guard::Guard;
pub use log::TracingSink;
pub use stream::StreamSink;
pub use webhook::{Bodies, Webhook};

/// Makes the record of an entry, which is a line without its end where lines are written.
pub type Writer = Box<dyn Fn(&Entry, &mut Vec<u8>) + Send>;

/// Where entries go.
pub trait Sink: Send {
    /// Sends `entries`, which rise by position and are at least one. `Ok` when the other side has them for good, as far
    /// as it can say so. May block, but bounds how long it waits for the other side.
    ///
    /// # Errors
    /// [`Failure::Later`] and [`Failure::Refused`]; either may leave a part of the entries there, which will be sent
    /// again with the same ids.
    fn deliver(&mut self, entries: &[Entry]) -> Result<(), Failure>;
}

/// Why entries did not go out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The other side is away, overloaded or wrongly set up: the same entries are to be sent again.
    Later {
        /// What it said, for people.
        why: String,
        /// When it asked to be asked again.
        after: Option<Duration>,
    },
    /// It will not take these entries as they are, whoever asks and however often.
    Refused {
        /// What it said, for people.
        why: String,
    },
}

impl Failure {
    /// To be tried again at a time of our own choice.
    pub fn later(why: impl Into<String>) -> Self {
        Self::Later { why: why.into(), after: None }
    }

    /// What was said, for people.
    pub fn why(&self) -> &str {
        match self {
            Self::Later { why, .. } | Self::Refused { why } => why,
        }
    }
}

/// What the client of a sink runs on, where it wants a runtime: the thread of the courier, while it delivers. It is
/// made with the first batch.
#[derive(Default)]
struct ClientRuntime(Option<Runtime>);

impl ClientRuntime {
    /// Runs `work` to its end. It must not be called by what runs within a runtime.
    fn block_on<T>(&mut self, work: impl Future<Output = T>) -> Result<T, Failure> {
        let runtime = match self.0.take() {
            Some(runtime) => runtime,
            None => Builder::new_current_thread()
                .enable_all()
                .build()
                .map_err(|error| Failure::later(format!("the operating system gives no runtime: {error}")))?,
        };
        Ok(self.0.insert(runtime).block_on(work))
    }
}

impl Drop for ClientRuntime {
    /// A name that is still being looked up keeps nobody waiting.
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

/// An error and what caused it.
fn chain(error: &dyn Error) -> String {
    let texts: Vec<String> = causes(error).map(ToString::to_string).collect();
    texts.join(": ")
}

/// What is behind all, where the rest only says that something failed.
fn cause(error: &dyn Error) -> String {
    causes(error).last().unwrap_or(error).to_string()
}

fn causes(error: &dyn Error) -> impl Iterator<Item = &dyn Error> {
    std::iter::successors(Some(error), |&error| error.source().map(|source| source as &dyn Error))
}
