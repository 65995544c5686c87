//! What the tests share: a database with the schema in it, a log that can be away, and a sequencer between them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use deedbook_core::commitment::Key;
use deedbook_core::serde_json::{self, json};
use deedbook_core::{Draft, Entry, Error, ErrorKind, MemoryStore, PageRequest, Query, Reply, Scope, Store, Timestamp};
use deedbook_postgres::{Log, Options, Sequencer, schema};
use deedbook_testkit::Clock;
use deedbook_testkit::postgres::Database;
use tokio::time::{Instant, sleep};
use tokio_postgres::Client;

/// How long a test waits for something before it fails; a machine may be busy.
const WAIT_MAX: Duration = Duration::from_secs(60);

/// A database in which the schema was installed; `None` on a machine without PostgreSQL.
pub(crate) async fn installed(test: &str) -> Option<Database> {
    let database = Database::fresh(test).await?;
    schema::install(&mut database.connect().await).await.expect("the schema is installed");
    Some(database)
}

/// A role that can log in and has no rights but those that everyone has.
pub(crate) async fn role(database: &Database, name: &str) {
    // Roles belong to the whole server, which tests share.
    let sql = format!("CREATE ROLE {name} LOGIN");
    database.connect().await.batch_execute(&sql).await.expect("a role is made");
}

/// Runs statements one by one, as a client would.
pub(crate) async fn script(client: &Client, statements: &str) {
    for statement in statements.split(';').map(str::trim).filter(|statement| !statement.is_empty()) {
        client.batch_execute(statement).await.expect(statement);
    }
}

/// An event named `name`, as `deedbook.record` takes it.
pub(crate) fn event(name: &str) -> String {
    json!({ "action": "test.done", "description": name }).to_string()
}

/// A log in memory.
pub(crate) struct Book {
    store: MemoryStore,
    away: AtomicBool,
    submitted: AtomicUsize,
}

impl Log for Book {
    fn submit(&self, drafts: Vec<Draft>, reply: Reply) {
        if self.away.load(Ordering::SeqCst) {
            return reply(Err(Error::new(ErrorKind::Unavailable, "the log is away")));
        }
        self.submitted.fetch_add(drafts.len(), Ordering::SeqCst);
        Log::submit(&self.store, drafts, reply);
    }
}

impl Book {
    pub(crate) fn new() -> Arc<Self> {
        let store = MemoryStore::new(Clock::fixed().function(), Key([7; 32]));
        Arc::new(Self { store, away: AtomicBool::new(false), submitted: AtomicUsize::new(0) })
    }

    pub(crate) fn set_away(&self, away: bool) {
        self.away.store(away, Ordering::SeqCst);
    }

    /// Every entry, in order.
    pub(crate) fn entries(&self) -> Vec<Entry> {
        let scope = Scope::unrestricted("a test");
        let page = Store::page(&self.store, &Query::all(), &scope, &PageRequest::oldest(usize::MAX));
        page.expect("a log in memory is read").entries
    }

    /// The descriptions of every entry, in order.
    pub(crate) fn names(&self) -> Vec<String> {
        self.entries().into_iter().map(|entry| entry.event.description.unwrap_or_default()).collect()
    }

    /// How many events it was handed, repetitions among them.
    pub(crate) fn submitted(&self) -> usize {
        self.submitted.load(Ordering::SeqCst)
    }

    /// How many entries there are.
    pub(crate) fn count(&self) -> usize {
        usize::try_from(self.store.visible_count()).expect("they fit into memory")
    }
}

/// Small batches and short rests.
pub(crate) fn options() -> Options {
    let mut options = Options::default();
    options.interval = Duration::from_millis(5);
    options
}

pub(crate) fn sequencer(database: &Database, log: Arc<dyn Log>, options: Options) -> Sequencer {
    Sequencer::new(database.url().parse().expect("an address"), log, options)
}

/// Delivers until nothing is left in the outbox.
pub(crate) async fn deliver(database: &Database, log: Arc<dyn Log>, options: Options) {
    let sequencer = sequencer(database, log, options);
    let client = database.connect().await;
    tokio::select! {
        ended = sequencer.run() => panic!("the sequencer ended: {ended:?}"),
        () = emptied(&client) => {}
    }
}

/// Waits until nothing is left in the outbox.
pub(crate) async fn emptied(client: &Client) {
    until("the outbox is empty", async || left(client).await == 0).await;
}

/// How many rows are in the outbox.
pub(crate) async fn left(client: &Client) -> i64 {
    client.query_one("SELECT count(*) FROM deedbook.outbox", &[]).await.expect("a count").get(0)
}

/// Waits until this holds.
pub(crate) async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let begun = Instant::now();
    while !holds().await {
        assert!(begun.elapsed() < WAIT_MAX, "waited in vain: {what}");
        sleep(Duration::from_millis(2)).await;
    }
}

/// The text as JSON.
pub(crate) fn parsed(text: &str) -> serde_json::Value {
    serde_json::from_str(text).expect("JSON")
}

/// The present.
pub(crate) fn now() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
    Timestamp::from_microsecond(since.as_micros().try_into().expect("before 294247")).expect("in range")
}
