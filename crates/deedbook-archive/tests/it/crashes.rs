//! A run that dies at any step leaves neither a gap nor a double, and the next one goes on.

use std::collections::BTreeSet;
use std::sync::Arc;

use deedbook_archive::Archive;
use deedbook_archive::object_store::ObjectStore;
use deedbook_archive::object_store::memory::InMemory;
use deedbook_core::ErrorKind;
use futures_util::{FutureExt, StreamExt};

use crate::objects::{Fate, Fated};
use crate::support::{Log, holds_all_of};

/// The paths below a folder.
pub(crate) fn below(objects: &InMemory, folder: &str) -> BTreeSet<String> {
    let listed = objects.list(Some(&folder.into())).map(|object| object.unwrap().location.to_string());
    listed.collect().now_or_never().unwrap()
}

/// Runs until it dies at a step; tells whether it did.
fn die(log: &Log, objects: &Arc<InMemory>, step: u64, fate: Fate) -> bool {
    let fated = Arc::new(Fated::after(objects.clone(), step, fate));
    let run = log.archive(&Archive::on(fated.clone()).unwrap());
    assert_eq!(run.is_err(), fated.is_met());
    run.is_err()
}

/// What a reader of the table sees is named by a commit, each row once.
fn shows_no_double(archive: &Archive, objects: &InMemory) {
    let commits = archive.commits().unwrap();
    let named: BTreeSet<String> =
        commits.iter().flat_map(|commit| &commit.files).map(|file| file.path.clone()).collect();
    let seen = below(objects, "entries");
    assert!(seen.is_subset(&named), "{:?}", seen.difference(&named));
}

#[test]
fn a_run_may_die_at_any_step() {
    let log = Log::in_memory(0..40);
    for fate in [Fate::Before, Fate::After] {
        let mut steps = 0;
        loop {
            let objects = Arc::new(InMemory::new());
            if !die(&log, &objects, steps + 1, fate) {
                break;
            }
            let archive = Archive::on(objects.clone()).unwrap();
            shows_no_double(&archive, &objects);
            log.archive(&archive).unwrap();
            holds_all_of(&archive, &log);
            assert!(below(&objects, "pending").is_empty());
            steps += 1;
        }
        assert!(steps > 15, "{steps} steps");
    }
}

#[test]
fn a_run_may_die_at_any_step_of_mending_what_another_left() {
    let log = Log::in_memory(0..30);
    for first in (1..18).step_by(3) {
        for second in (1..12).step_by(2) {
            let objects = Arc::new(InMemory::new());
            die(&log, &objects, first, Fate::After);
            // The log goes on meanwhile, so that the batches are others.
            let longer = Log::in_memory(0..33);
            die(&longer, &objects, second, Fate::Before);
            let archive = Archive::on(objects.clone()).unwrap();
            shows_no_double(&archive, &objects);
            longer.archive(&archive).unwrap();
            holds_all_of(&archive, &longer);
            assert!(below(&objects, "pending").is_empty(), "after {first} and {second}");
        }
    }
}

#[test]
fn a_full_disk_loses_nothing() {
    let log = Log::in_memory(0..45);
    for step in (1..18).step_by(4) {
        let objects = Arc::new(InMemory::new());
        let full = Arc::new(Fated::after(objects.clone(), step, Fate::Full));
        let error = log.archive(&Archive::on(full).unwrap()).expect_err("no room");
        assert_eq!(error.kind(), ErrorKind::DiskFull);
        let archive = Archive::on(objects.clone()).unwrap();
        log.archive(&archive).unwrap();
        holds_all_of(&archive, &log);
    }
}
