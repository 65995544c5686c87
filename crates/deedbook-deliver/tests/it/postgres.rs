//! Rows in a real PostgreSQL; without one the tests say SKIPPED.

use std::path::Path;
use std::sync::Arc;

use deedbook_core::serde_json::{Value, from_str, json};
use deedbook_core::{Actor, Entry, Event};
use deedbook_deliver::{Failure, Settings, Sink};
use deedbook_testkit::postgres::{Database, Halt, Server};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio_postgres::{Client, Row};

use crate::samples::{accepted, entries};

/// A database, what asks it, and a place for the file with its address.
struct Place {
    runtime: Runtime,
    database: Database,
    client: Client,
    folder: TempDir,
}

impl Place {
    fn new(test: &str) -> Option<Self> {
        let runtime = Runtime::new().unwrap();
        let database = runtime.block_on(Database::fresh(test))?;
        Some(Self::of(runtime, database))
    }

    fn of(runtime: Runtime, database: Database) -> Self {
        let client = runtime.block_on(database.connect());
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("url"), database.url()).unwrap();
        Self { runtime, database, client, folder }
    }

    fn sink(&self, table: &str) -> Box<dyn Sink> {
        sink(self.folder.path(), table)
    }

    fn run(&self, sql: &str) {
        self.runtime.block_on(self.client.batch_execute(sql)).unwrap();
    }

    fn rows(&self, sql: &str) -> Vec<Row> {
        self.runtime.block_on(self.client.query(sql, &[])).unwrap()
    }

    fn count(&self, table: &str) -> i64 {
        self.rows(&format!("SELECT count(*) FROM {table}"))[0].get(0)
    }
}

fn sink(folder: &Path, table: &str) -> Box<dyn Sink> {
    let table = json!({ "name": "rows", "postgres": { "url": { "file": "url" }, "table": table } });
    Settings::read(table, folder).unwrap().sink
}

