//! ECS: categories and types that are allowed, and go together.

use deedbook_core::serde_json::json;
use deedbook_deliver::Format;

use crate::samples::{entries, entry, json};

/// The types that ECS 8.17 expects of a category.
const EXPECTED: [(&str, &[&str]); 3] = [
    (
        "api",
        &["access", "admin", "allowed", "change", "creation", "deletion", "denied", "end", "info", "start", "user"],
    ),
    ("authentication", &["start", "end", "info"]),
    ("iam", &["admin", "change", "creation", "deletion", "group", "info", "user"]),
];

/// The sets of fields that are used, and our own.
const SETS: [&str; 18] = [
    "@timestamp",
    "deedbook",
    "ecs",
    "error",
    "event",
    "group",
    "http",
    "labels",
    "message",
    "organization",
    "related",
    "service",
    "source",
    "tags",
    "trace",
    "url",
    "user",
    "user_agent",
];

#[test]
fn categories_and_types_are_allowed_together() {
    for entry in entries() {
        let document = json(&Format::Ecs, &entry);
        let (category, kinds) = (&document["event"]["category"][0], document["event"]["type"].as_array().unwrap());
        let (_, expected) = EXPECTED.into_iter().find(|(name, _)| name == category).unwrap();
        assert!(kinds.iter().all(|kind| expected.contains(&kind.as_str().unwrap())), "{document:#}");
        assert!(["success", "failure", "unknown"].contains(&document["event"]["outcome"].as_str().unwrap()));
        assert!(document.as_object().unwrap().keys().all(|set| SETS.contains(&set.as_str())), "{document:#}");
    }
}

#[test]
fn what_kind_of_event_it_is() {
    for (id, category, kinds) in [
        ("evt_AZN7bo8qfDGdXmpLHwwtPg", "api", json!(["info", "denied"])),
        ("evt_signed_in", "authentication", json!(["start"])),
        ("evt_signed_out", "authentication", json!(["end"])),
        ("evt_user_created", "iam", json!(["user", "creation"])),
        ("evt_role_changed", "iam", json!(["user", "change"])),
        ("evt_group", "iam", json!(["group", "change"])),
        ("evt_row_updated", "api", json!(["change"])),
        ("evt_viewed", "api", json!(["access"])),
        ("evt_approved", "api", json!(["info"])),
    ] {
        let event = &json(&Format::Ecs, &entry(id))["event"];
        assert_eq!((&event["category"], &event["type"]), (&json!([category]), &kinds), "{id}");
    }
}

#[test]
fn everybody_is_found_in_any_role() {
    let document = json(&Format::Ecs, &entry("evt_AZN7bo8qfDGdXmpLHwwtPg"));
    assert_eq!(document["user"]["effective"]["name"], "Ada Lovelace");
    assert_eq!(document["user"]["target"]["id"], "user_2");
    let related = document["related"]["user"].as_array().unwrap();
    for name in ["agt_1", "contract-bot", "user_1", "ada@acme.example", "user_2", "g@acme.example"] {
        assert!(related.contains(&json!(name)), "{name}");
    }
    assert!(!related.contains(&json!("doc_1")));
}
