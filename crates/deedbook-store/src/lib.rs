//! The embedded store: write-ahead log, segments, index, reader.

use std::path::Path;
use std::time::Duration;

use deedbook_core::query::Query;
use deedbook_core::{
    Atomicity, Draft, Entry, Error, Event, Group, GroupBy, Limits, Page, PageRequest, Reply, Result, Scope, Store,
    Timestamp,
};

/// How a [`FileStore`] is opened; `Options::default()` suits everyone but tests.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Options {}

/// A Deedbook in a directory.
pub struct FileStore {}

impl FileStore {
    /// Opens the directory for reading and appending; creates it where it does not exist.
    ///
    /// # Errors
    /// InUse, NewerFormat, Corrupt, DiskFull, Io.
    pub fn open(_directory: impl AsRef<Path>, _options: Options) -> Result<Self> {
        todo!()
    }

    /// Opens the directory for reading alone; writes nothing to it. Appends are answered with `ErrorKind::Invalid`.
    ///
    /// # Errors
    /// NotFound when there is no Deedbook, InUse while another process has it open for appending, as `open` else.
    pub fn open_read_only(_directory: impl AsRef<Path>) -> Result<Self> {
        todo!()
    }

    /// Merges small segments into large ones now, for example after an import, and waits for it.
    ///
    /// # Errors
    /// As append.
    pub fn compact(&self) -> Result<()> {
        todo!()
    }

    /// Seals what is in the write-ahead log and lets go of the directory. Dropping does the same but swallows errors.
    ///
    /// # Errors
    /// As append.
    pub fn close(self) -> Result<()> {
        todo!()
    }
}

impl Store for FileStore {
    fn submit(&self, _drafts: Vec<Draft>, _atomicity: Atomicity, _reply: Reply) {
        todo!()
    }
    fn get(&self, _tenant: &str, _id: &str, _scope: &Scope) -> Result<Option<Entry>> {
        todo!()
    }
    fn page(&self, _query: &Query, _scope: &Scope, _request: &PageRequest) -> Result<Page> {
        todo!()
    }
    fn count(&self, _query: &Query, _scope: &Scope, _groups: &[GroupBy]) -> Result<Vec<Group>> {
        todo!()
    }
    fn follow(&self, _from: u64, _limit: usize, _wait: Duration, _scope: &Scope) -> Result<Vec<Entry>> {
        todo!()
    }
    fn visible_count(&self) -> u64 {
        todo!()
    }
}

/// Checks an event with the default limits and makes a draft of it, with random bytes of the operating system.
///
/// # Errors
/// As `deedbook_core::prepare`.
pub fn prepare(event: Event) -> Result<Draft> {
    let _ = (event, Limits::default());
    todo!()
}

/// What [`check`] found in a directory.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Every file looked at, in the order of their places in the log.
    pub files: Vec<FileReport>,
    /// Entries read and recomputed.
    pub entries: u64,
    /// Tenants met.
    pub tenants: u64,
    /// When the first and the last entry were recorded.
    pub recorded: Option<(Timestamp, Timestamp)>,
    /// Each thing that is wrong, in plain words, with what to do about it.
    pub problems: Vec<String>,
}

/// One file of a directory.
#[derive(Clone, Debug)]
pub struct FileReport {
    /// Name within the directory.
    pub name: String,
    /// What it is: `segment`, `write-ahead log`, `manifest`, `lock`, `left over`.
    pub kind: &'static str,
    /// Its size.
    pub bytes: u64,
    /// Entries in it.
    pub entries: u64,
}

/// Reads a whole directory without writing and recomputes every checksum, commitment, tree and index.
/// `progress` is called with (bytes done, bytes in all).
///
/// # Errors
/// NotFound, InUse, NewerFormat, Io; what is corrupt is in the report instead.
pub fn check(_directory: &Path, _progress: &mut dyn FnMut(u64, u64)) -> Result<Report, Error> {
    todo!()
}
