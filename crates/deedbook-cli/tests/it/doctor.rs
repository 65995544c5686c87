//! `doctor`.

use std::fs;

use serde_json::json;

use crate::support::Room;

fn filled() -> Room {
    let room = Room::new();
    let line = |n: u32| format!("{{\"id\":\"{n}\",\"action\":\"a.b\",\"actor\":{{\"type\":\"system\"}}}}\n");
    room.enter(&(0..500).map(line).collect::<String>());
    room
}

#[test]
fn a_sound_directory() {
    let room = filled();
    let text = room.run(&["doctor"]).exits(0).stdout;
    assert!(text.contains("500 entries of 1 tenant in") && text.contains("nothing is wrong"), "{text}");
    let report = room.run(&["doctor", "--format", "json"]).exits(0).json();
    assert_eq!((&report["entries"], &report["tenants"], &report["problems"]), (&json!(500), &json!(1), &json!([])));
}

#[test]
fn a_damaged_directory() {
    let room = filled();
    let report = room.run(&["doctor", "--format", "json"]).exits(0).json();
    let files = report["files"].as_array().expect("files").clone();
    let segment = files.iter().find(|file| file["kind"] == "segment").expect("an orderly end seals");
    let path = room.path().join("deedbook-data").join(segment["name"].as_str().expect("a name"));
    let mut bytes = fs::read(&path).expect("the segment");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x10;
    fs::write(&path, bytes).expect("the segment");
    let run = room.run(&["doctor"]).exits(1);
    assert!(run.stdout.contains("wrong:"), "{}", run.stdout);
    let problems = room.run(&["doctor", "--format", "json"]).exits(1).json()["problems"].clone();
    assert!(problems.as_array().is_some_and(|problems| !problems.is_empty()));
}
