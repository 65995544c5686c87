//! What profiles do to values, by tables.

use serde_json::{Value, json};

use super::*;
use crate::query::ParseOptions;
use crate::{Digest, Event, Limits, Query, Receipt, Timestamp, prepare};

fn entry(event: Value) -> Entry {
    let event = Event::from_json(event.to_string().as_bytes()).unwrap();
    let draft = prepare(event, &Limits::default(), || [7; 16]).unwrap();
    let receipt = Receipt {
        id: draft.id().to_owned(),
        tenant: draft.tenant().to_owned(),
        seq: 0,
        position: 0,
        recorded_at: Timestamp::UNIX_EPOCH,
        leaf_hash: Digest([0; 32]),
    };
    let (event, canonical) = draft.into_parts();
    Entry { receipt, event, canonical }
}

fn full() -> Entry {
    entry(json!({
        "id": "evt_1", "action": "person.changed", "category": "account", "audience": ["owners"], "reason": "asked",
        "actor": { "type": "user", "id": "u1", "name": "Ada", "email": "ada@a.example", "metadata": { "team": "x" },
            "on_behalf_of": { "type": "user", "id": "u2", "name": "Bob" } },
        "targets": [{ "type": "person", "id": "p1", "name": "Carl" }, { "type": "team", "id": "t1" }],
        "changes": [{ "path": "/salary", "from": 10, "to": 20 },
            { "path": "/person", "to": { "salary": 30, "name": "Carl", "list": [{ "salary": 1 }] } },
            { "path": "/salary/bonus", "from": 1 }, { "path": "/name", "from": "C", "to": "Carl" }],
        "context": { "ip": "203.0.113.9", "user_agent": "curl", "request_id": "req_1",
            "http": { "status": 200, "method": "GET" },
            "auth": { "credential": { "type": "api_token", "id": "tok_9", "name": "CI" } } },
        "description": "Ada changed Carl", "personal": ["/metadata/note"],
        "metadata": { "note": "secret", "items": [{ "sku": "a", "price": 3 }], "n": 1 }
    }))
}

fn profile(rules: &[(&str, &str)]) -> FieldProfile {
    let rule = |(path, word): &(&str, &str)| FieldRule {
        path: (*path).to_owned(),
        treatment: Treatment::from_word(word).unwrap(),
    };
    FieldProfile::new(&rules.iter().map(rule).collect::<Vec<_>>(), Key([7; 32])).unwrap()
}

/// What is at `pointer` of the full event under these rules, in the canonical bytes.
fn check(rules: &[(&str, &str)], expected: &[(&str, Value)]) {
    let masked = profile(rules).applied(&full());
    let json: Value = serde_json::from_slice(&masked.canonical).unwrap();
    for (pointer, value) in expected {
        assert_eq!(json.pointer(pointer).unwrap_or(&Value::Null), value, "{pointer} under {rules:?}: {json:#}");
    }
    crate::check_canonical(&masked.canonical).unwrap();
    assert_eq!(Event::from_canonical(&masked.canonical).unwrap(), masked.event, "both say the same");
}

