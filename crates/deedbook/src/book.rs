//! The door: [`Deedbook`], a handle to one log.

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use deedbook_core::history::TargetId;
use deedbook_core::{Draft, Event, Result, Store, Target};

use crate::backend::Backend;
use crate::best_effort::{BestEffort, BestEffortCounts, Waiting};
use crate::builder::Settings;
use crate::history::History;
use crate::search::{Question, Search};
use crate::{Batch, Builder, Context, Entity, Entry, IntoEvent, Record, context};
#[cfg(feature = "spool")]
use crate::{
    background::Background,
    spool::{Spool, SpoolStatus},
    spooling::SpooledRecord,
};

/// A handle to one log: cheap to clone, shared by all tasks and threads. The log is let go when the last handle is
/// dropped; [`Deedbook::shutdown`] does the same and tells whether it went well.
#[derive(Clone)]
pub struct Deedbook {
    inner: Arc<Inner>,
}

// The order of the fields matters: what waits is handed over before the backend is let go.
struct Inner {
    best_effort: BestEffort,
    #[cfg(feature = "spool")]
    spool: Option<Spool>,
    backend: Arc<Backend>,
    settings: Settings,
    /// Held by whoever shuts the book down, so that a second one waits for all of it too.
    shutting_down: tokio::sync::Mutex<()>,
}

impl Deedbook {
    /// Opens the log at `url`: `file:` and a directory, which is made where it does not exist, or `memory:`, which
    /// holds its entries until the last handle is dropped and is for tests.
    ///
    /// One process at a time has a directory open. This reads files, and after a crash what the write-ahead log holds:
    /// do it before serving.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) for another scheme, [`ErrorKind::InUse`](crate::ErrorKind::InUse)
    /// where another process has the directory open, [`ErrorKind::NewerFormat`](crate::ErrorKind::NewerFormat),
    /// [`ErrorKind::Corrupt`](crate::ErrorKind::Corrupt), [`ErrorKind::DiskFull`](crate::ErrorKind::DiskFull),
    /// [`ErrorKind::Io`](crate::ErrorKind::Io).
    pub fn open(url: &str) -> Result<Self> {
        Self::builder().open(url)
    }

    /// A log behind the server at `url`, such as `https://audit.example`, as whoever holds `token`. Nothing is sent yet.
    ///
    /// Records are sent together with others that are made at the same time, and tried again until their deadlines;
    /// each has its id before the first attempt, so that none is entered twice. An event that names no tenant goes into
    /// that of the token.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) where `url` is no address of a server or `token` cannot be one;
    /// [`ErrorKind::Io`](crate::ErrorKind::Io) where TLS or a thread cannot be had.
    #[cfg(feature = "http")]
    pub fn connect(url: &str, token: &str) -> Result<Self> {
        Self::builder().connect(url, token)
    }

    /// What every event gets that does not say it, deadlines and limits; then [`Builder::open`].
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// # Errors
    /// What the spool fails with, where there is to be one.
    pub(crate) fn assemble(backend: Backend, settings: Settings) -> Result<Self> {
        let backend = Arc::new(backend);
        let best_effort = BestEffort::new(backend.clone(), settings.clone());
        #[cfg(feature = "spool")]
        let spool = settings.spool.clone().map(|options| Spool::start(options, backend.clone(), Background::start()?));
        Ok(Self {
            inner: Arc::new(Inner {
                best_effort,
                #[cfg(feature = "spool")]
                spool: spool.transpose()?,
                backend,
                settings,
                shutting_down: tokio::sync::Mutex::default(),
            }),
        })
    }

    /// Records `event`, strictly: awaited, `Ok` means that it is durable, and an error is the caller's to act upon.
    ///
    /// The event is made at once, from the value and the context of the task; nothing is recorded until the returned
    /// [`Record`] is awaited.
    pub fn record<E: IntoEvent>(&self, event: E) -> Record {
        let event = event.into_event(&self.context());
        Record::new(self.clone(), event, E::COUNTING)
    }

    /// Several events in one go, in their order: [`Batch::add`] them, then await it.
    pub fn batch(&self) -> Batch {
        Batch::new(self.clone())
    }

    /// Records `event`, and where the log cannot take it within the deadline, keeps it in the spool of the book, from
    /// where it is delivered, in order, as soon as the log is back, after a restart too. Awaited, `Ok` means that it is
    /// durable in one or the other. While anything waits in the spool, events go behind it at once.
    ///
    /// An error is the caller's to act upon: the event breaks a rule, the log refuses it for good, the book has no spool
    /// ([`Builder::spool`]), or the spool is full: [`ErrorKind::Overloaded`](crate::ErrorKind::Overloaded).
    #[cfg(feature = "spool")]
    pub fn spool<E: IntoEvent>(&self, event: E) -> SpooledRecord {
        SpooledRecord::new(self.record(event))
    }

