//! `archive`: a log → Parquet files, checked, given back, and killed amid it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use deedbook_core::{Atomicity, Event, StoreExt, Timestamp};
use deedbook_store::{FileStore, Options, prepare};
use jiff::SignedDuration;
use serde_json::Value;

use crate::server::Served;
use crate::support::{Room, Run};

/// The administrator's token, which is also given on command lines.
const TOKEN: &str = "an-administrators-token-of-32-or-more-characters";

const RUN: [&str; 6] = ["archive", "run", "--to", "archive", "--batch-mib", "1"];

pub(crate) fn event(number: usize) -> String {
    let tenant = ["acme", "beta", "gamma"][number % 3];
    let filler = "x".repeat(number % 700);
    format!(
        r#"{{"id":"{number:06}","tenant":"{tenant}","action":"thing.touched","actor":{{"type":"user","id":"user_{}"}},"targets":[{{"type":"thing","id":"{}"}}],"reason":"{filler}"}}"#,
        number % 50,
        number % 500
    )
}

/// A room with a log of so many events.
pub(crate) fn logged(events: usize) -> Room {
    let room = Room::new();
    room.enter_into("log", &(0..events).map(|number| event(number) + "\n").collect::<String>());
    room
}

/// A room with a log of so many events, all of which were recorded two hundred days ago.
pub(crate) fn logged_long_ago(events: usize) -> Room {
    let room = Room::new();
    let long_ago = Timestamp::now() - SignedDuration::from_hours(200 * 24);
    let mut options = Options::default();
    options.clock = Arc::new(move || long_ago);
    let log = FileStore::open(room.path().join("log"), options).expect("a log");
    let draft = |number| prepare(Event::from_json(event(number).as_bytes()).expect("an event")).expect("a good one");
    log.append((0..events).map(draft).collect(), Atomicity::PerEvent).expect("room");
    log.compact().expect("sealed");
    log.close().expect("closed");
    room
}

/// A server of `command` moves the old entries of the log to the archive that the table names, and shows them as before.
pub(crate) fn moves_old_entries(room: &Room, command: &dyn Fn() -> Command, table: &str) {
    let whole = |run: &[&str]| Run::of(command().args(run).output().expect("the binary runs")).exits(0);
    let log = ["log", "action:thing.touched", "--limit", "0", "--format", "ndjson", "--data", "log"];
    let before = whole(&log);
    room.file("deedbook.toml", format!("[archive]\n{table}\nevery_minutes = 1\noffload_after = \"90d\"\n"));
    let mut serve = command();
    serve.env("DEEDBOOK_ADMIN_TOKEN", TOKEN);
    let served = Served::start(serve, &["serve", "--data", "log", "--config", "deedbook.toml"]);
    let (mut client, waiting) = (served.client(), Instant::now());
    let new = event(999_999);
    assert_eq!(client.send("POST", "/v1/events", TOKEN, &new).expect("an answer").0, 201);
    while client.get("/v1/storage")["archived"]["bytes"] == 0 {
        assert!(waiting.elapsed() < Duration::from_secs(60), "nothing was moved");
        std::thread::sleep(Duration::from_millis(50));
    }
    let old = client.get("/v1/events?tenant=beta&limit=5&order=asc");
    assert_eq!((&old["archived"], old["data"].as_array().map(Vec::len)), (&true.into(), Some(5)), "{old}");
    let newest = client.get("/v1/events?tenant=acme&limit=1&q=id:999999");
    assert_eq!((newest.get("archived"), newest["data"].as_array().map(Vec::len)), (None, Some(1)), "{newest}");
    let told = client.send("GET", "/metrics", TOKEN, "").expect("an answer").1;
    assert!(told.contains("\ndeedbook_archive_failing 0\n"), "{told}");
    assert!(told.contains("\ndeedbook_archive_lag_entries "), "{told}");
    // Several at once, each of which waits for the archive.
    let address = served.address;
    let asking: Vec<_> = (0..8)
        .map(|page| {
            std::thread::spawn(move || {
                let mut client = crate::server::Client::connect(address).expect("it listens");
                client.get(&format!("/v1/events?tenant=gamma&limit=200&q=actor:user:user_{page}"))["data"]
                    .as_array()
                    .map(Vec::len)
            })
        })
        .collect();
    let found: usize = asking.into_iter().map(|page| page.join().expect("no panic").expect("entries")).sum();
    assert!(found > 0, "they are found");
    assert!(served.terminate().success());
    let after = whole(&log);
    let added = after.stdout.strip_suffix(&before.stdout[..]).expect("what was there is there");
    assert_eq!(added.lines().count(), 1, "{added}");
    let after = after.says(&["Some of these were read in the archive"]);
    whole(&["doctor", "--data", "log"]);
    whole(&["archive", "recall", "--data", "log"]).says(&["moved back from the archive in 1 segment"]);
    assert!(whole(&log).stdout == after.stdout, "recalling changes nothing");
}

