//! The canonical bytes of an event ↔ the cells of a row: what people ask for has a column of its own, the rest is kept as
//! JSON, and nothing is kept twice.
//!
//! Whether the cells lead back to the very bytes is tried when they are made. Where they do not (values were erased, or
//! a later version wrote what this one does not know), the bytes themselves are kept besides.

use deedbook_core::serde_json::{Map, Value};
use deedbook_core::{Entry, Error, ErrorKind, Result, Timestamp, canonical_json, parse_json, rfc3339};

/// A member of an event that has a column.
pub(crate) struct Member {
    /// What the column is called.
    pub(crate) column: &'static str,
    /// Where the member is.
    path: &'static [&'static str],
    pub(crate) kind: Kind,
    pub(crate) coding: Coding,
}

/// What a column holds.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A string.
    Text,
    /// A whole number.
    Whole,
    /// An instant, in microseconds.
    Time,
    /// Any value, as JSON.
    Json,
}

/// How the values of a column repeat.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Coding {
    /// Few values, again and again.
    Repeating,
    /// As [`Coding::Repeating`], and they are asked for: they get a filter.
    Sought,
    /// Hardly one twice.
    Unique,
    /// As [`Coding::Unique`], in words.
    Prose,
}

const fn member(column: &'static str, path: &'static [&'static str], kind: Kind, coding: Coding) -> Member {
    Member { column, path, kind, coding }
}

/// Every member with a column, in the order of the columns. To add one changes the format of the files.
pub(crate) const MEMBERS: [Member; 34] = [
    member("id", &["id"], Kind::Text, Coding::Unique),
    member("action", &["action"], Kind::Text, Coding::Repeating),
    member("category", &["category"], Kind::Text, Coding::Repeating),
    member("outcome", &["outcome"], Kind::Text, Coding::Repeating),
    member("occurred_at", &["occurred_at"], Kind::Time, Coding::Unique),
    member("actor_type", &["actor", "type"], Kind::Text, Coding::Repeating),
    member("actor_id", &["actor", "id"], Kind::Text, Coding::Sought),
    member("actor_name", &["actor", "name"], Kind::Text, Coding::Repeating),
    member("actor_email", &["actor", "email"], Kind::Text, Coding::Repeating),
    member("on_behalf_of_type", &["actor", "on_behalf_of", "type"], Kind::Text, Coding::Repeating),
    member("on_behalf_of_id", &["actor", "on_behalf_of", "id"], Kind::Text, Coding::Sought),
    member("on_behalf_of_name", &["actor", "on_behalf_of", "name"], Kind::Text, Coding::Repeating),
    member("on_behalf_of_email", &["actor", "on_behalf_of", "email"], Kind::Text, Coding::Repeating),
    member("description", &["description"], Kind::Text, Coding::Prose),
    member("reason", &["reason"], Kind::Text, Coding::Repeating),
    member("error_code", &["error", "code"], Kind::Text, Coding::Repeating),
    member("error_message", &["error", "message"], Kind::Text, Coding::Repeating),
    member("ip", &["context", "ip"], Kind::Text, Coding::Repeating),
    member("user_agent", &["context", "user_agent"], Kind::Text, Coding::Repeating),
    member("request_id", &["context", "request_id"], Kind::Text, Coding::Unique),
    member("session_id", &["context", "session_id"], Kind::Text, Coding::Repeating),
    member("trace_id", &["context", "trace_id"], Kind::Text, Coding::Unique),
    member("auth_method", &["context", "auth", "method"], Kind::Text, Coding::Repeating),
    member("http_method", &["context", "http", "method"], Kind::Text, Coding::Repeating),
    member("http_route", &["context", "http", "route"], Kind::Text, Coding::Repeating),
    member("http_status", &["context", "http", "status"], Kind::Whole, Coding::Repeating),
    member("http_duration_ms", &["context", "http", "duration_ms"], Kind::Whole, Coding::Repeating),
    member("correlation_id", &["correlation_id"], Kind::Text, Coding::Repeating),
    member("transaction_id", &["transaction_id"], Kind::Text, Coding::Repeating),
    member("source_service", &["source", "service"], Kind::Text, Coding::Repeating),
    member("source_version", &["source", "version"], Kind::Text, Coding::Repeating),
    member("source_environment", &["source", "environment"], Kind::Text, Coding::Repeating),
    member("changes", &["changes"], Kind::Json, Coding::Unique),
    member("metadata", &["metadata"], Kind::Json, Coding::Unique),
];

/// Members of a target, in the order of their columns.
pub(crate) const TARGET: [(&str, Kind, Coding); 7] = [
    ("type", Kind::Text, Coding::Repeating),
    ("id", Kind::Text, Coding::Sought),
    ("name", Kind::Text, Coding::Repeating),
    ("email", Kind::Text, Coding::Repeating),
    ("href", Kind::Text, Coding::Repeating),
    ("role", Kind::Text, Coding::Repeating),
    ("metadata", Kind::Json, Coding::Unique),
];

/// The value of a cell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Cell {
    Text(String),
    Whole(i64),
}

