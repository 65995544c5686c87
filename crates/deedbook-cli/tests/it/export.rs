//! `export`, and that what it writes comes in again.

use serde_json::{Value, json};

use crate::support::Room;

fn filled() -> Room {
    let room = Room::new();
    let events = [
        json!({ "id": "1", "action": "a.b", "actor": { "type": "user", "id": "ada", "name": "=cmd()" }, "description": "a,b\n\"c\"" }),
        json!({ "id": "2", "tenant": "acme", "action": "a.c", "actor": { "type": "system" }, "outcome": "denied",
                "occurred_at": "2024-05-06T07:08:09.123456+02:00", "metadata": { "seq": 1, "n": 0.1, "ü": [null, {}] } }),
        json!({ "id": "3", "action": "a.d", "actor": { "type": "anonymous" }, "changes": [{ "path": "/x", "from": null, "to": 1 }] }),
    ];
    room.enter(&events.map(|event| format!("{event}\n")).concat());
    room
}

#[test]
fn an_export_comes_in_again_as_it_was() {
    let room = filled();
    let run = room.run(&["export", "ndjson", "-o", "out.ndjson"]).exits(0).says(&["3 entries exported"]);
    assert_eq!(run.stdout, "");
    let again = room.run(&["import", "ndjson", "out.ndjson"]).exits(0);
    assert_eq!(again.stdout, "0 new, 3 already there, 0 rejected\n");

    let other = Room::new();
    other.file("out.ndjson", room.read("out.ndjson"));
    assert_eq!(other.run(&["import", "ndjson", "out.ndjson"]).exits(0).stdout, "3 new, 0 already there, 0 rejected\n");
    other.run(&["export", "ndjson", "-o", "again.ndjson"]).exits(0);
    let events = |text: String| -> Vec<Value> {
        let events = text.lines().map(|line| {
            let mut event: Value = serde_json::from_str(line).expect("JSON");
            let members = event.as_object_mut().expect("an object");
            members.retain(|name, _| name != "recorded_at" && name != "leaf_hash");
            event
        });
        events.collect()
    };
    assert_eq!(events(other.read("again.ndjson")), events(room.read("out.ndjson")));
}

#[test]
fn oldest_first_of_what_was_asked_for() {
    let room = filled();
    let ids = |arguments: &[&str]| {
        let run = room.run(&[&["export", "ndjson"], arguments].concat()).exits(0);
        run.ndjson().iter().map(|entry| entry["id"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(ids(&["-o", "-"]), ["1", "2", "3"]);
    assert_eq!(ids(&["-o", "-", "--tenant", "acme"]), ["2"]);
    assert_eq!(ids(&["action:a.d", "--output", "-"]), ["3"]);
}

#[test]
fn csv_for_spreadsheets() {
    let room = filled();
    room.run(&["export", "csv", "id:1", "-o", "out.csv"]).exits(0);
    let csv = room.read("out.csv");
    let (header, row) = csv.split_once("\r\n").expect("two lines");
    assert_eq!(header.split(',').count(), 30);
    assert!(row.contains(",'=cmd(),") && row.contains(",\"a,b\n\"\"c\"\"\","), "{row}");
}

#[test]
fn a_file_is_whole_or_not_there() {
    let room = filled();
    room.file("out.ndjson", "old");
    room.run(&["export", "ndjson", "-o", "out.ndjson"]).exits(0);
    assert_eq!(room.read("out.ndjson").lines().count(), 3);
    room.run(&["export", "ndjson", "-o", "none/out.ndjson"]).exits(8).says(&["cannot write none/out.ndjson"]);
    room.run(&["export", "ndjson", "broken:", "-o", "other"]).exits(4);
    let mut names = room.names();
    names.sort();
    assert_eq!(names, ["deedbook-data", "out.ndjson"]);
    room.run(&["export", "ndjson"]).exits(2).says(&["--output"]);
}

#[cfg(unix)]
#[test]
fn what_is_no_ordinary_file_is_not_replaced() {
    use std::os::unix::fs::{FileTypeExt, symlink};

    let room = filled();
    let target = room.file("target", "old");
    symlink(&target, room.path().join("link")).expect("a link");
    room.run(&["export", "ndjson", "-o", "link"]).exits(0);
    assert!(room.path().join("link").is_symlink());
    assert_eq!(room.read("target").lines().count(), 3);
    room.run(&["export", "ndjson", "-o", "deedbook-data"]).exits(8);

    // A pipe of this test's own, never a device of the machine.
    let pipe = room.path().join("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().expect("mkfifo runs").success());
    let reader = std::thread::spawn({
        let pipe = pipe.clone();
        move || std::fs::read_to_string(pipe).expect("the export")
    });
    room.run(&["export", "ndjson", "-o", "pipe"]).exits(0);
    assert_eq!(reader.join().expect("it ends").lines().count(), 3);
    assert!(std::fs::metadata(&pipe).expect("still there").file_type().is_fifo());
}
