//! DuckDB reads the table as a stranger would.

use std::path::Path;
use std::process::Command;

use deedbook_core::serde_json::Value;
use deedbook_core::{Entry, rfc3339};

use crate::support::{Log, Room};

/// DuckDB, where there is one: `DEEDBOOK_DUCKDB` names it, or it is on the path.
fn duckdb() -> Option<String> {
    let program = std::env::var("DEEDBOOK_DUCKDB").unwrap_or_else(|_| "duckdb".to_owned());
    let answers = Command::new(&program).arg("--version").output().is_ok_and(|output| output.status.success());
    answers.then_some(program)
}

/// Asks about the table `entries`.
#[track_caller]
fn ask(program: &str, archive: &Path, question: &str) -> Value {
    let table = format!(
        "SET enable_progress_bar = false; CREATE VIEW entries AS SELECT * FROM read_parquet('{}/entries/*/*/*.parquet', hive_partitioning = true);",
        archive.display()
    );
    let asked = Command::new(program).args(["-json", "-c", &table, "-c", question]).output().unwrap();
    assert!(asked.status.success(), "{}", String::from_utf8_lossy(&asked.stderr));
    let text = String::from_utf8(asked.stdout).unwrap();
    text.parse().unwrap_or_else(|error| panic!("{error}: {text:?}"))
}

#[test]
fn duckdb_finds_what_the_log_holds() {
    let Some(program) = duckdb() else {
        deedbook_testkit::skipped("duckdb_finds_what_the_log_holds", "there is no duckdb (`pip install duckdb-cli`)");
        return;
    };
    let (log, room) = (Log::in_memory(0..800), Room::new());
    log.archive_whole(&room.archive());
    let entries: Vec<Entry> = log.entries().into_values().collect();
    let day = |entry: &Entry| rfc3339(entry.receipt.recorded_at)[..10].to_owned();
    let is_about = |entry: &Entry, kind: &str, id: &str| {
        entry.event.targets.iter().any(|target| target.kind == kind && target.id == id)
    };
    type Holds<'a> = Box<dyn Fn(&Entry) -> bool + 'a>;
    let cases: Vec<(&str, Holds<'_>)> = vec![
        ("true", Box::new(|_| true)),
        ("tenant = 'acme'", Box::new(|entry| entry.receipt.tenant == "acme")),
        ("day = '2026-09-21'", Box::new(|entry| day(entry) == "2026-09-21")),
        ("recorded_at < TIMESTAMPTZ '2026-09-21 00:00:00Z'", Box::new(|entry| day(entry) == "2026-09-20")),
        ("occurred_at IS NULL", Box::new(|entry| entry.event.occurred_at.is_none())),
        ("actor_id = 'ада'", Box::new(|entry| entry.event.actor.id.as_deref() == Some("ада"))),
        ("actor_id = 'nobody'", Box::new(|_| false)),
        (
            "action = 'document.shared' AND outcome = 'denied'",
            Box::new(|entry| {
                entry.event.action == "document.shared" && entry.event.outcome == Some(deedbook_core::Outcome::Denied)
            }),
        ),
        (
            "len(list_filter(targets, lambda t: t.type = 'document' AND t.id = 'doc_42')) > 0",
            Box::new(|entry| is_about(entry, "document", "doc_42")),
        ),
        ("len(targets) = 0", Box::new(|entry| entry.event.targets.is_empty())),
        ("audience IS NOT NULL AND len(audience) = 0", Box::new(|entry| entry.event.audience == Some(Vec::new()))),
        (
            "list_contains(audience, 'security')",
            Box::new(|entry| entry.event.audience.iter().flatten().any(|label| label == "security")),
        ),
        (
            "metadata->>'$.note' = 'personal remark about the plan'",
            Box::new(|entry| entry.event.metadata.contains_key("note")),
        ),
        (
            "http_status >= 400",
            Box::new(|entry| entry.event.context.http.as_ref().is_some_and(|http| http.status >= Some(400))),
        ),
        ("ip = '203.0.113.9'", Box::new(|entry| entry.event.context.ip == Some("203.0.113.9".parse().unwrap()))),
        ("canonical IS NOT NULL", Box::new(|_| false)),
    ];
    for (condition, holds) in &cases {
        let found = ask(&program, room.path(), &format!("SELECT count(*) AS n FROM entries WHERE {condition}"));
        let expected = entries.iter().filter(|entry| holds(entry)).count();
        assert!(expected > 0 || ["actor_id = 'nobody'", "canonical IS NOT NULL"].contains(condition), "{condition}");
        assert_eq!(found[0]["n"], expected, "{condition}");
    }
    let leaf =
        ask(&program, room.path(), "SELECT lower(hex(leaf_hash)) AS leaf, seq FROM entries ORDER BY position LIMIT 1");
    assert_eq!(leaf[0]["leaf"], entries[0].receipt.leaf_hash.to_string());
}