/// A target, by the order of [`TARGET`].
pub(crate) type TargetCells = [Option<String>; TARGET.len()];

/// An event, taken apart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Cells {
    /// By the order of [`MEMBERS`].
    pub(crate) members: Vec<Option<Cell>>,
    pub(crate) targets: Vec<TargetCells>,
    pub(crate) audience: Option<Vec<String>>,
    /// What has no column, as a JSON object.
    pub(crate) rest: Option<String>,
    /// The bytes themselves, where the others do not lead back to them.
    pub(crate) canonical: Option<Vec<u8>>,
}

impl Cells {
    /// Takes the event of an entry apart.
    pub(crate) fn of(entry: &Entry) -> Self {
        let receipt = &entry.receipt;
        let mut cells = Self::taken(event_of(entry));
        // The name of a row even where nothing else of it can be read.
        cells.members[0] = Some(Cell::Text(receipt.id.clone()));
        if cells.joined(&receipt.tenant).is_none_or(|joined| joined != entry.canonical) {
            cells.rest = None;
            cells.canonical = Some(entry.canonical.clone());
        }
        cells
    }

    fn taken(mut event: Map<String, Value>) -> Self {
        // It is the same in all rows of a file, and in the name of its folder.
        event.remove("tenant");
        let members = MEMBERS.iter().map(|member| take(&mut event, member.path, member.kind)).collect();
        let targets = event.get("targets").and_then(targets_of).unwrap_or_default();
        if !targets.is_empty() {
            event.remove("targets");
        }
        let audience = event.get("audience").and_then(texts_of);
        if audience.is_some() {
            event.remove("audience");
        }
        let rest = (!event.is_empty()).then(|| Value::Object(event).to_string());
        Self { members, targets, audience, rest, canonical: None }
    }

    /// The canonical bytes of the event.
    ///
    /// # Errors
    /// [`ErrorKind::Corrupt`] where the cells cannot be those of an event.
    pub(crate) fn into_canonical(self, tenant: &str) -> Result<Vec<u8>> {
        let joined = || self.joined(tenant);
        let corrupt = || Error::new(ErrorKind::Corrupt, "the cells of a row do not make an event");
        self.canonical.clone().or_else(joined).ok_or_else(corrupt)
    }

