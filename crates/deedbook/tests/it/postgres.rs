//! Events and contexts in transactions, by each driver, against a real server; without one the tests say SKIPPED.

use deedbook::{Actor, Context, Deedbook, ErrorKind, Event, context, postgres};
use deedbook_postgres::schema;
use deedbook_testkit::postgres::Database;
use serde_json::{Value, json};

/// A database with the schema, and a role of its name that may record; roles belong to the server, which tests share.
async fn installed(test: &str) -> Option<Database> {
    let database = Database::fresh(test).await?;
    let mut owner = database.connect().await;
    schema::install(&mut owner).await.expect("installed");
    let role = database.name();
    let role = format!("CREATE ROLE {role} LOGIN; GRANT EXECUTE ON FUNCTION deedbook.record(text, text) TO {role}");
    owner.batch_execute(&role).await.expect("a role");
    Some(database)
}

/// Action, and claimed actor where its row has a context, of each row of the outbox.
async fn rows(database: &Database) -> Vec<(String, Option<Value>)> {
    let rows = database.connect().await.query("SELECT body, context FROM deedbook.outbox ORDER BY seq", &[]).await;
    let row = |row: tokio_postgres::Row| {
        let body: Value = serde_json::from_str(row.get(0)).expect("JSON");
        let context = row.get::<_, Option<String>>(1).map(|context| {
            let context: Value = serde_json::from_str(&context).expect("JSON");
            let claim =
                context["claim"].as_str().map_or(Value::Null, |claim| serde_json::from_str(claim).expect("JSON"));
            claim["actor"]["id"].clone()
        });
        (body["action"].as_str().expect("an action").to_owned(), context)
    };
    rows.expect("rows").into_iter().map(row).collect()
}

/// The tenant that the event of each row of the outbox names.
async fn tenants(database: &Database) -> Vec<Option<String>> {
    let sql = "SELECT body::json ->> 'tenant' FROM deedbook.outbox ORDER BY seq";
    let rows = database.connect().await.query(sql, &[]).await.expect("rows");
    rows.iter().map(|row| row.get(0)).collect()
}

/// A user whose id wants to end a text of SQL.
const HOSTILE: &str = r"o'); DROP TABLE deedbook.outbox; --\' \\";

fn user(id: &str) -> Context {
    Context::new().actor(Actor::new("user", id)).request_id("req_1")
}

fn event(action: &str) -> Event {
    Event::new(action, Actor::new("service", "test"))
}

fn expected(rows: &[(&str, Option<Value>)]) -> Vec<(String, Option<Value>)> {
    rows.iter().map(|(action, actor)| ((*action).to_owned(), actor.clone())).collect()
}

/// Written as a program of another language would.
const RAW: &str = "SELECT deedbook.record('{\"action\":\"raw.written\"}')";

mod tokio_postgres_driver {
    use super::*;

    #[tokio::test]
    async fn what_is_recorded_shares_the_fate_of_its_transaction() {
        let Some(database) = installed("deedbook tokio-postgres: the fate of its transaction").await else { return };
        let mut client = database.connect_as(database.name()).await;
        context::scope(user("ada"), async {
            let mut transaction = postgres::begin(&mut client).await.expect("it begins");
            postgres::record_in(&mut transaction, event("a.rolled_back")).await.expect("recorded");
            transaction.rollback().await.expect("rolled back");
            let mut transaction = postgres::begin(&mut client).await.expect("it begins");
            let id = postgres::record_in(&mut transaction, event("a.kept")).await.expect("recorded");
            assert!(id.starts_with("evt_"));
            let refused = postgres::record_in(&mut transaction, event("no action")).await.expect_err("refused");
            assert_eq!(refused.kind(), ErrorKind::Invalid);
            let mut savepoint = transaction.transaction().await.expect("a savepoint");
            postgres::record_in(&mut savepoint, event("a.rolled_back")).await.expect("recorded");
            savepoint.rollback().await.expect("rolled back");
            postgres::record_in(&mut transaction, event("b.kept")).await.expect("recorded");
            transaction.commit().await.expect("committed");
        })
        .await;
        assert_eq!(rows(&database).await, expected(&[("a.kept", Some(json!("ada"))), ("b.kept", None)]));
    }

    #[tokio::test]
    async fn a_book_gives_the_event_what_it_gives_every_event() {
        let Some(database) = installed("deedbook tokio-postgres: record_in of a book").await else { return };
        let mut client = database.connect_as(database.name()).await;
        let book = Deedbook::builder().tenant("acme").open("memory:").expect("a book");
        context::scope(user("ada"), async {
            let mut transaction = postgres::begin(&mut client).await.expect("it begins");
            let id = book.record_in(&mut transaction, event("a.kept")).await.expect("recorded");
            assert!(id.starts_with("evt_"));
            postgres::record_in(&mut transaction, event("b.kept")).await.expect("recorded");
            transaction.commit().await.expect("committed");
        })
        .await;
        assert_eq!(tenants(&database).await, [Some("acme".to_owned()), None]);
        // The context of the transaction is written once.
        assert_eq!(rows(&database).await, expected(&[("a.kept", Some(json!("ada"))), ("b.kept", None)]));
    }

