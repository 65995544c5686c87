//! `import ndjson`.

use serde_json::json;

use crate::support::{Room, gzip};

#[test]
fn good_lines_go_in_once() {
    let room = Room::new();
    let lines = "{\"id\":\"1\",\"action\":\"a.b\",\"actor\":{\"type\":\"system\"}}\r\n\n\
                 {\"id\":\"2\",\"tenant\":\"acme\",\"action\":\"a.b\",\"actor\":{\"type\":\"system\"}}";
    room.file("events.ndjson", lines);
    let import = ["import", "ndjson", "events.ndjson"];
    assert_eq!(room.run(&import).exits(0).stdout, "2 new, 0 already there, 0 rejected\n");
    assert_eq!(room.run(&import).exits(0).stdout, "0 new, 2 already there, 0 rejected\n");
    assert_eq!(room.run(&["log", "--count", "--tenant", "acme"]).exits(0).stdout, "1\n");
    let elsewhere = room.run(&["import", "ndjson", "events.ndjson", "--tenant", "other"]).exits(0);
    assert_eq!(elsewhere.stdout, "2 new, 0 already there, 0 rejected\n");
    assert!(!room.names().iter().any(|name| name.contains("rejected")));
}

#[test]
fn compressed_files_and_standard_input() {
    let room = Room::new();
    let line =
        |id: &str| format!("{{\"id\":\"{id}\",\"action\":\"a.b\",\"actor\":{{\"type\":\"system\"}}}}\n").into_bytes();
    room.file("a.gz", [gzip(&line("1")), gzip(&line("2"))].concat());
    room.file("b", zstd::encode_all(&line("3")[..], 1).expect("in memory"));
    room.run(&["import", "ndjson", "a.gz"]).exits(0);
    room.run(&["import", "ndjson", "b"]).exits(0);
    room.run_with_input(&["import", "ndjson", "-"], gzip(&line("4"))).exits(0);
    assert_eq!(room.count(""), 4);
    let mut damaged = gzip(&[line("5"), vec![b'x'; 100_000]].concat());
    damaged.truncate(damaged.len() - 9);
    room.file("damaged.gz", damaged);
    room.run(&["import", "ndjson", "damaged.gz"]).exits(4).says(&["cannot read damaged.gz", "because"]);
}

#[test]
fn events_without_an_id_are_neither_lost_nor_doubled() {
    let room = Room::new();
    let line = "{\"action\":\"a.b\",\"actor\":{\"type\":\"system\"}}\n";
    room.file("events.ndjson", line.repeat(3));
    assert_eq!(
        room.run(&["import", "ndjson", "events.ndjson"]).exits(0).stdout,
        "3 new, 0 already there, 0 rejected\n"
    );
    room.file("events.ndjson", line.repeat(4));
    assert_eq!(
        room.run(&["import", "ndjson", "events.ndjson"]).exits(0).stdout,
        "1 new, 3 already there, 0 rejected\n"
    );
    room.file("events.ndjson.gz", gzip(line.repeat(4).as_bytes()));
    let run = room.run(&["import", "ndjson", "events.ndjson.gz"]).exits(0);
    assert_eq!(run.stdout, "0 new, 4 already there, 0 rejected\n");

    // The same line, piped in on two nights, is two events; with a time in it, it is one.
    for new in [1, 1] {
        let run = room.run_with_input(&["import", "ndjson", "-"], line).exits(0);
        assert_eq!(run.stdout, format!("{new} new, 0 already there, 0 rejected\n"));
    }
    let timed = line.replace("{\"action", "{\"occurred_at\":\"2024-01-01T00:00:00Z\",\"action");
    for new in [1, 0] {
        let run = room.run_with_input(&["import", "ndjson", "-"], &timed).exits(0);
        assert_eq!(run.stdout, format!("{new} new, {} already there, 0 rejected\n", 1 - new));
    }
}

