//! JSON in: a strict parser that refuses what canonical bytes cannot hold.
//!
//! Refused beyond the grammar of RFC 8259: duplicate keys, lone surrogates, invalid UTF-8, too deep nesting, numbers
//! that readers disagree about, and anything after the document. Problems are collected where reading can go on.
//! Values never appear in a problem, for nothing has been redacted here yet; names of members do.

mod elements;
mod lexer;
mod members;
mod reader;

use serde_json::Value;

use crate::Result;

pub use elements::array_elements;
pub(crate) use members::{Members, member_names};
pub(crate) use reader::{Halting, Reader};

/// How deep an event may nest: the event itself is 1. Real CloudTrail records reach 11.
pub(crate) const DEPTH_MAX: usize = 32;

/// Parses one JSON document as strictly as an event is parsed; containers nest at most 32 deep.
///
/// −0 becomes 0, and numbers without a fraction become integers.
///
/// # Errors
/// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) with the places in [`problems`](crate::Error::problems).
///
/// Source: RFC 8259; RFC 7493 (I-JSON), sections 2.1 to 2.3.
pub fn parse_json(bytes: &[u8]) -> Result<Value> {
    parse(bytes, DEPTH_MAX)
}

/// Parses one JSON document whose containers nest at most `depth_max` deep.
pub(crate) fn parse(bytes: &[u8], depth_max: usize) -> Result<Value> {
    let mut reader = Reader::new(bytes, depth_max)?;
    let value = reader.value().and_then(|value| reader.end().map(|()| value));
    reader.finish(value)
}

/// Appends `/segment` to a JSON Pointer, escaped.
///
/// Source: RFC 6901, section 3.
pub(crate) fn push_segment(pointer: &mut String, segment: &str) {
    pointer.push('/');
    if segment.bytes().any(|byte| matches!(byte, b'~' | b'/')) {
        pointer.push_str(&segment.replace('~', "~0").replace('/', "~1"));
    } else {
        pointer.push_str(segment);
    }
}
