//! How a book is opened: what every event gets that does not say it, and how long to wait.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use deedbook_core::{Actor, Draft, Error, ErrorKind, Event, Limits, Result, Source, Store};

#[cfg(feature = "http")]
use crate::backend::Remote;
use crate::backend::{Backend, Local};
#[cfg(feature = "http")]
use crate::background::Background;
use crate::capture::Capture;
#[cfg(feature = "http")]
use crate::client::{Client, Token};
#[cfg(feature = "spool")]
use crate::spool::SpoolOptions;
use crate::{Context, Deedbook};

/// How a [`Deedbook`] is opened; made by [`Deedbook::builder`].
#[derive(Clone, Debug)]
#[must_use = "nothing is opened until `open`"]
pub struct Builder {
    settings: Settings,
}

/// What a book keeps of its builder.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// What the context of the task does not set.
    pub(crate) defaults: Context,
    pub(crate) deadline: Duration,
    pub(crate) best_effort_events_max: usize,
    pub(crate) limits: Limits,
    pub(crate) capture: Arc<Capture>,
    #[cfg(feature = "spool")]
    pub(crate) spool: Option<SpoolOptions>,
}

impl Settings {
    /// Checks an event and makes a draft of it.
    ///
    /// # Errors
    /// As [`deedbook_core::prepare`].
    pub(crate) fn prepare(&self, event: Event) -> Result<Draft> {
        deedbook_core::prepare(event, &self.limits, || {
            let mut random = [0; 16];
            crate::fill_random(&mut random);
            random
        })
    }
}

impl Default for Builder {
    fn default() -> Self {
        Self {
            settings: Settings {
                defaults: Context::new(),
                deadline: Duration::from_secs(10),
                best_effort_events_max: 10_000,
                limits: Limits::default(),
                capture: Arc::default(),
                #[cfg(feature = "spool")]
                spool: None,
            },
        }
    }
}

impl Builder {
    /// In whose log events are entered that neither name a tenant nor run in a context that does; `default` where this
    /// is not said. Reads are of this tenant's log too, unless they say otherwise.
    pub fn tenant(self, tenant: impl Into<Arc<str>>) -> Self {
        self.with_defaults(|defaults| defaults.tenant(tenant))
    }

    /// Which service, version and environment record.
    pub fn source(self, source: Source) -> Self {
        self.with_defaults(|defaults| defaults.source(source))
    }

    /// Who acts where no context says so: for a program that acts by itself, such as a nightly job. Without it an event
    /// that nobody is known to have done is refused.
    pub fn actor(self, actor: Actor) -> Self {
        self.with_defaults(|defaults| defaults.actor(actor))
    }

    /// How long a record may take before its caller gets [`ErrorKind::Unavailable`]; 10 seconds where this is not
    /// said. Events of [`Deedbook::best_effort`] are dropped when they have waited that long.
    pub fn deadline(self, deadline: Duration) -> Self {
        Self { settings: Settings { deadline, ..self.settings } }
    }

    /// How many events of [`Deedbook::best_effort`] may wait; 10,000 where this is not said, some 10 MB.
    pub fn best_effort_events_max(self, events: usize) -> Self {
        Self { settings: Settings { best_effort_events_max: events, ..self.settings } }
    }

    /// Which events are captured by the tower layer and by [`crate::auth`]; [`Capture::load`] reads it from a file and
    /// the environment.
    pub fn capture(self, capture: Capture) -> Self {
        Self { settings: Settings { capture: Arc::new(capture), ..self.settings } }
    }

    /// A spool on disk for the events of [`Deedbook::spool`] that the log cannot take; opening the book begins to deliver
    /// what a former process left in it.
    #[cfg(feature = "spool")]
    pub fn spool(self, options: SpoolOptions) -> Self {
        Self { settings: Settings { spool: Some(options), ..self.settings } }
    }

