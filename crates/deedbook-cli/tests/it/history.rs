//! `history`, `as-of`, `diff`, `restore`: one invoice from creation to deletion, and bad input.

use serde_json::{Value, json};

use crate::support::Room;

/// An invoice that is made, changed twice, and looked at, next to another thing.
fn room() -> Room {
    let room = Room::new();
    let event = |id: &str, day: u32, action: &str, changes: Value| {
        json!({
            "id": id, "action": action, "occurred_at": format!("2026-09-{day:02}T10:00:00Z"), "changes": changes,
            "actor": { "type": "user", "id": format!("u{day}"), "name": format!("User {day}") },
            "targets": [{ "type": "invoice", "id": "7", "name": "Invoice 7" }],
        })
    };
    let mut denied = event("e5", 5, "invoice.approved", json!([{ "path": "/state", "from": "open", "to": "paid" }]));
    denied["outcome"] = json!("denied");
    let mut mention = event("e6", 6, "payment.received", json!([{ "path": "/total", "to": 1 }]));
    mention["targets"] = json!([{ "type": "payment", "id": "p1" }, { "type": "invoice", "id": "7" }]);
    let lines = [
        event(
            "e1",
            1,
            "invoice.created",
            json!([
                { "path": "/state", "to": "draft" },
                { "path": "/note", "to": "pay until Monday" },
                { "path": "/lines", "to": [{ "sku": "a", "n": 1 }, { "sku": "b", "n": 2 }] },
            ]),
        ),
        event("e2", 2, "invoice.sent", json!([{ "path": "/state", "from": "draft", "to": "open" }])),
        event(
            "e3",
            3,
            "invoice.updated",
            json!([
                { "path": "/note", "from": "pay until Monday", "to": "pay until Friday" },
                { "path": "/lines/1/n", "from": 2, "to": 3 },
                { "path": "/bank", "redacted": true },
            ]),
        ),
        event("e4", 4, "invoice.viewed", json!([])),
        denied,
        mention,
    ];
    room.enter(&lines.iter().map(|line| format!("{line}\n")).collect::<String>());
    room
}

#[test]
fn history_lists_the_entries_and_what_they_did() {
    let room = room();
    let entries = room.run(&["history", "invoice:7"]).exits(0).json();
    let list = |entries: &Value| -> Vec<(String, String)> {
        let text = |entry: &Value, name: &str| entry[name].as_str().expect("text").to_owned();
        entries.as_array().expect("an array").iter().map(|one| (text(one, "id"), text(one, "effect"))).collect()
    };
    let pair = |id: &str, effect: &str| (id.to_owned(), effect.to_owned());
    assert_eq!(
        list(&entries),
        [
            pair("e6", "mentioned"),
            pair("e5", "attempted"),
            pair("e4", "mentioned"),
            pair("e3", "changed"),
            pair("e2", "changed"),
            pair("e1", "created"),
        ]
    );
    let filtered = room.run(&["history", "invoice:7", "change:/state", "outcome:success"]).exits(0).json();
    assert_eq!(list(&filtered), [pair("e2", "changed"), pair("e1", "created")]);
    let around = room.run(&["history", "invoice:7", "--around", "e2"]).exits(0).json();
    assert_eq!(list(&around), [pair("e3", "changed"), pair("e2", "changed"), pair("e1", "created")]);
    let limited = room.run(&["history", "invoice:7", "--limit", "1", "--format", "ndjson"]).exits(0).ndjson();
    assert_eq!(limited.len(), 1);
    assert_eq!(room.run(&["history", "invoice:7", "action:none"]).exits(0).json(), json!([]));
    let table = room.run(&["history", "invoice:7", "--format", "table", "--limit", "3"]).exits(0).stdout;
    let lines: Vec<&str> = table.lines().collect();
    assert_eq!(lines.len(), 4, "{table}");
    assert!(lines[0].starts_with("TIME") && lines[0].contains("EFFECT"), "{table}");
    assert!(lines[1].contains("2026-09-06 10:00:00") && lines[1].contains("mentioned"), "{table}");
}

#[test]
fn as_of_shows_each_field_with_who_set_it() {
    let room = room();
    let state = room.run(&["as-of", "invoice:7", "2026-09-02"]).exits(0).json();
    let expected = json!({ "lines": [{ "n": 1, "sku": "a" }, { "n": 2, "sku": "b" }], "note": "pay until Monday", "state": "open" });
    assert_eq!(state["document"], expected);
    assert_eq!(state["existence"], "exists");
    let field = |path: &str| state["fields"].as_array().expect("fields").iter().find(|field| field["path"] == path);
    assert_eq!(field("/state").expect("it is there")["set_by"]["id"], "e2");
    assert_eq!(field("/note").expect("it is there")["set_by"]["actor"]["name"], "User 1");
    // The morning of that day, before it was sent; right after an event; and at present.
    let at = |moment: &str| room.run(&["as-of", "invoice:7", moment]).exits(0).json();
    assert_eq!(at("2026-09-02T09:00Z")["document"]["state"], "draft");
    assert_eq!(at("e1")["document"]["state"], "draft");
    assert_eq!(at("2026-08")["existence"], "not_created");
    assert_eq!(at("-1h")["document"]["note"], "pay until Friday");
    let table = room.run(&["as-of", "invoice:7", "latest", "--format", "table"]).exits(0).stdout;
    for part in [
        "FIELD",
        "SET BY",
        "/bank",
        "unknown (redacted)",
        "/lines/1/n",
        "\"open\"",
        "User 2",
        "2026-09-02",
        "created by user:u1",
    ] {
        assert!(table.contains(part), "{part} is missing in: {table}");
    }
}

