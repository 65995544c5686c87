//! Logs and archives for the tests.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use deedbook_archive::{Archive, Brought, Limits, Selection};
use deedbook_core::{Atomicity, OWN_TENANT};
use deedbook_core::{Draft, Entry, Error, Order, PageRequest, Query, Scope, Store, StoreExt};
use deedbook_testkit::{Clock, StoreKind, events};
use tempfile::TempDir;

/// A log of a few days.
pub(crate) struct Log {
    pub(crate) store: Arc<dyn Store>,
    clock: Clock,
}

impl Log {
    /// Without entries.
    pub(crate) fn empty() -> Self {
        let clock = Clock::fixed();
        Self { store: StoreKind::File.open(&clock), clock }
    }

    /// As [`Log::of`], in memory: two of them that begin alike are one log at two times.
    pub(crate) fn in_memory(numbers: std::ops::Range<u64>) -> Self {
        let clock = Clock::fixed();
        let log = Self { store: StoreKind::Memory.open(&clock), clock };
        log.record(numbers);
        log
    }

    /// With these generated events, some thirty an hour.
    pub(crate) fn of(numbers: std::ops::Range<u64>) -> Self {
        let log = Self::empty();
        log.record(numbers);
        log
    }

    /// Enters these generated events.
    pub(crate) fn record(&self, numbers: std::ops::Range<u64>) {
        for number in numbers {
            self.clock.advance_seconds(120);
            self.enter(vec![events::draft(number)]);
        }
    }

    pub(crate) fn enter(&self, drafts: Vec<Draft>) {
        let fates = self.store.append(drafts, Atomicity::AllOrNothing).unwrap();
        fates.into_iter().for_each(|fate| drop(fate.unwrap()));
    }

    /// Everything but the log's own tenant, by position.
    pub(crate) fn entries(&self) -> BTreeMap<u64, Entry> {
        let request = PageRequest { order: Order::Ascending, limit: usize::MAX, after: None };
        let page = self.store.page(&Query::all(), &Scope::all_tenants(), &request).unwrap();
        assert!(page.entries.iter().all(|entry| entry.receipt.tenant != OWN_TENANT));
        page.entries.into_iter().map(|entry| (entry.receipt.position, entry)).collect()
    }

    /// Brings all of it into an archive at once.
    pub(crate) fn archive_whole(&self, archive: &Archive) {
        let all = &mut |_| ControlFlow::Continue(());
        archive.bring_up(&*self.store, &Limits::default(), all).unwrap();
    }

    /// Brings the archive up to date, in small commits.
    pub(crate) fn archive(&self, archive: &Archive) -> Result<Brought, Error> {
        archive.bring_up(&*self.store, &SMALL, &mut |_| ControlFlow::Continue(()))
    }
}

/// So little that it takes a dozen generated entries.
pub(crate) const SMALL: Limits = Limits { batch_bytes: 8 << 10 };

/// An archive in a folder of its own.
pub(crate) struct Room(TempDir);

impl Room {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn archive(&self) -> Archive {
        Archive::open(self.path().to_str().unwrap()).unwrap()
    }

    /// The files that a reader of the table finds.
    pub(crate) fn files(&self) -> Vec<PathBuf> {
        let mut files = Vec::new();
        walk(&self.path().join("entries"), &mut files);
        files.sort();
        files
    }

    /// What stands in a folder.
    pub(crate) fn below(&self, folder: &str) -> Vec<PathBuf> {
        let mut files = Vec::new();
        walk(&self.path().join(folder), &mut files);
        files
    }
}

fn walk(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() { walk(&path, files) } else { files.push(path) }
    }
}

/// Everything in the archive, by position; a position that is there twice is a failure.
pub(crate) fn archived(archive: &Archive) -> BTreeMap<u64, Entry> {
    let mut found = BTreeMap::new();
    let commits = archive.commits().unwrap();
    archive
        .entries(&commits, &Selection::default(), |entry| -> Result<(), Error> {
            let position = entry.receipt.position;
            assert!(found.insert(position, entry).is_none(), "position {position} is there twice");
            Ok(())
        })
        .unwrap();
    found
}

/// The archive is whole, and holds just what the log does.
#[track_caller]
pub(crate) fn holds_all_of(archive: &Archive, log: &Log) {
    let (expected, found) = (log.entries(), archived(archive));
    let positions = |entries: &BTreeMap<u64, Entry>| entries.keys().copied().collect::<Vec<u64>>();
    assert_eq!(positions(&found), positions(&expected));
    assert!(found == expected, "an entry came back as another one");
    let verdict = archive.verify(Some(&*log.store), &mut |_| {}).unwrap();
    assert_eq!((verdict.problems, verdict.notes), (Vec::new(), Vec::new()));
    assert_eq!(verdict.entries, expected.len() as u64);
}
