//! Rows of the outbox as events, without a server.

use deedbook_core::serde_json::{Value, json};
use deedbook_core::{Actor, Limits, prepare};
use deedbook_postgres::capture::{Definition, events};
use proptest::prelude::*;

use super::line;

fn definition() -> Definition {
    let columns = json!([
        {"n": 1, "name": "id", "form": "number", "mask": false, "carried": true, "personal": false},
        {"n": 2, "name": "customer_id", "form": "integer", "mask": false, "carried": true, "personal": false},
        {"n": 3, "name": "note", "form": "text", "mask": false, "carried": false, "personal": true},
        {"n": 4, "name": "secret", "form": "text", "mask": true, "carried": false, "personal": false},
        {"n": 5, "name": "data", "form": "json", "mask": false, "carried": false, "personal": false},
    ]);
    let definition = json!({
        "schema": "public", "table": "invoices", "entity": "invoice", "id": [1], "link": false, "columns": columns,
        "targets": [{"entity": "customer", "columns": [2], "ids": 1}], "audience": ["a"], "category": "c",
    });
    Definition::from_json(&definition.to_string()).expect("a definition")
}

fn lines(body: &str) -> Vec<String> {
    let events = events(body, &definition(), &Actor::without_id("system")).expect(body);
    for event in &events {
        prepare(event.clone(), &Limits::default(), || [0; 16]).expect(body);
    }
    events.iter().map(line).collect()
}

#[test]
fn changes_are_read() {
    let check = |body: &str, expected: &[&str]| assert_eq!(lines(body), expected, "{body}");
    check(
        r#"[1,7,9,["x","Acme"],"n","{\"a\":1}"]"#,
        &[
            r#"invoice.created invoice:7 customer:x=Acme /id >7 /customer_id >"9" /note >"n" /secret redacted /data >{"a":1}"#,
        ],
    );
    check(
        r#"[2,7,9,["x"],3,null,"n",-4],[2,8,null,null,5,"{","[]"]"#,
        &[
            r#"invoice.updated invoice:7 customer:x /note null>"n" /secret redacted"#,
            r#"invoice.updated invoice:8 /data "{">[]"#,
        ],
    );
    check(
        r#"[3,7,9,null,{"bytes":9000,"sha256":"00"},null]"#,
        &[r#"invoice.deleted invoice:7 /id 7> /customer_id "9"> /note redacted /secret redacted /data null>"#],
    );
    check(r#"[4,"public","invoices"],[4,"public","invoices_2026"]"#, &["invoice.truncated invoice:*"; 2]);
    check(r#"{"error":"no","operation":"DELETE"}"#, &["invoice.deleted invoice:*"]);
}

#[test]
fn a_body_may_bring_its_own_definition() {
    let body = json!({
        "definition": {"schema": "s", "table": "t", "entity": "thing", "id": [], "link": false, "targets": [],
            "columns": [{"n": 1, "name": "a", "form": "plain", "mask": false, "carried": false, "personal": false}]},
        "changes": [[1, "x"]],
    });
    assert_eq!(lines(&body.to_string()), [r#"thing.created thing:* /a >"x""#]);
}

#[test]
fn what_does_not_fit_the_shape_is_refused() {
    for body in
        ["", "x", "[]", "[9]", "[1]", "[1,1,1,[]]", "[2,1,1,[],99,1,2]", "[2,1,1,[],3,1]", "{}", "[1],", r#"["1"]"#]
    {
        let refused = events(body, &definition(), &Actor::without_id("system"));
        assert!(body.is_empty() || refused.is_err(), "{body}");
    }
}

/// Any JSON that a trigger might have written, and more.
fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,40}".prop_map(Value::from),
        (8190..8200_usize).prop_map(|length| Value::from("x".repeat(length))),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((".{0,4}", inner), 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn nothing_panics(body in ".{0,200}") {
        drop(events(&body, &definition(), &Actor::without_id("system")));
    }

    /// Whatever is read can be entered, but for targets that have no id: keys are never containers.
    #[test]
    fn rows_of_any_values_can_be_entered(id in any::<i32>(), key in any::<Option<i64>>(), note in value(), data in ".{0,80}") {
        let data = Value::String(data);
        let bodies = [
            json!([1, id, key, [key, note.as_str()], note, data]),
            json!([2, id, key, null, 3, note, null, -4, 5, null, data]),
            json!([3, id, key, [id], note, data]),
        ];
        for body in bodies {
            let events = events(&body.to_string(), &definition(), &Actor::without_id("system")).expect("it is read");
            prop_assert_eq!(events.len(), 1);
            for event in events {
                let drafted = prepare(event, &Limits::default(), || [0; 16]);
                prop_assert!(drafted.is_ok(), "{:?} of {}", drafted.err(), body);
            }
        }
    }
}
