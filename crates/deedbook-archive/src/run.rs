//! Bringing an archive up to what a log holds.
//!
//! ```text
//! read a batch → files into pending/ → the commit, where there is none → files from pending/ to entries/
//! ```
//!
//! Before its commit nobody sees a file; after it everybody finishes what is left to do. So a crash leaves files in
//! `pending/` and nothing else, and readers of `entries/` never see a row twice.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use bytes::Bytes;
use deedbook_core::{Digest, Error, ErrorKind, PageRequest, Query, Receipt, Result, Scope, Store, Timestamp, rfc3339};

use crate::Archive;
use crate::commit::{self, Commit, ENTRIES, Last, Listed, PENDING};
use crate::feed::Feed;
use crate::schema::ROWS_MAX;
use crate::table::Table;

/// How often another writer may win before this one gives up.
const LOST_MAX: u32 = 100;

/// How much goes into one commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of canonical events, which is about what a batch takes in memory.
    pub batch_bytes: usize,
}

impl Default for Limits {
    /// 128 MiB: some 180,000 events.
    fn default() -> Self {
        Self { batch_bytes: 128 << 20 }
    }
}

/// What a run did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Brought {
    /// Entries that it brought in.
    pub entries: u64,
    /// Files that hold them.
    pub files: u64,
    /// Their length.
    pub bytes: u64,
    /// The position up to which the archive holds the log now.
    pub next: u64,
}

/// How it ended where another writer may be at work.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Race {
    Won,
    Lost,
}

/// Entries that will be one commit.
struct Batch {
    tables: BTreeMap<(String, String), Vec<Table>>,
    last: Receipt,
    next: u64,
}

impl Archive {
    /// Brings in every entry of `log` that is not in the archive yet, without those of the log's own tenant, which holds
    /// the secrets of its server. `progress` is told the position up to which the archive is there after each
    /// commit, and may end the run.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] where the archive is of another log, or the store does not keep what it is told; [`ErrorKind::InUse`] where other writers win again and
    /// again; whatever keeps the log from being read or the archive from being written. Everything before its last commit is in the archive
    /// then, and the same call again goes on.
    pub fn bring_up(
        &self,
        log: &dyn Store,
        limits: &Limits,
        progress: &mut dyn FnMut(u64) -> ControlFlow<()>,
    ) -> Result<Brought> {
        self.check_conditions()?;
        self.check_locks()?;
        let mut brought = Brought::default();
        for _ in 0..LOST_MAX {
            let head = self.head()?;
            self.finish(head.as_ref().map(|(commit, _)| commit))?;
            brought.next = head.as_ref().map_or(0, |(commit, _)| commit.next);
            if let Some((commit, _)) = &head {
                check_log(log, &commit.last)?;
            }
            if self.follow(log, head, limits, &mut brought, progress)? == Race::Won {
                return Ok(brought);
            }
        }
        Err(Error::new(ErrorKind::InUse, "other writers of this archive were faster each time: let one run"))
    }

    /// Refuses a store that puts an object where there is one though it must not: two writers would each believe to have
    /// made the commit. Asked with what is there already, or with an object that goes away again.
    fn check_conditions(&self) -> Result<()> {
        let last = self.shelf.list(commit::FOLDER)?.pop();
        if let Some((path, bytes)) = last.map(|path| self.shelf.get(&path).map(|bytes| (path, bytes))).transpose()? {
            let replaced = self.shelf.create(&path, bytes.unwrap_or_default())?;
            return if replaced { Err(ignores_conditions()) } else { Ok(()) };
        }
        let probe = format!("{PENDING}/probe-{}-{}", std::process::id(), Timestamp::now().as_nanosecond());
        let put = || self.shelf.create(&probe, Bytes::from_static(b"It goes away.\n"));
        let (_, replaced) = (put()?, put()?);
        self.shelf.remove(&probe)?;
        // Who made the first commit meanwhile took away what stood in pending/.
        if replaced && self.head()?.is_none() { Err(ignores_conditions()) } else { Ok(()) }
    }