#[test]
fn each_treatment_of_each_kind_of_value() {
    check(&[], &[("/description", json!("Ada changed Carl")), ("/personal/0", json!("/metadata/note"))]);
    check(&[("/actor/name", "mask")], &[("/actor/name", json!("***")), ("/description", Value::Null)]);
    check(&[("/actor/name", "mask"), ("/description", "show")], &[("/description", json!("Ada changed Carl"))]);
    check(&[("/actor/name", "drop")], &[("/actor/name", Value::Null), ("/actor/on_behalf_of/name", json!("Bob"))]);
    check(&[("/actor/id", "hash")], &[("/actor/id", json!("hash:2d548551e4ebe924")), ("/personal", Value::Null)]);
    check(
        &[("/actor", "drop")],
        &[
            ("/actor", json!({ "type": "user" })),
            ("/targets/0/name", json!("Carl")),
            ("/action", json!("person.changed")),
        ],
    );
    check(&[("/actor", "mask")], &[("/actor/type", json!("user")), ("/actor/on_behalf_of/name", json!("***"))]);
    check(&[("/actor/on_behalf_of", "drop")], &[("/actor/on_behalf_of", Value::Null), ("/actor/name", json!("Ada"))]);
    check(&[("/targets/*/id", "drop")], &[("/targets/1/id", json!("***")), ("/targets/0/type", json!("person"))]);
    check(&[("/targets/*", "drop")], &[("/targets", Value::Null)]);
    check(&[("/context/ip", "truncate")], &[("/context/ip", json!("203.0.113.0"))]);
    check(&[("/context/ip", "mask")], &[("/context/ip", Value::Null), ("/context/user_agent", json!("curl"))]);
    check(&[("/context", "truncate")], &[("/context/ip", json!("203.0.113.0")), ("/context/request_id", json!("***"))]);
    check(&[("/context/http/status", "mask")], &[("/context/http", json!({ "method": "GET" }))]);
    check(&[("/context", "drop")], &[("/context", Value::Null)]);
    check(&[("/metadata/items/*/price", "drop")], &[("/metadata/items", json!([{ "sku": "a" }]))]);
    check(&[("/metadata/items", "mask")], &[("/metadata/items", json!("***")), ("/metadata/n", json!(1))]);
    check(&[("/metadata", "mask")], &[("/metadata", json!({ "note": "***", "items": "***", "n": "***" }))]);
    check(&[("/metadata/n", "show"), ("/metadata", "drop")], &[("/metadata", json!({ "n": 1 }))]);
    check(&[("/metadata", "drop"), ("/metadata/n", "show")], &[("/metadata", Value::Null)]);
    let hashed = profile(&[("/context/ip", "hash")]).applied(&full()).event.context.ip.unwrap();
    assert!(hashed.to_string().starts_with("2001:db8:"), "{hashed}");
}

#[test]
fn fields_of_changes_go_by_their_path() {
    let salary = [
        ("/changes/0", json!({ "path": "/salary", "from": "***", "to": "***" })),
        ("/changes/1/to/salary", json!(30)),
        ("/changes/2/from", json!("***")),
        ("/changes/3/to", json!("Carl")),
    ];
    check(&[("/changes/~1salary", "mask")], &salary);
    let within = json!({ "salary": "***", "name": "Carl", "list": [{ "salary": 1 }] });
    check(&[("/changes/~1person~1salary", "mask")], &[("/changes/1/to", within), ("/changes/0/to", json!(20))]);
    check(
        &[("/changes/~1salary", "drop")],
        &[("/changes/0/path", json!("/person")), ("/changes/1/path", json!("/name"))],
    );
    check(
        &[("/changes/*/to", "drop")],
        &[
            ("/changes/0", json!({ "path": "/salary", "redacted": true })),
            ("/changes/2", json!({ "path": "/salary/bonus", "from": 1 })),
        ],
    );
    check(&[("/changes/*/from", "drop")], &[("/changes/0", json!({ "path": "/salary", "to": 20 }))]);
    check(&[("/changes", "drop")], &[("/changes", Value::Null)]);
    check(
        &[("/changes/~1name", "show"), ("/changes", "drop")],
        &[("/changes/0/path", json!("/name")), ("/changes/1", Value::Null)],
    );
}

#[test]
fn everything_but_what_is_named() {
    let rules = [("/actor/id", "show"), ("/metadata/n", "show"), ("", "drop")];
    let masked = profile(&rules).applied(&full());
    let expected = json!({ "id": "evt_1", "tenant": "default", "action": "person.changed", "outcome": "success",
        "category": "account", "audience": ["owners"], "actor": { "type": "user", "id": "u1" }, "metadata": { "n": 1 } });
    assert_eq!(serde_json::from_slice::<Value>(&masked.canonical).unwrap(), expected);
}

