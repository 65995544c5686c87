//! Entries as CSV after RFC 4180: comma, CRLF, a header, fields quoted where they need it.
//!
//! A field that a spreadsheet would take for a formula, because it begins with `=`, `+`, `-`, `@`, a tab or a line
//! break, gets an apostrophe in front (OWASP, "CSV Injection"). CSV is for people with spreadsheets; `ndjson` is the
//! form that loses nothing.

use std::borrow::Cow;
use std::io::{self, Write};

use deedbook_core::{Actor, Entry, Outcome, rfc3339};
use serde_json::Value;

use super::safe::safe;
use super::{Destination, EntryWriter};

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

/// The names of the columns in their order, as `--help` lists them.
pub(crate) fn column_names() -> String {
    COLUMNS.map(|(name, _)| name).join(", ")
}

/// Writes entries as CSV; the header comes first, even if no entry follows.
pub(crate) struct Csv {
    destination: Destination,
    header_due: bool,
}

impl Csv {
    /// A writer that has written nothing.
    pub(crate) fn new(destination: Destination) -> Self {
        Self { destination, header_due: true }
    }

    fn write_header(&mut self, out: &mut dyn Write) -> io::Result<()> {
        if std::mem::take(&mut self.header_due) {
            write!(out, "{}\r\n", COLUMNS.map(|(name, _)| name).join(","))?;
        }
        Ok(())
    }
}

impl EntryWriter for Csv {
    fn write(&mut self, entries: &[Entry], out: &mut dyn Write) -> io::Result<()> {
        self.write_header(out)?;
        for entry in entries {
            let fields = COLUMNS.map(|(_, value)| field(&value(entry), self.destination));
            write!(out, "{}\r\n", fields.join(","))?;
        }
        Ok(())
    }

    fn finish(&mut self, out: &mut dyn Write) -> io::Result<()> {
        self.write_header(out)
    }
}

fn field(value: &str, destination: Destination) -> String {
    let value = match destination {
        Destination::Terminal => safe(value),
        Destination::Elsewhere => Cow::Borrowed(value),
    };
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
            assert_eq!(field(value, Destination::Elsewhere), expected);
        }
        assert_eq!(field("\u{1b}[31m", Destination::Terminal), "␛[31m");
    }
}