    /// The bytes to which the cells lead back; `None` where they make no event.
    fn joined(&self, tenant: &str) -> Option<Vec<u8>> {
        let rest = self.rest.as_ref().map(|rest| parse_json(rest.as_bytes()));
        let mut event = match rest {
            None => Map::new(),
            Some(Ok(Value::Object(event))) => event,
            Some(_) => return None,
        };
        for (member, cell) in MEMBERS.iter().zip(&self.members) {
            if let Some(cell) = cell {
                put(&mut event, member.path, value_of(cell, member.kind)?)?;
            }
        }
        if !self.targets.is_empty() {
            let targets = self.targets.iter().map(target_value).collect::<Option<Vec<Value>>>()?;
            event.insert("targets".to_owned(), targets.into());
        }
        if let Some(audience) = &self.audience {
            event.insert("audience".to_owned(), audience.clone().into());
        }
        event.insert("tenant".to_owned(), tenant.into());
        canonical_json(&Value::Object(event)).ok()
    }
}

/// The event of an entry as JSON; of one of which values were erased, with null in their places.
fn event_of(entry: &Entry) -> Map<String, Value> {
    if let Ok(Value::Object(event)) = parse_json(&entry.canonical) {
        return event;
    }
    let Ok(Value::Object(mut event)) = parse_json(&entry.to_json()) else { return Map::new() };
    for added in ["leaf_hash", "position", "recorded_at", "seq"] {
        event.remove(added);
    }
    event
}

/// Takes the value at `path` out of `object`, where it is of this kind, and objects that are empty then.
fn take(object: &mut Map<String, Value>, path: &[&str], kind: Kind) -> Option<Cell> {
    let (&name, inner) = path.split_first()?;
    if inner.is_empty() {
        let cell = cell_of(object.get(name)?, kind)?;
        object.remove(name);
        return Some(cell);
    }
    let Value::Object(child) = object.get_mut(name)? else { return None };
    let cell = take(child, inner, kind)?;
    if child.is_empty() {
        object.remove(name);
    }
    Some(cell)
}

/// Puts a value back to its place; `None` where something else is in the way.
fn put(object: &mut Map<String, Value>, path: &[&str], value: Value) -> Option<()> {
    let (&name, inner) = path.split_first()?;
    if inner.is_empty() {
        return object.insert(name.to_owned(), value).is_none().then_some(());
    }
    let child = object.entry(name).or_insert_with(|| Map::new().into());
    put(child.as_object_mut()?, inner, value)
}

fn cell_of(value: &Value, kind: Kind) -> Option<Cell> {
    match (kind, value) {
        (_, Value::Null) => None,
        (Kind::Text, Value::String(text)) => Some(Cell::Text(text.clone())),
        (Kind::Whole, value) => value.as_i64().map(Cell::Whole),
        (Kind::Time, Value::String(text)) => {
            text.parse::<Timestamp>().ok().map(|instant| Cell::Whole(instant.as_microsecond()))
        }
        (Kind::Json, value) => Some(Cell::Text(value.to_string())),
        _ => None,
    }
}

fn value_of(cell: &Cell, kind: Kind) -> Option<Value> {
    match (kind, cell) {
        (Kind::Text, Cell::Text(text)) => Some(text.as_str().into()),
        (Kind::Json, Cell::Text(text)) => parse_json(text.as_bytes()).ok(),
        (Kind::Whole, Cell::Whole(number)) => Some((*number).into()),
        (Kind::Time, Cell::Whole(microseconds)) => {
            Some(rfc3339(Timestamp::from_microsecond(*microseconds).ok()?).into())
        }
        _ => None,
    }
}

/// The targets, where each of them is an object of known members alone.
fn targets_of(value: &Value) -> Option<Vec<TargetCells>> {
    value.as_array()?.iter().map(target_of).collect()
}

fn target_of(value: &Value) -> Option<TargetCells> {
    let mut target = value.as_object()?.clone();
    let cells = TARGET.map(|(name, kind, _)| match take(&mut target, &[name], kind) {
        Some(Cell::Text(text)) => Some(text),
        _ => None,
    });
    target.is_empty().then_some(cells)
}

fn target_value(cells: &TargetCells) -> Option<Value> {
    let mut target = Map::new();
    for ((name, kind, _), text) in TARGET.iter().zip(cells) {
        if let Some(text) = text {
            target.insert((*name).to_owned(), value_of(&Cell::Text(text.clone()), *kind)?);
        }
    }
    Some(target.into())
}

