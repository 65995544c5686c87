//! The benchmark itself: everyone takes part on a small scale, and all answers agree.

use clap::Parser;
use deedbook_bench::capture;
use deedbook_bench::compare::{Name, Options, compare};
use deedbook_bench::figures::Comparison;
use deedbook_bench::question::Kind;
use deedbook_testkit::postgres::Database;
use deedbook_testkit::skipped;

/// Options as the command line gives them.
#[derive(Parser)]
struct Line {
    #[command(flatten)]
    options: Options,
}

fn compared(arguments: &[&str]) -> Comparison {
    let line = ["bench", "--events", "2000", "--rounds", "2", "--questions", "25"].iter().chain(arguments);
    compare(&Line::parse_from(line).options).expect("everyone loads all events and all answers agree")
}

/// Who took part, in the order of the report; checks that the figures are complete.
fn complete(found: &Comparison) -> Vec<&'static str> {
    assert_eq!(found.questions.len(), Kind::ALL.len());
    assert!(found.questions.iter().all(|asked| asked.results.iter().all(|result| result.latency.samples == 25)));
    for result in found.series.iter().flat_map(|series| &series.results) {
        assert_eq!(result.events, 2_000, "{}", result.contestant);
        assert!(result.bytes_per_event > 50.0 && result.cpu_us_per_event > 0.0, "{result:?}");
        assert_eq!(result.cpu_us_per_event_by_round.len(), 2);
    }
    found.series[0].results.iter().map(|result| result.contestant).collect()
}

#[test]
fn deedbook_and_sqlite_answer_alike() {
    let found = compared(&["--only", "deedbook,sqlite,limit", "--batch", "100,500"]);
    assert_eq!(complete(&found), ["deedbook", "sqlite", "limit"]);
    assert_eq!(found.series.len(), 2);
    assert!(found.questions.iter().all(|asked| asked.results.len() == 2));
    assert!(found.questions[0].rows_mean > 1.0, "questions are about what is there");
}

#[test]
fn postgres_and_sqlite_answer_alike() {
    let found = compared(&["--only", "postgres,sqlite", "--batch", "500"]);
    match found.notes.iter().find_map(|note| note.strip_prefix("SKIPPED postgres: ")) {
        Some(reason) => skipped("deedbook-bench postgres_and_sqlite_answer_alike", reason),
        None => assert_eq!(complete(&found), ["sqlite", "postgres"]),
    }
}

#[test]
fn an_event_is_a_function_of_its_number() {
    let workload = deedbook_bench::workload::Workload::new(10);
    assert_eq!(workload.event(7), workload.event(7));
    assert_ne!(workload.event(7), workload.event(8));
}

#[test]
fn everyone_takes_part_by_default() {
    let line = Line::parse_from(["bench"]);
    assert_eq!(line.options.only, Name::ALL);
    assert_eq!(line.options.batch, [1_000, 10_000]);
    assert_eq!(line.options.events, 200_000);
}

/// The same for `capture`.
#[derive(Parser)]
struct CaptureLine {
    #[command(flatten)]
    options: capture::Options,
}

#[tokio::test]
async fn everyone_captures_every_load() {
    // What says whether there is a PostgreSQL, and fails without one where CI is set.
    if Database::fresh("deedbook-bench everyone_captures_every_load").await.is_none() {
        return;
    }
    let line = ["bench", "--rounds", "1", "--transactions", "20", "--bulk-rows", "100", "--clients", "2"];
    let found = capture::measure(&CaptureLine::parse_from(line).options).await.expect("everyone captures");
    assert_eq!(found.loads.len(), 5);
    for loaded in &found.loads {
        let kept: Vec<bool> = loaded.results.iter().map(|captured| captured.kept_bytes.median > 0.0).collect();
        assert_eq!(kept, [false, true, true, true, true], "{}", loaded.load);
        assert!(loaded.results.iter().all(|captured| captured.wal_bytes.median > 0.0), "{}", loaded.load);
    }
    assert_eq!((found.recording.len(), found.recording_durably.len()), (4, 4));
}
