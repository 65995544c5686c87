//! Writers whose transactions hold each other open: nothing is lost, turned round or held up.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use deedbook_core::serde_json::{Value, json};
use deedbook_testkit::Random;
use deedbook_testkit::postgres::Database;
use tokio::time::{Instant, sleep};

use crate::support::{Book, emptied, installed, options, parsed, sequencer, until};

const WRITERS: u64 = 6;
const TRANSACTIONS: usize = 150;
const COUNTERS: usize = 5;

/// Tables and a function that changes a row under its lock and tells of it: the change has the row's own number.
const TABLE: &str = "
    CREATE TABLE counter (id integer PRIMARY KEY, value integer NOT NULL);
    INSERT INTO counter SELECT n, 0 FROM generate_series(0, 4) n;
    CREATE FUNCTION count_up(counter_id integer) RETURNS text LANGUAGE plpgsql AS $$
    DECLARE now_value integer;
    BEGIN
        UPDATE counter SET value = value + 1 WHERE id = counter_id RETURNING value INTO now_value;
        PERFORM deedbook.record(format('{\"action\":\"counter.raised\",\"description\":\"%s:%s\"}', counter_id, now_value));
        RETURN format('%s:%s', counter_id, now_value);
    END $$;
    CREATE SEQUENCE taken;";

/// Commits and rolls back transactions of a few changes each, some of them slow; gives what it committed.
async fn write(database: &Database, seed: u64) -> Vec<String> {
    let (mut client, mut random) = (database.connect().await, Random::new(seed));
    let mut committed = Vec::new();
    for _ in 0..TRANSACTIONS {
        let transaction = client.transaction().await.expect("a transaction");
        // Rising, so that no two writers wait for each other in a ring.
        let mut counters: Vec<i32> = (0..1 + random.below(3)).map(|_| random.below(COUNTERS) as i32).collect();
        counters.sort_unstable();
        let mut changes = Vec::new();
        for counter in counters {
            let row = transaction.query_one("SELECT count_up($1)", &[&counter]).await.expect("a change");
            changes.push(row.get::<_, String>(0));
        }
        if random.one_in(10) {
            sleep(Duration::from_millis(5)).await;
        }
        if random.one_in(4) {
            transaction.rollback().await.expect("rolled back");
        } else {
            transaction.commit().await.expect("committed");
            committed.extend(changes);
        }
    }
    committed
}

/// All writers at once; gives what was committed.
async fn write_all(database: &Arc<Database>, seed: u64) -> Vec<String> {
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let database = database.clone();
            tokio::spawn(async move { write(&database, seed + writer).await })
        })
        .collect();
    let mut committed = Vec::new();
    for writer in writers {
        committed.extend(writer.await.expect("a writer ends"));
    }
    committed.sort_unstable();
    committed
}

/// Changes that come after a later one of the same counter.
fn inverted(changes: &[String]) -> usize {
    let mut last: HashMap<&str, u32> = HashMap::new();
    let mut inverted = 0;
    for change in changes {
        let (counter, value) = change.split_once(':').expect("a counter and its value");
        let value = value.parse().expect("a number");
        let before = last.insert(counter, value).unwrap_or_default();
        inverted += usize::from(before > value);
    }
    inverted
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_turned_round_or_held_up() {
    let Some(database) = installed("deedbook-postgres nothing_is_lost_turned_round_or_held_up").await else { return };
    let (database, book) = (Arc::new(database), Book::new());
    let owner = database.connect().await;
    owner.batch_execute(TABLE).await.expect("tables");
    // Holds an early number, and a snapshot, over everything that follows.
    let mut idler = database.connect().await;
    let idle = idler.transaction().await.expect("a transaction");
    idle.batch_execute("SELECT deedbook.record('{\"action\":\"a.b\",\"description\":\"9:1\"}')").await.expect("a row");
    let mut options = options();
    options.batch_rows_max = 20;
    let sequencer = sequencer(&database, book.clone(), options);
    let test = async {
        let committed = write_all(&database, 1).await;
        until("all that was committed is delivered while a transaction is open", async || {
            book.count() == committed.len()
        })
        .await;
        let mut names = book.names();
        assert_eq!(inverted(&names), 0);
        names.sort_unstable();
        assert_eq!(names, committed);
        idle.commit().await.expect("committed");
        emptied(&owner).await;
        assert_eq!(book.names().last().map(String::as_str), Some("9:1"));
    };
    tokio::select! {
        ended = sequencer.run() => panic!("the sequencer ended: {ended:?}"),
        () = test => {}
    }
}

/// The control: reading on from the last number that was seen loses what commits late.
#[tokio::test(flavor = "multi_thread")]
async fn reading_on_from_the_last_number_loses() {
    let Some(database) = installed("deedbook-postgres reading_on_from_the_last_number_loses").await else { return };
    let database = Arc::new(database);
    let owner = database.connect().await;
    owner.batch_execute(TABLE).await.expect("tables");
    let writing = AtomicBool::new(true);
    let read = async {
        let (mut last, mut names) = (0_i64, Vec::new());
        loop {
            let ends = !writing.load(Ordering::SeqCst);
            let rows = owner.query("SELECT seq, body FROM deedbook.outbox WHERE seq > $1 ORDER BY seq", &[&last]).await;
            for row in rows.expect("rows") {
                last = row.get(0);
                let body: Value = parsed(row.get(1));
                names.push(body["description"].as_str().expect("a name").to_owned());
            }
            if ends {
                return names;
            }
            sleep(Duration::from_millis(1)).await;
        }
    };
    let write = async {
        let committed = write_all(&database, 1).await;
        writing.store(false, Ordering::SeqCst);
        committed
    };
    let (found, committed) = tokio::join!(read, write);
    assert!(found.len() < committed.len(), "found {} of {}: the test holds nothing open", found.len(), committed.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_is_soon_visible() {
    let Some(database) = installed("deedbook-postgres a_commit_is_soon_visible").await else { return };
    let (client, book) = (database.connect().await, Book::new());
    let sequencer = sequencer(&database, book.clone(), deedbook_postgres::Options::default());
    let test = async {
        let mut waits = Vec::new();
        for name in 0..15 {
            let body = json!({ "action": "a.b", "description": name.to_string() }).to_string();
            client.execute("SELECT deedbook.record($1)", &[&body]).await.expect("a row");
            let begun = Instant::now();
            until("the entry is visible", async || book.count() > name).await;
            waits.push(begun.elapsed());
        }
        waits.sort_unstable();
        waits[waits.len() / 2]
    };
    let median = tokio::select! {
        ended = sequencer.run() => panic!("the sequencer ended: {ended:?}"),
        median = test => median,
    };
    assert!(median < Duration::from_millis(200), "{median:?}");
}
