//! A real process on a real directory is killed again and again while it appends, seals and merges.
//!
//! The child is this test's own binary; it tells over a pipe what it sent and which receipts it got, so that the parent
//! knows what it may expect. A missing sync cannot show here, for the page cache outlives the process.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use deedbook_core::{AppendStatus, PageRequest, Query, Scope, Store, StoreExt};
use deedbook_store::{FileStore, Options, check};
use deedbook_testkit::Random;

use super::ledger::draft;

const DIRECTORY: &str = "DEEDBOOK_KILL_TEST_DIRECTORY";
const FIRST: &str = "DEEDBOOK_KILL_TEST_FIRST";
const HONESTY: &str = "DEEDBOOK_KILL_TEST_HONESTY";
const CALLERS: u64 = 4;

/// When the child says that an event is durable.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Honesty {
    /// After its receipt.
    Honest,
    /// Before it is even sent: the negative control.
    Lying,
}

#[test]
fn a_killed_process_loses_nothing_that_it_acknowledged() {
    let kills = super::seeds(25);
    let count = kills.end - kills.start;
    let (acknowledged, lost) = kill_again_and_again(count, Honesty::Honest);
    println!("{count} kills, {acknowledged} acknowledgements, {lost} lost");
    assert!(acknowledged > 0);
    assert_eq!(lost, 0, "cargo test -p deedbook-store --test it faults::kill");
}

#[test]
fn acknowledging_before_the_write_loses() {
    let (acknowledged, lost) = kill_again_and_again(12, Honesty::Lying);
    println!("12 kills, {acknowledged} lies, {lost} lost");
    assert!(lost > 0, "the test does not see what is acknowledged too early");
}

/// Receipts as the child told them, by id.
type Told = HashMap<String, String>;

/// How many events were acknowledged, and how many of them are lost or have another receipt.
fn kill_again_and_again(kills: u64, honesty: Honesty) -> (usize, usize) {
    let directory = tempfile::tempdir().unwrap();
    let mut told = Told::new();
    let mut random = Random::new(11);
    for nth in 0..kills {
        let alive = Duration::from_millis(40 + random.below(120) as u64);
        told.extend(run_and_kill(directory.path(), nth * 1_000_000, honesty, alive));
        let report = check(directory.path(), &mut |_, _| ()).unwrap();
        assert_eq!(report.problems, [""; 0], "after kill {nth}");
    }
    let store = FileStore::open(directory.path(), options()).unwrap();
    let scope = Scope::unrestricted("a test reads all");
    let there = store.page(&Query::all(), &scope, &PageRequest::oldest(10_000_000)).unwrap().entries;
    assert_eq!(there.len() as u64, store.visible_count());
    let there: HashMap<String, String> = there
        .iter()
        .map(|entry| (entry.receipt.id.clone(), format!("{} {}", entry.receipt.position, entry.receipt.leaf_hash)))
        .collect();
    assert_eq!(there.len() as u64, store.visible_count(), "an event is there twice");
    if honesty == Honesty::Honest {
        retry(&store, &told);
    }
    store.close().unwrap();
    let is_kept = |id: &String, receipt: &String| match honesty {
        Honesty::Honest => there.get(id) == Some(receipt),
        Honesty::Lying => there.contains_key(id),
    };
    (told.len(), told.iter().filter(|(id, receipt)| !is_kept(id, receipt)).count())
}

/// A retry of what was acknowledged adds nothing.
fn retry(store: &FileStore, told: &Told) {
    for id in told.keys().step_by(17) {
        let number = id.trim_start_matches("evt_").parse().unwrap();
        let again = store.append_one(draft(number)).unwrap();
        assert_eq!(again.status, AppendStatus::Replayed);
        assert_eq!(format!("{} {}", again.receipt.position, again.receipt.leaf_hash), told[id]);
    }
}

/// Runs the child, kills it after a time and returns what it acknowledged.
fn run_and_kill(directory: &Path, first: u64, honesty: Honesty, alive: Duration) -> Told {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["faults::kill::child", "--exact", "--nocapture", "--test-threads=1"])
        .env(DIRECTORY, directory)
        .env(FIRST, first.to_string())
        .env(HONESTY, if honesty == Honesty::Lying { "lying" } else { "honest" })
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    // Its life begins when the log is open.
    lines.by_ref().map(Result::unwrap).find(|line| line.ends_with("ready")).expect("the child opens the log");
    let reader = std::thread::spawn(move || lines.map_while(Result::ok).filter_map(|line| receipt_in(&line)).collect());
    std::thread::sleep(alive);
    child.kill().unwrap();
    child.wait().unwrap();
    reader.join().unwrap()
}

fn receipt_in(line: &str) -> Option<(String, String)> {
    // A line that ends without the final dot was cut by the kill.
    let (id, receipt) = line.strip_prefix("ack ")?.strip_suffix('.')?.split_once(' ')?;
    Some((id.to_owned(), receipt.to_owned()))
}

fn options() -> Options {
    let mut options = Options::default();
    options.first_generation_bytes = 64 << 10;
    options.generation_bytes = 256 << 10;
    options.merge_fan_in = 3;
    options
}

/// The child; without effect where the tests are run.
#[test]
fn child() {
    let Ok(directory) = std::env::var(DIRECTORY) else { return };
    let first: u64 = std::env::var(FIRST).unwrap().parse().unwrap();
    let honesty = if std::env::var(HONESTY).unwrap() == "lying" { Honesty::Lying } else { Honesty::Honest };
    let store = FileStore::open(directory, options()).unwrap();
    say("ready");
    std::thread::scope(|scope| {
        for caller in 0..CALLERS {
            let store = &store;
            scope.spawn(move || append_until_killed(store, first + caller * 100_000, honesty));
        }
    });
}

fn append_until_killed(store: &FileStore, first: u64, honesty: Honesty) {
    for number in first + 1.. {
        // Numbers that are divisible by eight make large events with ids of another form.
        if number % 8 == 0 {
            continue;
        }
        if honesty == Honesty::Lying {
            say(&format!("ack evt_{number} lie."));
        }
        let receipt = store.append_one(draft(number)).unwrap().receipt;
        if honesty == Honesty::Honest {
            say(&format!("ack {} {} {}.", receipt.id, receipt.position, receipt.leaf_hash));
        }
    }
}

/// One line in one write, past the harness.
fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    out.write_all(format!("{line}\n").as_bytes()).and_then(|()| out.flush()).unwrap();
}
