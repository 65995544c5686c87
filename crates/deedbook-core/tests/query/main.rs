//! The query language: what parses, what it means, what it prints.

mod errors;
mod meaning;
mod printing;
mod syntax;

use std::net::IpAddr;

use deedbook_core::query::ParseOptions;
use deedbook_core::{
    Actor, Change, Context, Digest, Entry, Event, Failure, Outcome, Query, Receipt, Source, Target, Timestamp,
};
use serde_json::json;

/// Noon of 20 September 2026 in UTC, a Sunday; two o'clock in Berlin.
const NOW: &str = "2026-09-20T12:00:00Z";

fn options() -> ParseOptions {
    options_in("UTC")
}

fn options_in(zone: &str) -> ParseOptions {
    let fixed = jiff::tz::TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").expect("a zone with summer time");
    let time_zone = if zone == "UTC" { jiff::tz::TimeZone::UTC } else { fixed };
    ParseOptions { now: time(NOW), time_zone }
}

fn time(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

fn query(text: &str) -> Query {
    Query::parse(text, &options()).unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// An entry that has something in every field.
fn full_entry() -> Entry {
    let mut actor = Actor::new("agent", "agt_7").named("contract-bot");
    let mut person = Actor::new("user", "user_1").named("Ada Lovelace");
    person.on_behalf_of = Some(Box::new(Actor::without_id("system")));
    actor.on_behalf_of = Some(Box::new(person));
    let mut event = Event::new("document.shared", actor);
    event.targets = vec![
        Target::new("document", "doc_42").named("Q3 plan — Straße"),
        Target::new("bucket", "arn:aws:s3:::logs").named("Grace Hopper"),
    ];
    event.outcome = Some(Outcome::Denied);
    event.occurred_at = Some(time("2026-09-20T11:59:30.5Z"));
    event.category = Some("project".into());
    event.changes = vec![
        Change {
            path: "/settings/role".into(),
            from: Some(json!("viewer")),
            to: Some(json!({"name": "Editor in chief", "level": 3.50})),
            redacted: false,
        },
        Change { path: "/api_key".into(), from: None, to: None, redacted: true },
    ];
    event.context = Context {
        ip: Some("203.0.113.9".parse::<IpAddr>().expect("an address")),
        request_id: Some("req_7f3".into()),
        ..Context::default()
    };
    event.reason = Some("customer asked".into());
    event.error = Some(Failure { code: Some("forbidden".into()), message: None });
    event.correlation_id = Some("ord_991".into());
    event.transaction_id = Some("tx 5".into());
    event.source = Some(Source { service: Some("docs-api".into()), ..Source::default() });
    event.audience = Some(vec!["owners".into(), "security".into()]);
    event.description = Some("contract-bot shared the annual plan with Grace".into());
    let metadata = json!({
        "amount": 1250.50, "days": 30, "ok": true, "nothing": null, "note": "see ticket T-5", "empty": [],
        "tags": ["blue", "Green", 7], "nested": {"deep": {"x.y": "found"}},
        "items": [{"sku": "a1", "n": 1}, {"sku": "b2", "n": 20}],
    });
    event.metadata = metadata.as_object().expect("an object").clone();
    entry(event, 7, "2026-09-20T12:00:01Z")
}

/// An entry that has only what is required.
fn bare_entry() -> Entry {
    entry(Event::new("job.started", Actor::without_id("system")), 0, "2026-09-20T12:00:00Z")
}

fn entry(mut event: Event, seq: u64, recorded_at: &str) -> Entry {
    event.id = Some(format!("evt_{seq}"));
    event.tenant = Some("acme".into());
    let receipt = Receipt {
        id: format!("evt_{seq}"),
        tenant: "acme".into(),
        seq,
        position: seq,
        recorded_at: time(recorded_at),
        leaf_hash: Digest([0; 32]),
    };
    Entry { receipt, event, canonical: Vec::new() }
}
