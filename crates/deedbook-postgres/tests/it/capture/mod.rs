//! Row capture against a real server: what each kind of statement leaves in the outbox, as events.

mod ddl;
mod decoding;
mod mapping;
mod rights;
mod semantics;
mod values;

use std::collections::HashMap;

use deedbook_core::serde_json::Value;
use deedbook_core::{Change, Event, Limits, Target, prepare};
use deedbook_postgres::capture::Definition;
use deedbook_postgres::{Origin, Row, decode, schema};
use deedbook_testkit::postgres::Database;
use tokio_postgres::Client;

/// A database in which `statements` were run and then the tables named by `captured` were captured, each with its
/// mapping as JSON; and a connection to it.
async fn captured(test: &str, statements: &str, captured: &[(&str, &str)]) -> Option<(Database, Client)> {
    let database = Database::fresh(test).await?;
    let mut client = database.connect().await;
    client.batch_execute(statements).await.expect(statements);
    schema::install(&mut client).await.expect("the schema is installed");
    for (table, mapping) in captured {
        let sql = format!("SELECT deedbook.capture('{}', '{mapping}')", table.replace('\'', "''"));
        client.batch_execute(&sql).await.expect(&sql);
    }
    Some((database, client))
}

/// The events of all rows of the outbox, which is empty afterwards. Every one of them is fit for the log.
async fn events(client: &Client) -> Vec<Event> {
    let shapes = client.query("SELECT id, definition::text FROM deedbook.shape", &[]).await.expect("shapes");
    let shapes: HashMap<i32, Definition> =
        shapes.iter().map(|row| (row.get(0), Definition::from_json(row.get(1)).expect("a definition"))).collect();
    let sql = "WITH gone AS (DELETE FROM deedbook.outbox RETURNING *)
        SELECT seq, xid::text::bigint, shape, body, context FROM gone ORDER BY seq";
    let rows = client.query(sql, &[]).await.expect("the outbox");
    let mut origins: HashMap<u64, Origin> = HashMap::new();
    let mut events = Vec::new();
    for row in rows {
        let row = Row {
            seq: row.get(0),
            xid: row.get::<_, i64>(1).cast_unsigned(),
            shape: row.get(2),
            body: row.get(3),
            role: None,
            context: row.get(4),
        };
        if let Some(context) = &row.context {
            origins.insert(row.xid, Origin::read(context));
        }
        let origin = origins.get(&row.xid).expect("the first row of a transaction has its context");
        for mut event in decode(&row, shapes.get(&row.shape), origin).expect(&row.body) {
            origin.complete(&mut event);
            prepare(event.clone(), &Limits::default(), || [0; 16]).expect(&row.body);
            events.push(event);
        }
    }
    events
}

/// The events as lines: `invoice.updated invoice:7 /paid false>true`.
async fn lines(client: &Client) -> Vec<String> {
    events(client).await.iter().map(line).collect()
}

fn line(event: &Event) -> String {
    let targets = event.targets.iter().map(target);
    let changes = event.changes.iter().map(change);
    let parts: Vec<String> = std::iter::once(event.action.clone()).chain(targets).chain(changes).collect();
    parts.join(" ")
}

fn target(target: &Target) -> String {
    let name = target.name.as_ref().map(|name| format!("={name}")).unwrap_or_default();
    let role = target.role.as_ref().map(|role| format!("@{role}")).unwrap_or_default();
    format!("{}:{}{name}{role}", target.kind, target.id)
}

fn change(change: &Change) -> String {
    if change.redacted {
        return format!("{} redacted", change.path);
    }
    let side = |value: &Option<Value>| value.as_ref().map(Value::to_string).unwrap_or_default();
    format!("{} {}>{}", change.path, side(&change.from), side(&change.to))
}

/// Runs `statements` one by one in sessions of their own and compares the events.
async fn check(client: &Client, statements: &str, expected: &[&str]) {
    client.batch_execute(statements).await.expect(statements);
    assert_eq!(lines(client).await, expected, "{statements}");
}
