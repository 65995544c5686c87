//! Every record of every format, as it was when somebody looked at it last.

use deedbook_core::serde_json::Value;
use deedbook_deliver::Format;

use crate::samples::{entries, json, record};

/// The records of all entries, each below its id; the version of the crate is left out.
fn lines(format: &str) -> String {
    let format: Format = format.parse().unwrap();
    let version = format!("|{}|", env!("CARGO_PKG_VERSION"));
    let line = |entry: &_| record(&format, entry).replacen(&version, "|VERSION|", 1);
    entries().iter().map(|entry| format!("-- {}\n{}\n", entry.receipt.id, line(entry))).collect()
}

/// As [`lines`], with every member on a line of its own.
fn documents(format: &Format) -> String {
    let document = |entry: &_| -> Value { json(format, entry) };
    entries().iter().map(|entry| format!("-- {}\n{:#}\n", entry.receipt.id, document(entry))).collect()
}

#[test]
fn json_lines() {
    insta::assert_snapshot!(lines("json"));
}

#[test]
fn ocsf() {
    insta::assert_snapshot!(documents(&Format::Ocsf));
}

#[test]
fn ecs() {
    insta::assert_snapshot!(documents(&Format::Ecs));
}

#[test]
fn cloudevents() {
    insta::assert_snapshot!(lines("cloudevents"));
}

#[test]
fn cef() {
    insta::assert_snapshot!(lines("cef"));
}

#[test]
fn leef() {
    insta::assert_snapshot!(lines("leef"));
}

#[test]
fn template() {
    insta::assert_snapshot!(lines(
        "template:{recorded_at} {outcome} {action} {actor.type}={actor.id|-} {targets.0.id:json|null} {metadata}"
    ));
}
