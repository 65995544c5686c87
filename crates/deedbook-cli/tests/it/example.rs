//! Walks through the README of the example on PostgreSQL: runs its commands, and looks for its answers.

use std::process::Command;

use deedbook_testkit::postgres::Database;
use deedbook_testkit::skipped;
use sqlx::PgPool;

use crate::capture::Running;
use crate::questions::{capture, example, tables};
use crate::server::Served;
use crate::support::Room;

/// The administrator's token, as in the README.
const ADMIN: &str = "a-token-of-thirty-two-characters-or-more";
/// Everything before it is delivered: the README has a reader in between, who takes longer.
const DELIVERED: &str = "
until [ \"$(psql -qAtd \"$owner\" -c 'select count(*) from deedbook.outbox')\" = 0 ]; do sleep 0.05; done
";

/// The contents of the README's blocks in this language, in order.
fn blocks<'r>(readme: &'r str, language: &str) -> Vec<&'r str> {
    let begin = format!("```{language}\n");
    readme.split(begin.as_str()).skip(1).filter_map(|rest| rest.split("```").next()).collect()
}

/// The words of a line but times and ids of entries, which are others in each walk.
fn words(line: &str) -> Vec<&str> {
    let is_fixed = |word: &&str| !["20", "pg-", "evt_"].iter().any(|start| word.starts_with(start)) && !is_clock(word);
    line.split_whitespace().filter(is_fixed).collect()
}

/// `11:42:39`
fn is_clock(word: &str) -> bool {
    let word = word.trim_end_matches(',');
    word.len() == 8 && word.chars().all(|letter| letter.is_ascii_digit() || letter == ':')
}

#[tokio::test(flavor = "multi_thread")]
async fn the_readme_leads_to_its_answers() {
    let test = "deedbook-cli the walk through the README of invoices-postgres";
    let Some(database) = Database::fresh(test).await else { return };
    if ["curl", "psql"].iter().any(|tool| Command::new(tool).arg("--version").output().is_err()) {
        return skipped(test, "there is no curl, or no psql");
    }
    let room = Room::new();
    let owner = database.connect().await;
    tables(&owner).await;
    capture(&room, &database, &owner).await;
    let mut command = room.command();
    command.env("DEEDBOOK_ADMIN_TOKEN", ADMIN);
    let served = Served::start(command, &["serve", "--log", "off"]);
    let log = format!("http://{}", served.address);
    let mut command = room.command();
    command.env("DEEDBOOK_SERVER", &log).env("DEEDBOOK_TOKEN", ADMIN);
    let running = Running::start(command, &database.url()).greeted();
    let pool = PgPool::connect(&database.url_as("invoices_app")).await.expect("a connection");
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let service = format!("http://{}", listener.local_addr().expect("an address"));
    let serving = tokio::spawn(invoices_postgres::serve(listener, pool));

    let readme = std::fs::read_to_string(example().join("README.md")).expect("the README");
    let script = blocks(&readme, "sh").join(DELIVERED).replace("http://127.0.0.1:8080", &service);
    assert!(script.contains(&service), "the README names another address than 127.0.0.1:8080");
    let mut shell = room.shell(&script);
    shell.env("owner", database.url()).env("DEEDBOOK_SERVER", &log).env("DEEDBOOK_TOKEN", ADMIN);
    let ran = shell.output().expect("bash runs");
    let (out, error) = (String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
    assert!(ran.status.success(), "{out}\n{error}");
    // The owner of everything is called so here.
    let answers = blocks(&readme, "text").concat().replace(" postgres ", " deedbook ");
    let mut found = out.lines().map(words);
    for line in answers.lines().map(words) {
        assert!(found.any(|found| found == line), "{line:?} is not, or not at its place, in:\n{out}\n{error}");
    }
    serving.abort();
    running.interrupt();
}
