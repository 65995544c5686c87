//! The schema: installed as often as one likes, closed to everyone but by its functions, and its context.

use deedbook_core::ErrorKind;
use deedbook_core::serde_json::{self, Value, json};
use deedbook_postgres::schema;
use tokio_postgres::Client;
use tokio_postgres::error::SqlState;

use crate::support::{installed, role};

/// Context and body of each row of the outbox, in order.
async fn rows(client: &Client) -> Vec<(Option<Value>, String)> {
    let rows = client.query("SELECT context, body FROM deedbook.outbox ORDER BY seq", &[]).await.expect("rows");
    let context = |text: Option<String>| text.map(|text| serde_json::from_str(&text).expect("a context is JSON"));
    rows.iter().map(|row| (context(row.get(0)), row.get(1))).collect()
}

#[tokio::test]
async fn installing_again_changes_nothing() {
    let Some(database) = installed("deedbook-postgres installing_again_changes_nothing").await else { return };
    let mut client = database.connect().await;
    client.batch_execute("SELECT deedbook.record('{}')").await.expect("a row");
    let id = "SELECT id::text, version FROM deedbook.installation";
    let before = client.query_one(id, &[]).await.expect("one installation");
    schema::install(&mut client).await.expect("it is installed again");
    let after = client.query_one(id, &[]).await.expect("one installation");
    assert_eq!(before.get::<_, String>(0), after.get::<_, String>(0));
    assert_eq!(rows(&client).await.len(), 1);
}

#[tokio::test]
async fn a_schema_of_another_role_is_not_taken_over() {
    let Some(database) = installed("deedbook-postgres a_schema_of_another_role_is_not_taken_over").await else {
        return;
    };
    role(&database, "squatter").await;
    let owner = database.connect().await;
    owner.batch_execute("DROP SCHEMA deedbook CASCADE; CREATE SCHEMA deedbook").await.expect("a schema");
    owner.batch_execute(&format!("GRANT CREATE ON DATABASE {} TO squatter", database.name())).await.expect("a right");
    let mut client = database.connect_as("squatter").await;
    let refused = schema::install(&mut client).await.expect_err("the schema belongs to another role");
    assert_eq!(refused.kind(), ErrorKind::Denied);
}

#[tokio::test]
async fn a_role_reaches_the_outbox_by_record_alone() {
    let Some(database) = installed("deedbook-postgres a_role_reaches_the_outbox_by_record_alone").await else {
        return;
    };
    role(&database, "app").await;
    let (owner, client) = (database.connect().await, database.connect_as("app").await);
    let forbidden = [
        "SELECT count(*) FROM deedbook.outbox",
        "INSERT INTO deedbook.outbox (shape, body) VALUES (0, '{}')",
        "UPDATE deedbook.outbox SET body = ''",
        "DELETE FROM deedbook.outbox",
        "TRUNCATE deedbook.outbox",
        "SELECT * FROM deedbook.rejected",
        "SELECT * FROM deedbook.shape",
        "SELECT * FROM deedbook.installation",
        "SELECT nextval('deedbook.outbox_seq_seq')",
        "SELECT deedbook.pending_context()",
        "SELECT deedbook.record('{}')",
        "CREATE TABLE deedbook.mine ()",
    ];
    for sql in forbidden {
        let refused = client.batch_execute(sql).await.expect_err(sql);
        assert_eq!(refused.code(), Some(&SqlState::INSUFFICIENT_PRIVILEGE), "{sql}");
    }
    owner.batch_execute("GRANT EXECUTE ON FUNCTION deedbook.record(text, text) TO app").await.expect("a grant");
    client.batch_execute("SELECT deedbook.record('{\"action\":\"a.b\"}', '{}')").await.expect("a row is written");
    let rows = rows(&owner).await;
    let (context, body) = (rows[0].0.as_ref().expect("a context"), &rows[0].1);
    assert_eq!(body, "{\"action\":\"a.b\"}");
    assert_eq!((&context["role"], &context["claim"]), (&json!("app"), &json!("{}")));
}

