//! When to try again: exponential backoff with jitter, never before the server said, bounded by the caller's deadline.

use std::time::Duration;

#[cfg(feature = "http")]
use deedbook_core::{Error, ErrorKind};
#[cfg(feature = "http")]
use tokio::time::Instant;

/// How long to wait between attempts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Backoff {
    next: Duration,
    max: Duration,
}

impl Backoff {
    /// Waits about `first`, then twice as long each time, up to `max`.
    pub(crate) fn new(first: Duration, max: Duration) -> Self {
        Self { next: first.min(max), max }
    }

    /// How long to wait now: between half and all of what backoff says, so that callers who failed together do not come
    /// back together; at least what the server asked for.
    pub(crate) fn wait(&mut self, asked: Option<Duration>) -> Duration {
        let full = self.next;
        self.next = (full * 2).min(self.max);
        let jittered = full / 2 + (full / 2).mul_f64(random_share());
        match asked {
            Some(asked) if asked > jittered => asked + (full / 4).mul_f64(random_share()),
            _ => jittered,
        }
    }
}

#[cfg(feature = "http")]
/// Whether the same attempt may succeed later.
pub(crate) fn is_passing(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Overloaded | ErrorKind::Unavailable)
}

/// The instant `wait` from now, if it lies before `deadline`.
#[cfg(feature = "http")]
pub(crate) fn within(deadline: Instant, wait: Duration) -> Option<Instant> {
    Instant::now().checked_add(wait).filter(|at| *at < deadline)
}

/// Evenly from 0 to 1.
fn random_share() -> f64 {
    let mut bytes = [0; 4];
    // Without randomness everyone waits alike, which is worse but works.
    let _ = getrandom::fill(&mut bytes);
    f64::from(u32::from_le_bytes(bytes)) / f64::from(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_up_to_a_bound_and_never_undercut_the_server() {
        let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(2));
        let mut expected = [100, 200, 400, 800, 1600, 2000, 2000].map(Duration::from_millis).into_iter();
        for full in expected.by_ref() {
            let wait = backoff.wait(None);
            assert!(full / 2 <= wait && wait <= full, "{wait:?} of {full:?}");
        }
        let asked = backoff.wait(Some(Duration::from_secs(7)));
        assert!((7.0..=7.5).contains(&asked.as_secs_f64()), "{asked:?}");
        let sooner = backoff.wait(Some(Duration::from_millis(1)));
        assert!(sooner >= Duration::from_secs(1), "{sooner:?}");
    }

    #[test]
    fn waits_differ() {
        let waits: std::collections::HashSet<Duration> =
            (0..32).map(|_| Backoff::new(Duration::from_secs(1), Duration::from_secs(1)).wait(None)).collect();
        assert!(waits.len() > 16, "{waits:?}");
    }
}
