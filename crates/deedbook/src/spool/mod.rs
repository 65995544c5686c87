//! A bounded spool on disk for events that cannot be recorded now: they survive restarts and are delivered in order when
//! the log is back.
//!
//! ```text
//! callers ─→ writer: frame, fsync ─→ files ─→ deliverer: in order, with pauses ─→ the log
//!                                                        └─ refused for good ─→ rejected.ndjson
//! ```
//!
//! Events come here checked and redacted, each with its id, so that one that is delivered twice is entered once.

mod deliver;
mod frame;
mod options;
mod shelf;
#[cfg(all(test, feature = "http"))]
mod tests;
mod write;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use deedbook_core::{Draft, Error, ErrorKind, Result};
use tokio::sync::{Notify, mpsc, oneshot, watch};
use tokio::task::AbortHandle;

use crate::backend::Backend;
use crate::background::Background;

pub use options::{SpoolOptions, SpoolStatus};
use shelf::{Mended, Shelf};

/// Events that wait for the writer at most: two frames.
const ADDS_MAX: usize = 2_000;
/// How long ending waits for what is delivered meanwhile: half of what service managers commonly grant.
const ENDING_MAX: Duration = Duration::from_secs(5);

/// A spool and the tasks that write and deliver.
pub(crate) struct Spool {
    /// `None` once the book was shut down.
    open: Mutex<Option<Open>>,
    shared: Arc<Shared>,
    phase: watch::Sender<Phase>,
    tasks: [AbortHandle; 2],
    background: Background,
}

/// What is let go of to end the tasks.
struct Open {
    adds: mpsc::Sender<Add>,
    /// Both tasks hold a sender, through which nothing is ever sent: it closes when both have ended.
    ended: mpsc::Receiver<()>,
}

/// One event that a caller waits to be kept.
struct Add {
    claim: Bytes,
    reply: oneshot::Sender<Result<()>>,
}

/// What writer, deliverer and callers see.
struct Shared {
    shelf: Mutex<Shelf>,
    status: Mutex<SpoolStatus>,
    /// Something waits to be delivered.
    filled: Notify,
    options: SpoolOptions,
}

/// How far the spool is from its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Serving,
    /// What waits is delivered as long as that works at once.
    Ending,
}

impl Spool {
    /// Opens the directory of `options`, or makes it, and begins to deliver to `backend` what waits there.
    ///
    /// # Errors
    /// [`ErrorKind::InUse`] where another process has it, [`ErrorKind::DiskFull`], [`ErrorKind::Io`].
    pub(crate) fn start(options: SpoolOptions, backend: Arc<Backend>, background: Background) -> Result<Self> {
        let (shelf, mended) = Shelf::open(options.clone())?;
        let (shelf, status) = (Mutex::new(shelf), Mutex::default());
        let shared = Arc::new(Shared { shelf, status, filled: Notify::new(), options });
        shared.note_mended(mended);
        let (adds, waiting) = mpsc::channel(ADDS_MAX);
        let (phase, watched) = watch::channel(Phase::Serving);
        let (alive, ended) = mpsc::channel(1);
        let handle = background.handle();
        let writer = handle.spawn(write::run(shared.clone(), waiting, alive.clone()));
        let deliverer = handle.spawn(deliver::run(shared.clone(), backend, watched, alive));
        let tasks = [writer.abort_handle(), deliverer.abort_handle()];
        Ok(Self { open: Mutex::new(Some(Open { adds, ended })), shared, phase, tasks, background })
    }

    /// Keeps `draft`; `Ok` means that it is on disk and will be delivered.
    ///
    /// # Errors
    /// [`ErrorKind::Overloaded`] where the spool is full, [`ErrorKind::DiskFull`], [`ErrorKind::Io`],
    /// [`ErrorKind::NotFound`] where the book was shut down.
    pub(crate) async fn add(&self, draft: &Draft) -> Result<()> {
        let adds = self.open().as_ref().map(|open| open.adds.clone()).ok_or_else(closed)?;
        let (reply, fate) = oneshot::channel();
        let add = Add { claim: Bytes::from(draft.claim().into_owned()), reply };
        adds.send(add).await.map_err(|_| closed())?;
        fate.await.unwrap_or_else(|_| Err(closed()))
    }

    /// Whether nothing waits to be delivered.
    pub(crate) fn is_empty(&self) -> bool {
        self.shared.status().waiting == 0
    }

    pub(crate) fn status(&self) -> SpoolStatus {
        self.shared.status().clone()
    }

    /// Keeps what was given, delivers what waits as long as that works at once, and ends. What is left waits for the
    /// next process.
    pub(crate) async fn close(&self) {
        let open = self.open().take();
        let Some(Open { adds, mut ended }) = open else { return };
        drop(adds);
        self.phase.send_replace(Phase::Ending);
        let (tasks, shared) = (self.tasks.clone(), self.shared.clone());
        let ending = async move {
            if tokio::time::timeout(ENDING_MAX, ended.recv()).await.is_err() {
                // Too slow: what is on disk stays there, and what was delivered without being noted is delivered again.
                tasks.iter().for_each(AbortHandle::abort);
                ended.recv().await;
            }
            let let_go = |shelf: &mut Shelf| {
                shelf.let_go();
                Ok(())
            };
            let _ = shared.on_shelf(let_go).await;
        };
        let _ = self.background.handle().spawn(ending).await;
    }

    fn open(&self) -> MutexGuard<'_, Option<Open>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Spool {
    /// What is on disk stays there; whoever waited for the writer holds the book, so nobody does.
    fn drop(&mut self) {
        self.tasks.iter().for_each(AbortHandle::abort);
    }
}

impl Shared {
    /// Works on the files, where blocking harms nobody.
    async fn on_shelf<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&mut Shelf) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let shared = self.clone();
        let blocking = tokio::task::spawn_blocking(move || {
            let mut shelf = shared.shelf.lock().unwrap_or_else(PoisonError::into_inner);
            // What was still on its way then must not touch files that another process may have by now.
            let done = if shelf.is_let_go() { Err(closed()) } else { work(&mut shelf) };
            let mut status = shared.status();
            (status.waiting, status.bytes) = (shelf.waiting(), shelf.bytes());
            done
        });
        blocking.await.unwrap_or_else(|_| Err(Error::new(ErrorKind::Io, "work on the spool was broken off")))
    }

    fn status(&self) -> MutexGuard<'_, SpoolStatus> {
        self.status.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note_mended(&self, mended: Mended) {
        let shelf = self.shelf.lock().unwrap_or_else(PoisonError::into_inner);
        let mut status = self.status();
        (status.waiting, status.bytes) = (shelf.waiting(), shelf.bytes());
        status.torn_bytes += mended.torn_bytes;
        status.damaged_files.extend(mended.damaged_files);
    }
}

fn closed() -> Error {
    Error::new(ErrorKind::NotFound, "the book was shut down")
}
