//! What can never be an entry is parked and told; the others pass.

use std::sync::Arc;

use deedbook_core::serde_json::json;
use deedbook_core::{Draft, Entry, Error, ErrorKind, Outcome, Reply};
use deedbook_postgres::Log;
use deedbook_testkit::postgres::Database;

use crate::support::{Book, deliver, event, installed, options};

/// `seq` and reason of each parked row.
async fn parked(database: &Database) -> Vec<(i64, String, Option<String>)> {
    let client = database.connect().await;
    let rows = client.query("SELECT seq, reason, context FROM deedbook.rejected ORDER BY seq", &[]).await;
    rows.expect("rows").iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect()
}

fn gaps(book: &Book) -> Vec<Entry> {
    book.entries().into_iter().filter(|entry| entry.event.action == "outbox_row.rejected").collect()
}

#[tokio::test]
async fn a_poisoned_row_is_parked_and_holds_up_nobody() {
    let Some(database) = installed("deedbook-postgres a_poisoned_row_is_parked").await else { return };
    let (client, book) = (database.connect().await, Book::new());
    let bodies = [
        event("1"),
        "no JSON".to_owned(),
        json!({ "action": "not an action", "targets": [{ "type": "invoice", "id": "7" }], "tenant": "acme" })
            .to_string(),
        json!({ "action": "audit.viewed" }).to_string(),
        json!({ "action": "a.b", "metadata": { "x": "y".repeat(300_000) } }).to_string(),
        event("2"),
    ];
    let mut client = client;
    let transaction = client.transaction().await.expect("a transaction");
    for body in &bodies {
        transaction.execute("SELECT deedbook.record($1, '{\"reason\":\"why\"}')", &[body]).await.expect("a row");
    }
    transaction.commit().await.expect("committed");
    deliver(&database, book.clone(), options()).await;
    let names: Vec<String> = book.names().into_iter().filter(|name| !name.is_empty()).collect();
    assert_eq!(names, ["1", "2"]);
    let parked = parked(&database).await;
    assert_eq!(parked.iter().map(|row| row.0).collect::<Vec<_>>(), [2, 3, 4, 5]);
    assert!(parked.iter().all(|row| row.2.as_ref().is_some_and(|context| context.contains("why"))), "{parked:?}");
    let gaps = gaps(&book);
    assert_eq!(gaps.len(), 4);
    for (gap, (seq, reason, _)) in gaps.iter().zip(&parked) {
        let event = &gap.event;
        assert_eq!((event.outcome, event.category.as_deref()), (Some(Outcome::Failure), Some("gap")));
        assert_eq!(event.metadata["seq"], json!(seq));
        assert_eq!(event.error.as_ref().and_then(|error| error.message.as_ref()), Some(reason));
        assert_eq!(event.reason.as_deref(), Some("why"));
    }
    let about = &gaps[1];
    assert_eq!(about.receipt.tenant, "acme");
    assert_eq!(about.event.targets[1].kind, "invoice", "the history of the invoice shows that something is missing");
}

#[tokio::test]
async fn two_events_with_one_id_are_not_one() {
    let Some(database) = installed("deedbook-postgres two_events_with_one_id").await else { return };
    let (client, book) = (database.connect().await, Book::new());
    let named = |text: &str| json!({ "id": "x", "action": "a.b", "description": text }).to_string();
    for text in ["1", "2", "3"] {
        client.execute("SELECT deedbook.record($1)", &[&named(text)]).await.expect("a row");
    }
    deliver(&database, book.clone(), options()).await;
    assert_eq!(book.names()[0], "1");
    assert_eq!(parked(&database).await.len(), 2);
    assert_eq!(gaps(&book).len(), 2, "each has its own gap");
}

/// A log that refuses some events, as a server refuses those of another tenant than that of its token.
struct Narrow(Arc<Book>);

impl Log for Narrow {
    fn submit(&self, drafts: Vec<Draft>, reply: Reply) {
        let (foreign, own): (Vec<Draft>, Vec<Draft>) =
            drafts.into_iter().partition(|draft| draft.tenant() == "foreign");
        let refused = foreign.len();
        let added = move |fates: Result<Vec<_>, Error>| {
            let mut fates = fates?;
            fates.extend((0..refused).map(|_| Err(Error::new(ErrorKind::Denied, "the token is bound to a tenant"))));
            Ok(fates)
        };
        self.0.submit(own, Box::new(move |fates| reply(added(fates))));
    }
}

#[tokio::test]
async fn what_the_log_refuses_is_parked_even_where_it_refuses_the_gap_too() {
    let Some(database) = installed("deedbook-postgres what_the_log_refuses_is_parked").await else { return };
    let (client, book) = (database.connect().await, Book::new());
    let bodies = [event("1"), event("2"), json!({ "action": "a.b", "tenant": "foreign" }).to_string()];
    client
        .execute("SELECT deedbook.record(body) FROM unnest($1::text[]) body", &[&bodies.as_slice()])
        .await
        .expect("rows");
    deliver(&database, Arc::new(Narrow(book.clone())), options()).await;
    assert_eq!(book.names(), ["1", "2"]);
    assert_eq!(parked(&database).await.len(), 1);
}

#[tokio::test]
async fn a_parked_row_can_be_put_back() {
    let Some(database) = installed("deedbook-postgres a_parked_row_can_be_put_back").await else { return };
    let (client, book) = (database.connect().await, Book::new());
    let body = json!({ "action": "a.b", "tenant": "foreign", "description": "1" }).to_string();
    client.execute("SELECT deedbook.record($1)", &[&body]).await.expect("a row");
    deliver(&database, Arc::new(Narrow(book.clone())), options()).await;
    assert_eq!(book.names(), Vec::<String>::new());
    // As docs/postgres.md says.
    let back = "WITH back AS (DELETE FROM deedbook.rejected RETURNING *)
        INSERT INTO deedbook.outbox (seq, xid, shape, body, context) OVERRIDING SYSTEM VALUE
        SELECT seq, xid, shape, body, context FROM back";
    client.batch_execute(back).await.expect("it is put back");
    deliver(&database, book.clone(), options()).await;
    assert_eq!(book.names(), ["1"]);
}
