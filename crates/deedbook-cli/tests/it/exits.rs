//! The exit codes that no other test has shown, and the help.

use deedbook_store::{FileStore, Options};

use crate::support::Room;

#[test]
fn help_and_version() {
    let room = Room::new();
    let help = room.run(&["--help"]).exits(0).stdout;
    for part in ["record", "get", "log", "import", "export", "doctor", "demo", "--data", "Exit codes:", "DEEDBOOK_DATA"]
    {
        assert!(help.contains(part), "{part}");
    }
    for command in ["record", "get", "log", "import", "export", "doctor", "demo"] {
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
        room.run(arguments).exits(6).says(&["HTTP", "server"]);
    }
    room.run_with_input(&["import", "ndjson", "-"], "{}").exits(6);
    store.close().expect("closed");
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
