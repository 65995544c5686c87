//! Whatever ends the sequencer, the log or the database, at any point: nothing is lost, doubled or made up.

use std::collections::BTreeSet;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use deedbook_core::serde_json::json;
use deedbook_core::{Draft, Reply};
use deedbook_postgres::{Log, Sequencer};
use deedbook_testkit::Random;
use deedbook_testkit::postgres::{Database, Halt, Server};
use tokio::sync::mpsc;
use tokio::time::sleep;
use tokio_postgres::NoTls;

use crate::support::{Book, deliver, emptied, event, installed, left, options, sequencer, until};

/// Polls `future` so many times, then lets go of it as a process that is killed does.
struct CutOff<F> {
    future: Pin<Box<F>>,
    polls_left: usize,
}

impl<F: Future> Future for CutOff<F> {
    type Output = Option<F::Output>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(left) = self.polls_left.checked_sub(1) else { return Poll::Ready(None) };
        self.polls_left = left;
        self.future.as_mut().poll(context).map(Some)
    }
}

/// Three transactions of one user each, larger than a batch; one row of each can never be an entry.
async fn fill(database: &Database, round: usize) -> Vec<String> {
    let client = database.connect().await;
    let mut names = Vec::new();
    for user in 0..3 {
        let claim = json!({ "actor": { "type": "user", "id": format!("{user}") } });
        let mut statements = format!("BEGIN; SELECT deedbook.context('{claim}'); SELECT deedbook.record('poison');");
        for number in 0..4 {
            let name = format!("{round}-{user}-{number}");
            statements.push_str(&format!("SELECT deedbook.record('{}');", event(&name)));
            names.push(name);
        }
        client.batch_execute(&format!("{statements} COMMIT")).await.expect("rows");
    }
    names
}

