//! Retention and erasure are killed at any moment: what is there is the old or the new, and what is gone stays gone.
//!
//! A missing sync cannot show here, for the page cache outlives the process; the simulated power cuts of the store's
//! tests are for that.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::Room;

const ENTRIES: usize = 4_000;

/// Who the entry with this number is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// Goes with Ada, or loses what names her.
    Erased,
    /// Goes by the rules.
    Retired,
    /// Would go by the rules, and is held.
    Held,
    /// Nobody wants it gone.
    Stays,
}

impl Fate {
    fn of(number: usize) -> Self {
        [Self::Erased, Self::Retired, Self::Held, Self::Stays][number % 4]
    }

    fn event(self, number: usize) -> String {
        let filler = "x".repeat(number % 400);
        let (actor, category, target) = match self {
            Self::Erased => (r#"{"type":"user","id":"ada","name":"Ada Lovelace"}"#, "project", "thing:a"),
            Self::Retired => (r#"{"type":"system"}"#, "access", "thing:b"),
            Self::Held => (r#"{"type":"system"}"#, "access", "thing:held"),
            Self::Stays => (r#"{"type":"system"}"#, "project", "thing:c"),
        };
        let (kind, id) = target.split_once(':').expect("a colon");
        format!(
            r#"{{"id":"{number:05}","action":"thing.touched","category":"{category}","actor":{actor},"targets":[{{"type":"{kind}","id":"{id}"}}],"reason":"{filler}"}}"#
        )
    }
}

/// A directory whose rules let go of a quarter of the entries but the last, beside one that is held.
fn prepared() -> Room {
    let room = Room::new();
    room.file("events.ndjson", (0..ENTRIES).map(|it| Fate::of(it).event(it) + "\n").collect::<String>());
    room.file("rules.txt", "category:access keep last 1\n");
    for arguments in [
        &["import", "ndjson", "events.ndjson"][..],
        &["hold", "place", "--target", "thing:held", "--reason", "case 7"],
        &["retention", "set", "rules.txt", "--reason", "a test"],
    ] {
        room.run(&[arguments, &["--data", "log"]].concat()).exits(0);
    }
    room
}

/// Each entry by its number, as `export` writes it.
fn entries(room: &Room, data: &str) -> BTreeMap<usize, Value> {
    let exported = room.run(&["export", "ndjson", "action:thing.touched", "-o", "-", "--data", data]).exits(0);
    let numbered = exported.ndjson().into_iter().map(|entry| {
        let number = entry["id"].as_str().expect("an id").parse().expect("a number");
        (number, entry)
    });
    numbered.collect()
}

/// Copies the files of a directory that nobody has open.
fn copy(room: &Room, from: &str, to: &str) {
    let to = room.path().join(to);
    let _ = fs::remove_dir_all(&to);
    fs::create_dir(&to).expect("a directory");
    for file in fs::read_dir(room.path().join(from)).expect("a directory") {
        let file = file.expect("a file");
        fs::copy(file.path(), to.join(file.file_name())).expect("a copy");
    }
}

/// Runs the command and kills it after `alive`; whether it was still running.
fn killed(room: &Room, arguments: &[&str], alive: Duration) -> bool {
    let mut command = room.command();
    let mut child =
        command.args(arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the binary runs");
    // The time of the kill is what the test is about; it waits for nothing.
    std::thread::sleep(alive);
    let was_running = child.try_wait().expect("a child").is_none();
    child.kill().expect("it is ours");
    child.wait().expect("it ends");
    was_running
}

/// How long the command takes on a copy when nobody kills it.
fn duration(room: &Room, arguments: &[&str]) -> Duration {
    copy(room, "log", "whole");
    let begun = Instant::now();
    room.run(&[arguments, &["--data", "whole"]].concat()).exits(0);
    begun.elapsed()
}

fn kills() -> u32 {
    if std::env::var("CHAOS").as_deref() == Ok("soak") { 60 } else { 4 }
}

/// What was gone once.
type Gone = BTreeSet<usize>;

/// Compares the directory with what it was: each entry is whole, or gone in the way that `is_new` knows; what was gone
/// before is gone. Tells what is gone.
fn judge(
    room: &Room,
    before: &BTreeMap<usize, Value>,
    gone: &Gone,
    is_new: &dyn Fn(usize, Option<&Value>) -> bool,
) -> Gone {
    room.run(&["doctor", "--data", "copy"]).exits(0);
    let after = entries(room, "copy");
    let mut now_gone = Gone::new();
    for (&number, old) in before {
        let found = after.get(&number);
        if found == Some(old) {
            assert!(!gone.contains(&number), "{number} came back");
        } else {
            assert!(is_new(number, found), "{number} is neither old nor new: {found:?}");
            now_gone.insert(number);
        }
    }
    now_gone
}

#[test]
fn retention_that_is_killed_leaves_the_old_or_the_new() {
    let room = prepared();
    let before = entries(&room, "log");
    let run = ["retention", "run"];
    let whole = duration(&room, &run);
    let last_of_all = (0..ENTRIES).rev().find(|&number| Fate::of(number) == Fate::Retired);
    let goes = |number| Fate::of(number) == Fate::Retired && Some(number) != last_of_all;
    let is_new = |number: usize, found: Option<&Value>| goes(number) && found.is_none();
    let mut interrupted = 0;
    for kill in 0..kills() {
        copy(&room, "log", "copy");
        let mut gone = Gone::new();
        for alive in [whole * (2 * kill + 1) / (2 * kills()), whole * (kill % 3 + 1) / 4] {
            interrupted += u32::from(killed(&room, &["retention", "run", "--data", "copy"], alive));
            gone = judge(&room, &before, &gone, &is_new);
        }
        room.run(&["retention", "run", "--data", "copy"]).exits(0);
        let gone = judge(&room, &before, &gone, &is_new);
        assert_eq!(gone, (0..ENTRIES).filter(|&number| goes(number)).collect(), "after kill {kill}");
    }
    println!("{interrupted} of {} runs were interrupted", 2 * kills());
    assert!(interrupted > 0, "no kill came in time");
}

#[test]
fn an_erasure_that_is_killed_leaves_the_old_or_the_new_and_nobody_comes_back() {
    let room = prepared();
    let before = entries(&room, "log");
    let erase = ["erase", "--principal", "user:ada", "--basis", "T-5", "--mentions", "erase", "--sole-administrator"];
    let whole = duration(&room, &erase);
    let is_new = |number: usize, found: Option<&Value>| {
        Fate::of(number) == Fate::Erased && found.is_none_or(|entry| entry["actor"]["name"].is_null())
    };
    let mut interrupted = 0;
    for kill in 0..kills() {
        copy(&room, "log", "copy");
        let alive = whole * (2 * kill + 1) / (2 * kills());
        interrupted += u32::from(killed(&room, &[&erase[..], &["--data", "copy"]].concat(), alive));
        let gone = judge(&room, &before, &Gone::new(), &is_new);
        // Where it was not even asked for it is asked for again; else it goes on.
        let listed = room.run(&["erase", "list", "--format", "json", "--data", "copy"]).exits(0).json();
        match listed[0]["id"].as_str() {
            Some(id) => room.run(&["erase", "approve", id, "--by", "second", "--data", "copy"]),
            None => room.run(&[&erase[..], &["--data", "copy"]].concat()),
        }
        .exits(0)
        .prints(&["is done", "Certificate"]);
        let gone = judge(&room, &before, &gone, &is_new);
        assert_eq!(gone.len(), ENTRIES / 4, "after kill {kill}");
        // An old client sends everything again.
        room.run(&["import", "ndjson", "events.ndjson", "--data", "copy"]).exits(0);
        judge(&room, &before, &gone, &is_new);
        assert_nowhere(&room.path().join("copy"), b"Lovelace");
    }
    println!("{interrupted} of {} erasures were interrupted", kills());
    assert!(interrupted > 0, "no kill came in time");
}

/// The bytes are in no file as they are. What compression might hide the store's own tests look for.
fn assert_nowhere(directory: &Path, bytes: &[u8]) {
    for file in fs::read_dir(directory).expect("a directory") {
        let path = file.expect("a file").path();
        let content = fs::read(&path).expect("a file");
        assert!(!content.windows(bytes.len()).any(|window| window == bytes), "in {}", path.display());
    }
}