    /// How the spool is doing; `None` where the book has none.
    #[cfg(feature = "spool")]
    pub fn spool_status(&self) -> Option<SpoolStatus> {
        self.inner.spool.as_ref().map(Spool::status)
    }

    #[cfg(feature = "spool")]
    pub(crate) fn spool_of_book(&self) -> Option<&Spool> {
        self.inner.spool.as_ref()
    }

    /// Records `event` if it can be done within the deadline of the book, and returns at once. Nobody is told what
    /// became of it, but it is counted: [`Deedbook::best_effort_counts`]. For what may be lost, such as page views.
    ///
    /// The event is made aside, from the value and the context of this moment.
    pub fn best_effort<E: IntoEvent + Send + 'static>(&self, event: E) {
        self.best_effort_within(context::current(), event);
    }

    /// As [`Deedbook::best_effort`], in a context that is not that of the task.
    pub(crate) fn best_effort_within<E: IntoEvent + Send + 'static>(&self, context: Context, event: E) {
        self.inner.best_effort.push(Waiting {
            make: Box::new(move |context| event.into_event(context)),
            context: context.frozen(),
            counting: E::COUNTING,
            deadline: Instant::now() + self.inner.settings.deadline,
        });
    }

    /// What became of the events of [`Deedbook::best_effort`].
    pub fn best_effort_counts(&self) -> BestEffortCounts {
        self.inner.best_effort.counts()
    }

    /// Asks for the entries that match a query, such as `action:invoice.* occurred:>=-7d "annual plan"`; the empty one
    /// matches all. Read are the tenant of the context, else that of the book, else all.
    pub fn query(&self, query: impl Into<String>) -> Search {
        Search::new(self.clone(), self.question(query.into()))
    }

    /// The history of a thing, in the tenant of the context, else that of the book, else `default`:
    /// `book.history(&invoice).as_of(tuesday).await?`.
    pub fn history<E: Entity + ?Sized>(&self, thing: &E) -> History {
        let Target { kind, id, .. } = thing.to_target();
        History::new(self.clone(), TargetId::new(kind, id), self.question(String::new()))
    }

    /// As [`Deedbook::history`], of a thing that is known by type and id: `"invoice:7".parse()?`.
    pub fn history_of(&self, thing: TargetId) -> History {
        History::new(self.clone(), Ok(thing), self.question(String::new()))
    }

    /// The entry with this id, in the tenant of the context, else that of the book, else `default`.
    ///
    /// # Errors
    /// [`ErrorKind::Corrupt`](crate::ErrorKind::Corrupt), [`ErrorKind::Io`](crate::ErrorKind::Io).
    pub async fn get(&self, id: &str) -> Result<Option<Entry>> {
        self.backend().get(&self.question(String::new()), id).await
    }

    /// Waits until everything that was given to this book has its fate, and lets go of the log. Later records and reads
    /// are refused with [`ErrorKind::NotFound`](crate::ErrorKind::NotFound).
    ///
    /// # Errors
    /// What closing fails with: [`ErrorKind::DiskFull`](crate::ErrorKind::DiskFull),
    /// [`ErrorKind::Io`](crate::ErrorKind::Io). Nothing acknowledged is lost.
    pub async fn shutdown(&self) -> Result<()> {
        let _turn = self.inner.shutting_down.lock().await;
        self.inner.best_effort.stop().await;
        #[cfg(feature = "spool")]
        if let Some(spool) = &self.inner.spool {
            spool.close().await;
        }
        self.backend().close().await
    }

    /// The store, where there is one in this process and the book was not shut down.
    pub fn store(&self) -> Option<Arc<dyn Store>> {
        self.backend().store()
    }

    pub(crate) fn backend(&self) -> &Backend {
        &self.inner.backend
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.inner.settings
    }

    pub(crate) fn prepare(&self, event: Event) -> Result<Draft> {
        self.settings().prepare(event)
    }

    /// What the task carries, and the defaults of the book.
    pub(crate) fn context(&self) -> Context {
        context::current().frozen().within(&self.settings().defaults)
    }

    fn question(&self, query: String) -> Question {
        let tenant = self.context().get_tenant().map(str::to_owned);
        Question::new(query, tenant)
    }
}

impl fmt::Debug for Deedbook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Deedbook").field("settings", self.settings()).finish_non_exhaustive()
    }
}
