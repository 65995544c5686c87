//! How a store is opened: sizes, and for tests the clock, the randomness and the disk.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use deedbook_core::Timestamp;

use crate::archives::{OpenArchive, open_directory};

/// Gives the present instant.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;
/// Fills a buffer with random bytes that nobody can foresee.
pub type Random = Arc<dyn Fn(&mut [u8]) + Send + Sync>;

/// How a [`crate::FileStore`] is opened; `Options::default()` suits everyone but tests.
///
/// Memory, with the defaults: unsealed events with their index (2 generations × about 35 MiB, and 16 MiB waiting),
/// blocks (32 MiB), id filters (32 MiB, enough for 26 million entries; the others are read through the cache) and the
/// largest merge (3 million entries × 11 bytes) stay below 256 MiB. Batches that are larger than a generation, and the
/// trees of the tenants that were written to (about half a KiB each), come on top.
#[derive(Clone)]
#[non_exhaustive]
pub struct Options {
    /// Bytes of frames in a file of the write-ahead log, once the log is in full use.
    pub generation_bytes: u64,
    /// Bytes of frames in the first file that is made after opening; each next one is eight times as large.
    pub first_generation_bytes: u64,
    /// Filled files of the write-ahead log that may wait to be sealed; appends wait for the sealer beyond that.
    pub unsealed_generations_max: usize,
    /// Bytes of canonical events in one frame at most, but for a single batch that is larger.
    pub frame_bytes: usize,
    /// Bytes of canonical events in a batch at most.
    pub batch_bytes_max: usize,
    /// Bytes of canonical events that may wait to be written.
    pub queue_bytes_max: usize,
    /// How long an append waits for room in the queue before it is refused as overloaded.
    pub queue_wait_max: Duration,
    /// Bytes of the blocks that readers share.
    pub cache_bytes: u64,
    /// Bytes of the id filters that are kept in memory; the others are read through the cache.
    pub filter_bytes_max: u64,
    /// Consecutive segments of one size class that are merged into one.
    pub merge_fan_in: usize,
    /// Entries that a merged segment has at most.
    pub segment_entries_max: u64,
    /// Where sealing and merging are done.
    pub background: Background,
    /// Where `recorded_at` comes from.
    pub clock: Clock,
    /// Where keys, nonces and ids come from.
    pub random: Random,
    /// Opens the archives to which entries were or are moved.
    pub archive: OpenArchive,
}

/// Where sealing and merging are done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Background {
    /// On threads of their own.
    Threads,
    /// On the thread that appends, so that a test does the same each time.
    Inline,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            generation_bytes: 16 << 20,
            first_generation_bytes: 256 << 10,
            unsealed_generations_max: 2,
            frame_bytes: 4 << 20,
            batch_bytes_max: 64 << 20,
            queue_bytes_max: 16 << 20,
            queue_wait_max: Duration::from_secs(10),
            cache_bytes: 32 << 20,
            filter_bytes_max: 32 << 20,
            merge_fan_in: 8,
            segment_entries_max: 3 << 20,
            background: Background::Threads,
            clock: Arc::new(Timestamp::now),
            random: Arc::new(fill_from_system),
            archive: Arc::new(open_directory),
        }
    }
}

/// Random bytes of the operating system.
pub(crate) fn fill_from_system(buffer: &mut [u8]) {
    getrandom::fill(buffer).expect("the operating system gives random bytes");
}

impl Options {
    /// The same, with what would break the format or never end brought within its bounds.
    pub(crate) fn bounded(self) -> Self {
        Self {
            merge_fan_in: self.merge_fan_in.max(2),
            // Positions within a segment have three bytes.
            segment_entries_max: self.segment_entries_max.min(1 << 24),
            unsealed_generations_max: self.unsealed_generations_max.max(1),
            ..self
        }
    }

    pub(crate) fn random<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        (self.random)(&mut bytes);
        bytes
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options").field("background", &self.background).finish_non_exhaustive()
    }
}
