//! The figures of an archive beside the server.

use std::sync::Arc;

use deedbook_core::{MemoryStore, commitment::Key};
use deedbook_server::{ArchiveStatus, Options, Secret};
use deedbook_testkit::Clock;

use crate::support::{ADMIN, House};

fn figures(house: &House) -> Vec<String> {
    let body = house.get("/metrics").is(200).body;
    body.lines().filter(|line| line.starts_with("deedbook_archive_")).map(str::to_owned).collect()
}

#[test]
fn figures_tell_how_far_an_archive_is_and_whether_it_fails() {
    let clock = Clock::fixed();
    let store = Arc::new(MemoryStore::new(clock.function(), Key([7; 32])));
    let status = ArchiveStatus::new(clock.now());
    let mut options = Options::default();
    options.admin_token = Some(Secret::new(ADMIN));
    options.clock = Arc::new(clock.function());
    options.archive = Some(status.clone());
    let house = House::with_options(options, store, clock.clone());
    clock.advance_seconds(5);
    let begun =
        ["deedbook_archive_success_age_seconds 5", "deedbook_archive_failures_total 0", "deedbook_archive_failing 0"];
    assert_eq!(figures(&house), begun);
    let event = r#"{"id":"a","tenant":"acme","action":"thing.touched","actor":{"type":"user","id":"ada"}}"#;
    house.post("/v1/events", event).is(201);
    let visible = house.store.visible_count();
    status.reached(visible - 1);
    status.failed();
    let failing = [
        "deedbook_archive_lag_entries 1",
        "deedbook_archive_success_age_seconds 5",
        "deedbook_archive_failures_total 1",
        "deedbook_archive_failing 1",
    ];
    assert_eq!(figures(&house), failing);
    status.reached(visible);
    status.succeeded(clock.now());
    clock.advance_seconds(2);
    let well = [
        "deedbook_archive_lag_entries 0",
        "deedbook_archive_success_age_seconds 2",
        "deedbook_archive_failures_total 1",
        "deedbook_archive_failing 0",
    ];
    assert_eq!(figures(&house), well);
    let body = house.get("/metrics").body;
    assert!(body.contains("# TYPE deedbook_archive_failures_total counter\n"), "{body}");
    assert_eq!(figures(&House::new()), [""; 0], "without an archive there are none");
}
