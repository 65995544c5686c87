//! The file store under the suite that every store passes, and side by side with the store in memory.

use std::cell::Cell;
use std::ops::ControlFlow;

use deedbook_core::{Store, Timestamp};
use deedbook_store::{Background, FileStore, Options, check};
use deedbook_testkit::{Clock, Durability, Subject, conformance, model};

/// A file store in a directory of its own, so small that everything is sealed and merged again and again.
struct FileSubject {
    store: Option<FileStore>,
    directory: tempfile::TempDir,
    options: Options,
    /// Where entries go as soon as they are sealed.
    archive: Option<tempfile::TempDir>,
}

impl FileSubject {
    fn open(clock: &Clock, background: Background) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut options = Options::default();
        options.generation_bytes = 24 << 10;
        options.first_generation_bytes = 6 << 10;
        options.merge_fan_in = 3;
        options.cache_bytes = 64 << 10;
        options.background = background;
        options.clock = std::sync::Arc::new(clock.function());
        let store = Some(FileStore::open(directory.path(), options.clone()).unwrap());
        Self { store, directory, options, archive: None }
    }

    fn with_archive(clock: &Clock, background: Background) -> Self {
        Self { archive: Some(tempfile::tempdir().unwrap()), ..Self::open(clock, background) }
    }
}

impl Subject for FileSubject {
    fn store(&self) -> &dyn Store {
        let store = self.store.as_ref().unwrap();
        if let Some(archive) = &self.archive {
            store.offload(archive.path().to_str().unwrap(), Timestamp::MAX, &|_| ControlFlow::Continue(())).unwrap();
        }
        store
    }

    fn reopen(&mut self) {
        self.store.take().unwrap().close().unwrap();
        let mut report = check(self.directory.path(), &mut |_, _| ()).unwrap();
        // The suite takes away without authorising it; that this is noticed is tested in `removing.rs`.
        report
            .problems
            .retain(|problem| !problem.contains("no entry authorises it") && !problem.starts_with("and so were"));
        assert_eq!(report.problems, [""; 0]);
        self.store = Some(FileStore::open(self.directory.path(), self.options.clone()).unwrap());
    }

    fn durability(&self) -> Durability {
        Durability::Durable
    }
}

#[test]
fn the_file_store_conforms() {
    for background in [Background::Inline, Background::Threads] {
        conformance::run(&mut |clock| Box::new(FileSubject::open(clock, background)));
    }
}

/// What is in an archive is found, judged, counted and taken away as what is not.
#[test]
fn a_store_with_an_archive_conforms() {
    for background in [Background::Inline, Background::Threads] {
        conformance::run(&mut |clock| Box::new(FileSubject::with_archive(clock, background)));
    }
}

#[test]
fn a_store_with_an_archive_equals_the_store_in_memory() {
    let mut open =
        |clock: &Clock| -> Box<dyn Subject> { Box::new(FileSubject::with_archive(clock, Background::Inline)) };
    model::run(&mut open, 24);
}

#[test]
fn the_file_store_equals_the_store_in_memory() {
    let turn = Cell::new(0);
    let mut open = |clock: &Clock| -> Box<dyn Subject> {
        turn.set(turn.get() + 1);
        let background = if turn.get() % 2 == 0 { Background::Threads } else { Background::Inline };
        Box::new(FileSubject::open(clock, background))
    };
    model::run(&mut open, 48);
}

/// The suite would notice a store that forgets: the control of the checks of durability.
#[test]
fn forgetting_is_noticed() {
    struct Forgetful(FileSubject, Clock);
    impl Subject for Forgetful {
        fn store(&self) -> &dyn Store {
            self.0.store()
        }
        fn reopen(&mut self) {
            self.0 = FileSubject::open(&self.1, Background::Inline);
        }
        fn durability(&self) -> Durability {
            Durability::Durable
        }
    }
    for check in conformance::CHECKS.iter().filter(|check| check.name.contains("after reopening")) {
        let failure = conformance::failure(check, &mut |clock| {
            Box::new(Forgetful(FileSubject::open(clock, Background::Inline), clock.clone()))
        });
        assert!(failure.is_some(), "{:?} does not notice it", check.name);
    }
}
