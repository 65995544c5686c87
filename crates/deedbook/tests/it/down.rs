//! Questions 16 and 17: with the store down, what the caller chose holds, and nothing is silent.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use deedbook::store::{Atomicity, Draft, Entry, Erasure, Group, Page, PageRequest, Query, Reply};
use deedbook::{Actor, Deedbook, Error, ErrorKind, Event, GroupBy, Result, Scope, Store};

/// A store that refuses everything, or takes everything and never answers.
struct Down {
    refusal: Option<ErrorKind>,
    unanswered: Mutex<Vec<Reply>>,
}

impl Down {
    fn book(refusal: Option<ErrorKind>) -> Deedbook {
        let store = Arc::new(Self { refusal, unanswered: Mutex::default() });
        Deedbook::builder().deadline(Duration::from_millis(50)).on(store).expect("threads are started")
    }
}

impl Store for Down {
    fn submit(&self, _: Vec<Draft>, _: Atomicity, reply: Reply) {
        match self.refusal {
            Some(kind) => reply(Err(Error::new(kind, "the store is down"))),
            None => self.unanswered.lock().expect("nobody panics with it").push(reply),
        }
    }

    fn get(&self, _: &str, _: &str, _: &Scope) -> Result<Option<Entry>> {
        Err(Error::new(ErrorKind::Io, "the store is down"))
    }

    fn page(&self, _: &Query, _: &Scope, _: &PageRequest) -> Result<Page> {
        panic!("on purpose")
    }

    fn count(&self, _: &Query, _: &Scope, _: &[GroupBy]) -> Result<Vec<Group>> {
        Err(Error::new(ErrorKind::Io, "the store is down"))
    }

    fn follow(&self, _: u64, _: usize, _: Duration, _: &Scope) -> Result<Vec<Entry>> {
        Err(Error::new(ErrorKind::Io, "the store is down"))
    }

    fn visible_count(&self) -> u64 {
        0
    }

    fn retire(&self, _: &[u64]) -> Result<()> {
        Err(Error::new(ErrorKind::Io, "the store is down"))
    }

    fn erase(&self, _: &[Erasure]) -> Result<()> {
        Err(Error::new(ErrorKind::Io, "the store is down"))
    }
}

fn event() -> Event {
    Event::new("thing.done", Actor::new("user", "ada"))
}

#[tokio::test]
async fn a_strict_record_gives_its_caller_the_error() {
    for kind in [ErrorKind::DiskFull, ErrorKind::Poisoned, ErrorKind::Overloaded, ErrorKind::Io] {
        assert_eq!(Down::book(Some(kind)).record(event()).await.unwrap_err().kind(), kind);
    }
}

#[tokio::test]
async fn a_strict_record_without_an_answer_ends_at_its_deadline_and_tells_how_to_go_on() {
    let book = Down::book(None);
    let error = book.record(event()).id("evt_7").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.to_string().contains("\"evt_7\"") && error.to_string().contains("50ms"), "{error}");
    let begun = std::time::Instant::now();
    assert!(book.record(event()).deadline(Duration::from_millis(1)).await.is_err());
    assert!(begun.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn best_effort_is_lost_and_counted() {
    let book = Down::book(Some(ErrorKind::DiskFull));
    book.best_effort(event());
    book.shutdown().await.unwrap();
    assert_eq!((book.best_effort_counts().refused, book.best_effort_counts().recorded), (1, 0));

    let book = Deedbook::builder().best_effort_events_max(0).open("memory:").unwrap();
    book.best_effort(event());
    assert_eq!(book.best_effort_counts().dropped, 1);

    let book = Deedbook::builder().deadline(Duration::ZERO).open("memory:").unwrap();
    book.best_effort(event());
    book.shutdown().await.unwrap();
    assert_eq!(book.best_effort_counts().late, 1);
}

/// What is taken before the book is shut down is handed over, also where the thread of the queue is being started by
/// somebody else at that moment, and each of two who shut it down waits for it.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn best_effort_races_its_shutdown() {
    for _ in 0..200 {
        let book = Deedbook::open("memory:").unwrap();
        let other = tokio::spawn({
            let book = book.clone();
            async move { book.best_effort(event()) }
        });
        book.best_effort(event());
        let shutting = || {
            let book = book.clone();
            tokio::spawn(async move {
                book.shutdown().await.unwrap();
                book.best_effort_counts()
            })
        };
        let counted = [shutting(), shutting()];
        other.await.unwrap();
        for counted in counted {
            let counted = counted.await.unwrap();
            assert!(counted.recorded >= 1 && counted.late + counted.refused == 0, "{counted:?}");
        }
        let counted = book.best_effort_counts();
        assert_eq!(counted.recorded + counted.dropped, 2, "{counted:?}");
    }
}

