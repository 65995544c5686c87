//! The parsers of deedbook-core: bytes of an event, text of a query.

use deedbook_core::query::{ParseOptions, Query};
use deedbook_core::{Event, Limits, Timestamp, prepare};

/// 2026-09-20T14:03:27Z: fixed, so that an input means the same on every day.
const NOW_SECONDS: i64 = 1_789_913_007;

/// Reads an event and prepares it. What is accepted must be accepted again from its canonical bytes, and give the same.
pub fn event(bytes: &[u8]) {
    let Ok(event) = Event::from_json(bytes) else { return };
    let Ok(draft) = prepare(event, &Limits::default(), || [7; 16]) else { return };
    let again = Event::from_json(draft.canonical()).expect("canonical bytes are an event");
    assert_eq!(&again, draft.event(), "canonical bytes mean the event that they were made of");
    let again = prepare(again, &Limits::default(), || [8; 16]).expect("what was accepted once is accepted again");
    assert_eq!(again.canonical(), draft.canonical(), "canonical bytes are their own canonical form");
}

/// Parses a query, if the bytes are text. The same text must always give the same query.
pub fn query(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let now = Timestamp::from_second(NOW_SECONDS).expect("the constant is within the years 1 to 9999");
    let options = ParseOptions { now, time_zone: jiff::tz::TimeZone::UTC };
    match (Query::parse(text, &options), Query::parse(text, &options)) {
        (Ok(first), Ok(second)) => assert_eq!(first, second, "one text has one meaning"),
        (Err(first), Err(second)) => assert_eq!(first.to_string(), second.to_string(), "one text has one error"),
        _ => panic!("one text is either a query or not"),
    }
}