fn small_batches() -> deedbook_postgres::Options {
    let mut options = options();
    options.batch_rows_max = 3;
    options
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_any_step_it_loses_and_doubles_nothing() {
    let Some(database) = installed("deedbook-postgres killed_at_any_step").await else { return };
    let (client, book) = (database.connect().await, Book::new());
    let mut expected = Vec::new();
    for polls in 1..60 {
        expected.extend(fill(&database, polls).await);
        let killed = sequencer(&database, book.clone(), small_batches());
        let cut = CutOff { future: Box::pin(async { killed.run().await }), polls_left: polls };
        if let Some(error) = cut.await {
            panic!("the sequencer ended: {error:?}");
        }
    }
    deliver(&database, book.clone(), small_batches()).await;
    let entries = book.entries();
    let names: Vec<_> = book.names().into_iter().filter(|name| !name.is_empty()).collect();
    assert_eq!(names, expected);
    assert!(book.submitted() > entries.len(), "no kill came between the delivery of a row and its deletion");
    for entry in entries.iter().filter(|entry| entry.event.description.is_some()) {
        let user = entry.event.description.as_deref().and_then(|name| name.split('-').nth(1));
        assert_eq!(entry.event.actor.id.as_deref(), user, "the context of a transaction is lost");
    }
    let gaps = entries.iter().filter(|entry| entry.event.action == "outbox_row.rejected").count();
    let parked = client.query_one("SELECT count(*) FROM deedbook.rejected", &[]).await.expect("a count");
    assert_eq!((gaps, parked.get(0)), (59 * 3, 59 * 3_i64));
}

/// Deletes what it is given before it delivers it: the control.
struct Hasty {
    client: tokio_postgres::Client,
    killed: mpsc::UnboundedSender<Reply>,
}

impl Log for Hasty {
    fn submit(&self, drafts: Vec<Draft>, reply: Reply) {
        let runtime = tokio::runtime::Handle::current();
        runtime.block_on(self.client.batch_execute("DELETE FROM deedbook.outbox")).expect("deleted");
        drop(drafts);
        // Kept by the test, which is the end of the process: an answer never comes.
        assert!(self.killed.send(reply).is_ok(), "the test waits");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn deleting_before_delivering_loses() {
    let Some(database) = installed("deedbook-postgres deleting_before_delivering_loses").await else { return };
    let book = Book::new();
    let expected = fill(&database, 0).await;
    let (killed, mut kills) = mpsc::unbounded_channel();
    let hasty = Hasty { client: database.connect().await, killed };
    let sequencer = sequencer(&database, Arc::new(hasty), options());
    tokio::select! {
        ended = sequencer.run() => panic!("the sequencer ended: {ended:?}"),
        reply = kills.recv() => drop(reply),
    }
    deliver(&database, book.clone(), options()).await;
    assert!(book.names().len() < expected.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn another_takes_over() {
    let Some(database) = installed("deedbook-postgres another_takes_over").await else { return };
    let (client, first, second) = (database.connect().await, Book::new(), Book::new());
    let spawn = |sequencer: Sequencer| tokio::spawn(async move { sequencer.run().await });
    let leader = spawn(sequencer(&database, first.clone(), options()));
    client.execute("SELECT deedbook.record($1)", &[&event("1")]).await.expect("a row");
    until("the first one delivers", async || first.count() == 1).await;
    let follower = spawn(sequencer(&database, second.clone(), options()));
    client.execute("SELECT deedbook.record($1)", &[&event("2")]).await.expect("a row");
    until("the first one delivers", async || first.count() == 2).await;
    // What is delivered and not yet deleted would be delivered again.
    emptied(&client).await;
    leader.abort();
    client.execute("SELECT deedbook.record($1)", &[&event("3")]).await.expect("a row");
    until("the second one delivers", async || second.names() == ["3"]).await;
    // A session that an operator ends is a connection that is lost: it comes back.
    let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE application_name = 'deedbook-sequencer' AND datname = current_database()";
    client.batch_execute(end).await.expect("ended");
    client.execute("SELECT deedbook.record($1)", &[&event("4")]).await.expect("a row");
    until("the second one comes back", async || second.names() == ["3", "4"]).await;
    follower.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_log_is_away_the_outbox_grows_and_nothing_else_waits() {
    let Some(database) = installed("deedbook-postgres while_the_log_is_away").await else { return };
    let (client, book) = (database.connect().await, Book::new());
    let sequencer = sequencer(&database, book.clone(), small_batches());
    book.set_away(true);
    let test = async {
        let expected = fill(&database, 0).await;
        let idle = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'deedbook-sequencer'
            AND state = 'idle' AND backend_xmin IS NULL AND datname = current_database()";
        until("the sequencer holds no snapshot while it waits", async || {
            client.query_one(idle, &[]).await.expect("a count").get::<_, i64>(0) == 1
        })
        .await;
        sleep(Duration::from_millis(500)).await;
        assert_eq!((left(&client).await, book.names().len()), (15, 0));
        book.set_away(false);
        emptied(&client).await;
        let names: Vec<_> = book.names().into_iter().filter(|name| !name.is_empty()).collect();
        assert_eq!(names, expected);
    };
    tokio::select! {
        ended = sequencer.run() => panic!("the sequencer ended: {ended:?}"),
        () = test => {}
    }
}

/// How often the server is stopped: `CHAOS=soak` for a long run.
fn stops() -> usize {
    match std::env::var("CHAOS").as_deref() {
        Ok("soak") => 20,
        _ => 5,
    }
}

/// What a writer knows of its events: those that were acknowledged, and those whose commit it did not hear of.
#[derive(Default)]
struct Ledger {
    acknowledged: BTreeSet<String>,
    in_doubt: BTreeSet<String>,
    rolled_back: BTreeSet<String>,
}

/// Writes until the server is gone for good.
async fn write(url: &str, writer: usize, ends: &tokio::sync::watch::Receiver<bool>) -> Ledger {
    let (mut ledger, mut number, mut random) = (Ledger::default(), 0, Random::new(writer as u64));
    while !*ends.borrow() {
        let Ok((mut client, connection)) = tokio_postgres::connect(url, NoTls).await else {
            sleep(Duration::from_millis(10)).await;
            continue;
        };
        tokio::spawn(async move { drop(connection.await) });
        while !*ends.borrow() {
            number += 1;
            let name = format!("{writer}-{number}");
            let Ok(transaction) = client.transaction().await else { break };
            let recorded = transaction.execute("SELECT deedbook.record($1)", &[&event(&name)]).await;
            if recorded.is_err() || random.one_in(5) {
                ledger.rolled_back.insert(name);
                continue;
            }
            match transaction.commit().await {
                Ok(()) => ledger.acknowledged.insert(name),
                Err(_) => ledger.in_doubt.insert(name),
            };
        }
    }
    ledger
}

#[tokio::test(flavor = "multi_thread")]
async fn the_server_stops_at_once_and_again() {
    if !Server::is_installed() {
        // Said aloud there.
        assert!(Database::fresh("deedbook-postgres the_server_stops_at_once_and_again").await.is_none());
        return;
    }
    let server = Arc::new(Server::start(&std::env::temp_dir(), &[]).expect("a server of its own"));
    let database = Database::on_server(server.clone()).await;
    deedbook_postgres::schema::install(&mut database.connect().await).await.expect("installed");
    let book = Book::new();
    let sequencer = sequencer(&database, book.clone(), small_batches());
    let (end, ends) = tokio::sync::watch::channel(false);
    let writers: Vec<_> = (0..4)
        .map(|writer| {
            let (url, ends) = (database.url(), ends.clone());
            tokio::spawn(async move { write(&url, writer, &ends).await })
        })
        .collect();
    let test = async {
        for stop in 0..stops() {
            let before = book.count();
            until("entries arrive", async || book.count() > before + 20 + stop).await;
            server.stop(Halt::Immediate).expect("stopped");
            server.restart().expect("started again");
        }
        end.send(true).expect("writers wait for it");
        let mut ledger = Ledger::default();
        for writer in writers {
            let found = writer.await.expect("a writer ends");
            ledger.acknowledged.extend(found.acknowledged);
            ledger.in_doubt.extend(found.in_doubt);
            ledger.rolled_back.extend(found.rolled_back);
        }
        emptied(&database.connect().await).await;
        ledger
    };
    let ledger = tokio::select! {
        ended = sequencer.run() => panic!("the sequencer ended: {ended:?}"),
        ledger = pin!(test) => ledger,
    };
    let names = book.names();
    let found: BTreeSet<String> = names.iter().cloned().collect();
    assert_eq!(found.len(), names.len(), "duplicates");
    let lost: Vec<_> = ledger.acknowledged.difference(&found).collect();
    assert!(lost.is_empty(), "lost: {lost:?}");
    let phantoms: Vec<_> =
        found.iter().filter(|name| !ledger.acknowledged.contains(*name) && !ledger.in_doubt.contains(*name)).collect();
    assert!(phantoms.is_empty(), "phantoms: {phantoms:?}");
    assert!(!ledger.rolled_back.is_empty() && ledger.acknowledged.len() > 100, "{}", ledger.acknowledged.len());
}