    /// Refuses a store that does not lock, before anything is in it. Later the last commit tells.
    fn check_locks(&self) -> Result<()> {
        if !self.shelf.locks() || self.head()?.is_some() {
            return Ok(());
        }
        let probe = format!("{PENDING}/probe-{}-{}", std::process::id(), Timestamp::now().as_nanosecond());
        self.shelf.put_locked(&probe, Bytes::from_static(b"It goes away.\n"))?;
        self.check_lock(&probe)?;
        self.shelf.remove(&probe)
    }

    /// Refuses a store that takes a lock and does not hold it.
    fn check_lock(&self, path: &str) -> Result<()> {
        if !self.shelf.locks() || self.shelf.lock_of(path)?.is_some() {
            return Ok(());
        }
        let message = format!(
            "{path} was to be locked and is not, or so the store says: this is no bucket with object lock, \
             or the keys lack the right s3:GetObjectRetention"
        );
        Err(Error::invalid("", "no_lock", message))
    }

    /// Brings in what the log holds beyond the last commit, until that is all, or another writer goes on from there.
    fn follow(
        &self,
        log: &dyn Store,
        mut head: Option<(Commit, Digest)>,
        limits: &Limits,
        brought: &mut Brought,
        progress: &mut dyn FnMut(u64) -> ControlFlow<()>,
    ) -> Result<Race> {
        let since = head.as_ref().map(|(commit, _)| commit.last.recorded_at()).transpose()?;
        let mut feed = Feed::new(log, brought.next, since);
        while let Some(batch) = Batch::read(&mut feed, limits)? {
            let Some(made) = self.enter(batch, head.as_ref())? else { return Ok(Race::Lost) };
            brought.add(&made.0);
            if progress(brought.next).is_break() {
                break;
            }
            head = Some(made);
        }
        Ok(Race::Won)
    }

    /// Makes a commit of a batch behind the last one. `None` where another writer made one first.
    fn enter(&self, batch: Batch, head: Option<&(Commit, Digest)>) -> Result<Option<(Commit, Digest)>> {
        let mut files = Vec::new();
        for ((tenant, day), tables) in batch.tables {
            for table in tables {
                files.push(self.put_aside(&tenant, &day, table)?);
            }
        }
        let commit = Commit {
            version: commit::VERSION,
            first: head.map_or(0, |(commit, _)| commit.next),
            next: batch.next,
            previous: head.map(|(_, digest)| digest.to_string()),
            last: Last::of(&batch.last),
            files,
        };
        let bytes = commit.to_bytes()?;
        let digest = commit::sha256(&bytes);
        let path = Commit::path(commit.first);
        if !self.shelf.create(&path, bytes)? {
            return Ok(None);
        }
        self.check_lock(&path)?;
        self.finish(Some(&commit))?;
        Ok(Some((commit, digest)))
    }

    /// Writes a file to where nobody reads.
    fn put_aside(&self, tenant: &str, day: &str, table: Table) -> Result<Listed> {
        let (first, last) = table.positions().unwrap_or_default();
        let (rows, leaves) = (table.rows() as u64, table.leaves().to_string());
        let file = table.into_file()?;
        let sha256 = commit::sha256(&file).to_string();
        let path = format!("{}/{first:020}-{last:020}-{}.parquet", commit::folder(tenant, day), &sha256[..16]);
        let (tenant, day) = (tenant.to_owned(), day.to_owned());
        let listed = Listed { path, tenant, day, rows, first, last, bytes: file.len() as u64, sha256, leaves };
        self.shelf.put(&listed.pending(), file)?;
        Ok(listed)
    }

