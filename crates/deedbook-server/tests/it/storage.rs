//! What the log takes on the disk, for those who oversee all tenants.

use std::sync::Arc;

use deedbook_core::DiskUsage;
use deedbook_server::{Options, TokenKind};

use crate::support::{House, event};

#[test]
fn figures_of_the_disk_are_for_whoever_oversees_all_tenants() {
    let mut options = Options::default();
    options.disk_usage =
        Some(Arc::new(|| Ok(DiskUsage { bytes: 5_000, sealed_bytes: 900, sealed_entries: 3, archived_bytes: 700 })));
    let house = House::by_the_wall(options);
    let before = house.get("/v1/storage").is(200).json();
    house.post("/v1/events", event("a")).is(201);
    house.post("/v1/events", event("b").replace("{\"id\"", "{\"tenant\":\"acme\",\"id\"")).is(201);
    let after = house.get("/v1/storage").is(200).json();
    assert_eq!(after["bytes"], 5_000);
    assert_eq!(after["sealed"], serde_json::json!({ "bytes": 900, "entries": 3 }));
    let grown =
        |name: &str| after.pointer(name).unwrap().as_u64().unwrap() - before.pointer(name).unwrap().as_u64().unwrap();
    // Beside these two there are at most the entries of their being read.
    assert!(grown("/entries") >= 2 && grown("/recent/entries") >= 2, "{before} {after}");
    assert_eq!(after["recent"]["since"], before["recent"]["since"], "the first entry is younger than a week");
    assert!(after["recent"]["entries"].as_u64() <= after["entries"].as_u64());

    let auditor = house.token(TokenKind::Auditor, None);
    house.request("GET", "/v1/storage").token(&auditor).send().is(200);
    for (kind, tenant) in [(TokenKind::Auditor, Some("acme")), (TokenKind::Read, None), (TokenKind::Write, None)] {
        let token = house.token(kind, tenant);
        assert_eq!(house.request("GET", "/v1/storage").token(&token).send().problem(403), "missing_right");
    }
    assert_eq!(house.get("/v1/storage?x=1").problem(400), "unknown_parameter");
}
