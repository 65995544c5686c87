//! The fields of a row → the changes of an event, within what an event may measure.

use deedbook_core::serde_json::{Map, Value, json};
use deedbook_core::{Change, Event};

use super::field::{Field, Side, Values};
use super::value;

/// A value over this many bytes is left out; its length and hash are kept.
const VALUE_BYTES_MAX: usize = 8 * 1024;
/// Bytes of all values, names and pointers of an event: three quarters of the 256 KiB of the log, for there is more in
/// an event.
const EVENT_BYTES_MAX: usize = 192 * 1024;
/// Pointers in `personal`.
const PERSONAL_MAX: usize = 32;

/// Gives `event` the changes of `fields`. Where they are too much together, the limit of a value falls until they fit.
pub(super) fn settle(fields: Vec<Field>, event: &mut Event) {
    let limits = [VALUE_BYTES_MAX, 2048, 512, 128, 32, 0];
    let value_bytes_max = limits.into_iter().find(|&max| bytes(&fields, max) <= EVENT_BYTES_MAX).unwrap_or(0);
    let mut digests = Map::new();
    for field in fields {
        let is_personal = field.is_personal;
        let change = change(field, value_bytes_max, &mut digests);
        if is_personal && !change.redacted {
            mark(event, &change);
        }
        event.changes.push(change);
    }
    if event.personal.len() > PERSONAL_MAX {
        event.personal = vec!["/changes".to_owned()];
    }
    if !digests.is_empty() {
        event.metadata.insert("too_large".to_owned(), Value::Object(digests));
    }
}

fn mark(event: &mut Event, change: &Change) {
    let index = event.changes.len();
    let sides = [("from", change.from.is_some()), ("to", change.to.is_some())];
    event
        .personal
        .extend(sides.iter().filter(|(_, is_there)| *is_there).map(|(name, _)| format!("/changes/{index}/{name}")));
}

/// About how much the fields take, if no value is over `max`.
fn bytes(fields: &[Field], max: usize) -> usize {
    let side = |side: &Option<Side>| match side {
        None => 0,
        Some(Side::Digest(_)) => 100,
        Some(Side::Whole(value)) => match value::bytes(value) {
            bytes if bytes <= max => bytes,
            _ => 100,
        },
    };
    let values = |values: &Values| match values {
        Values::Masked => 16,
        Values::Known { from, to } => side(from) + side(to),
    };
    fields.iter().map(|field| field.path.len() + 32 + values(&field.values)).sum()
}

fn change(field: Field, max: usize, digests: &mut Map<String, Value>) -> Change {
    let redacted = Change { path: field.path, from: None, to: None, redacted: true };
    let Values::Known { from, to } = field.values else { return redacted };
    if !is_over(&from, max) && !is_over(&to, max) {
        return Change { from: from.map(whole), to: to.map(whole), redacted: false, ..redacted };
    }
    let sides =
        [("from", from), ("to", to)].into_iter().filter_map(|(name, side)| Some((name.to_owned(), digest(side?))));
    digests.insert(redacted.path.clone(), Value::Object(sides.collect()));
    redacted
}

fn is_over(side: &Option<Side>, max: usize) -> bool {
    match side {
        None => false,
        Some(Side::Digest(_)) => true,
        Some(Side::Whole(value)) => value::bytes(value) > max.max(5),
    }
}

fn whole(side: Side) -> Value {
    match side {
        Side::Whole(value) | Side::Digest(value) => value,
    }
}

fn digest(side: Side) -> Value {
    match side {
        Side::Digest(digest) => digest,
        Side::Whole(value) if value.is_null() => json!({ "null": true }),
        Side::Whole(value) => value::digested(&value),
    }
}