#[test]
fn diff_compares_by_word_and_element() {
    let room = room();
    let diff = room.run(&["diff", "invoice:7", "e2", "2026-09-30"]).exits(0).json();
    let paths: Vec<_> = diff["differences"].as_array().expect("a list").iter().map(|one| one["path"].clone()).collect();
    assert_eq!(paths, ["/bank", "/lines", "/note"]);
    assert_eq!(diff["differences"][2]["text"][1], json!({ "removed": "Monday" }));
    assert_eq!(diff["differences"][1]["items"][0]["differences"][0]["path"], "/lines/1/n");
    let table =
        room.run(&["diff", "invoice:7", "e2", "latest", "--format", "table", "--color", "always"]).exits(0).stdout;
    let plain = room.run(&["diff", "invoice:7", "e2", "latest", "--format", "table"]).exits(0).stdout;
    assert!(plain.contains("  pay until [-Monday-]{+Friday+}\n"), "{plain}");
    assert!(plain.contains("    - 2\n") && plain.contains("    + 3\n"), "{plain}");
    assert!(plain.contains("  + unknown (redacted)\n"), "{plain}");
    assert!(table.contains("\u{1b}[31m") && table.contains("\u{1b}[32m") && !plain.contains('\u{1b}'));
    let same = room.run(&["diff", "invoice:7", "e3", "e6", "--format", "table"]).exits(0).stdout;
    assert!(same.ends_with("no field differs\n"), "{same}");
}

#[test]
fn restore_prints_the_patch_and_what_it_cannot_know() {
    let room = room();
    let run = room.run(&["restore", "invoice:7", "e2"]).exits(0);
    assert_eq!(
        run.json(),
        json!([
            { "op": "replace", "path": "/lines/1/n", "value": 2 },
            { "op": "replace", "path": "/note", "value": "pay until Monday" },
        ])
    );
    // That it was not there is known; whether it is there now is not.
    assert_eq!(run.stderr.lines().count(), 1);
    run.says(&["note: /bank: the log does not know"]);
    room.enter(&format!(
        "{}\n",
        json!({
            "id": "e7", "action": "invoice.updated", "actor": { "type": "system" },
            "targets": [{ "type": "invoice", "id": "7" }], "changes": [{ "path": "/bank", "redacted": true }],
        })
    ));
    let run = room.run(&["restore", "invoice:7", "e3"]).exits(0).says(&["note: /bank: "]);
    assert_eq!(run.json(), json!([]));
    let whole = room.run(&["restore", "invoice:7", "e3", "--format", "json"]).exits(0).json();
    assert_eq!((&whole["unknown"], &whole["to"]), (&json!(["/bank"]), &json!({ "event": "e3" })));
}

#[test]
fn a_thing_that_no_entry_names_is_told_apart_from_bad_input() {
    let room = room();
    for command in [&["history", "invoice:8"][..], &["as-of", "invoice:8", "latest"], &["restore", "invoice:8", "now"]]
    {
        room.run(command).exits(1).says(&["no entry in the log of default is about invoice:8", "--tenant"]);
    }
    room.run(&["diff", "invoice:7", "e1", "latest", "--tenant", "other"]).exits(1);
    room.run(&["as-of", "invoice:7", "e9"]).exits(1).says(&["there is no entry e9 about invoice:7"]);
    room.run(&["diff", "invoice:7", "e1", "e9"]).exits(1).says(&["one of e1, e9 is no entry about invoice:7"]);
    room.run(&["history", "invoice:7", "--around", "e9"]).exits(1).says(&["there is no entry e9"]);
    room.run(&["history", "invoice"]).exits(2).says(&["the type ends at the first colon"]);
    room.run(&["as-of", "invoice:7"]).exits(2);
    room.run(&["as-of", "invoice:7", "next tuesday"])
        .exits(2)
        .says(&["expected \"latest\", the id of an event, or a time"]);
    room.run(&["diff", "invoice:7", "-7x", "now"]).exits(2).says(&["expected \"latest\""]);
    room.run(&["history", "invoice:7", "state:x"]).exits(4).says(&["the query does not parse"]);
    room.run(&["history", "invoice:7", "--data", "elsewhere"]).exits(10);
}

#[test]
fn nothing_of_a_thing_steers_a_terminal() {
    let room = Room::new();
    let evil = "\u{1b}]0;owned\u{7}\u{202e}\r\n";
    let change = |from: &str, to: &str| json!([{ "path": format!("/{evil}"), "from": from, "to": to }]);
    let event = |id: &str, action: &str, changes: Value| {
        let target = json!({ "type": "file", "id": evil });
        let event = json!({ "id": id, "action": action, "actor": { "type": "user", "id": evil, "name": evil },
            "targets": [target], "changes": changes });
        format!("{event}\n")
    };
    room.enter(
        &(event("e1", "file.seen", change("a", evil)) + &event("e2", "file.seen", change(&format!("{evil} x"), evil))),
    );
    let thing = format!("file:{evil}");
    for command in [&["history"][..], &["as-of", "latest"], &["diff", "e1", "e2"], &["diff", "2020", "latest"]] {
        let mut arguments = vec![command[0], &thing];
        arguments.extend(&command[1..]);
        arguments.extend(["--format", "table"]);
        let shown = room.run(&arguments).exits(0).stdout;
        assert!(!shown.contains(['\u{1b}', '\u{7}', '\u{202e}', '\r']), "{shown:?}");
    }
}
