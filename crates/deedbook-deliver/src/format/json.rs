//! Objects of JSON without empty members, written so that no character in them steers whoever shows them.

use deedbook_core::serde_json::{Map, Value};
use deedbook_core::visible::visible_json;

/// The members that are there, and nothing where there are none.
pub(super) fn object<const N: usize>(members: [(&str, Option<Value>); N]) -> Option<Value> {
    let members = self::members(members);
    (!members.is_empty()).then_some(Value::Object(members))
}

/// The members that are there.
pub(super) fn members<const N: usize>(members: [(&str, Option<Value>); N]) -> Map<String, Value> {
    members.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
}

/// Appends `value` as JSON of one line, with control and bidirectional characters as `\uXXXX`.
pub(super) fn write(value: &Value, out: &mut Vec<u8>) {
    out.extend_from_slice(visible_json(&value.to_string()).as_bytes());
}

/// Appends an array of `records`, which are JSON.
pub(super) fn write_array<'a>(records: impl IntoIterator<Item = &'a [u8]>, out: &mut Vec<u8>) {
    out.push(b'[');
    for (index, record) in records.into_iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        out.extend_from_slice(record);
    }
    out.push(b']');
}
