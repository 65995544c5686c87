//! What was written and may be lost yet: kept until the connection has lived on for a while.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// How long a connection must be seen alive after a batch, until that batch counts as arrived: twice as long as it takes
/// to notice that the other side has vanished.
const SURVIVAL: Duration = Duration::from_secs(60);

/// Bytes that are kept beside the batch that was sent last: what the buffers of two kernels hold of a collector that
/// does not read, several times over.
const BYTES_MAX: usize = 4 << 20;

/// Batches that may be lost, the oldest first.
#[derive(Default)]
pub(super) struct Unsure {
    batches: VecDeque<Batch>,
    bytes: usize,
}

struct Batch {
    frames: Vec<u8>,
    sent_at: Instant,
}

impl Unsure {
    /// A batch was written.
    pub(super) fn sent(&mut self, frames: Vec<u8>, now: Instant) {
        self.bytes += frames.len();
        self.batches.push_back(Batch { frames, sent_at: now });
        while self.bytes > BYTES_MAX && self.batches.len() > 1 {
            self.forget_oldest();
        }
    }

    /// The connection over which they were written is alive.
    pub(super) fn survived(&mut self, now: Instant) {
        while self.batches.front().is_some_and(|batch| now.saturating_duration_since(batch.sent_at) >= SURVIVAL) {
            self.forget_oldest();
        }
    }

    /// What is to be written again where the connection broke.
    pub(super) fn batches(&self) -> impl Iterator<Item = &[u8]> {
        self.batches.iter().map(|batch| batch.frames.as_slice())
    }

    /// All of them were written again.
    pub(super) fn sent_again(&mut self, now: Instant) {
        self.batches.iter_mut().for_each(|batch| batch.sent_at = now);
    }

    fn forget_oldest(&mut self) {
        let oldest = self.batches.pop_front();
        self.bytes -= oldest.map_or(0, |batch| batch.frames.len());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(unsure: &Unsure) -> Vec<&[u8]> {
        unsure.batches().collect()
    }

    #[test]
    fn a_batch_is_kept_until_its_connection_was_seen_alive_long_after_it() {
        let (begin, mut unsure) = (Instant::now(), Unsure::default());
        unsure.sent(b"1".to_vec(), begin);
        unsure.sent(b"2".to_vec(), begin + SURVIVAL / 2);
        unsure.survived(begin + SURVIVAL / 2);
        assert_eq!(kept(&unsure), [b"1", b"2"]);
        unsure.survived(begin + SURVIVAL);
        assert_eq!(kept(&unsure), [b"2"]);
        // A connection that broke in between says nothing of what was sent before.
        unsure.sent_again(begin + SURVIVAL * 2);
        unsure.survived(begin + SURVIVAL * 2);
        assert_eq!(kept(&unsure), [b"2"]);
        unsure.survived(begin + SURVIVAL * 3);
        assert_eq!((kept(&unsure).len(), unsure.bytes), (0, 0));
    }

    #[test]
    fn of_much_the_last_is_kept() {
        let (now, mut unsure) = (Instant::now(), Unsure::default());
        for byte in 0..5 {
            unsure.sent(vec![byte; BYTES_MAX / 2], now);
        }
        assert_eq!(unsure.batches().map(|batch| batch[0]).collect::<Vec<_>>(), [3, 4]);
        unsure.sent(vec![5; BYTES_MAX * 2], now);
        assert_eq!(unsure.batches().map(|batch| batch[0]).collect::<Vec<_>>(), [5]);
    }
}
