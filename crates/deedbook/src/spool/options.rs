//! How a spool is kept, and what can be told of it.

use std::path::PathBuf;
use std::time::Duration;

/// How a spool is kept: `SpoolOptions::in_directory("/var/spool/app")`.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SpoolOptions {
    /// Its directory, which is made where it does not exist. One process at a time has it.
    pub directory: PathBuf,
    /// Bytes on disk at most, rejected events included: 256 MiB, some 300,000 typical events. Beyond that events are
    /// refused as [`ErrorKind::Overloaded`](crate::ErrorKind::Overloaded).
    pub bytes_max: u64,
    /// Bytes of one file: 8 MiB. A file is deleted when all of it was delivered.
    pub file_bytes: u64,
    /// How long one delivery may take: 30 seconds.
    pub attempt_max: Duration,
    /// The pause after the first delivery that failed: 250 ms.
    pub pause_first: Duration,
    /// The longest pause: one minute, unless the server asks for more.
    pub pause_max: Duration,
}

impl SpoolOptions {
    /// A spool in this directory.
    pub fn in_directory(directory: impl Into<PathBuf>) -> Self {
        Self {
            directory: directory.into(),
            bytes_max: 256 << 20,
            file_bytes: 8 << 20,
            attempt_max: Duration::from_secs(30),
            pause_first: Duration::from_millis(250),
            pause_max: Duration::from_secs(60),
        }
    }
}

/// What can be told of a spool; numbers count from its opening on where they do not say otherwise.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SpoolStatus {
    /// Events on disk that wait to be delivered, those of former processes included.
    pub waiting: u64,
    /// Bytes on disk, rejected events included.
    pub bytes: u64,
    /// Events that came in.
    pub accepted: u64,
    /// Events that were refused, for the spool was full or the disk failed; their callers were told.
    pub refused: u64,
    /// Events that the log has durably.
    pub delivered: u64,
    /// Events that the log refused for good; they stand in `rejected.ndjson`.
    pub rejected: u64,
    /// Deliveries that failed for the moment.
    pub failures: u64,
    /// Why the last delivery failed, unless one succeeded since.
    pub last_failure: Option<String>,
    /// Bytes of a write that was cut short, which opening cut off: nobody was told that they were kept.
    pub torn_bytes: u64,
    /// Files of which bytes were not what was written. What was whole is delivered; the file is kept as `….damaged`.
    pub damaged_files: Vec<String>,
}
