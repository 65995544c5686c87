//! What commits arrives once, with its context; what does not commit never was.

use deedbook_core::serde_json::{Value, json};
use deedbook_core::{Actor, Entry};

use crate::support::{Book, deliver, event, installed, now, options, role, script};

/// Who did what, as the log has it.
fn told(entry: &Entry) -> (String, String) {
    let actor = &entry.event.actor;
    let actor = format!("{}:{}", actor.kind, actor.id.as_deref().unwrap_or_default());
    (entry.event.description.clone().unwrap_or_default(), actor)
}

#[tokio::test]
async fn what_was_rolled_back_never_was() {
    let Some(database) = installed("deedbook-postgres what_was_rolled_back_never_was").await else { return };
    let (client, book) = (database.connect().await, Book::new());
    let record = |name: &str| format!("SELECT deedbook.record('{}')", event(name));
    let statements = [
        format!("BEGIN; {}; ROLLBACK", record("rolled back")),
        format!("BEGIN; {}; SAVEPOINT s; {}", record("a"), record("rolled back to a savepoint")),
        format!("ROLLBACK TO s; {}; COMMIT", record("b")),
        format!("BEGIN; SAVEPOINT s; {}; RELEASE s; COMMIT", record("c")),
        format!("BEGIN; {}; PREPARE TRANSACTION 'rolled back'; ROLLBACK PREPARED 'rolled back'", record("prepared")),
        format!("BEGIN; {}; PREPARE TRANSACTION 'committed'", record("e")),
        record("d"),
    ];
    for statements in statements {
        script(&client, &statements).await;
    }
    let failed = client.batch_execute(&format!("BEGIN; {}; SELECT 1/0; COMMIT", record("failed"))).await;
    assert!(failed.is_err());
    script(&client, "ROLLBACK").await;
    deliver(&database, book.clone(), options()).await;
    assert_eq!(book.names(), ["a", "b", "c", "d"], "a prepared transaction is not committed yet");
    script(&client, "COMMIT PREPARED 'committed'").await;
    deliver(&database, book.clone(), options()).await;
    assert_eq!(book.names(), ["a", "b", "c", "d", "e"]);
}

#[tokio::test]
async fn the_context_of_one_transaction_is_never_in_the_next() {
    let Some(database) = installed("deedbook-postgres the_context_of_one_transaction").await else { return };
    role(&database, "web").await;
    database
        .connect()
        .await
        .batch_execute("GRANT EXECUTE ON FUNCTION deedbook.record(text, text) TO web")
        .await
        .expect("a grant");
    let (client, book) = (database.connect_as("web").await, Book::new());
    let user = |id: &str| json!({ "actor": { "type": "user", "id": id } }).to_string();
    let record = |name: &str| format!("SELECT deedbook.record('{}')", event(name));
    let statements = [
        format!("BEGIN; SELECT deedbook.context('{}'); {}; {}; COMMIT", user("ada"), record("1"), record("2")),
        record("3"),
        format!("BEGIN; {}; SELECT deedbook.context('{}'); {}; COMMIT", record("4"), user("bob"), record("5")),
        format!("BEGIN; SELECT deedbook.context('{}'); ROLLBACK; {}", user("eve"), record("6")),
        format!("SELECT deedbook.context('{}'); {}", user("eve"), record("7")),
        format!("BEGIN; SAVEPOINT s; SELECT deedbook.context('{}'); {}", user("eve"), record("gone")),
        format!("ROLLBACK TO s; {}; COMMIT", record("8")),
        format!("SELECT deedbook.record('{}', '{}'); {}", event("9"), user("cleo"), record("10")),
    ];
    for statements in statements {
        script(&client, &statements).await;
    }
    deliver(&database, book.clone(), options()).await;
    let found: Vec<_> = book.entries().iter().map(told).collect();
    let role = "database_role:web";
    let expected = [
        ("1", "user:ada"),
        ("2", "user:ada"),
        ("3", role),
        ("4", role),
        ("5", "user:bob"),
        ("6", role),
        ("7", role),
        ("8", role),
        ("9", "user:cleo"),
        ("10", role),
    ];
    assert_eq!(found, expected.map(|(name, actor)| (name.to_owned(), actor.to_owned())));
}

#[tokio::test]
async fn an_entry_tells_its_transaction_its_time_and_its_role() {
    let Some(database) = installed("deedbook-postgres an_entry_tells_its_transaction").await else { return };
    let (client, book) = (database.connect().await, Book::new());
    let before = now();
    let claim = json!({ "actor": { "type": "user", "id": "ada" }, "tenant": "acme", "metadata": { "postgres": 1 } });
    let script_text = format!(
        "SET application_name = 'billing'; BEGIN; SELECT deedbook.record('{}', '{claim}');
         SELECT deedbook.record('{}'); COMMIT; SELECT deedbook.record('{}')",
        event("1"),
        event("2"),
        event("3")
    );
    script(&client, &script_text).await;
    let mut options = options();
    options.tenant = Some("fallback".to_owned());
    deliver(&database, book.clone(), options).await;
    let entries = book.entries();
    let (first, second, third) = (&entries[0], &entries[1], &entries[2]);
    assert_eq!((first.receipt.tenant.as_str(), third.receipt.tenant.as_str()), ("acme", "fallback"));
    assert_eq!(first.event.actor, Actor::new("user", "ada"));
    assert!(first.event.transaction_id.is_some() && first.event.transaction_id == second.event.transaction_id);
    assert_ne!(first.event.transaction_id, third.event.transaction_id);
    let at = first.event.occurred_at.expect("the time of the transaction");
    assert!(before <= at && at <= now() && second.event.occurred_at == Some(at));
    let known = json!({ "role": "deedbook", "application": "billing" });
    assert_eq!(first.event.metadata["postgres"], known, "what is claimed does not hide what is known");
}

