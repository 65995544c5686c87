//! A clock that stands still until a test moves it.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use deedbook_core::Timestamp;

/// A clock shared by a test and the store under it; clones show the same time.
#[derive(Clone, Debug)]
pub struct Clock(Arc<AtomicI64>);

impl Clock {
    /// A clock that stands at `time`, to the microsecond.
    pub fn at(time: Timestamp) -> Self {
        Self(Arc::new(AtomicI64::new(time.as_microsecond())))
    }

    /// A clock that stands at 14:00 UTC on Sunday, 20 September 2026.
    pub fn fixed() -> Self {
        Self(Arc::new(AtomicI64::new(1_789_912_800_000_000)))
    }

    /// The time it shows.
    pub fn now(&self) -> Timestamp {
        Timestamp::from_microsecond(self.0.load(Ordering::SeqCst)).expect("a test's clock stays within time")
    }

    /// Moves it by so many seconds, backwards where negative.
    pub fn advance_seconds(&self, seconds: i64) {
        self.0.fetch_add(seconds * 1_000_000, Ordering::SeqCst);
    }

    /// The function that stores ask for the time.
    pub fn function(&self) -> impl Fn() -> Timestamp + Send + Sync + 'static {
        let clock = self.clone();
        move || clock.now()
    }
}
