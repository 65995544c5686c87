//! The schema changes while rows do, with and without the event trigger that follows it.

use deedbook_postgres::capture;

use super::{captured, check, events, lines};

const ITEMS: &str = "CREATE TABLE items (id int PRIMARY KEY, a text, api_token text)";

/// Each change of the schema, a statement after it, and what is captured of that.
const STEPS: &[(&str, &str, &str)] = &[
    ("ALTER TABLE items ADD b int", "UPDATE items SET b = 1", "items.updated items:1 /b null>1"),
    ("ALTER TABLE items RENAME a TO a2", "UPDATE items SET a2 = 'y'", r#"items.updated items:1 /a2 "x">"y""#),
    (
        "ALTER TABLE items ALTER b TYPE text USING 'n' || b",
        "UPDATE items SET b = 'm'",
        r#"items.updated items:1 /b "n1">"m""#,
    ),
    (
        "ALTER TABLE items RENAME api_token TO plain",
        "UPDATE items SET plain = 'q'",
        "items.updated items:1 /plain redacted",
    ),
    ("ALTER TABLE items DROP a2", "UPDATE items SET b = 'k'", r#"items.updated items:1 /b "m">"k""#),
    ("ALTER TABLE items RENAME TO things", "UPDATE things SET b = 'j'", r#"items.updated items:1 /b "k">"j""#),
    ("ALTER TABLE things ADD c int DEFAULT 5", "UPDATE things SET c = 6", "items.updated items:1 /c 5>6"),
];

async fn follows(test: &str, setup: &str, is_drifting: bool) {
    let Some((database, mut client)) = captured(test, ITEMS, &[("items", "{}")]).await else { return };
    client.batch_execute(setup).await.expect(setup);
    client.batch_execute("INSERT INTO items VALUES (1, 'x', 's3cret')").await.expect("a row");
    // Another session has its plans from before each change.
    let other = database.connect().await;
    other.batch_execute("UPDATE items SET a = a").await.expect("nothing changes");
    events(&client).await;
    for (change, statement, expected) in STEPS {
        client.batch_execute(change).await.expect(change);
        check(&other, statement, &[expected]).await;
    }
    // In one transaction, rolled back together.
    let both = "BEGIN; ALTER TABLE things ADD d int; UPDATE things SET d = 1; ROLLBACK; UPDATE things SET c = 7";
    check(&client, both, &["items.updated items:1 /c 6>7"]).await;
    let status = capture::status(&client).await.expect("a status");
    assert_eq!((status.problems.is_empty(), status.is_following), (!is_drifting, !is_drifting));
    let synced = capture::sync(&mut client).await.expect("it is brought up to date");
    assert_eq!(synced.is_empty(), !is_drifting);
    assert_eq!(capture::status(&client).await.expect("a status").problems, []);
    check(&other, "UPDATE things SET plain = 'r', c = 8", &["items.updated items:1 /plain redacted /c 7>8"]).await;
    client.batch_execute("DROP TABLE things").await.expect("it is dropped");
    assert_eq!(capture::sync(&mut client).await.expect("it is brought up to date").is_empty(), !is_drifting);
    assert_eq!(capture::captured(&client).await.expect("tables"), []);
}

#[tokio::test]
async fn changes_of_the_schema_are_followed_in_their_transaction() {
    follows("ddl_followed", "SELECT deedbook.follow()", false).await;
}

#[tokio::test]
async fn without_an_event_trigger_nothing_breaks_and_nothing_is_lost() {
    follows("ddl_alone", "SELECT 1", true).await;
}

#[tokio::test]
async fn what_becomes_of_another_table_is_not_noticed() {
    let statements = "CREATE TABLE customers (id int PRIMARY KEY, name text);
        CREATE TABLE orders (id int PRIMARY KEY, customer_id int REFERENCES customers, n int)";
    let tables = [("customers", r#"{"label":"name"}"#), ("orders", r#"{"targets":["customer_id"]}"#)];
    let Some((_database, mut client)) = captured("ddl_other", statements, &tables).await else { return };
    client
        .batch_execute("INSERT INTO customers VALUES (1, 'Ada'); INSERT INTO orders VALUES (1, 1, 1)")
        .await
        .expect("rows");
    events(&client).await;
    check(&client, "UPDATE orders SET n = 2", &["orders.updated orders:1 customers:1=Ada /n 1>2"]).await;
    for change in [
        "ALTER TABLE customers RENAME name TO title",
        "ALTER TABLE customers RENAME TO clients",
        "DROP TABLE clients CASCADE",
    ] {
        client.batch_execute(change).await.expect(change);
        client.batch_execute("UPDATE orders SET n = n + 1").await.expect(change);
        let event = events(&client).await.remove(0);
        assert_eq!(event.targets.len(), 1, "{change}");
        assert_eq!(event.metadata["unresolved"]["customers"], "1", "{change}");
        capture::sync(&mut client).await.expect("it is brought up to date");
    }
    check(&client, "UPDATE orders SET n = 1", &["orders.updated orders:1 /n 5>1"]).await;
}

#[tokio::test]
async fn new_partitions_are_captured() {
    let statements = "CREATE TABLE parts (id int PRIMARY KEY) PARTITION BY RANGE (id)";
    let Some((_database, client)) = captured("ddl_partitions", statements, &[("parts", "{}")]).await else { return };
    client.batch_execute("SELECT deedbook.follow()").await.expect("it follows");
    check(
        &client,
        "CREATE TABLE low PARTITION OF parts FOR VALUES FROM (0) TO (10); INSERT INTO low VALUES (1)",
        &["parts.created parts:1 /id >1"],
    )
    .await;
    check(&client, "ALTER TABLE parts DETACH PARTITION low; SELECT deedbook.sync(); UPDATE low SET id = 2", &[]).await;
}

#[tokio::test]
async fn where_even_the_stale_function_fails_the_application_goes_on_and_the_log_says_so() {
    let Some((_database, mut client)) = captured("ddl_last_resort", ITEMS, &[("items", "{}")]).await else { return };
    // The table changed, and what would make the query for it is broken.
    let breaking = "INSERT INTO items VALUES (1, 'x', 's3cret');
        DELETE FROM deedbook.outbox;
        ALTER TABLE items ADD b int;
        ALTER FUNCTION deedbook.change_query(jsonb, text, boolean) RENAME TO change_query_away";
    client.batch_execute(breaking).await.expect(breaking);
    let changing =
        "BEGIN; UPDATE items SET b = 1; DELETE FROM items; INSERT INTO items VALUES (2, 'y', 's3cret', 2); COMMIT";
    client.batch_execute(changing).await.expect(changing);
    let found = events(&client).await;
    let told: Vec<String> = found.iter().map(super::line).collect();
    assert_eq!(told, ["items.updated items:*", "items.deleted items:*", "items.created items:*"]);
    for event in &found {
        let why = event.metadata["not_captured"].as_str().expect("a reason");
        assert!(why.contains("change_query") && !why.contains("s3cret"), "{why}");
    }
    let rows: i64 = client.query_one("SELECT count(*) FROM items", &[]).await.expect("a count").get(0);
    assert_eq!(rows, 1);
    client.batch_execute("ALTER FUNCTION deedbook.change_query_away RENAME TO change_query").await.expect("mended");
    capture::sync(&mut client).await.expect("it is brought up to date");
    check(&client, "UPDATE items SET b = 3", &["items.updated items:2 /b 2>3"]).await;
}

#[tokio::test]
async fn a_new_partition_without_an_event_trigger_is_told_and_mended() {
    let statements = "CREATE TABLE parts (id int PRIMARY KEY) PARTITION BY RANGE (id)";
    let Some((_database, mut client)) = captured("ddl_new_partition", statements, &[("parts", "{}")]).await else {
        return;
    };
    let made = "CREATE TABLE public.low PARTITION OF parts FOR VALUES FROM (0) TO (10)";
    check(&client, &format!("{made}; INSERT INTO parts VALUES (1)"), &["parts.created parts:1 /id >1"]).await;
    // What is written past its table is not seen, and `status` says so.
    check(&client, "INSERT INTO public.low VALUES (2)", &[]).await;
    let problems = capture::status(&client).await.expect("a status").problems;
    assert!(
        problems.iter().any(|problem| problem.table == "public.low" && problem.problem.contains("zz_deedbook_insert"))
    );
    capture::sync(&mut client).await.expect("it is brought up to date");
    check(&client, "INSERT INTO public.low VALUES (3)", &["parts.created parts:3 /id >3"]).await;
}

/// Changes of the columns, each with statements that a transaction of before runs after it.
#[tokio::test]
async fn a_transaction_that_sees_the_columns_of_before_tells_so_and_leaves_nothing_behind() {
    for (change, statement, after) in [
        ("ALTER TABLE items ADD b int", "UPDATE items SET b = 1", "/b 1>2"),
        ("ALTER TABLE items RENAME a TO b", "UPDATE items SET b = '1'", r#"/b "1">"2""#),
        ("ALTER TABLE items DROP a, ADD b int", "UPDATE items SET b = 1", "/b 1>2"),
    ] {
        let Some((database, client)) = captured("ddl_old_snapshot", ITEMS, &[("items", "{}")]).await else { return };
        client.batch_execute("INSERT INTO items VALUES (1, 'x', 's3cret')").await.expect("a row");
        events(&client).await;
        let other = database.connect().await;
        other.batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1").await.expect("a snapshot");
        client.batch_execute(change).await.expect(change);
        other.batch_execute(&format!("{statement}; COMMIT")).await.expect(statement);
        let event = events(&client).await.remove(0);
        assert_eq!(super::line(&event), "items.updated items:*", "{change}");
        assert!(event.metadata["not_captured"].as_str().expect("a reason").contains("columns changed"), "{change}");
        check(&other, "UPDATE items SET b = '2'", &[&format!("items.updated items:1 {after}")]).await;
    }
}

#[tokio::test]
async fn triggers_that_were_switched_off_are_told_and_mended() {
    let Some((_database, mut client)) = captured("drift", ITEMS, &[("items", "{}")]).await else { return };
    client
        .batch_execute("ALTER TABLE items DISABLE TRIGGER zz_deedbook_update; DROP TRIGGER zz_deedbook_delete ON items")
        .await
        .expect("off");
    let problems = capture::status(&client).await.expect("a status").problems;
    let problems: Vec<&str> = problems.iter().map(|problem| problem.problem.as_str()).collect();
    assert_eq!(problems, ["the trigger zz_deedbook_delete is missing", "the trigger zz_deedbook_update is disabled"]);
    capture::sync(&mut client).await.expect("it is mended");
    assert_eq!(capture::status(&client).await.expect("a status").problems, []);
    client
        .batch_execute("INSERT INTO items VALUES (1); UPDATE items SET a = 'b'; DELETE FROM items")
        .await
        .expect("rows");
    assert_eq!(lines(&client).await.len(), 3);
}