/// What `export` or `archive restore` wrote, by id; an id that is there twice is a failure.
pub(crate) fn by_id(text: &str) -> BTreeMap<String, Value> {
    let mut entries = BTreeMap::new();
    for line in text.lines() {
        let entry: Value = serde_json::from_str(line).expect("JSON");
        let id = entry["id"].as_str().expect("an id").to_owned();
        assert!(entries.insert(id, entry).is_none(), "an entry is there twice");
    }
    entries
}

/// The archive holds what the log does, and a reader of its files finds each entry once.
fn holds_all(room: &Room) {
    let log = room.run(&["export", "ndjson", "-o", "-", "--data", "log"]).exits(0).stdout;
    let archived = room.run(&["archive", "restore", "--to", "archive", "-o", "-"]).exits(0).stdout;
    assert!(by_id(&log) == by_id(&archived), "the archive and the log differ");
    room.run(&["archive", "verify", "--to", "archive", "--with-log", "--data", "log"])
        .exits(0)
        .prints(&["nothing is wrong"]);
}

/// The files that a reader of the table finds.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().map(|entry| entry.expect("an entry").path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

#[test]
fn a_log_goes_into_an_archive_and_back() {
    let room = logged(300);
    room.run(&["archive", "status", "--to", "archive"]).exits(10).says(&["there is no archive in archive"]);
    let run = [&RUN[..], &["--data", "log"]].concat();
    room.run(&run).exits(0).says(&["300 entries archived in 3 files", "up to position 300"]);
    room.run(&run).exits(0).says(&["0 entries archived"]);
    holds_all(&room);
    let status =
        room.run(&["archive", "status", "--to", "archive"]).exits(0).prints(&["300 entries in 3 files of 1 commit"]);
    let known = status.stdout.trim_end().rsplit(' ').next().expect("a digest").to_owned();
    let verify = |known: &str| room.run(&["archive", "verify", "--to", "archive", "--known", known]);
    verify(&known).exits(0);
    verify(&"0".repeat(64)).exits(1).prints(&["the archive is not the one it was of"]);
    // Of one tenant into an empty log.
    let chosen = ["archive", "restore", "--to", "archive", "--tenant", "acme", "-o", "acme.ndjson"];
    room.run(&chosen).exits(0).says(&["100 entries written"]);
    room.run(&[&chosen[..], &["--until", "2020-01-01"]].concat()).exits(0).says(&["0 entries written"]);
    room.run(&["archive", "restore", "--to", "archive", "--from", "yesterday", "-o", "-"]).exits(2);
    room.run(&chosen).exits(0);
    room.run(&["import", "ndjson", "acme.ndjson", "--data", "again"]).exits(0);
    let count = room.run(&["log", "--count", "--data", "again"]).exits(0);
    assert_eq!(count.stdout.trim(), "100");
}

