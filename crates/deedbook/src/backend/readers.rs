//! Threads on which a local store is read, so that no task of the application waits for a disk.

use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread;

use deedbook_core::{Error, ErrorKind, Result};
use tokio::sync::oneshot;

/// Threads: one reads from the disk while the other answers from memory.
const THREADS: usize = 2;
/// Reads that wait for a thread; at 2 ms each and two threads the last one waits a second.
const WAITING_MAX: usize = 1_000;

type Work = Box<dyn FnOnce() + Send>;

/// A few threads and a bounded queue of reads. They end when this is dropped and the queue is empty.
pub(super) struct Readers {
    queue: mpsc::SyncSender<Work>,
}

impl Readers {
    /// # Errors
    /// [`ErrorKind::Io`] where the operating system gives no thread.
    pub(super) fn start() -> Result<Self> {
        let (queue, waiting) = mpsc::sync_channel(WAITING_MAX);
        let waiting = Arc::new(Mutex::new(waiting));
        for _ in 0..THREADS {
            let waiting = waiting.clone();
            let started = thread::Builder::new().name("deedbook-reader".to_owned()).spawn(move || work(&waiting));
            started.map_err(|error| Error::new(ErrorKind::Io, "cannot start a reader").with_source(error))?;
        }
        Ok(Self { queue })
    }

    /// Does `work` on one of the threads.
    ///
    /// # Errors
    /// [`ErrorKind::Overloaded`] where too many reads wait, and what `work` fails with.
    pub(super) async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
        let (sender, receiver) = oneshot::channel();
        let work = Box::new(move || drop(sender.send(work())));
        if self.queue.try_send(work).is_err() {
            let message = format!("{WAITING_MAX} reads are waiting already; try again later");
            return Err(Error::new(ErrorKind::Overloaded, message));
        }
        receiver.await.unwrap_or_else(|_| Err(Error::new(ErrorKind::Io, "the reader ended before it answered")))
    }
}

fn work(waiting: &Mutex<mpsc::Receiver<Work>>) {
    loop {
        // The lock is held while waiting: one thread waits for work, the others for the lock.
        let next = waiting.lock().unwrap_or_else(PoisonError::into_inner).recv();
        match next {
            // A read that panics fails alone: its caller is told, and the thread serves the others.
            Ok(work) => drop(std::panic::catch_unwind(std::panic::AssertUnwindSafe(work))),
            Err(mpsc::RecvError) => return,
        }
    }
}
