//! Time as couriers see it, so that tests can let hours pass.

use std::hash::{BuildHasher, RandomState};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use deedbook_core::Timestamp;

use crate::Handle;

/// Clocks, and waiting.
pub trait Time: Send + Sync {
    /// The time of the wall, to be shown.
    fn now(&self) -> Timestamp;

    /// Time since some moment, which never goes back whatever the clock of the wall does.
    fn elapsed(&self) -> Duration;

    /// Waits so long, or until something is wanted of the courier with this handle.
    fn wait(&self, handle: &Handle, time: Duration);

    /// A number from 0 to 1, by which couriers that failed together do not come back together.
    fn jitter(&self) -> f64;
}

/// The clocks of the operating system.
#[derive(Clone, Copy, Debug, Default)]
pub struct RealTime;

impl Time for RealTime {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    fn elapsed(&self) -> Duration {
        static BEGIN: OnceLock<Instant> = OnceLock::new();
        BEGIN.get_or_init(Instant::now).elapsed()
    }

    fn wait(&self, handle: &Handle, time: Duration) {
        handle.wait(time);
    }

    fn jitter(&self) -> f64 {
        RandomState::new().hash_one(0) as f64 / u64::MAX as f64
    }
}
