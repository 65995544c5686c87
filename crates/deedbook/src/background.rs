//! Where work goes on that needs timers and sockets: a small runtime on a thread of its own, so that a book works on any
//! executor and outlives the runtime of the task that opened it.

#[cfg(feature = "http")]
use std::future::Future;
use std::thread::{self, JoinHandle};

use deedbook_core::{Error, ErrorKind, Result};
use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;

/// A runtime that ends when this is dropped, and what runs on it then.
pub(crate) struct Background {
    handle: Handle,
    thread: Option<Thread>,
}

struct Thread {
    stop: oneshot::Sender<()>,
    joined: JoinHandle<()>,
}

impl Background {
    /// # Errors
    /// [`ErrorKind::Io`] where the operating system gives no thread or no way to wait for sockets.
    pub(crate) fn start() -> Result<Self> {
        let failed = |error| Error::new(ErrorKind::Io, "cannot start the thread of a book").with_source(error);
        let runtime = Builder::new_current_thread().enable_all().build().map_err(failed)?;
        let (handle, (stop, stopped)) = (runtime.handle().clone(), oneshot::channel());
        let run = move || {
            // An error means that the sender was dropped, which says the same.
            let _ = runtime.block_on(stopped);
            runtime.shutdown_background();
        };
        let joined = thread::Builder::new().name("deedbook-background".to_owned()).spawn(run).map_err(failed)?;
        Ok(Self { handle, thread: Some(Thread { stop, joined }) })
    }

    /// The runtime of the present task, for tests in virtual time.
    #[cfg(all(test, feature = "http", feature = "spool"))]
    pub(crate) fn here() -> Self {
        Self { handle: Handle::current(), thread: None }
    }

    pub(crate) fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Does `work` there, to its end even if nobody waits for it any more.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] where the book was let go before it ended, and what `work` fails with.
    #[cfg(feature = "http")]
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T>> + Send + 'static,
    ) -> Result<T> {
        let ended = |_| Err(Error::new(ErrorKind::NotFound, "the book was let go before this ended"));
        self.handle.spawn(work).await.unwrap_or_else(ended)
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        let Some(Thread { stop, joined }) = self.thread.take() else { return };
        drop(stop);
        // The last handle of a book may be dropped on that very thread, which cannot wait for itself.
        if joined.thread().id() != thread::current().id() {
            let _ = joined.join();
        }
    }
}
