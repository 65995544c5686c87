//! `capture postgres` against a real server; without one the tests say SKIPPED.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use deedbook_postgres::schema;
use deedbook_testkit::postgres::{Database, Server};
use serde_json::{Value, json};
use tokio_postgres::Client;

use crate::server::Served;
use crate::support::{Room, Run};
use crate::tls;

const ADMIN: &str = "an-administrators-token-of-this-test";
const WAIT_MAX: Duration = Duration::from_secs(60);

async fn installed(test: &str) -> Option<Database> {
    let database = Database::fresh(test).await?;
    schema::install(&mut database.connect().await).await.expect("installed");
    Some(database)
}

async fn record(client: &Client, name: &str) {
    let event = json!({ "action": "invoice.paid", "description": name }).to_string();
    client.execute("SELECT deedbook.record($1)", &[&event]).await.expect("a row");
}

pub(crate) async fn emptied(client: &Client) {
    let begun = Instant::now();
    let left = "SELECT count(*) FROM deedbook.outbox";
    while client.query_one(left, &[]).await.expect("a count").get::<_, i64>(0) > 0 {
        assert!(begun.elapsed() < WAIT_MAX, "the outbox is never empty");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// `capture postgres run`; killed when it is dropped.
pub(crate) struct Running(Child);

impl Running {
    pub(crate) fn start(mut command: Command, database: &str) -> Self {
        command.args(["capture", "postgres", "run", "--database", database]);
        Self(command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("the binary runs"))
    }

    /// Waits until it has opened the log.
    pub(crate) fn greeted(mut self) -> Self {
        let mut line = String::new();
        BufReader::new(self.0.stdout.as_mut().expect("a pipe")).read_line(&mut line).expect("a line");
        assert!(line.starts_with("Delivering into"), "{line}");
        self
    }

    pub(crate) fn interrupt(mut self) {
        let id = self.0.id().to_string();
        assert!(Command::new("kill").args(["-INT", &id]).status().expect("kill runs").success());
        assert_eq!(self.0.wait().expect("it ends").code(), Some(0));
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The descriptions of everything in the log of `room`, oldest first.
fn names(room: &Room) -> Vec<String> {
    room.run(&["export", "ndjson", "--output", "exported"]).exits(0);
    let description = |line: &str| {
        let entry: Value = serde_json::from_str(line).expect("JSON");
        entry["description"].as_str().expect("a description").to_owned()
    };
    room.read("exported").lines().map(description).collect()
}

#[tokio::test]
async fn a_committed_event_arrives_in_a_directory() {
    let Some(database) = installed("deedbook-cli a_committed_event_arrives_in_a_directory").await else { return };
    let (room, client) = (Room::new(), database.connect().await);
    let running = Running::start(room.command(), &database.url()).greeted();
    record(&client, "1").await;
    emptied(&client).await;
    running.interrupt();
    let found = room.run(&["log", "--format", "json"]).exits(0);
    assert!(found.stdout.contains("database_role") && found.stdout.contains("\"invoice.paid\""), "{}", found.stdout);
}

#[tokio::test]
async fn a_committed_event_arrives_at_a_server() {
    let Some(database) = installed("deedbook-cli a_committed_event_arrives_at_a_server").await else { return };
    let (room, client) = (Room::new(), database.connect().await);
    let mut command = room.command();
    command.env("DEEDBOOK_ADMIN_TOKEN", ADMIN);
    let served = Served::start(command, &["serve", "--data", "served", "--log", "off"]);
    let mut command = room.command();
    command.env("DEEDBOOK_SERVER", format!("http://{}", served.address)).env("DEEDBOOK_TOKEN", ADMIN);
    let running = Running::start(command, &database.url()).greeted();
    record(&client, "1").await;
    emptied(&client).await;
    let url = format!("http://{}", served.address);
    let found = room.run(&["log", "--server", &url, "--token", ADMIN, "--format", "json"]).exits(0);
    assert!(found.stdout.contains("\"invoice.paid\""), "{}", found.stdout);
    running.interrupt();
}

#[tokio::test]
async fn killed_again_and_again_it_loses_nothing() {
    let Some(database) = installed("deedbook-cli killed_again_and_again_it_loses_nothing").await else { return };
    let kills = match std::env::var("CHAOS").as_deref() {
        Ok("soak") => 50,
        _ => 5,
    };
    let (room, client) = (Room::new(), database.connect().await);
    let mut sent = BTreeSet::new();
    for kill in 0..kills {
        let running = Running::start(room.command(), &database.url()).greeted();
        for number in 0..20 + 5 * kill {
            let name = format!("{kill}-{number}");
            record(&client, &name).await;
            sent.insert(name);
        }
        drop(running);
    }
    let running = Running::start(room.command(), &database.url()).greeted();
    emptied(&client).await;
    running.interrupt();
    let found = names(&room);
    assert_eq!(found.len(), sent.len());
    assert_eq!(found.into_iter().collect::<BTreeSet<_>>(), sent);
}

#[tokio::test]
async fn what_is_missing_is_named() {
    let Some(database) = Database::fresh("deedbook-cli what_is_missing_is_named").await else { return };
    let (room, owner) = (Room::new(), database.connect().await);
    let run = |url: &str| -> Run { room.run(&["capture", "postgres", "run", "--log", "off", "--database", url]) };
    run("not an address").exits(4).says(&["postgresql://"]);
    run(&database.url()).exits(10).says(&["not installed", "deedbook capture postgres install"]);
    run(&database.url_as("nobody")).exits(11);
    owner.batch_execute("CREATE ROLE carrier LOGIN").await.expect("a role");
    schema::install(&mut database.connect().await).await.expect("installed");
    run(&database.url_as("carrier")).exits(11).says(&["GRANT SELECT, DELETE ON deedbook.outbox"]);
    let grants = schema::SEQUENCER_GRANTS.replace("my_role", "carrier");
    owner.batch_execute(&grants).await.expect("granted");
    let running = Running::start(room.command(), &database.url_as("carrier")).greeted();
    record(&owner, "1").await;
    let poison = "SELECT deedbook.record('poison')";
    owner.batch_execute(poison).await.expect("a row");
    emptied(&owner).await;
    running.interrupt();
}

#[tokio::test]
async fn a_table_is_captured_watched_and_released() {
    let Some(database) = Database::fresh("deedbook-cli a_table_is_captured_watched_and_released").await else { return };
    let (room, client) = (Room::new(), database.connect().await);
    let tables = "CREATE TABLE public.invoices (id int PRIMARY KEY, public_id text, number text, api_token text);
        CREATE TABLE public.notes (text text)";
    client.batch_execute(tables).await.expect(tables);
    let url = database.url();
    let run = |arguments: &[&str]| -> Run {
        room.run(&[&["capture", "postgres"], arguments, &["--database", &url]].concat())
    };
    run(&["status"]).exits(10);
    let mapping = room.file("mapping.toml", "[entity.invoices]\nname = \"invoice\"\nid = [\"public_id\"]\n");
    let mapping = ["--mapping", mapping.to_str().expect("UTF-8")];
    let dry = run(&[&["install", "--dry-run"], &mapping[..]].concat()).exits(0);
    run(&["status"]).exits(10);
    client.batch_execute(&dry.stdout).await.expect("what was printed runs");
    run(&["status"]).exits(0).prints(&["public.invoices → invoice", "masked: api_token", "notes:*"]);
    run(&[&["install"], &mapping[..]].concat()).exits(0).prints(&["public.invoices → invoice", "public.notes → notes"]);
    let rows =
        "INSERT INTO public.invoices VALUES (1, 'inv_1', 'N-1', 'hunter2'); UPDATE public.invoices SET number = 'N-2'";
    client.batch_execute(rows).await.expect(rows);
    run(&["status"]).exits(0).prints(&["2 rows wait"]);
    run(&["uninstall"]).exits(5);
    let running = Running::start(room.command(), &url).greeted();
    emptied(&client).await;
    running.interrupt();
    let history = room.run(&["history", "invoice:inv_1", "--format", "json"]).exits(0);
    assert!(history.stdout.contains("invoice.updated") && history.stdout.contains("N-2"), "{}", history.stdout);
    assert!(!history.stdout.contains("hunter2"), "{}", history.stdout);
    client.batch_execute("DROP TRIGGER zz_deedbook_update ON public.invoices").await.expect("off");
    run(&["status"]).exits(1).prints(&["the trigger zz_deedbook_update is missing"]);
    run(&["sync"]).exits(0).prints(&["public.invoices"]);
    run(&["sync"]).exits(0).prints(&["up to date"]);
    run(&["install", "--mask", "invoices.nope"]).exits(4).says(&["nope"]);
    run(&["install", "--tables", "nope.*"]).exits(4).says(&["nope.*"]);
    run(&["uninstall"]).exits(0);
    run(&["status"]).exits(10);
}

/// What capture is made of in a database, without the numbers that the database gave.
async fn made(client: &Client) -> Vec<String> {
    let made = "
        SELECT format('%s %s', t.tgrelid::regclass, pg_get_triggerdef(t.oid)) AS text
        FROM pg_trigger t WHERE NOT t.tgisinternal
        UNION ALL SELECT pg_get_functiondef(p.oid) FROM pg_proc p WHERE p.pronamespace = 'deedbook'::regnamespace
        UNION ALL SELECT definition::text FROM deedbook.shape
        UNION ALL SELECT options::text FROM deedbook.installation
        UNION ALL SELECT evtname FROM pg_event_trigger";
    let oid: u32 = client.query_one("SELECT 'invoices'::regclass::oid", &[]).await.expect("a table").get(0);
    let rows = client.query(made, &[]).await.expect("what was made");
    let mut made: Vec<String> =
        rows.iter().map(|row| row.get::<_, String>(0).replace(&oid.to_string(), "OID")).collect();
    made.sort();
    made
}

#[tokio::test]
async fn what_dry_run_prints_makes_what_install_makes() {
    let test = "deedbook-cli what_dry_run_prints_makes_what_install_makes";
    let Some(installed) = Database::fresh(test).await else { return };
    let migrated = Database::fresh(test).await.expect("another");
    let room = Room::new();
    let (one, other) = (installed.connect().await, migrated.connect().await);
    for client in [&one, &other] {
        let tables = r#"CREATE TABLE invoices (id int PRIMARY KEY, number text, "note's \ ""name""" text, api_token text);
            CREATE TABLE tmp_import (id int)"#;
        client.batch_execute(tables).await.expect(tables);
    }
    let options = [
        "--exclude",
        "tmp_*",
        "--personal",
        "invoices.number",
        "--entity",
        "invoices=invoice,label=number,audience=members",
    ];
    let run =
        |url: &str, arguments: &[&str]| room.run(&[&["capture", "postgres"], arguments, &["--database", url]].concat());
    run(&installed.url(), &[&["install"], &options[..]].concat()).exits(0);
    let printed = run(&migrated.url(), &[&["install", "--dry-run"], &options[..]].concat()).exits(0).stdout;
    assert!(printed.contains("create or replace function deedbook.record("));
    run(&migrated.url(), &["status"]).exits(10);
    // As a migration runs it: within a transaction that is not ours to end.
    other.batch_execute("BEGIN").await.expect("it begins");
    other.batch_execute(&printed).await.expect("what was printed runs");
    other.batch_execute("ROLLBACK").await.expect("it is undone");
    run(&migrated.url(), &["status"]).exits(10);
    other.batch_execute(&format!("BEGIN; {printed}; COMMIT")).await.expect("what was printed runs");
    let statuses = [&installed, &migrated].map(|database| run(&database.url(), &["status"]).exits(0).stdout);
    assert_eq!(statuses[0], statuses[1]);
    assert!(statuses[0].contains("invoices → invoice"), "{}", statuses[0]);
    assert_eq!(made(&one).await, made(&other).await);
}

/// A database that answers at an address of its own, with a certificate for `localhost`.
async fn encrypted(test: &str) -> Option<(Database, String)> {
    Database::fresh(test).await?;
    // Every process has its own address of the loopback network, so that the port is free.
    let [.., high, low] = std::process::id().to_be_bytes();
    let address = format!("127.83.{high}.{low}");
    let server = Server::start(&std::env::temp_dir(), &[("listen_addresses", &address)]).expect("a server");
    let database = Database::on_server(Arc::new(server)).await;
    let client = database.connect().await;
    for name in ["server.pem", "server.key"] {
        let content = std::fs::read_to_string(tls::file(name)).expect("a file");
        let put =
            format!("COPY (SELECT unnest(string_to_array('{content}', E'\\n'))) TO PROGRAM 'umask 077; cat > {name}'");
        client.batch_execute(&put).await.expect("the server has its certificate");
    }
    for setting in ["ssl_cert_file = 'server.pem'", "ssl_key_file = 'server.key'", "ssl = on"] {
        client.batch_execute(&format!("ALTER SYSTEM SET {setting}")).await.expect("a setting");
    }
    client.batch_execute("SELECT pg_reload_conf()").await.expect("it reads them");
    let url = format!("host=localhost hostaddr={address} user=deedbook dbname={}", database.name());
    Some((database, url))
}

#[tokio::test]
async fn a_connection_is_encrypted_to_whom_the_certificate_names() {
    let test = "deedbook-cli a_connection_is_encrypted_to_whom_the_certificate_names";
    let Some((database, url)) = encrypted(test).await else { return };
    let room = Room::new();
    let authority = tls::file("authority.pem");
    let status = |url: &str, authority: Option<&Path>| {
        let mut command = room.command();
        command.args(["capture", "postgres", "status", "--database", url]);
        authority.map(|file| command.env("SSL_CERT_FILE", file));
        Run::of(command.output().expect("the binary runs"))
    };
    let required = format!("{url} sslmode=require");
    let not_installed = 10;
    status(&required, Some(&authority)).exits(not_installed);
    status(&required, Some(&tls::file("server.pem"))).exits(11).says(&["certificate", "SSL_CERT_FILE"]);
    status(&required.replace("localhost", "db.example"), Some(&authority)).exits(11).says(&["certificate"]);
    status(&url, None).exits(not_installed);
    // What is not on this machine is encrypted without being asked for.
    status(&url.replace("localhost", "db.example"), Some(&authority)).exits(11).says(&["certificate"]);
    let plain = format!("{} sslmode=disable", url.replace("localhost", "db.example"));
    status(&plain, Some(&authority)).exits(not_installed);
    drop(database);
}