#[tokio::test]
async fn an_event_whose_making_panics_takes_nothing_with_it() {
    struct Panics;
    impl deedbook::IntoEvent for Panics {
        fn into_event(self, _: &deedbook::Context) -> Result<Event> {
            panic!("on purpose")
        }
    }
    let book = Deedbook::open("memory:").unwrap();
    book.best_effort(Panics);
    book.best_effort(event());
    book.shutdown().await.unwrap();
    let counts = book.best_effort_counts();
    assert_eq!((counts.refused, counts.recorded), (1, 1));
}

#[tokio::test]
async fn a_read_that_fails_or_panics_is_an_error_of_its_own() {
    let book = Down::book(None);
    assert_eq!(book.get("evt_1").await.unwrap_err().kind(), ErrorKind::Io);
    for _ in 0..5 {
        assert_eq!(book.query("").page().await.unwrap_err().kind(), ErrorKind::Io);
    }
    assert_eq!(book.query("").count().await.unwrap_err().to_string(), "the store is down");
}

/// A spool bridges the time without a store of this process too, and lets go of its directory by `shutdown`.
#[cfg(feature = "spool")]
#[tokio::test]
async fn a_spool_is_delivered_to_the_store_of_the_next_process() {
    use deedbook::Kept;
    use deedbook::spool::SpoolOptions;

    let room = tempfile::tempdir().unwrap();
    let options = || SpoolOptions::in_directory(room.path().join("spool"));
    let down = Arc::new(Down { refusal: Some(ErrorKind::DiskFull), unanswered: Mutex::default() });
    let book = Deedbook::builder().spool(options()).on(down).unwrap();
    for id in ["e1", "e2", "taken", "e3"] {
        assert_eq!(book.spool(event()).id(id).await.unwrap(), Kept::Spooled { id: id.to_owned() });
    }
    assert_eq!(
        book.spool(Event::new("No Action", Actor::new("user", "ada"))).await.unwrap_err().kind(),
        ErrorKind::Invalid
    );
    book.shutdown().await.unwrap();
    assert_eq!(book.spool(event()).await.unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(book.spool_status().unwrap().waiting, 4);

    let memory = Deedbook::open("memory:").unwrap();
    let store = memory.store().unwrap();
    memory.record(Event::new("thing.begun", Actor::new("user", "ada"))).id("taken").await.unwrap();
    let next = Deedbook::builder().spool(options()).on(store).unwrap();
    while next.spool_status().unwrap().waiting > 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    // What waits is delivered before the end.
    next.shutdown().await.unwrap();
    let status = next.spool_status().unwrap();
    assert_eq!((status.delivered, status.rejected, status.failures), (3, 1, 0), "{status:?}");
    let entries = memory.query("").oldest_first().page().await.unwrap().entries;
    let ids: Vec<_> = entries.iter().map(|entry| entry.id()).collect();
    assert_eq!(ids, ["taken", "e1", "e2", "e3"]);
    let rejected = std::fs::read_to_string(room.path().join("spool/rejected.ndjson")).unwrap();
    assert!(rejected.contains("\"taken\"") && rejected.lines().count() == 1, "{rejected}");
}
