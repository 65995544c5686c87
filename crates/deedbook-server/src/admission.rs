//! Room that is given out in bytes: who finds none is told so, and nothing grows.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// A stock of bytes that requests take from and give back.
#[derive(Clone, Debug)]
pub(crate) struct Budget {
    bytes: Arc<Semaphore>,
    bytes_max: usize,
}

/// Bytes that were taken; they go back when it is dropped.
#[derive(Debug)]
pub(crate) struct Reservation {
    budget: Budget,
    permit: Option<OwnedSemaphorePermit>,
}

impl Budget {
    /// A stock of `bytes_max` bytes.
    pub(crate) fn new(bytes_max: usize) -> Self {
        let bytes_max = bytes_max.min(Semaphore::MAX_PERMITS).min(u32::MAX as usize);
        Self { bytes: Arc::new(Semaphore::new(bytes_max)), bytes_max }
    }

    /// A reservation of nothing, to grow.
    pub(crate) fn nothing(&self) -> Reservation {
        Reservation { budget: self.clone(), permit: None }
    }

    /// Takes `bytes`, at most all there are, in the order of those who ask; `None` where the wait is too long.
    pub(crate) async fn take(&self, bytes: usize, wait_max: Duration) -> Option<Reservation> {
        let bytes = bytes.min(self.bytes_max) as u32;
        // Most of the time there is room, and then no timer is needed.
        if let Ok(permit) = self.bytes.clone().try_acquire_many_owned(bytes) {
            return Some(Reservation { budget: self.clone(), permit: Some(permit) });
        }
        let permit = tokio::time::timeout(wait_max, self.bytes.clone().acquire_many_owned(bytes)).await;
        let permit = permit.ok()?.ok()?;
        Some(Reservation { budget: self.clone(), permit: Some(permit) })
    }
}

impl Reservation {
    /// Takes further bytes, if they are there at this moment.
    pub(crate) fn grow(&mut self, bytes: usize) -> Option<()> {
        let permit = self.budget.bytes.clone().try_acquire_many_owned(u32::try_from(bytes).ok()?).ok()?;
        match &mut self.permit {
            Some(held) => held.merge(permit),
            None => self.permit = Some(permit),
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_taken_comes_back() {
        let budget = Budget::new(10);
        let mut first = budget.nothing();
        assert!(first.grow(6).is_some());
        assert!(first.grow(5).is_none());
        assert!(first.grow(4).is_some());
        assert!(budget.nothing().grow(1).is_none());
        drop(first);
        assert!(budget.nothing().grow(10).is_some());
    }

    #[tokio::test]
    async fn more_than_there_is_at_all_is_everything() {
        let budget = Budget::new(10);
        let all = budget.take(1_000, Duration::ZERO).await;
        assert!(all.is_some());
        assert!(budget.take(1, Duration::from_millis(1)).await.is_none());
        drop(all);
        assert!(budget.take(1, Duration::ZERO).await.is_some());
    }
}
