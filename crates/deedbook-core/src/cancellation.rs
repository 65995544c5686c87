//! Whether the work on a thread is still wanted: long reads whose answer nobody waits for end early.

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

thread_local! {
    static CURRENT: RefCell<Option<Cancellation>> = const { RefCell::new(None) };
}

/// By what a read is given up. Clones are of the same one.
#[derive(Clone, Debug, Default)]
pub struct Cancellation(Arc<AtomicBool>);

impl Cancellation {
    /// What is watched by this is not wanted any more.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Does `work` on this thread. A store that is read in it may end a long read with
    /// [`ErrorKind::Unavailable`](crate::ErrorKind::Unavailable) once this is cancelled.
    pub fn watch<T>(&self, work: impl FnOnce() -> T) -> T {
        let _before = Before(CURRENT.replace(Some(self.clone())));
        work()
    }

    /// Whether the work of this thread was given up. For stores, in reads that look at much.
    pub fn is_cancelled_here() -> bool {
        CURRENT.with_borrow(|current| current.as_ref().is_some_and(|current| current.0.load(Ordering::Relaxed)))
    }
}

/// What watched this thread before, and does again afterwards, also after a panic.
struct Before(Option<Cancellation>);

impl Drop for Before {
    fn drop(&mut self) {
        CURRENT.set(self.0.take());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_is_given_up_by_what_watches_it() {
        let (outer, inner) = (Cancellation::default(), Cancellation::default());
        outer.watch(|| {
            assert!(!Cancellation::is_cancelled_here());
            inner.watch(|| {
                inner.cancel();
                assert!(Cancellation::is_cancelled_here());
            });
            assert!(!Cancellation::is_cancelled_here());
            let panicked = std::panic::catch_unwind(|| inner.watch(|| panic!("on purpose")));
            assert!(panicked.is_err() && !Cancellation::is_cancelled_here());
            outer.cancel();
            assert!(Cancellation::is_cancelled_here());
            let elsewhere = std::thread::spawn(Cancellation::is_cancelled_here);
            assert!(!elsewhere.join().expect("no panic"));
        });
        assert!(!Cancellation::is_cancelled_here());
    }
}