#[tokio::test]
async fn the_context_is_written_once_for_each_transaction_and_claim() {
    let Some(database) = installed("deedbook-postgres the_context_is_written_once").await else { return };
    let client = database.connect().await;
    let script = "
        BEGIN; SELECT deedbook.record('1'), deedbook.record('2'); COMMIT;
        SELECT deedbook.record('3');
        BEGIN; SELECT deedbook.context('a'); SELECT deedbook.record('4');
        SAVEPOINT s; SELECT deedbook.context('b'); SELECT deedbook.record('gone'); ROLLBACK TO s;
        SELECT deedbook.record('5'); SELECT deedbook.context('b'); SELECT deedbook.record('6');
        SAVEPOINT s; SELECT deedbook.record('gone'); ROLLBACK TO s; SELECT deedbook.record('7'); COMMIT;
        BEGIN; SAVEPOINT s; SELECT deedbook.record('gone'); ROLLBACK TO s; SELECT deedbook.record('8'); COMMIT;
        BEGIN; SELECT deedbook.context(''); SELECT deedbook.record('9', 'c'); SELECT deedbook.record('10', ''); COMMIT;";
    for statement in script.split(';') {
        client.batch_execute(statement).await.expect(statement);
    }
    let claim = |context: Value| context.get("claim").cloned().unwrap_or(Value::Null);
    let found: Vec<_> = rows(&client).await.into_iter().map(|(context, body)| (body, context.map(claim))).collect();
    let (none, some) = (|| Some(Value::Null), |claim: &str| Some(json!(claim)));
    let expected = [
        ("1", none()),
        ("2", None),
        ("3", none()),
        ("4", some("a")),
        ("5", None),
        ("6", some("b")),
        ("7", None),
        ("8", none()),
        ("9", some("c")),
        ("10", none()),
    ];
    assert_eq!(found, expected.map(|(body, claim)| (body.to_owned(), claim)));
}

#[tokio::test]
async fn what_the_session_calls_by_our_names_is_not_used() {
    let Some(database) = installed("deedbook-postgres what_the_session_calls_by_our_names").await else { return };
    role(&database, "mallory").await;
    let (owner, client) = (database.connect().await, database.connect_as("mallory").await);
    owner.batch_execute("GRANT EXECUTE ON FUNCTION deedbook.record(text, text) TO mallory").await.expect("a grant");
    let traps = "CREATE FUNCTION evil.set_config(text, text, boolean) RETURNS text LANGUAGE sql AS
            $$ SELECT 'taken by ' || current_user $$;
         CREATE FUNCTION evil.current_setting(text, boolean) RETURNS text LANGUAGE sql AS
            $$ SELECT 'taken by ' || current_user $$;
         CREATE FUNCTION evil.eq(text, text) RETURNS boolean LANGUAGE plpgsql AS
            $$ BEGIN INSERT INTO evil.taken VALUES (current_user); RETURN false; END $$;
         CREATE OPERATOR evil.= (LEFTARG = text, RIGHTARG = text, FUNCTION = evil.eq);
         CREATE TABLE evil.taken (by text); GRANT ALL ON evil.taken TO public;
         SET search_path = evil, pg_catalog;
         CREATE TEMP TABLE outbox (shape integer, body text, context text);
         CREATE TEMP TABLE pg_class (x integer);";
    owner.batch_execute("CREATE SCHEMA evil AUTHORIZATION mallory").await.expect("a schema");
    client.batch_execute(traps).await.expect("the traps are set");
    client.batch_execute("SELECT deedbook.record('1', '{}')").await.expect("a row is written");
    let found = rows(&owner).await;
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].0.as_ref().expect("a context")["claim"], json!("{}"));
    let taken = owner.query_one("SELECT count(*) FROM evil.taken", &[]).await.expect("a count");
    assert_eq!(taken.get::<_, i64>(0), 0, "an operator of the session ran with the rights of the owner");
}