#[test]
fn entries_move_to_the_archive_and_back() {
    let room = logged(3000);
    let before = room.run(&["log", "--limit", "0", "--format", "ndjson", "--data", "log"]).exits(0);
    let bytes = |folder: &str| -> u64 {
        let blocks =
            |path: &PathBuf| std::os::unix::fs::MetadataExt::blocks(&fs::metadata(path).expect("a file")) * 512;
        files(&room.path().join(folder)).iter().map(blocks).sum()
    };
    let whole = bytes("log");
    let offload = ["archive", "offload", "--to", "cold", "--data", "log"];
    room.run(&[&offload[..], &["--older-than", "90d"]].concat()).exits(0).says(&["0 entries moved to the archive"]);
    room.run(&[&offload[..], &["--older-than", "soon"]].concat()).exits(2).says(&["90d, 6m or 7y"]);
    room.run(&offload).exits(0).says(&["3,000 entries moved to the archive in 1 segment"]);
    room.run(&offload).exits(0).says(&["0 entries moved to the archive"]);
    assert!(bytes("log") < whole * 3 / 4, "{} of {whole} bytes are left", bytes("log"));
    assert_eq!(files(&room.path().join("cold/segments")).len(), 1);

    // Nobody has to be told.
    let after = room.run(&["log", "--limit", "0", "--format", "ndjson", "--data", "log"]).exits(0);
    assert_eq!(before.stdout, after.stdout);
    after.says(&["Some of these were read in the archive"]);
    room.run(&["doctor", "--data", "log"]).exits(0);
    holds_all_after_run(&room);
    room.enter_into("log", &(3000..3010).map(|number| event(number) + "\n").collect::<String>());
    let newest = room.run(&["log", "--limit", "5", "--data", "log"]).exits(0);
    assert!(!newest.stderr.contains("archive"), "these are here: {}", newest.stderr);

    // Without the archive it answers what it can, and tells what it needs.
    fs::rename(room.path().join("cold"), room.path().join("away")).expect("moved");
    room.run(&["log", "--limit", "5", "--data", "log"]).exits(0);
    assert_eq!(room.run(&["log", "--count", "outcome:success", "--data", "log"]).exits(0).stdout.trim(), "3010");
    let told = room.run(&["log", "--limit", "0", "--data", "log"]);
    assert_ne!(told.code, 0);
    told.says(&["of the archive", "cold", "there is no directory"]);
    fs::rename(room.path().join("away"), room.path().join("cold")).expect("moved");

    room.run(&["archive", "recall", "--until", "2020-01-01", "--data", "log"]).exits(0).says(&["0 entries moved back"]);
    room.run(&["archive", "recall", "--data", "log"]).exits(0).says(&["3,000 entries moved back"]);
    assert_eq!(files(&room.path().join("cold/segments")).len(), 0);
    let again = room.run(&["log", "--limit", "0", "--format", "ndjson", "--data", "log"]).exits(0);
    assert!(again.stdout.ends_with(&before.stdout), "what was there is there");
    room.run(&["doctor", "--data", "log"]).exits(0);
    let server = ["archive", "offload", "--to", "cold", "--server", "http://127.0.0.1:1", "--token", TOKEN];
    room.run(&server).exits(2).says(&["offload_after"]);
}

/// A table of Parquet is made of entries that lie in an archive as well.
fn holds_all_after_run(room: &Room) {
    room.run(&[&RUN[..], &["--data", "log"]].concat()).exits(0).says(&["3,000 entries archived"]);
    holds_all(room);
}

#[test]
fn what_was_changed_is_told() {
    let room = logged(60);
    room.run(&[&RUN[..], &["--data", "log"]].concat()).exits(0);
    let file = files(&room.path().join("archive/entries")).remove(1);
    let mut bytes = fs::read(&file).expect("a file");
    bytes[100] ^= 1;
    fs::write(&file, bytes).expect("written");
    let verify = ["archive", "verify", "--to", "archive"];
    room.run(&verify).exits(1).prints(&["wrong: entries/tenant=", "its SHA-256 is another one"]);
    room.run(&["archive", "restore", "--to", "archive", "-o", "back.ndjson"]).exits(7);
    assert!(!room.path().join("back.ndjson").exists(), "half of a file has no name");
    fs::remove_file(&file).expect("removed");
    room.run(&verify).exits(1).prints(&["is missing"]);
    // Another log does not go into it.
    let other = logged(20);
    let data = other.path().join("log");
    room.run(&[&RUN[..], &["--data", data.to_str().expect("text")]].concat()).exits(4).says(&["of another log"]);
}

