//! `record` and `get`.

use serde_json::json;

use crate::support::Room;

const ADA: [&str; 4] = ["record", "invoice.approved", "--actor", "user:ada=Ada"];

#[test]
fn a_receipt_and_then_the_entry() {
    let room = Room::new();
    let mut arguments = ADA.to_vec();
    arguments.extend([
        "--target",
        "invoice:7=Invoice 7",
        "--target",
        "customer:x",
        "--change",
        "/state=open..approved",
    ]);
    arguments.extend(["--change", "/total=..19.90", "--outcome", "success", "--meta", "amount=19.90"]);
    arguments.extend(["--meta", "note=plain text", "--reason", "ticket T-5", "--id", "evt_1", "--tenant", "acme"]);
    let receipt = room.run(&[&arguments[..], &["--format", "json"]].concat()).exits(0).json();
    assert_eq!((&receipt["id"], &receipt["tenant"]), (&json!("evt_1"), &json!("acme")));
    assert_eq!((&receipt["seq"], &receipt["position"]), (&json!(0), &json!(0)));
    assert_eq!(receipt["leaf_hash"].as_str().map(str::len), Some(64));

    let entry = room.run(&["get", "evt_1", "--tenant", "acme"]).exits(0).json();
    assert_eq!(entry["actor"], json!({ "type": "user", "id": "ada", "name": "Ada" }));
    assert_eq!(entry["targets"][0], json!({ "type": "invoice", "id": "7", "name": "Invoice 7" }));
    assert_eq!(entry["changes"][0], json!({ "path": "/state", "from": "open", "to": "approved" }));
    assert_eq!(entry["changes"][1], json!({ "path": "/total", "to": 19.9 }));
    assert_eq!(entry["metadata"], json!({ "amount": 19.9, "note": "plain text" }));
    assert_eq!((&entry["reason"], &entry["leaf_hash"]), (&json!("ticket T-5"), &receipt["leaf_hash"]));

    // The same event again is a repetition and gets the first receipt.
    let again = room.run(&[&arguments[..], &["--format", "json"]].concat()).exits(0).json();
    assert_eq!(again, receipt);
    let card = room.run(&["get", "evt_1", "--tenant", "acme", "--format", "table"]).exits(0).stdout;
    assert!(card.contains("/state: \"open\" → \"approved\"") && card.contains("ticket T-5"), "{card}");
}

#[test]
fn without_a_terminal_a_receipt_is_tab_separated() {
    let room = Room::new();
    let stdout = room.run(&ADA).exits(0).stdout;
    let names: Vec<_> = stdout.lines().filter_map(|line| line.split_once('\t')).map(|(name, _)| name).collect();
    assert_eq!(names, ["id", "tenant", "seq", "position", "recorded_at", "leaf_hash"]);
    assert!(stdout.contains("tenant\tdefault\n"), "{stdout}");
}

#[test]
fn actors_without_an_id() {
    let room = Room::new();
    room.run(&["record", "backup.finished", "--actor", "system"]).exits(0);
    assert_eq!(room.count("actor.type:system"), 1);
    room.run(&["record", "backup.finished", "--actor", "robot"]).exits(2).says(&["TYPE:ID", "anonymous"]);
}

#[test]
fn what_is_not_there() {
    let room = Room::new();
    room.run(&ADA).exits(0);
    room.run(&["get", "evt_none"]).exits(1).says(&["there is no entry evt_none", "--tenant"]);
}

#[test]
fn events_that_are_refused_make_no_directory() {
    let room = Room::new();
    for (arguments, parts) in [
        (vec!["record", "Approve", "--actor", "user:ada"], vec!["action"]),
        (vec!["record", "audit.viewed", "--actor", "user:ada"], vec!["audit"]),
        (vec!["record", "a.b", "--actor", "user:ada", "--id", "no spaces"], vec!["id"]),
        (vec!["record", "a.b", "--actor", "user:ada", "--tenant", "Acme"], vec!["tenant"]),
        (vec!["record", "a.b", "--actor", "USER:ada"], vec!["actor"]),
        (vec!["record", "a.b", "--actor", "user:ada", "--change", "state=1..2"], vec!["change"]),
        (
            vec!["record", "a.b", "--actor", "user:ada", "--meta", "a=1", "--meta", "a=2"],
            vec!["--meta a is given twice"],
        ),
    ] {
        room.run(&arguments).exits(4).says(&parts);
    }
    assert_eq!(room.names(), Vec::<String>::new());
}

#[test]
fn too_large_is_refused_and_not_trimmed() {
    let room = Room::new();
    let big = format!("note={}", "x".repeat(100_000));
    let mut arguments = ADA.to_vec();
    arguments.extend(["--meta", &big]);
    room.run(&arguments).exits(0);
    let parts = ["b", "c", "d"].map(|key| format!("{key}={}", "x".repeat(100_000)));
    arguments.extend(parts.iter().flat_map(|part| ["--meta", part]));
    room.run(&arguments).exits(4);
}

#[test]
fn the_same_id_with_another_body_is_a_conflict() {
    let room = Room::new();
    room.run(&["record", "a.b", "--actor", "user:ada", "--id", "x"]).exits(0);
    room.run(&["record", "a.c", "--actor", "user:ada", "--id", "x"]).exits(5).says(&["error:"]);
    assert_eq!(room.count(""), 1);
}

#[test]
fn the_directory_comes_from_argument_or_environment() {
    let room = Room::new();
    room.run(&["record", "a.b", "--actor", "system", "--data", "one"]).exits(0);
    let output = room.command().args(["log", "--count"]).env("DEEDBOOK_DATA", "one").output().expect("it runs");
    assert_eq!(output.stdout, b"1\n");
    assert_eq!(room.names(), ["one"]);
}