/// Each bad line with a part of the reason that a person can act on.
fn bad_lines() -> Vec<(String, &'static str)> {
    let event = |extra: &str| format!("{{\"action\":\"a.b\",\"actor\":{{\"type\":\"system\"}}{extra}}}");
    let deep = format!(",\"metadata\":{{\"d\":{}{}}}", "[".repeat(40), "]".repeat(40));
    vec![
        ("{\"action\":".to_owned(), "end"),
        ("not json".to_owned(), ""),
        ("[]".to_owned(), "object"),
        (event(",\"action\":\"a.c\""), "action"),
        (event(",\"metadata\":{\"k\":1,\"k\":2}"), "k"),
        (event(",\"colour\":\"red\""), "colour"),
        (event(",\"actor2\":1"), "actor2"),
        (event(&deep), "deep"),
        (event(",\"occurred_at\":\"yesterday\""), "occurred_at"),
        (event(",\"occurred_at\":\"2024-02-30T00:00:00Z\""), "occurred_at"),
        (event(",\"metadata\":{\"n\":9007199254740993}"), "n"),
        (event(",\"metadata\":{\"s\":\"\\ud800\"}"), "surrogate"),
        (event(",\"seq\":1"), "seq"),
        ("{\"action\":\"Bad Action\",\"actor\":{\"type\":\"system\"}}".to_owned(), "action"),
        ("{\"action\":\"audit.viewed\",\"actor\":{\"type\":\"system\"}}".to_owned(), "audit"),
        ("{\"action\":\"a.b\",\"actor\":{\"type\":\"user\"}}".to_owned(), "actor"),
        ("{\"action\":\"a.b\"}".to_owned(), "actor"),
        (event(&format!(",\"metadata\":{{\"big\":\"{}\"}}", "x".repeat(300_000))), "bytes"),
        ("x".repeat(9 * 1024 * 1024), "bytes"),
        ("{\"id\":\"good\",\"action\":\"c.d\",\"actor\":{\"type\":\"system\"}}".to_owned(), ""),
    ]
}

#[test]
fn bad_lines_are_told_counted_and_kept_and_the_rest_goes_in() {
    let room = Room::new();
    let good = "{\"id\":\"good\",\"action\":\"a.b\",\"actor\":{\"type\":\"system\"}}\n";
    let bad = bad_lines();
    let lines: String = bad.iter().map(|(line, _)| format!("{line}\n")).collect();
    room.file("bad.ndjson", format!("{good}{lines}{}", good.replace("good", "last")));
    let run = room.run(&["import", "ndjson", "bad.ndjson"]).exits(3).says(&[
        "bad.ndjson: line 2: ",
        "bad.ndjson: line 11: ",
        "only counted and kept",
        "kept in bad.ndjson.rejected.ndjson",
    ]);
    assert_eq!(run.stdout, format!("2 new, 0 already there, {} rejected\n", bad.len()));
    assert!(!run.stderr.contains("line 12: "), "{}", run.stderr);
    assert_eq!(room.count(""), 2);

    let kept = room.read("bad.ndjson.rejected.ndjson");
    let mut kept: Vec<serde_json::Value> = kept.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    kept.sort_by_key(|reject| reject["line"].as_u64());
    assert_eq!(kept.len(), bad.len());
    for (index, (reject, (line, part))) in kept.iter().zip(&bad).enumerate() {
        assert_eq!((&reject["file"], &reject["line"]), (&json!("bad.ndjson"), &json!(index + 2)));
        let reason = reject["reason"].as_str().expect("a reason");
        assert!(reason.contains(part), "line {}: {part:?} is missing in {reason:?}", index + 2);
        let raw = reject["raw"].as_str().expect("text");
        assert!(line.starts_with(raw) && (raw.len() == line.len() || raw.len() == 4096));
    }
}

#[test]
fn rejects_go_where_they_are_told_and_need_not_be_text() {
    let room = Room::new();
    let run = room.run_with_input(&["import", "ndjson", "-", "--rejects", "bad"], b"\xff\xfe\n").exits(3);
    assert_eq!(run.stdout, "0 new, 0 already there, 1 rejected\n");
    let kept: serde_json::Value = serde_json::from_str(&room.read("bad")).expect("JSON");
    assert_eq!((&kept["file"], &kept["raw_base64"]), (&json!("-"), &json!("//4=")));
}

#[test]
fn an_input_that_is_not_there_makes_no_directory() {
    let room = Room::new();
    room.run(&["import", "ndjson", "none.ndjson"]).exits(8).says(&["cannot read none.ndjson"]);
    room.run(&["import", "ndjson", "."]).exits(8).says(&["directory"]);
    assert_eq!(room.names(), Vec::<String>::new());
    room.file("empty", "");
    assert_eq!(room.run(&["import", "ndjson", "empty"]).exits(0).stdout, "0 new, 0 already there, 0 rejected\n");
}

#[test]
fn many_batches_keep_their_order() {
    let room = Room::new();
    let lines: String = (0..5000)
        .map(|n| format!("{{\"id\":\"{n}\",\"action\":\"a.b\",\"actor\":{{\"type\":\"system\"}}}}\n"))
        .collect();
    room.enter(&lines);
    let newest = room.run(&["log", "--limit", "0", "--format", "ndjson"]).exits(0).ndjson();
    let ids: Vec<_> = newest.iter().filter_map(|entry| entry["id"].as_str()?.parse::<u32>().ok()).collect();
    assert!(ids.into_iter().eq((0..5000).rev()));
}