    /// Opens the book at `url`: see [`Deedbook::open`].
    ///
    /// # Errors
    /// As [`Deedbook::open`].
    pub fn open(self, url: &str) -> Result<Deedbook> {
        let backend = match Location::parse(url)? {
            Location::File(directory) => Local::file(directory)?,
            Location::Memory => Local::memory()?,
        };
        Deedbook::assemble(Backend::Local(backend), self.settings)
    }

    /// A book behind a server: see [`Deedbook::connect`].
    ///
    /// # Errors
    /// As [`Deedbook::connect`].
    #[cfg(feature = "http")]
    pub fn connect(self, url: &str, token: &str) -> Result<Deedbook> {
        let client = Client::new(url, Token::new(token)?)?;
        Deedbook::assemble(Backend::Remote(Remote::new(client, Background::start()?)), self.settings)
    }

    /// A book on any store of this process. [`Deedbook::shutdown`] waits for what is on its way and leaves closing the
    /// store to whoever made it.
    ///
    /// # Errors
    /// [`ErrorKind::Io`] where the operating system gives no thread.
    pub fn on(self, store: Arc<dyn Store>) -> Result<Deedbook> {
        Deedbook::assemble(Backend::Local(Local::on(store)?), self.settings)
    }

    fn with_defaults(self, change: impl FnOnce(Context) -> Context) -> Self {
        Self { settings: Settings { defaults: change(self.settings.defaults), ..self.settings } }
    }
}

/// Where a book is.
#[derive(Debug, PartialEq, Eq)]
enum Location {
    File(PathBuf),
    Memory,
}

impl Location {
    fn parse(url: &str) -> Result<Self> {
        const EXPECTED: &str = "expected \"file:\" and a directory, such as \"file:./deedbook-data\", or \"memory:\" \
                                for tests";
        let Some((scheme, rest)) = url.split_once(':') else {
            return Err(refused(format!("found {url:?}, which has no scheme; {EXPECTED}")));
        };
        match scheme {
            "file" if rest.is_empty() => Err(refused(format!("found no directory after \"file:\"; {EXPECTED}"))),
            // `file:///var/x` and `file:/var/x` are the same place (RFC 8089, section 2 and appendix B).
            "file" => Ok(Self::File(PathBuf::from(rest.strip_prefix("//").unwrap_or(rest)))),
            "memory" if rest.is_empty() => Ok(Self::Memory),
            "memory" => {
                Err(refused(format!("found {url:?}; a book in memory has no name, so it is \"memory:\" alone")))
            }
            "http" | "https" => {
                Err(refused(format!("found {url:?}; a server is reached by `Deedbook::connect(url, token)`")))
            }
            _ => Err(refused(format!("found the scheme {scheme:?}; {EXPECTED}"))),
        }
    }
}

fn refused(message: String) -> Error {
    Error::new(ErrorKind::Invalid, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_name_a_place_or_tell_what_is_expected() {
        let directory = |path: &str| Ok(Location::File(PathBuf::from(path)));
        let check = |url: &str, expected: Result<Location, &str>| match (Location::parse(url), expected) {
            (Ok(found), Ok(expected)) => assert_eq!(found, expected, "{url}"),
            (Err(error), Err(words)) => assert!(error.to_string().contains(words), "{url}: {error}"),
            (found, expected) => panic!("{url}: {found:?}, expected {expected:?}"),
        };
        check("file:./deedbook-data", directory("./deedbook-data"));
        check("file:/var/lib/deedbook", directory("/var/lib/deedbook"));
        check("file:///var/lib/deedbook", directory("/var/lib/deedbook"));
        check("memory:", Ok(Location::Memory));
        check("file:", Err("no directory after"));
        check("./deedbook-data", Err("has no scheme; expected \"file:\" and a directory"));
        check("memory:x", Err("\"memory:\" alone"));
        check("https://audit.example", Err("`Deedbook::connect(url, token)`"));
        check("postgres://x", Err("found the scheme \"postgres\"; expected \"file:\""));
    }
}
