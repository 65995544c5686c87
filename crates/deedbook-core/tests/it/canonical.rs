//! Canonical bytes: against an independent writer, and the rules of our own.

use deedbook_core::serde_json::{Map, Number, Value, json};
use deedbook_core::{Actor, ErrorKind, Event, Failure, Limits, canonical_json, check_canonical, parse_json, prepare};
use proptest::prelude::*;

use crate::samples::{FULL, FULL_CANONICAL, canonical_text, draft, problems, with};

#[test]
fn a_full_event_has_the_documented_bytes() {
    let draft = draft(FULL).unwrap();
    assert_eq!(canonical_text(&draft), FULL_CANONICAL);
    check_canonical(draft.canonical()).unwrap();
    assert_eq!(&Event::from_canonical(draft.canonical()).unwrap(), draft.event());
    assert_eq!(&Event::from_json(draft.canonical()).unwrap(), draft.event());
}

#[test]
fn absent_null_and_empty_are_one() {
    let plain = canonical_text(&draft(&with(r#""id":"e""#)).unwrap());
    assert_eq!(
        plain,
        r#"{"action":"user.created","actor":{"type":"system"},"id":"e","outcome":"success","tenant":"default"}"#
    );
    for members in [
        r#""error":null,"targets":null,"metadata":null,"personal":null,"audience":null,"outcome":null"#,
        r#""error":{},"targets":[],"metadata":{},"personal":[],"changes":[],"source":{"service":null}"#,
        r#""context":{"auth":{"method":null},"http":{}}"#,
        r#""context":{"auth":{}},"error":{"code":null,"message":null}"#,
    ] {
        let draft = draft(&with(&format!(r#""id":"e",{members}"#))).unwrap();
        assert_eq!(canonical_text(&draft), plain, "{members}");
        assert_eq!(&Event::from_canonical(draft.canonical()).unwrap(), draft.event(), "{members}");
    }
}

#[test]
fn an_empty_audience_and_null_inside_free_values_stay() {
    let draft = draft(&with(r#""id":"e","audience":[],"metadata":{"a":null,"b":{},"c":[]}"#)).unwrap();
    let expected = r#""audience":[],"id":"e","metadata":{"a":null,"b":{},"c":[]}"#;
    assert!(canonical_text(&draft).contains(expected), "{}", canonical_text(&draft));
}

#[test]
fn names_sort_by_utf_16() {
    // The example of RFC 8785, section 3.2.3.
    let value = parse_json(
        br#"{"\u20ac":"Euro Sign","\r":"Carriage Return","\ufb33":"Hebrew Letter Dalet With Dagesh","1":"One",
            "\ud83d\ude00":"Emoji: Grinning Face","\u0080":"Control","\u00f6":"Latin Small Letter O With Diaeresis"}"#,
    )
    .unwrap();
    let text = String::from_utf8(canonical_json(&value).unwrap()).unwrap();
    let order = ["Carriage", "One", "Control", "Latin", "Euro", "Emoji", "Hebrew"].map(|word| text.find(word).unwrap());
    assert!(order.is_sorted(), "{text}");
}

#[test]
fn the_example_of_the_rfc() {
    // RFC 8785, section 3.2.2, without its number of 22 digits, which is beyond what an event may hold.
    let json = br#"{"numbers": [4.50, 2e-3, 0.000000000000000000000000001],
        "string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/","literals": [null, true, false]}"#;
    assert_eq!(
        String::from_utf8(canonical_json(&parse_json(json).unwrap()).unwrap()).unwrap(),
        r#"{"literals":[null,true,false],"numbers":[4.5,0.002,1e-27],"string":"€$\u000f\nA'B\"\\\\\"/"}"#
    );
}

#[test]
fn bytes_that_are_not_canonical_are_refused() {
    let canonical = FULL_CANONICAL;
    for (what, bytes) in [
        ("white space", canonical.replacen(':', ": ", 1)),
        ("trailing newline", format!("{canonical}\n")),
        ("order", r#"{"actor":{"type":"system"},"action":"user.created"}"#.to_owned()),
        ("null member", with(r#""error":null"#)),
        ("empty list", with(r#""changes":[]"#)),
        ("number", canonical.replace("19.9", "19.90")),
        ("escape", canonical.replace("curl", r"\u0063url")),
        ("slash", canonical.replace("curl/8", r"curl\/8")),
        ("time", canonical.replace(".481512Z", ".481512+00:00")),
        ("address", canonical.replace("2001:db8::1", "2001:DB8::1")),
        ("unknown member", with(r#""zone":1"#)),
        ("duplicate", with(r#""tenant":"a","tenant":"a""#)),
    ] {
        let error = check_canonical(bytes.as_bytes()).expect_err(what);
        assert_eq!(error.kind(), ErrorKind::Invalid, "{what}");
    }
}

#[test]
fn a_value_outside_of_the_rules_has_no_canonical_bytes() {
    let deep = (0..33).fold(json!(1), |inner, _| json!([inner]));
    assert_eq!(problems(canonical_json(&deep)), [("/0".repeat(32), "too_deep")]);
    assert_eq!(problems(canonical_json(&json!([1e300]))), [("/0".to_owned(), "number_out_of_range")]);
    assert_eq!(problems(canonical_json(&json!({"a": u64::MAX}))), [("/a".to_owned(), "number_out_of_range")]);
    assert_eq!(canonical_json(&json!([-0.0, 1.0, 1e15])).unwrap(), b"[0,1,1000000000000000]");
}

#[test]
fn too_large_names_size_and_limit() {
    let mut event = Event::new("a.b", Actor::without_id("system"));
    event.error = Some(Failure { code: None, message: Some("x".repeat(300 * 1024)) });
    let error = prepare(event, &Limits::default(), || [0; 16]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TooLarge);
    let message = error.to_string();
    assert!(message.contains("262144") && message.contains("3073"), "{message}");
}

fn number() -> impl Strategy<Value = Number> {
    const MAX: i64 = (1 << 53) - 1;
    prop_oneof![
        (-MAX..=MAX).prop_map(Number::from),
        (-1000..1000_i64).prop_map(Number::from),
        any::<f64>().prop_filter_map("in range", |double| {
            let double = if double.abs() > MAX as f64 { 1.0 / double } else { double };
            Number::from_f64(double)
        }),
    ]
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        number().prop_map(Value::Number),
        any::<String>().prop_map(Value::String),
    ];
    leaf.prop_recursive(6, 60, 8, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..8).prop_map(Value::Array),
            prop::collection::vec((key(), inner), 0..8).prop_map(|members| members.into_iter().collect()),
        ]
    })
}

/// Names around the places where the orders of UTF-8 and UTF-16 part.
fn key() -> impl Strategy<Value = String> {
    let characters = prop::sample::select(vec!['a', '"', '\\', '\u{1}', 'é', '\u{d7ff}', '\u{e000}', '\u{ffff}', '😀']);
    prop_oneof![prop::collection::vec(characters, 0..4).prop_map(String::from_iter), any::<String>()]
}

proptest! {
    #[test]
    fn any_value_is_written_as_the_oracle_writes_it(value in value()) {
        let ours = canonical_json(&value).unwrap();
        let oracle = serde_json_canonicalizer::to_vec(&value).unwrap();
        prop_assert_eq!(String::from_utf8_lossy(&ours), String::from_utf8_lossy(&oracle));
        let read = parse_json(&ours).unwrap();
        prop_assert_eq!(canonical_json(&read).unwrap(), ours);
    }

    #[test]
    fn any_metadata_is_written_as_the_oracle_writes_it(members in prop::collection::vec((key(), value()), 1..6)) {
        let mut event = Event::new("a.b", Actor::new("user", "u"));
        event.metadata = members.into_iter().collect::<Map<_, _>>();
        let draft = prepare(event, &Limits::default(), || [1; 16]).unwrap();
        let oracle = serde_json_canonicalizer::to_vec(&draft.event().metadata).unwrap();
        let text = canonical_text(&draft);
        prop_assert!(text.contains(std::str::from_utf8(&oracle).unwrap()));
        check_canonical(draft.canonical()).unwrap();
        prop_assert_eq!(&Event::from_canonical(draft.canonical()).unwrap(), draft.event());
    }
}

/// Paragraphs of the format that other implementations are checked against.
const FORMAT: &str = include_str!("../../../../docs/format.md");

#[test]
fn the_test_vector_of_the_format_is_true() {
    let chapter = FORMAT.split("## Commitments").next().unwrap();
    let vectors: Vec<&str> = chapter.split("```json\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    assert_eq!(canonical_text(&draft(vectors[0]).unwrap()), vectors[1].trim_end());
}
