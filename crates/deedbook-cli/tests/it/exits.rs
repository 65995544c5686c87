//! The exit codes that no other test has shown, and the help.

use std::fs;

use deedbook_store::{FileStore, Options};

use crate::support::Room;

#[test]
fn help_and_version() {
    let room = Room::new();
    let help = room.run(&["--help"]).exits(0).stdout;
    for part in [
        "record",
        "get",
        "log",
        "import",
        "export",
        "doctor",
        "serve",
        "token",
        "demo",
        "--data",
        "Exit codes:",
        "DEEDBOOK_DATA",
    ] {
        assert!(help.contains(part), "{part}");
    }
    for command in ["record", "get", "log", "import", "export", "doctor", "serve", "token", "demo"] {
        assert!(room.run(&[command, "--help"]).exits(0).stdout.contains("Example:"), "{command}");
    }
    assert_eq!(room.run(&["--version"]).exits(0).stdout, format!("deedbook {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn usage_is_two() {
    let room = Room::new();
    room.run(&[]).exits(2);
    room.run(&["log", "--format", "xml"]).exits(2).says(&["table", "ndjson"]);
    room.run(&["import", "git", "-"]).exits(2).says(&["standard input"]);
    room.run(&["record", "a.b", "--actor", "system", "--outcome", "maybe"]).exits(2).says(&["denied"]);
}

#[test]
fn a_directory_in_use_is_six() {
    let room = Room::new();
    let store = FileStore::open(room.path().join("deedbook-data"), Options::default()).expect("a new directory");
    for arguments in [
        &["record", "a.b", "--actor", "system"][..],
        &["log"],
        &["get", "x"],
        &["doctor"],
        &["export", "csv", "-o", "-"],
    ] {
        room.run(arguments).exits(6).says(&["--server URL", "server"]);
    }
    room.run_with_input(&["import", "ndjson", "-"], "{}").exits(6);
    store.close().expect("closed");
    drop(store);
    room.run(&["record", "a.b", "--actor", "system"]).exits(0);
}

#[test]
fn no_directory_is_ten() {
    let room = Room::new();
    for arguments in [&["log"][..], &["get", "x"], &["doctor"], &["export", "csv", "-o", "x"]] {
        room.run(arguments).exits(10).says(&["deedbook demo", "--data"]);
    }
    assert_eq!(room.names(), Vec::<String>::new());
}

#[test]
fn what_the_operating_system_refuses_is_eight() {
    let room = Room::new();
    room.file("taken", "a file");
    room.run(&["record", "a.b", "--actor", "system", "--data", "taken/below"]).exits(8);
}

#[test]
fn a_corrupt_directory_is_seven_and_the_doctor_says_why() {
    let room = Room::new();
    let line = |n: u32| format!("{{\"id\":\"{n}\",\"action\":\"a.b\",\"actor\":{{\"type\":\"system\"}}}}\n");
    room.enter(&(0..2000).map(line).collect::<String>());
    let data = room.path().join("deedbook-data");
    let manifest = data.join("MANIFEST");
    let sound = fs::read(&manifest).expect("the manifest");
    fs::write(&manifest, [&sound[..], b"x"].concat()).expect("the manifest");
    room.run(&["log"]).exits(7).says(&["doctor"]);
    fs::write(&manifest, sound).expect("the manifest");
    room.run(&["log"]).exits(0);
    for file in room.run(&["doctor", "--format", "json"]).exits(0).json()["files"].as_array().expect("files") {
        if file["kind"] == "segment" {
            let path = data.join(file["name"].as_str().expect("a name"));
            let size = fs::metadata(&path).expect("a segment").len();
            fs::OpenOptions::new().write(true).open(&path).and_then(|file| file.set_len(size / 2)).expect("cut");
        }
    }
    room.run(&["log", "--limit", "0"]).exits(7).says(&["doctor"]);
    room.run(&["doctor"]).exits(1);
}

#[test]
fn a_directory_of_a_newer_format_is_nine() {
    let room = Room::new();
    room.run(&["record", "a.b", "--actor", "system"]).exits(0);
    let manifest = room.path().join("deedbook-data/MANIFEST");
    let text = fs::read_to_string(&manifest).expect("the manifest");
    let mut words: Vec<_> = text.splitn(3, ' ').collect();
    words[1] = "4000000000";
    fs::write(&manifest, words.join(" ")).expect("the manifest");
    for arguments in [&["log"][..], &["record", "a.b", "--actor", "system"], &["doctor"]] {
        room.run(arguments).exits(9).says(&["newer version"]);
    }
}

#[cfg(target_os = "linux")]
#[test]
fn output_that_cannot_be_written_is_eight() {
    let room = Room::new();
    room.run(&["record", "a.b", "--actor", "system", "--id", "x"]).exits(0);
    for arguments in [
        &["log"][..],
        &["log", "--count"],
        &["log", "--format", "json"],
        &["get", "x"],
        &["doctor"],
        &["export", "ndjson", "-o", "-"],
    ] {
        let full = fs::OpenOptions::new().write(true).open("/dev/full").expect("a device");
        let output = room.command().args(arguments).stdout(full).output().expect("it runs");
        assert_eq!(output.status.code(), Some(8), "{arguments:?}");
        assert!(String::from_utf8_lossy(&output.stderr).contains("cannot write"), "{arguments:?}");
    }
}
