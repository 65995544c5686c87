//! `log`: forms, limits, queries, and what must not reach a terminal.

use std::io::Read;
use std::process::Stdio;

use serde_json::json;

use crate::support::Room;

fn room_with(count: usize) -> Room {
    let room = Room::new();
    let line = |n: usize| {
        let tenant = if n.is_multiple_of(2) { "even" } else { "odd" };
        let occurred_at = format!("2024-01-{:02}T00:00:00Z", n % 28 + 1);
        let event = json!({
            "id": format!("e{n}"), "tenant": tenant, "action": "thing.made", "occurred_at": occurred_at,
            "actor": { "type": "user", "id": format!("u{}", n % 3) }, "targets": [{ "type": "thing", "id": "t" }],
            "metadata": { "n": n },
        });
        format!("{event}\n")
    };
    room.enter(&(0..count).map(line).collect::<String>());
    room
}

#[test]
fn newest_first_and_fifty_unless_told() {
    let room = room_with(1203);
    let ids = |arguments: &[&str]| {
        let run = room.run(&[&["log", "--format", "ndjson"], arguments].concat()).exits(0);
        run.ndjson().iter().map(|entry| entry["id"].as_str().expect("an id").to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(ids(&["--limit", "2"]), ["e1202", "e1201"]);
    assert_eq!(ids(&[]).len(), 50);
    assert_eq!(ids(&["--limit", "0"]).len(), 1203);
    assert_eq!(ids(&["--limit", "1001"]).last().map(String::as_str), Some("e202"));
    assert_eq!(ids(&["--tenant", "odd", "--limit", "1"]), ["e1201"]);
    assert_eq!(ids(&["actor:user:u1", "meta.n:<5"]), ["e4", "e1"]);
}

#[test]
fn counts_are_bare_numbers() {
    let room = room_with(10);
    assert_eq!(room.count(""), 10);
    assert_eq!(room.count("-actor:u0"), 6);
    assert_eq!(room.count("nothing"), 0);
    let run = room.run(&["log", "--count", "--tenant", "even", "--limit", "1", "--format", "json"]).exits(0);
    assert_eq!(run.stdout, "5\n");
}

#[test]
fn every_form() {
    let room = room_with(3);
    let array = room.run(&["log", "--format", "json"]).exits(0).json();
    assert_eq!(array.as_array().map(Vec::len), Some(3));
    assert_eq!(room.run(&["log", "--format", "json", "nothing"]).exits(0).json(), json!([]));
    let csv = room.run(&["log", "--format", "csv"]).exits(0).stdout;
    assert!(csv.starts_with("id,tenant,seq,position,recorded_at,occurred_at,action,outcome,"), "{csv}");
    assert_eq!(csv.matches("\r\n").count(), 4);
    let plain = room.run(&["log"]).exits(0).stdout;
    let first: Vec<_> = plain.lines().next().expect("a line").split('\t').collect();
    assert_eq!(first, ["2024-01-03T00:00:00.000000Z", "even", "user:u2", "thing.made", "success", "thing:t", ""]);
}

#[test]
fn a_query_that_does_not_parse_is_pointed_at() {
    let room = room_with(1);
    room.run(&["log", "outcome:denied AND"]).exits(4).says(&[
        "the query does not parse",
        "\n  outcome:denied AND\n",
        "^",
    ]);
    room.run(&["log", "aktion:x"]).exits(4).says(&["  aktion:x\n  ^"]);
}

#[test]
fn nothing_of_an_entry_steers_a_terminal() {
    let room = Room::new();
    let evil = "\u{1b}]0;owned\u{7}\u{9b}31m\u{202e}\r\nforged\tline";
    let event = json!({ "action": "a.b", "actor": { "type": "user", "id": evil, "name": evil }, "description": evil });
    room.enter(&event.to_string());
    let plain = room.run(&["log"]).exits(0).stdout;
    assert_eq!(plain.lines().count(), 1);
    assert_eq!(plain.matches('\t').count(), 6);
    assert!(!plain.contains(['\u{1b}', '\u{7}', '\u{9b}', '\u{202e}', '\r']), "{plain:?}");
    // JSON carries the very same text.
    assert_eq!(room.run(&["log", "--format", "json"]).exits(0).json()[0]["actor"]["id"], evil);
}

#[test]
fn colours_are_for_terminals_unless_asked_for() {
    let room = room_with(1);
    let card = |color: &str| {
        room.run(&["get", "e0", "--tenant", "even", "--format", "table", "--color", color]).exits(0).stdout
    };
    assert!(!card("auto").contains('\u{1b}') && !card("never").contains('\u{1b}'));
    assert!(card("always").contains('\u{1b}'));
}

#[test]
fn a_reader_that_leaves_is_no_error() {
    let room = room_with(3000);
    let mut command = room.command();
    command.args(["log", "--limit", "0", "--format", "ndjson"]).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("it runs");
    let mut first = [0; 10];
    child.stdout.take().expect("a pipe").read_exact(&mut first).expect("some output");
    let output = child.wait_with_output().expect("it ends");
    assert_eq!((output.status.code(), String::from_utf8_lossy(&output.stderr).as_ref()), (Some(0), ""));
}

#[test]
fn reading_writes_nothing() {
    let room = room_with(3);
    let listing = || {
        let mut files: Vec<_> = std::fs::read_dir(room.path().join("deedbook-data"))
            .expect("a directory")
            .map(|entry| entry.expect("an entry"))
            .map(|entry| (entry.file_name(), std::fs::read(entry.path()).unwrap_or_default()))
            .collect();
        files.sort();
        files
    };
    let before = listing();
    room.run(&["log"]).exits(0);
    room.run(&["get", "e1", "--tenant", "odd"]).exits(0);
    room.run(&["doctor"]).exits(0);
    assert!(before == listing());
}
