//! Twenty questions that a program asks of its audit log, asked of the example on PostgreSQL, from Rust and from Django.
//!
//! Both do the same on the same captured tables, each with invoices of its own, and neither knows how it is judged. No
//! sequencer runs meanwhile: the log is away. Then what was committed is delivered into a directory, and the judge reads
//! nothing but that.

mod django;
mod judge;
mod rust;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use deedbook_testkit::postgres::Database;
use tokio_postgres::Client;

use crate::capture::{Running, emptied};
use crate::support::Room;
use judge::Log;

/// A number, and what is asked.
const QUESTIONS: [(usize, &str); 20] = [
    (1, "a rollback leaves nothing"),
    (2, "a rolled-back savepoint leaves nothing"),
    (3, "an UPDATE refused in autocommit leaves nothing"),
    (4, "the same inside a transaction"),
    (5, "a bulk insert is captured"),
    (6, "a bulk update is captured"),
    (7, "an update of a query is captured: 1,000 rows"),
    (8, "raw SQL is captured"),
    (9, "a delete of a query is captured"),
    (10, "only the fields that were saved are recorded"),
    (11, "an expression is recorded as its value"),
    (12, "the actor of a request is recorded"),
    (13, "a nested actor ends with its block"),
    (14, "a thread started in the request keeps the actor"),
    (15, "two concurrent tasks keep their own actors"),
    (16, "the outbox away: the change is refused"),
    (17, "the log away: the change is kept, and arrives"),
    (18, "the application's role cannot change audit rows"),
    (19, "who did it survives the deletion of that user"),
    (20, "deleting an object leaves its history"),
];

/// The invoices of each side begin here; those of question 7 are 1,000 after 7,000 more.
const RUST: i32 = 100_000;
const DJANGO: i32 = 200_000;

/// What only an owner may: each works for one, and the role of the application is refused.
const TAMPERING: [&str; 9] = [
    "select * from deedbook.outbox",
    "insert into deedbook.outbox (shape, body) values (0, '{}')",
    "update deedbook.outbox set body = '{}'",
    "delete from deedbook.outbox",
    "delete from deedbook.rejected",
    "truncate deedbook.outbox",
    "alter table invoices disable trigger user",
    "select deedbook.release('invoices'::regclass)",
    "set session_replication_role = replica",
];

/// Why a question could not be asked as it should be, or is answered with no.
type Failures = BTreeMap<usize, String>;

/// The folder of the example.
pub(crate) fn example() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/invoices-postgres")
}

#[tokio::test]
async fn twenty_of_twenty() {
    let Some(database) = Database::fresh("deedbook-cli twenty questions").await else { return };
    let (room, owner) = (Room::new(), database.connect().await);
    tables(&owner).await;
    seed(&owner).await;
    capture(&room, &database, &owner).await;
    tampering_works_for_an_owner(&owner).await;
    let rust = rust::ask(&database, &owner).await;
    let django = django::ask(&database).await;
    let running = Running::start(room.command(), &database.url()).greeted();
    emptied(&owner).await;
    running.interrupt();
    let log = Log::read(&room);
    let sides = [("Rust", RUST, Some(rust)), ("Django", DJANGO, django)];
    let answers = sides.map(|(side, base, failures)| (side, failures.map(|failures| answers(failures, base, &log))));
    print(&answers);
    for (side, answers) in answers {
        let no = answers.unwrap_or_default();
        assert!(no.is_empty(), "{side}: {no:#?}");
    }
}

/// The tables of the example, and the role that it logs in as.
pub(crate) async fn tables(owner: &Client) {
    let schema = std::fs::read_to_string(example().join("schema.sql")).expect("the schema");
    owner.batch_execute(&schema).await.expect("the tables are made");
}

/// Row capture with the mapping of the example.
pub(crate) async fn capture(room: &Room, database: &Database, owner: &Client) {
    let mapping = example().join("mapping.toml").display().to_string();
    let installed =
        room.run(&["capture", "postgres", "install", "--mapping", &mapping, "--database", &database.url()]).exits(0);
    installed.prints(&["public.invoices → invoice", "public.lines → line"]);
    let grant = "grant execute on function deedbook.record(text, text) to invoices_app";
    owner.batch_execute(grant).await.expect("granted");
}

/// Invoices for each question, from before anything is captured.
async fn seed(owner: &Client) {
    // Question 5 inserts, all others find invoices that are there.
    let sql = "insert into invoices (id, customer_id, title, cents)
        select base + question * 1000 + number, 1, 'as it was', 4200
        from unnest(array[$1::int, $2::int]) base, generate_series(1, 20) question, generate_series(0, 999) number
        where question <> 5 and number < case question when 7 then 1000 when 6 then 100 else 10 end";
    owner.execute(sql, &[&RUST, &DJANGO]).await.expect("invoices");
}

/// The control of question 18: what is refused there is nothing that would never work.
async fn tampering_works_for_an_owner(owner: &Client) {
    for sql in TAMPERING {
        owner.batch_execute(&format!("begin; {sql}; rollback")).await.expect(sql);
    }
}

/// Each question that is answered with no, and why.
fn answers(mut failures: Failures, base: i32, log: &Log) -> Failures {
    for (question, _) in QUESTIONS {
        if let Err(why) = judge::judge(question, base, log) {
            failures.entry(question).or_insert(why);
        }
    }
    failures
}

fn print(answers: &[(&str, Option<Failures>)]) {
    let heads: String = answers.iter().map(|(side, _)| format!(" {side} |")).collect();
    println!("| # | question |{heads}\n|---|---|{}", "---|".repeat(answers.len()));
    for (number, question) in QUESTIONS {
        let cell = |failures: &Option<Failures>| match failures {
            None => " – |",
            Some(failures) if failures.contains_key(&number) => " ✗ |",
            Some(_) => " ✓ |",
        };
        let cells: String = answers.iter().map(|(_, failures)| cell(failures)).collect();
        println!("| {number} | {question} |{cells}");
    }
    let total = |failures: &Option<Failures>| match failures {
        None => " – |".to_owned(),
        Some(failures) => format!(" {} |", QUESTIONS.len() - failures.len()),
    };
    println!("| | of 20 |{}", answers.iter().map(|(_, failures)| total(failures)).collect::<String>());
}

/// The control of the judge: a log in which nothing is answers no wherever something must be, and one with an entry of
/// nobody about everything wherever nothing may be, or somebody must.
#[test]
fn the_judge_says_no() {
    let empty = answers(Failures::new(), RUST, &Log::of(Vec::new()));
    let yes = |failures: &Failures| -> Vec<usize> {
        QUESTIONS.iter().map(|(number, _)| *number).filter(|number| !failures.contains_key(number)).collect()
    };
    assert_eq!(yes(&empty), [1, 3, 4, 16, 18]);
    let about = |id| {
        let target = [serde_json::json!({ "type": "invoice", "id": format!("{id}") })];
        serde_json::json!({ "action": "invoice.updated", "actor": { "type": "user", "id": "nobody" }, "targets": target })
    };
    let nobody = Log::of((RUST..RUST + 21_000).map(about).collect());
    assert_eq!(yes(&answers(Failures::new(), RUST, &nobody)), [18]);
}
