//! What each kind of statement means.

use deedbook_testkit::skipped;

use super::{captured, check, events, lines};

const ITEMS: &str = "CREATE TABLE items (id int PRIMARY KEY, name text, n int)";

#[tokio::test]
async fn rows_that_come_change_and_go() {
    let Some((_database, client)) = captured("rows", ITEMS, &[("items", "{}")]).await else { return };
    check(&client, "INSERT INTO items VALUES (1, 'a', NULL)", &[r#"items.created items:1 /id >1 /name >"a" /n >null"#])
        .await;
    check(&client, "UPDATE items SET name = 'b', n = 2", &[r#"items.updated items:1 /name "a">"b" /n null>2"#]).await;
    check(
        &client,
        "UPDATE items SET name = name; UPDATE items SET n = 3 WHERE false; DELETE FROM items WHERE false",
        &[],
    )
    .await;
    check(&client, "DELETE FROM items", &[r#"items.deleted items:1 /id 1> /name "b"> /n 2>"#]).await;
}

#[tokio::test]
async fn what_is_rolled_back_never_was() {
    let Some((database, client)) = captured("rollback", ITEMS, &[("items", "{}")]).await else { return };
    check(&client, "BEGIN; INSERT INTO items VALUES (1); ROLLBACK", &[]).await;
    let savepoints = "BEGIN; SAVEPOINT a; INSERT INTO items VALUES (1); ROLLBACK TO a; INSERT INTO items VALUES (2);
        SAVEPOINT b; INSERT INTO items VALUES (3); ROLLBACK TO b; COMMIT";
    check(&client, savepoints, &["items.created items:2 /id >2 /name >null /n >null"]).await;
    // A prepared transaction is there from the moment it is committed, by whichever session.
    client.batch_execute("BEGIN; UPDATE items SET n = 9; PREPARE TRANSACTION 'p'").await.expect("it is prepared");
    assert_eq!(lines(&client).await, [""; 0]);
    let other = database.connect().await;
    check(&other, "COMMIT PREPARED 'p'", &["items.updated items:2 /n null>9"]).await;
    client.batch_execute("BEGIN; UPDATE items SET n = 10; PREPARE TRANSACTION 'q'").await.expect("it is prepared");
    check(&other, "ROLLBACK PREPARED 'q'", &[]).await;
    // An error of the application takes its change with it, in a statement of its own too.
    client.batch_execute("UPDATE items SET id = 1 / (id - 2)").await.expect_err("a division by zero");
    assert_eq!(lines(&client).await, [""; 0]);
}

#[tokio::test]
async fn upsert_and_copy() {
    let Some((_database, client)) = captured("upsert", ITEMS, &[("items", "{}")]).await else { return };
    check(&client, "INSERT INTO items VALUES (1, 'a', 1)", &[r#"items.created items:1 /id >1 /name >"a" /n >1"#]).await;
    let upsert = "INSERT INTO items VALUES (1, 'x', 2), (2, 'b', 2)
        ON CONFLICT (id) DO UPDATE SET n = excluded.n";
    let mut found = {
        client.batch_execute(upsert).await.expect(upsert);
        lines(&client).await
    };
    found.sort();
    assert_eq!(found, [r#"items.created items:2 /id >2 /name >"b" /n >2"#, "items.updated items:1 /n 1>2"]);
    check(&client, "INSERT INTO items VALUES (1, 'x', 2) ON CONFLICT DO NOTHING", &[]).await;
    let copy = r"COPY items FROM PROGRAM $$printf '8\tc\t\\N\n9\td\t5\n'$$";
    client.batch_execute(copy).await.expect(copy);
    assert_eq!(
        lines(&client).await,
        [r#"items.created items:8 /id >8 /name >"c" /n >null"#, r#"items.created items:9 /id >9 /name >"d" /n >5"#,]
    );
}

#[tokio::test]
async fn merge() {
    let test = "deedbook-postgres merge";
    let Some((_database, client)) = captured("merge", ITEMS, &[("items", "{}")]).await else { return };
    let version: String = client.query_one("SHOW server_version_num", &[]).await.expect("a version").get(0);
    if version.as_str() < "150000" {
        return skipped(test, "PostgreSQL has MERGE from 15 on");
    }
    client.batch_execute("INSERT INTO items VALUES (1, 'a', 2), (2, 'b', 2)").await.expect("rows");
    events(&client).await;
    let merge = "MERGE INTO items USING (VALUES (1, 7), (2, 0), (3, 3)) AS new (id, n) ON items.id = new.id
        WHEN MATCHED AND new.n = 0 THEN DELETE WHEN MATCHED THEN UPDATE SET n = new.n
        WHEN NOT MATCHED THEN INSERT VALUES (new.id, 'm', new.n)";
    client.batch_execute(merge).await.expect(merge);
    let mut found = lines(&client).await;
    found.sort();
    assert_eq!(
        found,
        [
            r#"items.created items:3 /id >3 /name >"m" /n >3"#,
            r#"items.deleted items:2 /id 2> /name "b"> /n 2>"#,
            "items.updated items:1 /n 2>7",
        ]
    );
}

#[tokio::test]
async fn cascades_and_truncate() {
    let statements = "CREATE TABLE parent (id int PRIMARY KEY);
        CREATE TABLE child (id int PRIMARY KEY, parent_id int REFERENCES parent ON DELETE CASCADE ON UPDATE CASCADE);
        CREATE TABLE orphan (id int PRIMARY KEY, parent_id int REFERENCES parent ON DELETE SET NULL)";
    let tables = [("parent", "{}"), ("child", r#"{"targets":["parent_id"]}"#), ("orphan", "{}")];
    let Some((_database, client)) = captured("cascades", statements, &tables).await else { return };
    let rows =
        "INSERT INTO parent VALUES (1), (2); INSERT INTO child VALUES (1, 1), (2, 1); INSERT INTO orphan VALUES (1, 1)";
    client.batch_execute(rows).await.expect(rows);
    events(&client).await;
    check(
        &client,
        "UPDATE parent SET id = 5 WHERE id = 2; INSERT INTO child VALUES (9, 5); UPDATE parent SET id = 6 WHERE id = 5",
        &[
            "parent.updated parent:5 parent:2@previous /id 2>5",
            "child.created child:9 parent:5 /id >9 /parent_id >5",
            "parent.updated parent:6 parent:5@previous /id 5>6",
            "child.updated child:9 parent:6 parent:5@previous /parent_id 5>6",
        ],
    )
    .await;
    client.batch_execute("DELETE FROM parent WHERE id = 1").await.expect("a cascade");
    let mut found = lines(&client).await;
    found.sort();
    assert_eq!(
        found,
        [
            "child.deleted child:1 parent:1 /id 1> /parent_id 1>",
            "child.deleted child:2 parent:1 /id 2> /parent_id 1>",
            "orphan.updated orphan:1 /parent_id 1>null",
            "parent.deleted parent:1 /id 1>",
        ]
    );
    client.batch_execute("TRUNCATE parent CASCADE").await.expect("a truncation");
    let mut found = lines(&client).await;
    found.sort();
    assert_eq!(found, ["child.truncated child:*", "orphan.truncated orphan:*", "parent.truncated parent:*"]);
}

const PARTITIONS: &str =
    "CREATE TABLE parts (id int, region text, n int, PRIMARY KEY (id, region)) PARTITION BY LIST (region);
    CREATE TABLE parts_eu PARTITION OF parts FOR VALUES IN ('eu');
    CREATE TABLE parts_us (n int, gone int, region text NOT NULL, id int NOT NULL, PRIMARY KEY (id, region));
    ALTER TABLE parts_us DROP COLUMN gone;
    ALTER TABLE parts ATTACH PARTITION parts_us FOR VALUES IN ('us')";

#[tokio::test]
async fn partitions_are_one_table() {
    let Some((_database, client)) = captured("partitions", PARTITIONS, &[("parts", "{}")]).await else { return };
    check(
        &client,
        "INSERT INTO parts VALUES (1, 'eu', 1)",
        &[r#"parts.created parts:1:eu /id >1 /region >"eu" /n >1"#],
    )
    .await;
    check(
        &client,
        "INSERT INTO parts_us (id, region, n) VALUES (2, 'us', 2)",
        &[r#"parts.created parts:2:us /id >2 /region >"us" /n >2"#],
    )
    .await;
    check(
        &client,
        "UPDATE parts SET n = n + 1",
        &["parts.updated parts:1:eu /n 1>2", "parts.updated parts:2:us /n 2>3"],
    )
    .await;
    check(&client, "UPDATE parts_us SET n = 7", &["parts.updated parts:2:us /n 3>7"]).await;
    check(
        &client,
        "UPDATE parts SET region = 'us' WHERE id = 1",
        &[r#"parts.updated parts:1:us parts:1:eu@previous /region "eu">"us""#],
    )
    .await;
    check(&client, "DELETE FROM parts WHERE id = 1", &[r#"parts.deleted parts:1:us /id 1> /region "us"> /n 2>"#]).await;
    check(&client, "TRUNCATE parts_us", &["parts.truncated parts:*"]).await;
}

#[tokio::test]
async fn a_row_that_vanishes_on_its_way_between_partitions_is_not_taken_for_another() {
    let statements = format!("{PARTITIONS};
        CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF new.id = 1 THEN RETURN NULL; END IF; RETURN new; END $$;
        CREATE TRIGGER refuse BEFORE INSERT ON parts_us FOR EACH ROW EXECUTE FUNCTION refuse()");
    let Some((_database, client)) = captured("vanishing", &statements, &[("parts", "{}")]).await else { return };
    client.batch_execute("INSERT INTO parts VALUES (1, 'eu', 1), (2, 'eu', 2)").await.expect("rows");
    events(&client).await;
    client.batch_execute("UPDATE parts SET region = 'us'").await.expect("rows move");
    let mut found = lines(&client).await;
    found.sort();
    assert_eq!(
        found,
        [
            r#"parts.created parts:2:us /id >2 /region >"us" /n >2"#,
            r#"parts.deleted parts:1:eu /id 1> /region "eu"> /n 1>"#,
            r#"parts.deleted parts:2:eu /id 2> /region "eu"> /n 2>"#,
        ]
    );
}

#[tokio::test]
async fn keys_of_several_columns_changed_keys_and_none() {
    let statements = "CREATE TABLE pairs (a text, b int, n int, PRIMARY KEY (a, b));
        CREATE TABLE keyless (a int, b text); CREATE TABLE named (a int, code text NOT NULL UNIQUE)";
    let tables = [("pairs", "{}"), ("keyless", "{}"), ("named", "{}")];
    let Some((_database, client)) = captured("keys", statements, &tables).await else { return };
    check(
        &client,
        "INSERT INTO pairs VALUES ('x:%', 1, 1), ('', 2, 2)",
        &[r#"pairs.created pairs:x%3A%25:1 /a >"x:%" /b >1 /n >1"#, r#"pairs.created pairs::2 /a >"" /b >2 /n >2"#],
    )
    .await;
    // Every key moves onto its neighbour's: by position, they are updates of the right rows.
    check(
        &client,
        "DELETE FROM pairs; INSERT INTO pairs VALUES ('a', 1, 1), ('a', 2, 2)",
        &[
            r#"pairs.deleted pairs:x%3A%25:1 /a "x:%"> /b 1> /n 1>"#,
            r#"pairs.deleted pairs::2 /a ""> /b 2> /n 2>"#,
            r#"pairs.created pairs:a:1 /a >"a" /b >1 /n >1"#,
            r#"pairs.created pairs:a:2 /a >"a" /b >2 /n >2"#,
        ],
    )
    .await;
    check(
        &client,
        "ALTER TABLE pairs DROP CONSTRAINT pairs_pkey, ADD PRIMARY KEY (a, b) DEFERRABLE; SELECT deedbook.sync();
        UPDATE pairs SET b = 3 - b",
        &["pairs.updated pairs:a:2 pairs:a:1@previous /b 1>2", "pairs.updated pairs:a:1 pairs:a:2@previous /b 2>1"],
    )
    .await;
    check(
        &client,
        "INSERT INTO keyless VALUES (1, 'x'); UPDATE keyless SET a = 2; DELETE FROM keyless",
        &[
            r#"keyless.created keyless:* /a >1 /b >"x""#,
            "keyless.updated keyless:* /a 1>2",
            r#"keyless.deleted keyless:* /a 2> /b "x">"#,
        ],
    )
    .await;
    check(&client, "INSERT INTO named VALUES (1, 'k')", &[r#"named.created named:k /a >1 /code >"k""#]).await;
}

#[tokio::test]
async fn generated_columns_and_values_that_did_not_change() {
    let statements =
        "CREATE TABLE sums (id int PRIMARY KEY, a int, b int GENERATED ALWAYS AS (a * 2) STORED, long text)";
    let Some((_database, client)) = captured("generated", statements, &[("sums", "{}")]).await else { return };
    let long = "(SELECT string_agg(md5(i::text), '') FROM generate_series(1, 200) i)";
    client.batch_execute(&format!("INSERT INTO sums VALUES (1, 1, DEFAULT, {long})")).await.expect("a row");
    events(&client).await;
    check(&client, "UPDATE sums SET a = 2", &["sums.updated sums:1 /a 1>2 /b 2>4"]).await;
    check(&client, &format!("UPDATE sums SET long = {long}"), &[]).await;
}

#[tokio::test]
async fn statements_of_many_rows_are_captured_whole() {
    let Some((_database, client)) = captured("bulk", ITEMS, &[("items", "{}")]).await else { return };
    // One row first: the plan that is kept for it must serve ten thousand.
    client.batch_execute("INSERT INTO items VALUES (0, 'first', 0); UPDATE items SET n = 1").await.expect("a row");
    client.batch_execute("INSERT INTO items SELECT i, 'x', 0 FROM generate_series(1, 10000) i").await.expect("rows");
    client.batch_execute("UPDATE items SET n = id WHERE id > 0").await.expect("rows");
    let rows = client.query_one("SELECT count(*) FROM deedbook.outbox", &[]).await.expect("a count").get::<_, i64>(0);
    assert_eq!(rows, 2 + 2 * 40, "256 changes are one row");
    let events = events(&client).await;
    let updated = events.iter().filter(|event| event.action == "items.updated" && event.targets[0].id != "0");
    let ids: std::collections::BTreeSet<&str> = updated.map(|event| event.targets[0].id.as_str()).collect();
    assert_eq!((events.len(), ids.len()), (20_002, 10_000));
    let wrong = events.iter().filter(|event| event.action == "items.updated").find(|event| {
        let to = event.changes[0].to.as_ref().map(ToString::to_string);
        event.targets[0].id != "0" && to.as_deref() != Some(event.targets[0].id.as_str())
    });
    assert_eq!(wrong, None);
}

#[tokio::test]
async fn replication_does_not_switch_capture_off() {
    let Some((_database, client)) = captured("replica", ITEMS, &[("items", "{}")]).await else { return };
    check(
        &client,
        "SET session_replication_role = replica; INSERT INTO items VALUES (1)",
        &["items.created items:1 /id >1 /name >null /n >null"],
    )
    .await;
}

#[tokio::test]
async fn changes_have_the_context_of_their_transaction_alone() {
    let Some((_database, client)) = captured("context", ITEMS, &[("items", "{}")]).await else { return };
    let ada = r#"BEGIN; SELECT deedbook.context('{"actor":{"type":"user","id":"ada"}}');
        INSERT INTO items VALUES (1); INSERT INTO items VALUES (2); COMMIT; INSERT INTO items VALUES (3)"#;
    client.batch_execute(ada).await.expect(ada);
    let contexts = "SELECT count(context), count(DISTINCT xid) FROM deedbook.outbox";
    let row = client.query_one(contexts, &[]).await.expect("a count");
    assert_eq!((row.get::<_, i64>(0), row.get::<_, i64>(1)), (2, 2), "one context for each transaction");
    let actors: Vec<Option<String>> = events(&client).await.into_iter().map(|event| event.actor.id).collect();
    let superuser: String = client.query_one("SELECT session_user::text", &[]).await.expect("a role").get(0);
    assert_eq!(actors, [Some("ada".to_owned()), Some("ada".to_owned()), Some(superuser)]);
    for claim in ["{", "\u{1}", "", "null", r#"{"actor":{"type":"user","id":"a\u0000"}}"#] {
        let sql = format!(
            "BEGIN; SELECT deedbook.context('{claim}'); UPDATE items SET n = coalesce(n, 0) + 1 WHERE id = 1; COMMIT"
        );
        client.batch_execute(&sql).await.expect(&sql);
        assert_eq!(events(&client).await.len(), 1, "{claim}");
    }
}