    /// Does what is left to do after the last commit: its files go where readers look, and files that no commit will
    /// ever name go away. Files of positions that no commit covers may be another writer's, and stay.
    fn finish(&self, head: Option<&Commit>) -> Result<()> {
        let Some(head) = head else { return Ok(()) };
        let pending = self.shelf.list(PENDING)?;
        let named: BTreeMap<String, &Listed> = head.files.iter().map(|file| (file.pending(), file)).collect();
        for path in pending {
            match named.get(&path) {
                Some(file) => self.publish(&path, file)?,
                None if first_position(&path).is_none_or(|first| first < head.next) => self.shelf.remove(&path)?,
                None => {}
            }
        }
        Ok(())
    }

    fn publish(&self, pending: &str, file: &Listed) -> Result<()> {
        // One that is gone was moved by another writer, who found the same commit.
        self.shelf.rename(pending, &file.path).map(drop)
    }
}

fn ignores_conditions() -> Error {
    let message = "the store ignores `If-None-Match`: it put an object where there was one, so that two writers of the \
                   archive would destroy each other's work; take a store that has conditional writes";
    Error::invalid("", "no_conditions", message)
}

/// The position with which the name of a file in `pending/` begins.
fn first_position(path: &str) -> Option<u64> {
    path.strip_prefix(PENDING)?.strip_prefix('/')?.split('-').next()?.parse().ok()
}

/// Refuses a log that is not the one of the archive, as far as its last entry tells: it may have been taken away since.
fn check_log(log: &dyn Store, last: &Last) -> Result<()> {
    let everything = Scope::all_tenants();
    let named = log.get(&last.tenant, &last.id, &everything)?;
    let there = PageRequest { after: last.position.checked_sub(1), ..PageRequest::oldest(1) };
    // A server does not go by positions, and is asked by the id alone.
    let there = log.page(&Query::all(), &everything, &there).map(|page| page.entries).unwrap_or_default();
    let there = there.into_iter().filter(|entry| entry.receipt.position == last.position);
    let is_other = named.into_iter().chain(there).any(|entry| Last::of(&entry.receipt) != *last);
    let newest = log.page(&Query::all(), &everything, &PageRequest::newest(1))?;
    let watermark = newest.watermark.max(newest.entries.first().map(|entry| entry.receipt.position));
    if is_other || watermark.is_none_or(|watermark| watermark < last.position) {
        let message = format!(
            "the archive is of another log: its entry {:?} of tenant {:?} at position {} is not in this one; \
             take a new place for the archive of this log",
            last.id, last.tenant, last.position
        );
        return Err(Error::invalid("", "another_log", message));
    }
    Ok(())
}

impl Batch {
    /// The next entries; `None` where there are none.
    fn read(feed: &mut Feed<'_>, limits: &Limits) -> Result<Option<Self>> {
        let mut tables: BTreeMap<(String, String), Vec<Table>> = BTreeMap::new();
        let (mut bytes, mut last) = (0, None);
        while bytes < limits.batch_bytes {
            let Some(entry) = feed.next()? else { break };
            bytes += entry.canonical.len();
            let receipt = &entry.receipt;
            let tables = tables.entry((receipt.tenant.clone(), day(receipt))).or_default();
            if tables.last().is_none_or(|table| table.rows() >= ROWS_MAX) {
                tables.push(Table::new(&receipt.tenant));
            }
            if let Some(table) = tables.last_mut() {
                table.push(&entry);
            }
            last = Some(entry.receipt);
        }
        Ok(last.map(|last| Self { tables, last, next: feed.seen() }))
    }
}

impl Brought {
    fn add(&mut self, commit: &Commit) {
        self.entries += commit.files.iter().map(|file| file.rows).sum::<u64>();
        self.files += commit.files.len() as u64;
        self.bytes += commit.files.iter().map(|file| file.bytes).sum::<u64>();
        self.next = commit.next;
    }
}

/// The day on which an entry was recorded, in UTC.
pub(crate) fn day(receipt: &Receipt) -> String {
    let mut text = rfc3339(receipt.recorded_at);
    text.truncate("2026-09-20".len());
    text
}

/// Whether a path is one that readers of the table look at.
pub(crate) fn is_read(path: &str) -> bool {
    path.strip_prefix(ENTRIES).is_some_and(|rest| rest.starts_with('/'))
}
