//! What rows are called, whose histories their changes belong to, and what is kept out of the log.

use deedbook_core::serde_json::json;
use deedbook_postgres::capture::{self, Plan};

use super::{captured, check, events, lines};

const SHOP: &str = "CREATE TABLE customers (id int PRIMARY KEY, name text);
    CREATE TABLE invoices (id bigint PRIMARY KEY, public_id text NOT NULL, number text, customer_id int REFERENCES customers, org text, n int);
    CREATE TABLE lines (id int PRIMARY KEY, invoice_id bigint REFERENCES invoices ON DELETE CASCADE, n int);
    CREATE TABLE tags (id int PRIMARY KEY, name text);
    CREATE TABLE invoice_tags (id serial PRIMARY KEY, invoice_id bigint REFERENCES invoices ON DELETE CASCADE, tag_id int REFERENCES tags)";
const SHOP_TABLES: &[(&str, &str)] = &[
    ("customers", r#"{"entity":"customer","label":"name"}"#),
    (
        "invoices",
        r#"{"entity":"invoice","id":["public_id"],"label":"number","tenant":"org","audience":["members"],"category":"project","targets":["customer_id"]}"#,
    ),
    ("lines", r#"{"entity":"line","targets":["invoice_id"]}"#),
    ("tags", r#"{"entity":"tag","label":"name"}"#),
    ("invoice_tags", "{}"),
];
const SHOP_ROWS: &str =
    "INSERT INTO customers VALUES (1, 'Acme'), (2, 'Zed'); INSERT INTO tags VALUES (3, 'red'), (4, 'blue');
    INSERT INTO invoices VALUES (7, 'inv_7', 'N-7', 1, 'ACME', 0)";

#[tokio::test]
async fn one_thing_has_one_history() {
    let Some((_database, client)) = captured("shop", SHOP, SHOP_TABLES).await else { return };
    client.batch_execute(SHOP_ROWS).await.expect("rows");
    let event = events(&client).await.pop().expect("the invoice");
    assert_eq!((event.tenant.as_deref(), event.category.as_deref()), (Some("acme"), Some("project")));
    assert_eq!(event.audience, Some(vec!["members".to_owned()]));
    check(&client, "UPDATE invoices SET n = 1", &["invoice.updated invoice:inv_7=N-7 customer:1=Acme /n 0>1"]).await;
    check(
        &client,
        "UPDATE invoices SET customer_id = 2",
        &["invoice.updated invoice:inv_7=N-7 customer:2=Zed /customer_id 1>2"],
    )
    .await;
    check(
        &client,
        "UPDATE invoices SET customer_id = NULL, public_id = 'inv_8'",
        &[r#"invoice.updated invoice:inv_8=N-7 invoice:inv_7@previous /public_id "inv_7">"inv_8" /customer_id 2>null"#],
    )
    .await;
    check(
        &client,
        "INSERT INTO lines VALUES (1, 7, 5)",
        &[r#"line.created line:1 invoice:inv_8=N-7 /id >1 /invoice_id >"7" /n >5"#],
    )
    .await;
}

#[tokio::test]
async fn a_link_is_one_change_of_both_ends() {
    let Some((_database, client)) = captured("links", SHOP, SHOP_TABLES).await else { return };
    client.batch_execute(SHOP_ROWS).await.expect("rows");
    events(&client).await;
    check(
        &client,
        "INSERT INTO invoice_tags (invoice_id, tag_id) VALUES (7, 3)",
        &["invoice_tags.created invoice:inv_7=N-7 tag:3=red /tag/3 >true"],
    )
    .await;
    check(
        &client,
        "UPDATE invoice_tags SET tag_id = 4",
        &["invoice_tags.updated invoice:inv_7=N-7 tag:4=blue /tag/3 true> /tag/4 >true"],
    )
    .await;
    check(&client, "DELETE FROM invoice_tags", &["invoice_tags.deleted invoice:inv_7=N-7 tag:4=blue /tag/4 true>"])
        .await;
    client.batch_execute("INSERT INTO invoice_tags (invoice_id, tag_id) VALUES (7, 3)").await.expect("a link");
    events(&client).await;
    // The invoice is gone when its links go: of it only the key is known.
    client.batch_execute("DELETE FROM invoices").await.expect("an invoice goes");
    let mut found = lines(&client).await;
    found.sort();
    assert_eq!(found[1], "invoice_tags.deleted tag:3=red /invoice/7 true>");
}

#[tokio::test]
async fn secrets_do_not_reach_the_outbox() {
    let statements = "CREATE TABLE users (id int PRIMARY KEY, email text, \"Password_hash\" text, note text, token_count int, avatar text);
        CREATE TABLE sessions (token text PRIMARY KEY, user_id int)";
    let mapping = r#"{"mask":["note"],"plain":["token_count"],"omit":["avatar"],"personal":["email"]}"#;
    let Some((_database, client)) = captured("secrets", statements, &[("users", mapping), ("sessions", "{}")]).await
    else {
        return;
    };
    client
        .batch_execute(
            "INSERT INTO users VALUES (1, 'ada@acme.example', 'hunter2', 'hunter2', 5, 'hunter2');
        UPDATE users SET \"Password_hash\" = 'hunter22', note = 'hunter22', token_count = 6, email = 'b@acme.example';
        UPDATE users SET avatar = 'hunter222'; INSERT INTO sessions VALUES ('hunter2', 1); DELETE FROM users",
        )
        .await
        .expect("rows");
    let written = client.query_one("SELECT string_agg(body, ' ') FROM deedbook.outbox", &[]).await.expect("bodies");
    assert!(!written.get::<_, String>(0).contains("hunter"));
    let found = events(&client).await;
    assert_eq!(found[0].personal, ["/changes/1/to"]);
    assert_eq!(found[1].personal, ["/changes/0/from", "/changes/0/to"]);
    assert_eq!(
        found.iter().map(super::line).collect::<Vec<_>>(),
        [
            r#"users.created users:1 /id >1 /email >"ada@acme.example" /Password_hash redacted /note redacted /token_count >5"#,
            r#"users.updated users:1 /email "ada@acme.example">"b@acme.example" /Password_hash redacted /note redacted /token_count 5>6"#,
            // The SHA-256 of hunter2 begins so.
            "sessions.created sessions:sha256:f52fbd32b2b3b86ff88ef6c490628285 /token redacted /user_id >1",
            r#"users.deleted users:1 /id 1> /email "b@acme.example"> /Password_hash redacted /note redacted /token_count 6>"#,
        ]
    );
}

#[tokio::test]
async fn mappings_that_make_no_sense_are_refused() {
    let Some((_database, client)) = captured("bad_mappings", SHOP, &[]).await else { return };
    for (table, mapping) in [
        ("invoices", r#"{"id":["nope"]}"#),
        ("invoices", r#"{"entity":"Not A Word"}"#),
        ("invoices", r#"{"nope":1}"#),
        ("pg_catalog.pg_class", "{}"),
        ("deedbook.outbox", "{}"),
    ] {
        let sql = format!("SELECT deedbook.capture('{table}', '{mapping}')");
        client.batch_execute(&sql).await.expect_err(&sql);
    }
}

#[tokio::test]
async fn a_plan_is_installed_again_and_again() {
    let Some((database, client)) = captured("plan", SHOP, &[]).await else { return };
    let mut installer = database.connect().await;
    let plan: Plan = deedbook_core::serde_json::from_value(json!({
        "tables": ["public.*"], "exclude": ["tags", "invoice_tags"], "omit": ["lines.n"],
        "entity": {"public.invoices": {"name": "invoice", "id": ["public_id"], "label": "number"},
                   "lines": {"targets": ["invoice_id"]}}
    }))
    .expect("a plan");
    let mut versions = Vec::new();
    for _ in 0..3 {
        capture::install(&mut installer, &plan).await.expect("it is installed");
        let status = capture::status(&client).await.expect("a status");
        assert_eq!((status.problems, status.missed, status.is_following), (vec![], vec![], true));
        versions.push(status.captured.iter().map(|table| (table.table.to_string(), table.version)).collect::<Vec<_>>());
    }
    assert_eq!(versions[1], versions[2], "nothing was made anew");
    let names: Vec<&str> = versions[0].iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["public.customers", "public.invoices", "public.lines"]);
    client.batch_execute("CREATE TABLE public.later (id int)").await.expect("a table");
    let missed = capture::status(&client).await.expect("a status").missed;
    assert_eq!(missed.iter().map(ToString::to_string).collect::<Vec<_>>(), ["public.later"]);
    // What is excluded later is released.
    let fewer = Plan { exclude: vec!["public.c*".parse().expect("a pattern")], ..plan };
    capture::install(&mut installer, &fewer).await.expect("it is installed");
    let captured = capture::captured(&client).await.expect("tables");
    assert!(!captured.iter().any(|table| table.table.table == "customers"));
}