#[test]
fn layers_come_one_after_the_other() {
    let both = profile(&[("/actor/name", "hash")]).then(profile(&[("/actor/name", "show"), ("/reason", "mask")]));
    let event = both.applied(&full()).event;
    assert!(event.actor.name.unwrap().starts_with("hash:"));
    assert_eq!(event.reason.as_deref(), Some("***"));
}

#[test]
fn paths_that_lead_nowhere_are_refused() {
    for path in [
        "actor",
        "/actr",
        "/actor/type",
        "/action",
        "/id",
        "/targets/0/name",
        "/targets/*/size",
        "/changes/salary",
        "/changes/*/path",
        "/context/ip/x",
        "/reason/x",
        "/actor/on_behalf_of/type",
        "/a~2",
    ] {
        let rule = FieldRule { path: path.to_owned(), treatment: Treatment::Mask };
        let refused = FieldProfile::new(&[rule], Key([0; 32])).unwrap_err();
        assert_eq!(refused.problems()[0].pointer, "/0/path", "{path}");
    }
}

/// Every condition about a value that is another than the true one must be known as touched.
#[test]
fn what_is_hidden_is_touched() {
    let all = [
        "actor:u1",
        "actor.name:ada",
        "on_behalf_of:u2",
        "principal:u2",
        "target:p1",
        "target.type:team",
        "target.name:carl",
        "ip:203.0.113.9",
        "request_id:req_1",
        "change:/salary",
        "meta.note:secret",
        "meta.items.price:3",
        "has:meta.n",
        "has:reason",
        "has:ip",
        "has:change",
        "has:on_behalf_of",
        "has:target",
        "carl",
        "secret",
        "20",
        "x",
        "action:person.changed",
        "outcome:success",
        "category:account",
        "audience:owners",
        "actor.type:user",
        "id:evt_1",
    ];
    let rules = [
        "/actor",
        "/actor/id",
        "/actor/name",
        "/actor/on_behalf_of",
        "/actor/on_behalf_of/name",
        "/actor/metadata",
        "/targets",
        "/targets/*",
        "/targets/*/id",
        "/targets/*/name",
        "/changes",
        "/changes/~1salary",
        "/changes/*/to",
        "/context",
        "/context/ip",
        "/context/request_id",
        "/metadata",
        "/metadata/note",
        "/metadata/items/*/price",
        "/reason",
        "",
    ];
    let mut touched = 0;
    for path in rules {
        for word in ["mask", "hash", "truncate", "drop"] {
            let profile = profile(&[(path, word)]);
            let masked = profile.applied(&full());
            for text in all {
                let query = Query::parse(text, &ParseOptions::utc(Timestamp::UNIX_EPOCH)).unwrap();
                let crate::query::Expression::Is(condition) = query.expression() else { panic!("{text}") };
                let differs = query.matches(&full()) != query.matches(&masked);
                assert!(!differs || profile.touches(condition), "{text} under {path} {word}");
                touched += usize::from(differs);
            }
        }
    }
    assert!(touched > 150, "{touched}");
}

#[test]
fn what_others_asked_is_hidden_with_anything_else() {
    let mut event = Event::new("audit.viewed", crate::Actor::new("token", "tok_1"));
    event.metadata.insert("queries".to_owned(), json!([{ "q": "carl salary" }]));
    event.metadata.insert("kind".to_owned(), json!("list"));
    let own = crate::prepare_own(event, &Limits::default(), || [7; 16]).unwrap();
    let (event, canonical) = own.into_parts();
    let own = Entry { receipt: full().receipt, event, canonical };
    assert_eq!(
        profile(&[("/context/ip", "drop")]).applied(&own).event.metadata,
        json!({ "kind": "list" }).as_object().unwrap().clone()
    );
    assert!(profile(&[("/context/ip", "show")]).applied(&own).event.metadata.contains_key("queries"));
}
