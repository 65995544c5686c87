//! The archive of the operator's file beside a server: brought up to date again and again.

use std::ops::ControlFlow;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use deedbook_archive::{Archive, Files, Limits};
use deedbook_core::retention::Age;
use deedbook_core::{Store, Timestamp};
use deedbook_server::ArchiveStatus;
use deedbook_store::FileStore;

use super::config::ArchiveSettings;
use crate::book::Book;
use crate::bucket;
use crate::command::archive::name;
use crate::exit::{Failure, Outcome};

/// How much goes into one commit. It is held in memory, beside all that a server does.
const LIMITS: Limits = Limits { batch_bytes: 64 << 20 };

/// After which time a run that failed is tried again.
const RETRY: Duration = Duration::from_secs(60);

/// The thread that brings the archive up to date.
pub(super) struct Archiving {
    end: Arc<End>,
    thread: JoinHandle<()>,
}

/// Tells the thread to end.
#[derive(Default)]
struct End {
    wanted: Mutex<bool>,
    changed: Condvar,
}

/// How an archive gets on whose first run is to come.
pub(super) fn status() -> ArchiveStatus {
    ArchiveStatus::new(Timestamp::now())
}

impl Archiving {
    /// Starts it.
    ///
    /// # Errors
    /// Where the place cannot be that of an archive, or there is no thread.
    pub(super) fn start(settings: &ArchiveSettings, book: &Book, status: ArchiveStatus) -> Outcome<Self> {
        let archive = open(settings)?;
        let (every, end) = (settings.every, Arc::new(End::default()));
        let offloading = settings.offload_after.map(|age| Offloading::to(&settings.place, age, book)).transpose()?;
        let (told, log) = (end.clone(), book.shared());
        let thread = std::thread::Builder::new().name("deedbook-archive".to_owned());
        let thread = thread.spawn(move || run(&archive, &*log, offloading.as_ref(), every, (&told, &status)));
        let thread = thread.map_err(|error| Failure::io("start the thread of the archive", error))?;
        Ok(Self { end, thread })
    }

    /// Ends it after the commit that it makes.
    pub(super) fn stop(self) {
        *self.end.wanted.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.end.changed.notify_all();
        // A panic was told by the thread itself, and what it had not committed the next run brings in.
        let _ = self.thread.join();
    }
}

fn open(settings: &ArchiveSettings) -> Outcome<Archive> {
    let mut archive = Archive::open(&settings.place)?;
    settings.lock.map(|age| archive.lock_for(age)).transpose()?;
    Ok(archive)
}

/// What moves to the archive as well.
struct Offloading {
    log: Arc<FileStore>,
    archive: String,
    /// Where the archive is no directory.
    bucket: Option<Files>,
    age: Age,
}

impl Offloading {
    fn to(place: &str, age: Age, book: &Book) -> Outcome<Self> {
        let archive = name(place)?;
        let bucket = bucket::is_meant(&archive).then(|| bucket::files(&archive)).transpose()?;
        Ok(Self { log: book.shared_files(), archive, bucket, age })
    }

    /// Moves what is old enough by now.
    fn run(&self, go_on: &dyn Fn() -> ControlFlow<()>) -> deedbook_core::Result<()> {
        let Some(before) = self.age.before(Timestamp::now()) else { return Ok(()) };
        self.bucket.as_ref().map_or(Ok(()), Files::try_writing)?;
        let moved = self.log.offload(&self.archive, before, &|_| go_on())?;
        if moved.segments > 0 {
            tracing::info!(entries = moved.entries, bytes = moved.bytes, "entries moved to the archive");
        }
        Ok(())
    }
}

fn run(
    archive: &Archive,
    log: &dyn Store,
    offloading: Option<&Offloading>,
    every: Duration,
    (end, status): (&End, &ArchiveStatus),
) {
    loop {
        let go_on = || if end.waits(Duration::ZERO) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) };
        let brought = archive.bring_up(log, &LIMITS, &mut |next| {
            status.reached(next);
            go_on()
        });
        let brought = brought.and_then(|brought| {
            status.reached(brought.next);
            offloading.map_or(Ok(()), |offloading| offloading.run(&go_on))?;
            Ok(brought)
        });
        if end.waits(Duration::ZERO) {
            return;
        }
        let wait = match brought {
            Ok(brought) => {
                status.succeeded(Timestamp::now());
                tracing::info!(entries = brought.entries, next = brought.next, "the archive is up to date");
                every
            }
            Err(error) => {
                status.failed();
                let cause = std::error::Error::source(&error).map(ToString::to_string);
                tracing::warn!(%error, cause, "the archive could not be brought up to date");
                RETRY.min(every)
            }
        };
        if end.waits(wait) {
            return;
        }
    }
}

impl End {
    /// Waits so long, or until the end is wanted; tells whether it is.
    fn waits(&self, time: Duration) -> bool {
        let wanted = self.wanted.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.changed.wait_timeout_while(wanted, time, |wanted| !*wanted);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }
}
