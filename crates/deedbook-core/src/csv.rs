//! Entries as CSV after RFC 4180: comma, CRLF, a header, fields quoted where they need it.
//!
//! A field that a spreadsheet would take for a formula, because it begins with `=`, `+`, `-`, `@`, a tab or a line
//! break, gets an apostrophe in front (OWASP, "CSV Injection"). CSV is for people with spreadsheets; one JSON object a
//! line is the form that loses nothing.

use serde_json::Value;

use crate::{Actor, Entry, Outcome, rfc3339};

/// A column: its name in the header and its value.
type Column = (&'static str, fn(&Entry) -> String);

/// Every column, in order; new ones are added at the end. `targets`, `changes` and `metadata` are JSON.
const COLUMNS: [Column; 30] = [
    ("id", |entry| entry.receipt.id.clone()),
    ("tenant", |entry| entry.receipt.tenant.clone()),
    ("seq", |entry| entry.receipt.seq.to_string()),
    ("position", |entry| entry.receipt.position.to_string()),
    ("recorded_at", |entry| rfc3339(entry.receipt.recorded_at)),
    ("occurred_at", |entry| rfc3339(entry.occurred_at())),
    ("action", |entry| entry.event.action.clone()),
    ("outcome", |entry| entry.event.outcome.unwrap_or(Outcome::Success).as_str().to_owned()),
    ("actor_type", |entry| entry.event.actor.kind.clone()),
    ("actor_id", |entry| text(entry.event.actor.id.as_ref())),
    ("actor_name", |entry| text(entry.event.actor.name.as_ref())),
    ("actor_email", |entry| text(entry.event.actor.email.as_ref())),
    ("on_behalf_of", |entry| entry.event.actor.on_behalf_of.as_deref().map(type_and_id).unwrap_or_default()),
    ("target_type", |entry| text(entry.event.targets.first().map(|target| &target.kind))),
    ("target_id", |entry| text(entry.event.targets.first().map(|target| &target.id))),
    ("target_name", |entry| text(entry.event.targets.first().and_then(|target| target.name.as_ref()))),
    ("targets", |entry| member(entry, "targets")),
    ("changes", |entry| member(entry, "changes")),
    ("ip", |entry| entry.event.context.ip.map(|ip| ip.to_string()).unwrap_or_default()),
    ("user_agent", |entry| text(entry.event.context.user_agent.as_ref())),
    ("request_id", |entry| text(entry.event.context.request_id.as_ref())),
    ("correlation_id", |entry| text(entry.event.correlation_id.as_ref())),
    ("transaction_id", |entry| text(entry.event.transaction_id.as_ref())),
    ("service", |entry| text(entry.event.source.as_ref().and_then(|source| source.service.as_ref()))),
    ("reason", |entry| text(entry.event.reason.as_ref())),
    ("error_code", |entry| text(entry.event.error.as_ref().and_then(|error| error.code.as_ref()))),
    ("error_message", |entry| text(entry.event.error.as_ref().and_then(|error| error.message.as_ref()))),
    ("description", |entry| text(entry.event.description.as_ref())),
    ("metadata", |entry| member(entry, "metadata")),
    ("leaf_hash", |entry| entry.receipt.leaf_hash.to_string()),
];

/// How many columns there are.
pub const COLUMNS_COUNT: usize = COLUMNS.len();

/// The places of the columns with numbers of the log: within the tenant, in the whole log, and the hash of the leaf.
const SEQ: usize = 2;
const POSITION: usize = 3;
const LEAF_HASH: usize = 29;

/// The names of the columns in their order.
pub fn column_names() -> [&'static str; COLUMNS_COUNT] {
    COLUMNS.map(|(name, _)| name)
}

/// The values of one entry in the order of the columns, not quoted yet.
pub fn values(entry: &Entry) -> [String; COLUMNS_COUNT] {
    COLUMNS.map(|(_, value)| value(entry))
}

/// The line of the names of the columns, its end included.
pub fn header() -> String {
    format!("{}\r\n", column_names().join(","))
}

/// The line of one entry, its end included.
pub fn row(entry: &Entry) -> String {
    line(&values(entry))
}

/// As [`row`] with the position left empty, for those who may see one tenant only.
pub fn row_unpositioned(entry: &Entry) -> String {
    let mut values = values(entry);
    values[POSITION].clear();
    line(&values)
}

/// As [`row`] with all numbers of the log left empty, for those who may see only a part of a tenant's entries.
pub fn row_unnumbered(entry: &Entry) -> String {
    let mut values = values(entry);
    for place in [SEQ, POSITION, LEAF_HASH] {
        values[place].clear();
    }
    line(&values)
}

/// A line of these values, its end included.
pub fn line(values: &[String; COLUMNS_COUNT]) -> String {
    format!("{}\r\n", values.each_ref().map(|value| field(value)).join(","))
}

/// A value as a field: quoted where it must be, and no formula.
fn field(value: &str) -> String {
    let apostrophe = if value.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']) { "'" } else { "" };
    if value.contains(['"', ',', '\r', '\n']) {
        return format!("\"{apostrophe}{}\"", value.replace('"', "\"\""));
    }
    format!("{apostrophe}{value}")
}

fn text(value: Option<&String>) -> String {
    value.cloned().unwrap_or_default()
}

fn type_and_id(actor: &Actor) -> String {
    match &actor.id {
        Some(id) => format!("{}:{id}", actor.kind),
        None => actor.kind.clone(),
    }
}

/// A member of the event as JSON, empty where it is absent.
fn member(entry: &Entry, name: &str) -> String {
    let event: Value = serde_json::from_slice(&entry.canonical).unwrap_or_default();
    event.get(name).map(Value::to_string).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_are_where_they_are_sought() {
        assert_eq!([SEQ, POSITION, LEAF_HASH].map(|place| column_names()[place]), ["seq", "position", "leaf_hash"]);
    }

    #[test]
    fn fields_are_quoted_and_no_formula_is_left() {
        for (value, expected) in [
            ("", ""),
            ("plain", "plain"),
            ("a,b", "\"a,b\""),
            ("say \"hi\"", "\"say \"\"hi\"\"\""),
            ("two\nlines", "\"two\nlines\""),
            ("=1+1", "'=1+1"),
            ("@SUM(A1,B1)", "\"'@SUM(A1,B1)\""),
            ("-5", "'-5"),
            ("+5", "'+5"),
            ("\tx", "'\tx"),
            ("\r=x", "\"'\r=x\""),
        ] {
            assert_eq!(field(value), expected);
        }
    }
}
