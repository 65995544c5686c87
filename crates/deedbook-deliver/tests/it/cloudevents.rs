//! CloudEvents: the envelope, and batches.

use deedbook_core::parse_json;
use deedbook_core::serde_json::{Value, json};
use deedbook_deliver::Format;

use crate::samples::{entries, entry, json, record};

#[test]
fn an_envelope_around_the_entry() {
    let entry = entry("evt_row_updated");
    let mut event = json(&Format::CloudEvents, &entry);
    let data = event.as_object_mut().unwrap().remove("data").unwrap();
    assert_eq!(data, json(&Format::Json, &entry));
    let expected = json!({
        "datacontenttype": "application/json",
        "id": "evt_row_updated",
        "outcome": "success",
        "recordedtime": "2026-09-21T14:13:20.123456Z",
        "sequence": "00000000000000000009",
        "source": "/deedbook/acme",
        "specversion": "1.0",
        "subject": "invoice:inv_42",
        "time": "2026-09-21T14:13:20.123456Z",
        "type": "invoice.updated",
    });
    assert_eq!(event, expected);
}

#[test]
fn names_of_attributes_are_those_that_are_allowed() {
    for entry in entries() {
        let event = json(&Format::CloudEvents, &entry);
        for (name, value) in event.as_object().unwrap().iter().filter(|(name, _)| *name != "data") {
            assert!(name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit()), "{name}");
            assert!(value.as_str().is_some_and(|value| !value.is_empty()), "{name}");
        }
    }
}

#[test]
fn batches() {
    let entries = entries();
    for format in [Format::CloudEvents, Format::Json, Format::Leef] {
        let records: Vec<String> = entries.iter().map(|entry| record(&format, entry)).collect();
        let mut body = Vec::new();
        format.write_batch(records.iter().map(String::as_bytes), &mut body);
        if format == Format::CloudEvents {
            let expected: Vec<Value> = records.iter().map(|record| parse_json(record.as_bytes()).unwrap()).collect();
            assert_eq!(parse_json(&body).unwrap(), Value::Array(expected));
        } else {
            let text = String::from_utf8(body).unwrap();
            assert_eq!(text, records.iter().map(|record| format!("{record}\n")).collect::<String>());
        }
    }
    let mut empty = Vec::new();
    Format::CloudEvents.write_batch([], &mut empty);
    Format::Json.write_batch([], &mut empty);
    assert_eq!(empty, b"[]");
}
