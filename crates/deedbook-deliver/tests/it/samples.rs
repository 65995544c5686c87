//! Entries that the tests share.

use deedbook_core::serde_json::Value;
use deedbook_core::{Digest, Entry, Event, Limits, Receipt, Timestamp, parse_json, prepare};
use deedbook_deliver::Format;

/// Events that have every member and lead into every class, and some of the CloudTrail import.
const EVENTS: [&str; 2] = [include_str!("../fixtures/events.ndjson"), include_str!("../fixtures/cloudtrail.ndjson")];

/// The events of the fixtures, accepted one after the other.
pub(crate) fn entries() -> Vec<Entry> {
    let events = EVENTS.iter().flat_map(|events| events.lines());
    (0..).zip(events).map(|(seq, json)| accepted(seq, Event::from_json(json.as_bytes()).unwrap())).collect()
}

/// The entry of the fixtures with this id.
pub(crate) fn entry(id: &str) -> Entry {
    entries().into_iter().find(|entry| entry.receipt.id == id).unwrap()
}

/// The entry that a log makes of an event.
pub(crate) fn accepted(seq: u64, event: Event) -> Entry {
    let (event, canonical) = prepare(event, &Limits::default(), || [7; 16]).unwrap().into_parts();
    stored(seq, event, canonical)
}

/// An entry as a log gives it out again.
pub(crate) fn stored(seq: u64, event: Event, canonical: Vec<u8>) -> Entry {
    let receipt = Receipt {
        id: event.id.clone().unwrap(),
        tenant: event.tenant.clone().unwrap(),
        seq,
        position: seq + 100,
        recorded_at: Timestamp::from_microsecond(1_790_000_000_123_456).unwrap(),
        leaf_hash: Digest([0xab; 32]),
    };
    Entry { receipt, event, canonical }
}

pub(crate) fn record(format: &Format, entry: &Entry) -> String {
    let mut out = Vec::new();
    format.write(entry, &mut out);
    String::from_utf8(out).unwrap()
}

pub(crate) fn json(format: &Format, entry: &Entry) -> Value {
    parse_json(record(format, entry).as_bytes()).unwrap()
}

/// Every value within `value` that is neither object nor list.
pub(crate) fn leaves(value: &Value) -> Vec<&Value> {
    match value {
        Value::Object(members) => members.values().flat_map(leaves).collect(),
        Value::Array(elements) => elements.iter().flat_map(leaves).collect(),
        leaf => vec![leaf],
    }
}

/// Every name of a member within `value`.
pub(crate) fn names(value: &Value) -> Vec<&str> {
    match value {
        Value::Object(members) => {
            members.iter().flat_map(|(name, value)| [name.as_str()].into_iter().chain(names(value))).collect()
        }
        Value::Array(elements) => elements.iter().flat_map(names).collect(),
        _ => Vec::new(),
    }
}
