//! CloudEvents 1.0 in structured mode: an envelope around the entry.
//!
//! Source: CNCF, "CloudEvents", version 1.0.2, its JSON format, and the extensions "Recorded Time" and "Sequence".

use deedbook_core::serde_json::Value;
use deedbook_core::visible::visible;
use deedbook_core::{Entry, Outcome, rfc3339};

use super::json::{self, object};
use super::rest::Rest;

pub(super) fn write(entry: &Entry, out: &mut Vec<u8>) {
    json::write(&envelope(entry), out);
}

/// Source and id together name one entry of one log: the id is unique within its tenant.
fn envelope(entry: &Entry) -> Value {
    let (receipt, event) = (&entry.receipt, &entry.event);
    let subject = event.targets.first().map(|target| format!("{}:{}", target.kind, target.id));
    let fields = object([
        ("correlationid", event.correlation_id.as_deref().and_then(attribute)),
        ("data", Rest::of(entry).left()),
        ("datacontenttype", Some("application/json".into())),
        ("id", attribute(&receipt.id)),
        ("outcome", Some(event.outcome.unwrap_or(Outcome::Success).as_str().into())),
        ("recordedtime", Some(rfc3339(receipt.recorded_at).into())),
        // As text that sorts as the number does, which the extension wants.
        ("sequence", Some(format!("{:020}", receipt.seq).into())),
        ("source", attribute(&format!("/deedbook/{}", receipt.tenant))),
        ("specversion", Some("1.0".into())),
        ("subject", subject.as_deref().and_then(attribute)),
        ("time", Some(rfc3339(entry.occurred_at()).into())),
        ("type", attribute(&event.action)),
    ]);
    fields.unwrap_or_default()
}

/// A text as an attribute: not empty, and what the specification excludes made visible. The data have it as it was.
fn attribute(text: &str) -> Option<Value> {
    let allowed: String =
        text.chars().map(|c| if is_noncharacter(c) { char::REPLACEMENT_CHARACTER } else { c }).collect();
    (!text.is_empty()).then(|| visible(&allowed).into())
}

/// Whether Unicode keeps it for no character at all.
fn is_noncharacter(character: char) -> bool {
    let code = u32::from(character);
    code & 0xfffe == 0xfffe || (0xfdd0..=0xfdef).contains(&code)
}
