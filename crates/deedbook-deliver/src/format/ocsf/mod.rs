//! OCSF 1.6.0: an entry as an event of one of four classes; what has no place in it is under `unmapped`.
//!
//! Source: <https://schema.ocsf.io/1.6.0/>.

mod class;
mod parts;

use deedbook_core::serde_json::{Map, Value};
use deedbook_core::{Entry, Outcome, rfc3339};

use super::json;
use super::rest::Rest;
use class::{Activity, Class};

/// The version of the schema.
const VERSION: &str = "1.6.0";

pub(super) fn write(entry: &Entry, out: &mut Vec<u8>) {
    json::write(&record(entry), out);
}

fn record(entry: &Entry) -> Value {
    let activity = Activity::of(entry);
    let mut rest = Rest::of(entry);
    let mut record = match activity.class {
        Class::ApiActivity => parts::api_activity(entry, &mut rest),
        Class::Authentication => parts::authentication(entry, &mut rest),
        Class::AccountChange => parts::account_change(entry, &mut rest),
        Class::EntityManagement => parts::entity_management(entry, &mut rest),
    };
    record.extend(parts::request(&mut rest));
    record.extend(base(entry, activity, &mut rest));
    record.extend(rest.left().map(|left| ("unmapped".to_owned(), left)));
    Value::Object(record)
}

/// The attributes that every class has.
fn base(entry: &Entry, activity: Activity<'_>, rest: &mut Rest) -> Map<String, Value> {
    let Activity { class, id, caption, name } = activity;
    let has_trace = class == Class::ApiActivity && entry.event.context.trace_id.is_some();
    let (severity_id, severity) = severity(entry);
    let (status_id, status) = status(entry);
    json::members([
        ("activity_id", Some(id.into())),
        ("activity_name", Some(name.into())),
        ("category_name", Some(class.category().1.into())),
        ("category_uid", Some(class.category().0.into())),
        ("class_name", Some(class.name().into())),
        ("class_uid", Some(class.uid().into())),
        ("duration", rest.number("context.http.duration_ms")),
        ("message", rest.text("description")),
        ("metadata", metadata(entry, has_trace, rest)),
        ("severity", Some(severity.into())),
        ("severity_id", Some(severity_id.into())),
        ("status", Some(status.into())),
        ("status_code", rest.text("error.code")),
        ("status_detail", rest.text("error.message")),
        ("status_id", Some(status_id.into())),
        ("time", Some(entry.occurred_at().as_millisecond().into())),
        ("type_name", Some(format!("{}: {caption}", class.name()).into())),
        ("type_uid", Some((class.uid() * 100 + id).into())),
    ])
}

/// Who wrote the event, when, and which one it is. `recorded_at` stays besides, for it has microseconds.
fn metadata(entry: &Entry, has_trace: bool, rest: &mut Rest) -> Option<Value> {
    let product = json::object([
        ("name", Some(rest.text("source.service").unwrap_or_else(|| "Deedbook".into()))),
        ("version", rest.text("source.version")),
    ]);
    let original_time = rest.text("occurred_at").unwrap_or_else(|| rfc3339(entry.receipt.recorded_at).into());
    json::object([
        ("correlation_uid", rest.text("correlation_id")),
        ("event_code", rest.text("action")),
        ("log_provider", Some("Deedbook".into())),
        ("logged_time", Some(entry.receipt.recorded_at.as_millisecond().into())),
        ("original_time", Some(original_time)),
        ("product", product),
        ("profiles", has_trace.then(|| vec!["trace"].into())),
        ("sequence", rest.number("seq")),
        ("tenant_uid", rest.text("tenant")),
        ("uid", rest.text("id")),
        ("version", Some(VERSION.into())),
    ])
}

fn severity(entry: &Entry) -> (u64, &'static str) {
    match entry.event.outcome {
        None | Some(Outcome::Success | Outcome::Unknown) => (1, "Informational"),
        Some(Outcome::Failure) => (2, "Low"),
        Some(Outcome::Denied) => (3, "Medium"),
    }
}

/// A denial is a failure here; `unmapped.outcome` tells it from others.
fn status(entry: &Entry) -> (u64, &'static str) {
    match entry.event.outcome {
        None | Some(Outcome::Success) => (1, "Success"),
        Some(Outcome::Failure | Outcome::Denied) => (2, "Failure"),
        Some(Outcome::Unknown) => (0, "Unknown"),
    }
}
