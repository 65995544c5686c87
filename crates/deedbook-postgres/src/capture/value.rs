//! A value of the outbox → a value of an event. An event cannot carry everything; nothing is refused here.

use deedbook_core::serde_json::{Map, Value, json};
use deedbook_core::{Timestamp, canonical_json, parse_json};
use sha2::{Digest, Sha256};

use super::definition::Form;

/// How deep containers nest in a value of a change: the event, its changes and the change are around it.
const NESTING_MAX: usize = 29;

/// The value as it stands in an event.
pub(crate) fn read(form: Form, written: Value) -> Value {
    match (form, written) {
        (Form::Integer, Value::Number(number)) => Value::String(number.to_string()),
        (Form::Json, Value::String(text)) => document(text),
        (Form::Instant, Value::String(text)) => Value::String(instant(text)),
        // A number may be one that not every reader of JSON holds exactly: 1e300.
        (_, written) if canonical_json(&written).is_err() => Value::String(written.to_string()),
        (_, written) => written,
    }
}

/// Whether this stands in the outbox for a value that was too large to be written: no form is written as an object.
pub(crate) fn is_digest(written: &Value) -> bool {
    written.is_object()
}

/// The length and the hash of a value that is too large to be carried.
pub(crate) fn digested(value: &Value) -> Value {
    let text = match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let hash: String = Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
    json!({ "bytes": text.len(), "sha256": hash })
}

/// Bytes of a value as JSON.
pub(crate) fn bytes(value: &Value) -> usize {
    match value {
        Value::Null | Value::Bool(_) => 5,
        Value::Number(_) => 24,
        Value::String(text) => text.len() + 2,
        Value::Array(list) => list.iter().map(|element| bytes(element) + 1).sum::<usize>() + 2,
        Value::Object(map) => map.iter().map(|(name, value)| name.len() + 4 + bytes(value)).sum::<usize>() + 2,
    }
}

/// A value as part of an id.
pub(crate) fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// JSON that canonical bytes can hold, or else its text: duplicate names, inexact numbers and deep nesting are not held.
fn document(text: String) -> Value {
    match parse_json(text.as_bytes()) {
        Ok(value) if nesting(&value) <= NESTING_MAX && canonical_json(&value).is_ok() => value,
        _ => Value::String(text),
    }
}

fn nesting(value: &Value) -> usize {
    let deepest = |map: &Map<String, Value>| map.values().map(nesting).max().unwrap_or(0);
    match value {
        Value::Array(list) => 1 + list.iter().map(nesting).max().unwrap_or(0),
        Value::Object(map) => 1 + deepest(map),
        _ => 0,
    }
}

/// In UTC; `infinity` and what lies outside of the calendar stay as PostgreSQL writes them.
fn instant(text: String) -> String {
    text.parse::<Timestamp>().map_or(text, |instant| instant.to_string())
}
