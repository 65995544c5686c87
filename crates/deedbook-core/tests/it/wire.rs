//! Events and entries as JSON on the wire.

use std::time::Instant;

use deedbook_core::commitment::{Seed, erase};
use deedbook_core::{Digest, Entry, ErrorKind, Event, Receipt, Timestamp, canonical_json, parse_json, rfc3339};

use crate::samples::{FULL, FULL_CANONICAL, SMALL, draft, problems, with};

#[test]
fn names_on_the_wire_become_those_of_the_types() {
    let event = Event::from_json(FULL.as_bytes()).unwrap();
    assert_eq!(event.actor.kind, "agent");
    assert_eq!(event.actor.chain().count(), 2);
    assert_eq!(event.targets[1].role.as_deref(), Some("recipient"));
    assert_eq!(event.changes[0].from, Some(deedbook_core::serde_json::Value::Null));
    assert!(event.changes[1].redacted);
    assert_eq!(event.context.http.unwrap().status, Some(403));
    assert_eq!(event.context.auth.unwrap().credential.unwrap().kind, "api_token");
    assert_eq!(rfc3339(event.occurred_at.unwrap()), "2026-09-20T14:03:27.481512Z");
}

#[test]
fn what_is_wrong_is_named_with_its_place() {
    for (json, pointer, code, detail) in [
        ("null", "", "wrong_type", "expected an object"),
        ("[]", "", "wrong_type", "expected an object"),
        ("{}", "/action", "missing_member", "document.shared"),
        (r#"{"action":"a.b"}"#, "/actor", "missing_member", "user_1"),
        (r#"{"action":"a.b","actor":null}"#, "/actor", "missing_member", "user_1"),
        (r#"{"action":"a.b","actor":{}}"#, "/actor/type", "missing_member", "\"user\""),
        (r#"{"action":5,"actor":{"type":"system"}}"#, "/action", "wrong_type", "found a number; expected a string"),
        (&with(r#""metdata":{}"#), "/metdata", "unknown_member", "did you mean \"metadata\"?"),
        (&with(r#""Outcome":"success""#), "/Outcome", "unknown_member", "\"outcome\""),
        (&with(r#""correlation-id":"x""#), "/correlation-id", "unknown_member", "\"correlation_id\""),
        (&with(r#""timestamp":"x""#), "/timestamp", "unknown_member", "\"occurred_at\""),
        (&with(r#""resource":{}"#), "/resource", "unknown_member", "\"targets\""),
        (&with(r#""ip":"::1""#), "/ip", "unknown_member", "\"context\""),
        (&with(r#""zzz":1"#), "/zzz", "unknown_member", "into \"metadata\""),
        (&with(r#""seq":1"#), "/seq", "server_member", "leave it out"),
        (&with(r#""position":1"#), "/position", "server_member", "leave it out"),
        (&with(r#""leaf_hash":"x""#), "/leaf_hash", "server_member", "leave it out"),
        (&with(r#""recorded_at":"x""#), "/recorded_at", "server_member", "\"occurred_at\""),
        (&with(r#""targets":{}"#), "/targets", "wrong_type", "found an object; expected a list"),
        (&with(r#""targets":[null]"#), "/targets/0", "wrong_type", "null in a list"),
        (&with(r#""targets":[{"type":"a"}]"#), "/targets/0/id", "missing_member", "history"),
        (&with(r#""targets":[{"kind":"a","id":"1"}]"#), "/targets/0/kind", "unknown_member", "\"type\""),
        (&with(r#""changes":[{"from":1}]"#), "/changes/0/path", "missing_member", "JSON Pointer"),
        (&with(r#""changes":[{"path":"/a","old":1}]"#), "/changes/0/old", "unknown_member", "\"from\""),
        (&with(r#""context":{"ip":"10.0.0.0/8"}"#), "/context/ip", "bad_ip", "203.0.113.9"),
        (&with(r#""context":{"http":{"status":-1}}"#), "/context/http/status", "wrong_type", "negative"),
        (
            &with(r#""context":{"auth":{"credential":{"id":"x"}}}"#),
            "/context/auth/credential/type",
            "missing_member",
            "api_token",
        ),
        (&with(r#""outcome":"ok""#), "/outcome", "unknown_value", "\"denied\""),
        (&with(r#""occurred_at":1790000000"#), "/occurred_at", "wrong_type", "expected a string"),
        (&with(r#""occurred_at":"2026-09-20T14:03:27.1234567Z""#), "/occurred_at", "bad_time", "microsecond"),
        (&with(r#""occurred_at":"yesterday""#), "/occurred_at", "bad_time", "RFC 3339"),
        (&with(r#""metadata":[]"#), "/metadata", "wrong_type", "expected an object"),
        (&with(r#""metadata":{"a":{"b":1,"b":2}}"#), "/metadata/a/b", "duplicate_key", "twice"),
        (&with(r#""action":"a.c""#), "/action", "duplicate_key", "twice"),
        (&with(r#""reason":null,"reason":"x""#), "/reason", "duplicate_key", "twice"),
    ] {
        let error = Event::from_json(json.as_bytes()).expect_err(json);
        assert_eq!(error.kind(), ErrorKind::Invalid);
        let problem = &error.problems()[0];
        assert_eq!((problem.pointer.as_str(), &*problem.code), (pointer, code), "{json}: {error}");
        assert!(problem.detail.contains(detail), "{json}: {error}");
    }
}

#[test]
fn all_problems_come_together() {
    let json = r#"{"action":7,"actor":{"nam":"x"},"outcome":"ok","context":{"ip":"x"},"metadata":{"n":1e999},"seq":0}"#;
    let found = problems(Event::from_json(json.as_bytes()));
    let expected = [
        ("/action", "wrong_type"),
        ("/actor/nam", "unknown_member"),
        ("/actor/type", "missing_member"),
        ("/outcome", "unknown_value"),
        ("/context/ip", "bad_ip"),
        ("/metadata/n", "number_out_of_range"),
        ("/seq", "server_member"),
    ];
    assert_eq!(found, expected.map(|(pointer, code)| (pointer.to_owned(), code)));
}

#[test]
fn depth_counts_from_the_event() {
    let json = |lists: usize| with(&format!(r#""metadata":{{"a":{}{}}}"#, "[".repeat(lists), "]".repeat(lists)));
    assert!(draft(&json(30)).is_ok());
    assert_eq!(problems(draft(&json(31)))[0].1, "too_deep");
}

#[test]
fn oversized_json_is_refused_before_it_is_read() {
    let json = format!("{SMALL}{}", " ".repeat(2 * 1024 * 1024));
    assert_eq!(Event::from_json(json.as_bytes()).unwrap_err().kind(), ErrorKind::TooLarge);
    let many = with(&format!(r#""targets":[{}{{}}]"#, "{},".repeat(600_000)));
    let started = Instant::now();
    assert!(Event::from_json(many.as_bytes()).is_err());
    assert!(started.elapsed().as_secs() < 5);
}

#[test]
fn stored_bytes_of_a_newer_version_are_read() {
    let event = Event::from_canonical(with(r#""zone":{"a":[1]}"#).as_bytes()).unwrap();
    assert_eq!(event.action, "user.created");
    assert_eq!(Event::from_canonical(b"{\"action\":").unwrap_err().kind(), ErrorKind::Corrupt);
}

fn entry(canonical: &[u8]) -> Entry {
    let event = Event::from_canonical(canonical).unwrap();
    let receipt = Receipt {
        id: "evt_AZN7bo8qfDGdXmpLHwwtPg".to_owned(),
        tenant: "acme".to_owned(),
        seq: 4,
        position: 18,
        recorded_at: Timestamp::from_microsecond(1_790_000_000_000_000).unwrap(),
        leaf_hash: Digest([0xab; 32]),
    };
    Entry { receipt, event, canonical: canonical.to_vec() }
}

#[test]
fn an_entry_is_canonical_json_with_what_the_log_added() {
    for canonical in [FULL_CANONICAL, SMALL] {
        let entry = entry(canonical.as_bytes());
        let json = entry.to_json();
        let value = parse_json(&json).unwrap();
        assert_eq!(canonical_json(&value).unwrap(), json);
        assert_eq!((value["seq"].as_u64(), value["position"].as_u64()), (Some(4), Some(18)));
        assert_eq!(value["recorded_at"], "2026-09-21T14:13:20.000000Z");
        assert_eq!(value["leaf_hash"], "ab".repeat(32));
        assert_eq!(value["action"], entry.event.action);
        let mut without = value;
        for name in ["seq", "position", "leaf_hash"] {
            without.as_object_mut().unwrap().remove(name);
        }
        assert_eq!(canonical_json(&without).unwrap(), entry.to_json_unnumbered());
        without.as_object_mut().unwrap().remove("recorded_at");
        assert_eq!(canonical_json(&without).unwrap(), canonical.as_bytes());
    }
}

#[test]
fn an_erased_value_is_null_on_the_wire() {
    let seed = Seed([1; 16]);
    let erased = erase(FULL_CANONICAL.as_bytes(), &["/actor/name", "/description"], |path| Some(seed.salt(path)));
    let value = parse_json(&entry(&erased.unwrap()).to_json()).unwrap();
    assert!(value["actor"]["name"].is_null() && value["actor"].get("name").is_some());
    assert!(value["description"].is_null() && value.get("description").is_some());
}

#[test]
fn a_receipt_is_canonical_json() {
    let json = entry(SMALL.as_bytes()).receipt.to_json();
    let expected = format!(
        r#"{{"id":"evt_AZN7bo8qfDGdXmpLHwwtPg","leaf_hash":"{}","position":18,"recorded_at":"2026-09-21T14:13:20.000000Z","seq":4,"tenant":"acme"}}"#,
        "ab".repeat(32)
    );
    assert_eq!(String::from_utf8(json).unwrap(), expected);
}