fn texts_of(value: &Value) -> Option<Vec<String>> {
    value.as_array()?.iter().map(|text| text.as_str().map(str::to_owned)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use deedbook_core::{Digest, Event, Receipt};
    use deedbook_testkit::events;

    fn entry(canonical: &[u8], event: Event) -> Entry {
        let receipt = Receipt {
            id: "e-1".into(),
            tenant: "acme".into(),
            seq: 0,
            position: 0,
            recorded_at: Timestamp::UNIX_EPOCH,
            leaf_hash: Digest([0; 32]),
        };
        Entry { receipt, event, canonical: canonical.to_vec() }
    }

    #[track_caller]
    fn check(canonical: &str) -> Cells {
        let entry = entry(canonical.as_bytes(), events::simple("acme", "e-1"));
        let cells = Cells::of(&entry);
        assert_eq!(cells.clone().into_canonical("acme").expect("an event"), entry.canonical);
        cells
    }

    #[test]
    fn members_without_a_column_are_the_rest() {
        let cells = check(
            r#"{"action":"a.b","actor":{"id":"1","metadata":{"model":"m"},"type":"agent"},"id":"e-1","personal":["/reason"],"tenant":"acme"}"#,
        );
        assert_eq!(cells.rest.as_deref(), Some(r#"{"actor":{"metadata":{"model":"m"}},"personal":["/reason"]}"#));
        assert_eq!(cells.canonical, None);
    }

    #[test]
    fn an_empty_audience_is_not_an_absent_one() {
        let event = |audience| format!(r#"{{"action":"a.b",{audience}"id":"e-1","tenant":"acme"}}"#);
        assert_eq!(check(&event(r#""audience":[],"#)).audience, Some(Vec::new()));
        assert_eq!(check(&event("")).audience, None);
    }

    #[test]
    fn what_the_cells_do_not_lead_back_to_is_kept_itself() {
        for canonical in [
            // Of a later version: a target with a member that this one does not know is the rest, as it is.
            r#"{"action":"a.b","id":"e-1","targets":[{"id":"1","new":true,"type":"t"}],"tenant":"acme"}"#,
            // A number where a text should be, another tenant than that of the receipt, no JSON at all.
            r#"{"action":1,"id":"e-1","tenant":"acme"}"#,
            r#"{"action":"a.b","id":"e-1","tenant":"other"}"#,
            r#"{"action":"a.b","context":{"http":{"status":2e2}},"id":"e-1","tenant":"acme"}"#,
            r#"{"action":"a.b","id":"e-1","occurred_at":"2026-09-20T14:00:00Z","tenant":"acme"}"#,
            "nothing",
        ] {
            check(canonical);
        }
        let erased =
            [&b"{\"action\":\"a.b\",\"description\":\0"[..], &[7; 32], b",\"id\":\"e-1\",\"tenant\":\"acme\"}"];
        let entry = entry(&erased.concat(), events::simple("acme", "e-1"));
        let cells = Cells::of(&entry);
        assert_eq!(cells.canonical.as_ref(), Some(&entry.canonical));
        assert_eq!(cells.members[1], Some(Cell::Text("a.b".into())), "what is left is in its column");
    }

    #[test]
    fn generated_events_need_no_second_copy() {
        for number in 0..2_000 {
            let draft = events::draft(number);
            let mut entry = entry(draft.canonical(), events::event(number));
            entry.receipt.id = draft.id().to_owned();
            entry.receipt.tenant = draft.tenant().to_owned();
            let cells = Cells::of(&entry);
            assert_eq!(cells.canonical, None, "event {number}");
            assert_eq!(cells.into_canonical(draft.tenant()).expect("an event"), entry.canonical, "event {number}");
        }
    }
}
