//! Requests of an asynchronous library, for callers on any thread: those of another runtime too, and several at once.

use std::future::Future;
use std::sync::mpsc;
use std::thread;

use deedbook_core::{Error, ErrorKind, Result};
use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;

/// A thread on which requests run. It ends when this is dropped, wherever that is.
pub(crate) struct Requests {
    handle: Handle,
    _end: oneshot::Sender<()>,
}

impl Requests {
    /// Starts the thread.
    ///
    /// # Errors
    /// [`ErrorKind::Io`] where the operating system has none.
    pub(crate) fn start() -> Result<Self> {
        let failed = |error| Error::new(ErrorKind::Io, "cannot start").with_source(error);
        let runtime = Builder::new_current_thread().enable_all().build().map_err(failed)?;
        let (handle, (end, ended)) = (runtime.handle().clone(), oneshot::channel());
        // A runtime must not be dropped where another one works, so it is dropped there.
        let run = move || drop(runtime.block_on(ended));
        thread::Builder::new().name("deedbook-objects".to_owned()).spawn(run).map_err(failed)?;
        Ok(Self { handle, _end: end })
    }

    /// Waits for the outcome of a request.
    ///
    /// # Errors
    /// Those of the request.
    pub(crate) fn wait<T: Send + 'static>(
        &self,
        request: impl Future<Output = object_store::Result<T>> + Send + 'static,
    ) -> object_store::Result<T> {
        let (sender, receiver) = mpsc::sync_channel(1);
        // Nobody has gone away, for whoever asked waits here.
        drop(self.handle.spawn(async move { drop(sender.send(request.await)) }));
        receiver
            .recv()
            .unwrap_or_else(|ended| Err(object_store::Error::Generic { store: "requests", source: Box::new(ended) }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_run_at_once_and_from_within_another_runtime() {
        let requests = Requests::start().expect("a thread");
        // Each of the two ends only after the other was begun.
        let ((to_first, of_first), (to_second, of_second)) = (oneshot::channel::<()>(), oneshot::channel::<()>());
        let meet = |to: oneshot::Sender<()>, of: oneshot::Receiver<()>| {
            requests.wait(async move { Ok(to.send(()).is_ok() && of.await.is_ok()) })
        };
        let outer = Builder::new_current_thread().build().expect("a runtime");
        thread::scope(|scope| {
            let first = scope.spawn(|| meet(to_second, of_first));
            assert!(outer.block_on(async { meet(to_first, of_second) }).expect("an answer"));
            assert!(first.join().expect("no panic").expect("an answer"));
        });
        outer.block_on(async move { drop(requests) });
    }

    #[test]
    fn a_request_that_panics_is_an_error() {
        let requests = Requests::start().expect("a thread");
        let ended: object_store::Result<()> = requests.wait(async { panic!("on purpose") });
        assert!(ended.is_err());
        assert_eq!(requests.wait(async { Ok(1) }).expect("the thread lives"), 1);
    }
}
