//! Two writers of one archive: one loses each race and goes on from where the other is.

use std::ops::ControlFlow;
use std::sync::{Arc, Mutex};

use deedbook_archive::object_store::memory::InMemory;
use deedbook_archive::{Archive, Limits};
use deedbook_core::ErrorKind;
use deedbook_core::retention::Age;

use crate::crashes::below;
use crate::objects::{Careless, Overtaken};
use crate::support::{Log, Room, SMALL, holds_all_of};

#[test]
fn who_is_overtaken_goes_on_from_there() {
    // The other brings in all, or a small part, so that the loser's batch is cut in two.
    for limits in [SMALL, Limits { batch_bytes: 1 }] {
        let (log, objects) = (Log::of(0..60), Arc::new(InMemory::new()));
        let other = Archive::on(objects.clone()).unwrap();
        let store = log.store.clone();
        let act = move || {
            let mut commits = 0;
            let few = &mut |_| {
                commits += 1;
                if commits == 3 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            };
            other.bring_up(&*store, &limits, few).unwrap();
        };
        let overtaken = Overtaken { inner: objects.clone(), other: Mutex::new(Some(Box::new(act))) };
        log.archive(&Archive::on(Arc::new(overtaken)).unwrap()).unwrap();
        let archive = Archive::on(objects).unwrap();
        assert!(archive.commits().unwrap().len() > 3);
        holds_all_of(&archive, &log);
    }
}

#[test]
fn a_store_that_ignores_conditions_is_refused_before_and_after_the_first_commit() {
    let (log, objects) = (Log::in_memory(0..30), Arc::new(InMemory::new()));
    let careless = || Archive::on(Arc::new(Careless(objects.clone()))).unwrap();
    let refused = |archive: Archive| {
        let error = log.archive(&archive).expect_err("it cannot be trusted");
        assert_eq!(error.kind(), ErrorKind::Invalid);
        assert!(error.to_string().contains("If-None-Match"), "{error}");
    };
    refused(careless());
    assert!(below(&objects, "").is_empty(), "nothing was written, and the probe is gone");
    let archive = Archive::on(objects.clone()).unwrap();
    log.archive(&archive).unwrap();
    refused(careless());
    holds_all_of(&archive, &log);
}

#[test]
fn only_s3_locks() {
    let room = Room::new();
    let error = room.archive().lock_for(Age::parse("7y").unwrap()).expect_err("a directory has no locks");
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert!(error.to_string().contains("s3://"), "{error}");
}

#[test]
fn writers_on_one_directory_leave_neither_gap_nor_double() {
    let (log, room) = (Log::of(0..150), Room::new());
    std::thread::scope(|scope| {
        for limits in [SMALL, Limits { batch_bytes: 9 << 10 }, Limits { batch_bytes: 3 << 10 }] {
            let (store, archive) = (log.store.clone(), room.archive());
            scope.spawn(move || {
                // Who loses a hundred times gives up; the others go on.
                drop(archive.bring_up(&*store, &limits, &mut |_| ControlFlow::Continue(())));
            });
        }
    });
    log.archive(&room.archive()).unwrap();
    holds_all_of(&room.archive(), &log);
    assert!(room.below("pending").is_empty());
}
