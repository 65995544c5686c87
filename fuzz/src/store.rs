//! The reader of deedbook-store: bytes of a segment. Under the fuzzing engine every checksum counts as right.

use std::sync::LazyLock;

use deedbook_core::query::{ParseOptions, Query};
use deedbook_core::{ErrorKind, Timestamp};
use deedbook_store::fuzzing;

/// One for each way in which a segment is searched: all, terms, prefixes, words, a phrase, times, numbers, and
/// combinations of them.
const QUERIES: [&str; 8] = [
    "",
    "action:document.shared",
    "actor:user* -outcome:denied",
    "annual plan",
    "\"annual plan\"",
    "occurred:2026-01-01.. OR target:document:doc_42",
    "seq:1..3",
    "meta.amount:>=2",
];

/// Reads a segment in every way there is. Bytes that are none are refused as corrupt, and nothing else is said of them.
pub fn segment(bytes: &[u8]) {
    static PARSED: LazyLock<Vec<Query>> = LazyLock::new(|| QUERIES.map(parse).into());
    if let Err(error) = fuzzing::read_any_segment(bytes, &PARSED) {
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
    }
}

fn parse(text: &str) -> Query {
    let options = ParseOptions { now: Timestamp::UNIX_EPOCH, time_zone: jiff::tz::TimeZone::UTC };
    Query::parse(text, &options).expect("the queries are in the language")
}