fn later(failure: Result<(), Failure>) -> String {
    match failure {
        Err(Failure::Later { why, .. }) => why,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_row_has_what_is_asked_for_and_the_whole_entry() {
    let Some(place) = Place::new("rows of PostgreSQL") else { return };
    let all = entries();
    let mut sink = place.sink("audit_log");
    sink.deliver(&all[..3]).unwrap();
    // A part of it again: what is there is there once.
    sink.deliver(&all[1..]).unwrap();
    let columns = "tenant, id, seq, position, recorded_at::text, occurred_at::text, action, outcome, actor_type, actor_id, \
                   targets::text, entry::text";
    let rows = place.rows(&format!("SELECT {columns} FROM audit_log ORDER BY position"));
    assert_eq!(rows.len(), all.len());
    for (row, entry) in rows.iter().zip(&all) {
        let shown: Value = from_str(&String::from_utf8(entry.to_json()).unwrap()).unwrap();
        let json = |column| from_str::<Value>(row.get(column)).unwrap();
        let text = |column| row.get::<_, Option<&str>>(column);
        assert_eq!(json(11), shown);
        assert_eq!(json(10), shown.get("targets").cloned().unwrap_or_else(|| json!([])));
        assert_eq!((text(0), text(1)), (Some(&*entry.receipt.tenant), Some(&*entry.receipt.id)));
        let numbers = (entry.receipt.seq as i64, entry.receipt.position as i64);
        assert_eq!((row.get::<_, i64>(2), row.get::<_, i64>(3)), numbers);
        assert_eq!(text(6), Some(&*entry.event.action));
        assert_eq!(text(7), Some(entry.event.outcome.map_or("success", |outcome| outcome.as_str())));
        assert_eq!((text(8), text(9)), (Some(&*entry.event.actor.kind), entry.event.actor.id.as_deref()));
    }
    let times = (rows[0].get::<_, &str>(4), rows[0].get::<_, &str>(5));
    assert_eq!(times, ("2026-09-21 14:13:20.123456+00", "2026-09-20 14:03:27.481512+00"));
    let found =
        r#"SELECT id FROM audit_log WHERE targets @> '[{"type": "document", "id": "doc_1"}]' AND tenant = 'acme'"#;
    assert_eq!(place.rows(found)[0].get::<_, &str>(0), all[0].receipt.id);
}

#[test]
fn text_of_strangers_is_text() {
    let Some(place) = Place::new("hostile rows of PostgreSQL") else { return };
    let hostile = "a\0b'); DROP TABLE audit_log; --\\u0000 \\\\ \" \u{7f}\u{ffff}é日🚀";
    let mut event = Event::new("invoice.approved", Actor::new("user", hostile));
    event.metadata.insert("k\0\"".to_owned(), json!([hostile, 1_000_000_000_000_000_i64, -0.1]));
    place.sink("audit_log").deliver(&[accepted(1, event)]).unwrap();
    let row =
        &place.rows("SELECT actor_id, entry->'metadata'->>U&'k\\2400\"', (entry->'metadata')::text FROM audit_log")[0];
    let kept = hostile.replace('\0', "␀");
    assert_eq!(row.get::<_, &str>(0), kept);
    assert_eq!(from_str::<Value>(row.get(1)).unwrap(), json!([kept, 1_000_000_000_000_000_i64, -0.1]));
}

#[test]
fn a_table_may_be_there_and_its_role_allowed_no_more_than_it_needs() {
    let Some(place) = Place::new("roles and tables of PostgreSQL") else { return };
    place.sink("audit_log").deliver(&entries()[..1]).unwrap();
    place.run(
        "CREATE ROLE narrow LOGIN; CREATE SCHEMA kept; ALTER TABLE audit_log SET SCHEMA kept; \
         GRANT USAGE ON SCHEMA kept TO narrow; GRANT INSERT, SELECT ON kept.audit_log TO narrow; \
         REVOKE CREATE ON SCHEMA public FROM PUBLIC",
    );
    std::fs::write(place.folder.path().join("url"), place.database.url_as("narrow")).unwrap();
    place.sink("kept.audit_log").deliver(&entries()).unwrap();
    assert_eq!(place.count("kept.audit_log"), entries().len() as i64);
    let why = later(place.sink("kept.other").deliver(&entries()));
    assert!(why.contains("permission denied for schema kept (42501)"), "{why}");
}

#[test]
fn a_table_of_somebody_else_is_told_and_not_touched() {
    let Some(place) = Place::new("other tables of PostgreSQL") else { return };
    place.run("CREATE TABLE audit_log (id bigint); CREATE TABLE keyless (LIKE audit_log)");
    let why = later(place.sink("audit_log").deliver(&entries()));
    assert!(why.contains("column \"tenant\"") && why.contains("must have its columns"), "{why}");
    assert_eq!(place.count("audit_log"), 0);
}

#[test]
fn what_the_table_refuses_is_refused_alone() {
    let Some(place) = Place::new("refusals of PostgreSQL") else { return };
    let mut sink = place.sink("audit_log");
    let all: Vec<Entry> = entries().into_iter().take(3).collect();
    sink.deliver(&all[..1]).unwrap();
    place.run(&format!("ALTER TABLE audit_log ADD CHECK (id <> '{}')", all[1].receipt.id));
    let refused =
        |failure: Result<(), Failure>| matches!(failure, Err(Failure::Refused { why }) if why.contains("23514"));
    assert!(refused(sink.deliver(&all)));
    assert_eq!(place.count("audit_log"), 1, "a batch is one transaction");
    assert!(refused(sink.deliver(&all[1..2])));
    sink.deliver(&all[2..]).unwrap();
    assert_eq!(place.count("audit_log"), 2);
}

#[test]
fn a_session_that_was_ended_while_it_lay_idle_costs_no_try() {
    let Some(place) = Place::new("sessions of PostgreSQL") else { return };
    let mut sink = place.sink("audit_log");
    sink.deliver(&entries()[..1]).unwrap();
    let others = "FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()";
    assert_eq!(place.rows(&format!("SELECT pg_terminate_backend(pid) {others}")).len(), 1);
    sink.deliver(&entries()).unwrap();
    assert_eq!(place.count("audit_log"), entries().len() as i64);
    // And so a table that was taken away is made anew.
    place.run("DROP TABLE audit_log");
    later(sink.deliver(&entries()));
    sink.deliver(&entries()).unwrap();
}

#[test]
fn a_server_that_crashes_loses_nothing_that_was_delivered() {
    if !Server::is_installed() {
        // Said aloud, and judged, where the others are skipped.
        return;
    }
    let runtime = Runtime::new().unwrap();
    let server = Arc::new(Server::start(&std::env::temp_dir(), &[("synchronous_commit", "off")]).unwrap());
    let database = runtime.block_on(Database::on_server(server.clone()));
    let place = Place::of(runtime, database);
    let mut sink = place.sink("audit_log");
    let all = entries();
    for (number, batch) in all.chunks(2).enumerate() {
        sink.deliver(batch).unwrap();
        if number % 3 == 0 {
            server.stop(Halt::Immediate).unwrap();
            let why = later(sink.deliver(batch));
            assert!(why.contains("cannot connect to the database"), "{why}");
            server.restart().unwrap();
        }
    }
    let client = place.runtime.block_on(place.database.connect());
    let rows = place.runtime.block_on(client.query("SELECT id FROM audit_log ORDER BY position", &[])).unwrap();
    let ids: Vec<&str> = rows.iter().map(|row| row.get(0)).collect();
    assert_eq!(ids, all.iter().map(|entry| entry.receipt.id.as_str()).collect::<Vec<_>>());
}

#[test]
fn settings_that_cannot_be_used_say_why() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("url"), "postgresql://app:canary@localhost/a?sslmode=perhaps").unwrap();
    let check = |table: Value, expected: &str| {
        let error = Settings::read(table, folder.path()).err().unwrap().to_string();
        assert!(error.contains(expected) && !error.contains("canary"), "{error}");
    };
    let with = |postgres: Value| json!({ "name": "rows", "postgres": postgres });
    check(with(json!({})), "missing field `url`");
    check(with(json!({ "url": "postgresql://app:canary@localhost/a" })), "a secret is { file = \"path\" }");
    check(with(json!({ "url": { "file": "absent" } })), "absent");
    check(with(json!({ "url": { "file": "url" } })), "the address of the database is not valid");
    std::fs::write(folder.path().join("url"), "postgresql://app:canary@localhost/a").unwrap();
    check(with(json!({ "url": { "file": "url" }, "table": "a;b" })), "table = \"a;b\": take letters");
    check(json!({ "name": "rows", "format": "cef", "postgres": { "url": { "file": "url" } } }), "rows have no format");
}