#[test]
fn killed_at_any_moment_it_loses_nothing_and_doubles_nothing() {
    let kills = if std::env::var("CHAOS").as_deref() == Ok("soak") { 100 } else { 12 };
    let room = logged(9_000);
    let run = [&RUN[..], &["--data", "log"]].concat();
    let begun = Instant::now();
    room.run(&run).exits(0);
    let whole = begun.elapsed();
    fs::remove_dir_all(room.path().join("archive")).expect("removed");
    let (mut interrupted, mut left_aside) = (0, 0);
    for kill in 1..=kills {
        let mut child =
            room.command().args(&run).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the binary runs");
        // The time of the kill is what the test is about; it waits for nothing.
        std::thread::sleep(whole.mul_f64((f64::from(kill % 7) + 1.0) / 9.0));
        interrupted += u32::from(child.try_wait().expect("a child").is_none());
        child.kill().expect("it is ours");
        child.wait().expect("it ends");
        left_aside += usize::from(!files(&room.path().join("archive/pending")).is_empty());
        if room.path().join("archive/commits").exists() {
            room.run(&["archive", "verify", "--to", "archive"]).exits(0).prints(&["nothing is wrong"]);
        }
        if kill % 2 == 0 {
            // From the beginning: a second run has less to do, and is killed at its end or not at all.
            room.run(&run).exits(0);
            holds_all(&room);
            fs::remove_dir_all(room.path().join("archive")).expect("removed");
        }
    }
    room.run(&run).exits(0);
    holds_all(&room);
    assert!(files(&room.path().join("archive/pending")).is_empty());
    println!("{interrupted} of {kills} runs were killed, {left_aside} left files aside");
    assert!(interrupted >= kills / 3 && left_aside > 0, "the kills came too early or too late to prove anything");
}

#[test]
fn a_server_keeps_its_archive_up_to_date() {
    let room = logged(50);
    room.file("deedbook.toml", "[archive]\npath = \"archive\"\nevery_minutes = 1\n");
    let mut command = room.command();
    command.env("DEEDBOOK_ADMIN_TOKEN", TOKEN);
    let served = Served::start(command, &["serve", "--data", "log", "--config", "deedbook.toml", "--log", "error"]);
    let is_there =
        || fs::read_dir(room.path().join("archive/commits")).is_ok_and(|mut commits| commits.next().is_some());
    let waiting = Instant::now();
    while !is_there() {
        assert!(waiting.elapsed() < Duration::from_secs(30), "nothing was archived");
        std::thread::sleep(Duration::from_millis(50));
    }
    // A second archive, of the server as its clients see it: in two runs, the second from a place within the log.
    let mut client = served.client();
    let address = format!("http://{}", served.address);
    let remote = |task: &[&str]| room.run(&[task, &["--server", &address, "--token", TOKEN]].concat());
    let run = ["archive", "run", "--to", "remote"];
    remote(&run).exits(0).says(&["50 entries archived"]);
    let (status, body) = client.send("POST", "/v1/events", TOKEN, &event(50)).expect("an answer");
    assert_eq!(status, 201, "{body}");
    // That a run read the log is an entry of each tenant that was read, or of the log's own.
    remote(&run).exits(0);
    remote(&["archive", "verify", "--to", "remote", "--with-log"]).exits(0).prints(&["nothing is wrong"]);
    assert!(served.terminate().success());
    room.run(&["archive", "run", "--to", "archive", "--data", "log"]).exits(0);
    holds_all(&room);
    room.run(&["archive", "verify", "--to", "remote", "--with-log", "--data", "log"]).exits(0);
    for (table, why) in [
        ("path = \"a\"\nurl = \"s3://b\"", "either path"),
        ("path = \"a\"\nevery_minutes = 0", "take 1"),
        ("path = \"a\"\nlock = \"7 years\"", "take an age"),
        ("path = \"a\"\nlock = \"7y\"", "in S3 alone"),
    ] {
        room.file("deedbook.toml", format!("[archive]\n{table}\n"));
        room.run(&["serve", "--data", "log", "--config", "deedbook.toml"]).exits(4).says(&[why]);
    }
}

#[test]
fn a_server_moves_old_entries_to_a_directory() {
    let room = logged_long_ago(3000);
    moves_old_entries(&room, &|| room.command(), "path = \"archive\"");
    assert_eq!(files(&room.path().join("archive/segments")).len(), 0);
    assert!(!files(&room.path().join("archive/entries")).is_empty());
}