    #[tokio::test]
    async fn a_context_is_that_of_its_transaction_alone() {
        let Some(database) = installed("deedbook tokio-postgres: the context of its transaction").await else { return };
        let mut client = database.connect_as(database.name()).await;
        context::scope(user(HOSTILE), async {
            let transaction = postgres::begin(&mut client).await.expect("it begins");
            transaction.batch_execute(RAW).await.expect("a row");
            transaction.commit().await.expect("committed");
            let mut transaction = client.transaction().await.expect("it begins");
            postgres::bind(&mut transaction).await.expect("bound");
            transaction.batch_execute(RAW).await.expect("a row");
            transaction.commit().await.expect("committed");
            let transaction = postgres::begin(&mut client).await.expect("it begins");
            transaction.rollback().await.expect("rolled back");
        })
        .await;
        client.batch_execute(RAW).await.expect("a row");
        let transaction = postgres::begin(&mut client).await.expect("it begins");
        transaction.batch_execute(RAW).await.expect("a row");
        transaction.commit().await.expect("committed");
        let (hostile, nobody) = (("raw.written", Some(json!(HOSTILE))), ("raw.written", Some(Value::Null)));
        assert_eq!(rows(&database).await, expected(&[hostile.clone(), hostile, nobody.clone(), nobody]));
    }

    #[tokio::test]
    async fn what_is_missing_is_named() {
        let Some(database) = Database::fresh("deedbook tokio-postgres: what is missing").await else { return };
        let mut client = database.connect().await;
        let mut transaction = client.transaction().await.expect("it begins");
        let refused = postgres::record_in(&mut transaction, event("a.b")).await.expect_err("not installed");
        assert_eq!(refused.kind(), ErrorKind::NotFound);
        transaction.rollback().await.expect("rolled back");
        schema::install(&mut client).await.expect("installed");
        client.batch_execute(&format!("CREATE ROLE {} LOGIN", database.name())).await.expect("a role");
        let mut client = database.connect_as(database.name()).await;
        let mut transaction = client.transaction().await.expect("it begins");
        let refused = postgres::record_in(&mut transaction, event("a.b")).await.expect_err("not granted");
        assert_eq!(refused.kind(), ErrorKind::Denied);
        let long = Context::new().user_agent("x".repeat(2000));
        let refused = context::scope(long, postgres::bind(&mut transaction)).await.expect_err("over the limit");
        assert_eq!(refused.kind(), ErrorKind::Invalid);
    }
}

mod sqlx_driver {
    use sqlx::postgres::PgPoolOptions;
    use sqlx::{Executor, PgPool};

    use super::*;

    /// A pool of one connection, so that the next user gets the same.
    async fn pool(database: &Database) -> PgPool {
        PgPoolOptions::new().max_connections(1).connect(&database.url_as(database.name())).await.expect("a connection")
    }

    #[tokio::test]
    async fn what_is_recorded_shares_the_fate_of_its_transaction() {
        let Some(database) = installed("deedbook sqlx: the fate of its transaction").await else { return };
        let pool = pool(&database).await;
        context::scope(user("ada"), async {
            let mut transaction = postgres::begin(&pool).await.expect("it begins");
            postgres::record_in(&mut transaction, event("a.rolled_back")).await.expect("recorded");
            transaction.rollback().await.expect("rolled back");
            let mut dropped = postgres::begin(&pool).await.expect("it begins");
            postgres::record_in(&mut *dropped, event("a.rolled_back")).await.expect("recorded");
            drop(dropped);
            let mut transaction = postgres::begin(&pool).await.expect("it begins");
            postgres::record_in(&mut transaction, event("a.kept")).await.expect("recorded");
            transaction.commit().await.expect("committed");
        })
        .await;
        assert_eq!(rows(&database).await, expected(&[("a.kept", Some(json!("ada")))]));
    }

    #[tokio::test]
    async fn a_book_gives_the_event_what_it_gives_every_event() {
        let Some(database) = installed("deedbook sqlx: record_in of a book").await else { return };
        let pool = pool(&database).await;
        let book = Deedbook::builder().tenant("acme").open("memory:").expect("a book");
        context::scope(user("ada"), async {
            let mut transaction = postgres::begin(&pool).await.expect("it begins");
            let id = book.record_in(&mut transaction, event("a.kept")).await.expect("recorded");
            assert!(id.starts_with("evt_"));
            postgres::record_in(&mut transaction, event("b.kept")).await.expect("recorded");
            transaction.commit().await.expect("committed");
        })
        .await;
        assert_eq!(tenants(&database).await, [Some("acme".to_owned()), None]);
        // The context of the transaction is written once.
        assert_eq!(rows(&database).await, expected(&[("a.kept", Some(json!("ada"))), ("b.kept", None)]));
    }

    #[tokio::test]
    async fn a_context_is_that_of_its_transaction_alone() {
        let Some(database) = installed("deedbook sqlx: the context of its transaction").await else { return };
        let pool = pool(&database).await;
        pool.execute("SET standard_conforming_strings = off").await.expect("set");
        context::scope(user(HOSTILE), async {
            let mut transaction = postgres::begin(&pool).await.expect("it begins");
            transaction.execute(RAW).await.expect("a row");
            transaction.commit().await.expect("committed");
            let mut connection = pool.acquire().await.expect("a connection");
            let mut transaction = postgres::begin(&mut *connection).await.expect("it begins");
            transaction.execute(RAW).await.expect("a row");
            transaction.commit().await.expect("committed");
        })
        .await;
        pool.execute(RAW).await.expect("a row");
        let mut transaction = postgres::begin(&pool).await.expect("it begins");
        transaction.execute(RAW).await.expect("a row");
        transaction.commit().await.expect("committed");
        let (hostile, nobody) = (("raw.written", Some(json!(HOSTILE))), ("raw.written", Some(Value::Null)));
        assert_eq!(rows(&database).await, expected(&[hostile.clone(), hostile, nobody.clone(), nobody]));
    }
}