#[tokio::test]
async fn hostile_contexts_break_nothing() {
    let Some(database) = installed("deedbook-postgres hostile_contexts_break_nothing").await else { return };
    let (client, book) = (database.connect().await, Book::new());
    let nul = r#"{"actor":{"type":"user","id":"a\u0000b"}}"#;
    let long = format!(r#"{{"reason":"{}"}}"#, "x".repeat(1 << 20));
    let claims = [nul, "{", "\\", "'", "\"", "null", "[1]", "{\"actor\":7}", "\u{1}\u{7f}", "ünï", &long];
    for claim in claims {
        let transaction = "SELECT deedbook.record($1, $2)";
        client.execute(transaction, &[&event("x"), &claim]).await.expect(claim);
    }
    deliver(&database, book.clone(), options()).await;
    let entries = book.entries();
    assert_eq!(entries.len(), claims.len());
    assert_eq!(entries[0].event.actor, Actor::new("user", "a\0b"));
    for (entry, claim) in entries.iter().zip(claims).skip(1) {
        let kept = entry.event.metadata["postgres"].get("context").and_then(Value::as_str).unwrap_or_default();
        assert!(claim.starts_with(kept) && !kept.is_empty(), "{claim:.40}");
        assert_eq!(entry.event.actor, Actor::new("database_role", "deedbook"));
    }
}

#[tokio::test]
async fn a_transaction_larger_than_a_batch_keeps_its_context() {
    let Some(database) = installed("deedbook-postgres a_transaction_larger_than_a_batch").await else { return };
    let (client, other, book) = (database.connect().await, database.connect().await, Book::new());
    let user = |id: &str| json!({ "actor": { "type": "user", "id": id } }).to_string();
    let many = |from: u32| {
        format!(
            "SELECT deedbook.record(format('{{\"action\":\"a.b\",\"description\":\"%s\"}}', n)) FROM generate_series({from}, {}) n",
            from + 49
        )
    };
    script(&client, &format!("BEGIN; SELECT deedbook.context('{}'); {}", user("ada"), many(0))).await;
    script(&other, &format!("BEGIN; SELECT deedbook.context('{}'); {}", user("bob"), many(1000))).await;
    script(&client, &format!("{}; COMMIT", many(50))).await;
    script(&other, &format!("{}; COMMIT", many(1050))).await;
    let mut options = options();
    options.batch_rows_max = 7;
    deliver(&database, book.clone(), options).await;
    let found = book.entries();
    assert_eq!(found.len(), 200);
    for entry in &found {
        let (name, actor) = told(entry);
        let number: u32 = name.parse().expect("a number");
        assert_eq!(actor, if number < 1000 { "user:ada" } else { "user:bob" }, "{name}");
    }
}

#[tokio::test]
async fn rows_larger_than_a_batch_are_delivered_one_by_one() {
    let Some(database) = installed("deedbook-postgres rows_larger_than_a_batch").await else { return };
    let (client, book) = (database.connect().await, Book::new());
    for name in ["1", "2", "3"] {
        let text = json!({ "action": "a.b", "description": name, "metadata": { "x": "y".repeat(100_000) } });
        client.execute("SELECT deedbook.record($1)", &[&text.to_string()]).await.expect("a row");
    }
    let mut options = options();
    options.batch_bytes_max = 1000;
    deliver(&database, book.clone(), options).await;
    assert_eq!(book.names(), ["1", "2", "3"]);
}

#[tokio::test]
async fn a_transaction_can_hide_its_context_and_not_who_logged_in() {
    let Some(database) = installed("deedbook-postgres a_transaction_can_hide_its_context").await else { return };
    let (owner, book) = (database.connect().await, Book::new());
    let (name, quoted, in_url) = ("Mallory \"M\" 1", "\"Mallory \"\"M\"\" 1\"", "Mallory%20%22M%22%201");
    role(&database, quoted).await;
    owner
        .batch_execute(&format!("GRANT EXECUTE ON FUNCTION deedbook.record(text, text) TO {quoted}"))
        .await
        .expect("a grant");
    let forging = "BEGIN;
        SELECT set_config('deedbook.written', pg_current_xact_id()::text, true);
        SELECT deedbook.record('{\"action\":\"test.done\"}');
        COMMIT";
    script(&database.connect_as(in_url).await, forging).await;
    deliver(&database, book.clone(), options()).await;
    let event = &book.entries()[0].event;
    assert_eq!(event.actor, Actor::new("database_role", name));
    assert_eq!(event.metadata["postgres"], json!({ "role": name, "suppressed": true }));
}
