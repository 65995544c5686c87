//! Deadlines on any executor: one thread of the process wakes what has waited long enough.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::{Condvar, LazyLock, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Instant;

/// What `future` gives, or `None` where `deadline` passes first; then the future is dropped.
pub(crate) async fn before<F: Future>(deadline: Instant, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    let mut timer = Timer { at: deadline, key: None };
    std::future::poll_fn(move |waker| match future.as_mut().poll(waker) {
        Poll::Ready(ready) => Poll::Ready(Some(ready)),
        Poll::Pending => Pin::new(&mut timer).poll(waker).map(|()| None),
    })
    .await
}

/// Ends at an instant.
struct Timer {
    at: Instant,
    key: Option<Key>,
}

/// Timers in the order in which they end; the number tells those of one instant apart.
type Key = (Instant, u64);

impl Future for Timer {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, waker: &mut Context<'_>) -> Poll<()> {
        if Instant::now() >= self.at {
            return Poll::Ready(());
        }
        let (at, key) = (self.at, self.key);
        self.key = Some(WATCH.set(at, key, waker.waker()));
        Poll::Pending
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        if let Some(key) = self.key {
            WATCH.locked().timers.remove(&key);
        }
    }
}

static WATCH: LazyLock<Watch> = LazyLock::new(Watch::default);

/// The timers of the process and their thread.
#[derive(Default)]
struct Watch {
    waiting: Mutex<Waiting>,
    earlier: Condvar,
}

#[derive(Default)]
struct Waiting {
    timers: BTreeMap<Key, Waker>,
    made: u64,
    thread: Option<thread::Thread>,
}

impl Watch {
    /// Sets a timer, or the waker of one that is set.
    fn set(&'static self, at: Instant, key: Option<Key>, waker: &Waker) -> Key {
        let mut waiting = self.locked();
        if waiting.thread.is_none() {
            // Without a thread there are no deadlines, but everything else works; the next timer tries again.
            let started = thread::Builder::new().name("deedbook-deadlines".to_owned()).spawn(|| self.run());
            waiting.thread = started.ok().map(|handle| handle.thread().clone());
        }
        let key = key.unwrap_or_else(|| {
            waiting.made += 1;
            (at, waiting.made)
        });
        let is_first = waiting.timers.first_key_value().is_none_or(|(first, _)| key < *first);
        waiting.timers.insert(key, waker.clone());
        if is_first {
            self.earlier.notify_one();
        }
        key
    }

    fn run(&self) {
        let mut waiting = self.locked();
        loop {
            let now = Instant::now();
            while let Some(first) = waiting.timers.first_entry().filter(|first| first.key().0 <= now) {
                let waker = first.remove();
                drop(waiting);
                // Not under the lock: waking may run code of the executor.
                waker.wake();
                waiting = self.locked();
            }
            let first = waiting.timers.first_key_value().map(|((at, _), _)| *at);
            waiting = match first {
                Some(at) => {
                    let waited = self.earlier.wait_timeout(waiting, at.saturating_duration_since(now));
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
                None => self.earlier.wait(waiting).unwrap_or_else(PoisonError::into_inner),
            };
        }
    }

    fn locked(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn what_is_ready_comes_before_the_deadline() {
        assert_eq!(before(Instant::now(), async { 7 }).await, Some(7));
    }

    #[tokio::test]
    async fn what_never_ends_is_given_up() {
        let begun = Instant::now();
        let pending = std::future::pending::<()>();
        assert_eq!(before(begun + Duration::from_millis(20), pending).await, None);
        assert!(begun.elapsed() >= Duration::from_millis(20));
    }

    #[tokio::test]
    async fn an_earlier_deadline_is_not_kept_waiting_by_a_later_one() {
        let now = Instant::now();
        let late = tokio::spawn(before(now + Duration::from_secs(600), std::future::pending::<()>()));
        assert_eq!(before(now + Duration::from_millis(20), std::future::pending::<()>()).await, None);
        assert!(now.elapsed() < Duration::from_secs(300));
        late.abort();
    }
}
