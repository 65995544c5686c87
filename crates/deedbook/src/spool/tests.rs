//! The spool in virtual time: hours without a log, every kind of refusal, and restarts in between.

use std::collections::{BTreeSet, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use deedbook_core::ErrorKind;
use tempfile::TempDir;
use tokio::time::Instant;

use super::shelf::REJECTED;
use super::*;
use crate::backend::Remote;
use crate::client::scripted::{Act, Peer, draft};

fn spool(directory: &TempDir, peer: &Arc<Peer>) -> Spool {
    spool_with(SpoolOptions::in_directory(directory.path()), peer).expect("a spool")
}

fn spool_with(options: SpoolOptions, peer: &Arc<Peer>) -> Result<Spool> {
    let backend = Arc::new(Backend::Remote(Remote::new(peer.client(), Background::here())));
    Spool::start(options, backend, Background::here())
}

/// Waits, in virtual time, until nothing waits to be delivered.
async fn drained(spool: &Spool) {
    let patience = Instant::now() + Duration::from_secs(24 * 3_600);
    while !spool.is_empty() {
        assert!(Instant::now() < patience, "{:?}", spool.status());
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    // What was noted as delivered is counted a moment later.
    while spool.status().delivered + spool.status().rejected == 0 && spool.status().accepted > 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// Hours in which the log is away or refuses in every way, one after the other.
fn bad_day(number: usize, since: Duration) -> Act {
    match since.as_secs() {
        0..3_600 => Act::Reset,
        3_600..7_200 => {
            [Act::Refuse(500, None), Act::Refuse(429, Some(90)), Act::Refuse(503, None)][number % 3].clone()
        }
        7_200..9_000 => Act::Hang,
        9_000..10_800 => Act::Refuse(401, None),
        10_800..10_860 => Act::LoseAnswer,
        _ if number.is_multiple_of(5) => Act::Refuse(413, None),
        _ if number.is_multiple_of(7) => Act::LoseAnswer,
        _ => Act::Serve,
    }
}

fn action(number: usize) -> &'static str {
    match number % 100 {
        11 => "test.invalid",
        55 => "test.large",
        77 => "test.foreign",
        _ => "test.done",
    }
}

/// VERIFICATION.md, test 12.
#[tokio::test(start_paused = true)]
async fn hours_without_a_log_lose_nothing_and_duplicate_nothing() {
    let directory = tempfile::tempdir().expect("a directory");
    let peer = Peer::new(bad_day);
    let mut kept = BTreeSet::new();
    // A process ends every half hour, in the middle of whatever it does.
    for process in 0..6 {
        let spool = spool(&directory, &peer);
        for number in 0..500 {
            let id = format!("e{}", process * 500 + number);
            let began = Instant::now();
            spool.add(&draft(Some(&id), action(number))).await.expect("kept");
            // Whoever records waits for the disk, and never for the log.
            assert_eq!(began.elapsed(), Duration::ZERO, "{id}");
            kept.insert(id);
            if number % 10 == 0 {
                tokio::time::sleep(Duration::from_secs(36)).await;
            }
        }
        let status = spool.status();
        assert_eq!(status.accepted, 500);
        assert!(status.bytes < 1 << 20, "{status:?}");
        drop(spool);
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    let last = spool(&directory, &peer);
    drained(&last).await;
    drop(last);

    let state = peer.state();
    let rejected = rejected_ids(&directory);
    let found: BTreeSet<String> = state.ids.iter().chain(&rejected).cloned().collect();
    assert_eq!(found.len(), 3_000, "lost {}", kept.difference(&found).count());
    assert_eq!(found, kept);
    assert_eq!(state.ids.iter().collect::<HashSet<_>>().len(), state.ids.len(), "duplicates");
    assert_eq!(rejected.len(), 90);
    let numbers: Vec<usize> = state.ids.iter().map(|id| id[1..].parse().expect("a number")).collect();
    assert!(numbers.is_sorted(), "in order");
}

/// The control of the test above: a spool that forgets what one delivery could not do loses events, and that is seen.
#[tokio::test(start_paused = true)]
async fn a_deliverer_that_gives_up_is_noticed() {
    let directory = tempfile::tempdir().expect("a directory");
    let peer = Peer::new(bad_day);
    let (mut shelf, _) = Shelf::open(SpoolOptions::in_directory(directory.path())).expect("a shelf");
    for number in 0..100 {
        let claim = Bytes::from(draft(Some(&format!("e{number}")), "test.done").claim().into_owned());
        shelf.append(&[claim])[0].as_ref().expect("kept");
        tokio::time::sleep(Duration::from_secs(150)).await;
        let batch = shelf.next(1, 1).expect("readable").expect("one");
        let deadline = Instant::now() + Duration::from_secs(1);
        // The fault: whatever became of it counts as delivered.
        let _ = peer.client().post_claims(&batch.claims, deedbook_core::Atomicity::PerEvent, deadline).await;
        shelf.delivered(batch.behind, 1).expect("noted");
    }
    assert_eq!(shelf.waiting(), 0);
    assert!(peer.state().ids.len() < 50, "{}", peer.state().ids.len());
}

/// The events in the file of rejects.
fn rejected_ids(directory: &TempDir) -> HashSet<String> {
    let lines = std::fs::read_to_string(directory.path().join(REJECTED)).expect("rejects");
    let event = |line: &str| serde_json::from_str::<serde_json::Value>(line).expect("JSON")["event"]["id"].clone();
    lines.lines().map(|line| event(line).as_str().expect("an id").to_owned()).collect()
}

#[tokio::test(start_paused = true)]
async fn what_is_refused_for_good_is_kept_in_sight_and_blocks_nothing() {
    let directory = tempfile::tempdir().expect("a directory");
    let peer = Peer::new(|_, _| Act::Serve);
    let spool = spool(&directory, &peer);
    for (id, action) in [("a", "test.done"), ("b", "test.invalid"), ("c", "test.done"), ("a", "test.other")] {
        spool.add(&draft(Some(id), action)).await.expect("kept");
    }
    drained(&spool).await;
    let status = spool.status();
    assert_eq!((status.accepted, status.delivered, status.rejected, status.waiting), (4, 2, 2, 0), "{status:?}");
    assert_eq!(peer.state().ids, ["a", "c"]);
    let lines = std::fs::read_to_string(directory.path().join(REJECTED)).expect("rejects");
    let lines: Vec<serde_json::Value> = lines.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!((&lines[0]["kind"], &lines[0]["event"]["id"]), (&"Invalid".into(), &"b".into()));
    assert_eq!((&lines[1]["kind"], &lines[1]["event"]["action"]), (&"Conflict".into(), &"test.other".into()));
    // An operator who has dealt with them moves the file away while the process runs.
    std::fs::rename(directory.path().join(REJECTED), directory.path().join("seen")).expect("moved");
    spool.add(&draft(Some("d"), "test.invalid")).await.expect("kept");
    drained(&spool).await;
    while spool.status().rejected < 3 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(rejected_ids(&directory), HashSet::from(["d".to_owned()]));
}

#[tokio::test(start_paused = true)]
async fn a_full_spool_tells_and_takes_again_once_it_was_delivered() {
    let directory = tempfile::tempdir().expect("a directory");
    let is_back = Arc::new(AtomicBool::new(false));
    let seen = is_back.clone();
    let peer = Peer::new(move |_, _| if seen.load(Ordering::Relaxed) { Act::Serve } else { Act::Reset });
    let options = SpoolOptions { bytes_max: 4_096, file_bytes: 1_024, ..SpoolOptions::in_directory(directory.path()) };
    let spool = spool_with(options, &peer).expect("a spool");
    let mut kept = 0;
    let error = loop {
        match spool.add(&draft(Some(&format!("e{kept}")), "test.done")).await {
            Ok(()) => kept += 1,
            Err(error) => break error,
        }
    };
    assert_eq!(error.kind(), ErrorKind::Overloaded);
    assert!(error.to_string().contains("of 4096 bytes") && kept > 10, "{kept}: {error}");
    assert_eq!((spool.status().refused, spool.status().waiting), (1, kept));
    assert!(spool.status().bytes <= 4_096 && on_disk(&directory) <= 4_096 + 64);
    assert!(spool.status().last_failure.is_none_or(|failure| failure.contains("not reached")));

    is_back.store(true, Ordering::Relaxed);
    drained(&spool).await;
    spool.add(&draft(Some("again"), "test.done")).await.expect("room");
    drained(&spool).await;
    assert_eq!(on_disk(&directory), 32, "only the place is left");
}

/// Bytes of everything in the directory.
fn on_disk(directory: &TempDir) -> u64 {
    let entries = std::fs::read_dir(directory.path()).expect("a directory");
    entries.map(|entry| entry.expect("an entry").metadata().expect("metadata").len()).sum()
}

#[tokio::test(start_paused = true)]
async fn one_process_at_a_time_has_a_spool() {
    let directory = tempfile::tempdir().expect("a directory");
    let peer = Peer::new(|_, _| Act::Serve);
    let first = spool(&directory, &peer);
    let error = spool_with(SpoolOptions::in_directory(directory.path()), &peer).err().expect("in use");
    assert_eq!(error.kind(), ErrorKind::InUse, "{error}");
    first.close().await;
    drop(first);
    spool(&directory, &peer);
}

#[tokio::test(start_paused = true)]
async fn ending_delivers_what_waits_and_leaves_the_rest_for_the_next_process() {
    let directory = tempfile::tempdir().expect("a directory");
    let peer = Peer::new(|_, since| if since.as_secs() < 60 { Act::Hang } else { Act::Serve });
    let first = spool(&directory, &peer);
    first.add(&draft(Some("a"), "test.done")).await.expect("kept");
    let began = Instant::now();
    first.close().await;
    assert!(began.elapsed() <= Duration::from_secs(6), "{:?}", began.elapsed());
    assert_eq!(first.add(&draft(None, "test.done")).await.expect_err("closed").kind(), ErrorKind::NotFound);
    drop(first);
    tokio::time::sleep(Duration::from_secs(61)).await;
    let second = spool(&directory, &peer);
    assert_eq!(second.status().waiting, 1);
    second.add(&draft(Some("b"), "test.done")).await.expect("kept");
    second.close().await;
    assert_eq!((peer.state().ids.clone(), second.status().waiting), (vec!["a".to_owned(), "b".to_owned()], 0));
}

mod files {
    //! What a crash leaves of the files, and what bytes are that nobody wrote.

    use super::*;

    fn claim(number: usize) -> Bytes {
        Bytes::from(format!("{{\"id\":\"e{number}\"}}"))
    }

    fn options(directory: &TempDir) -> SpoolOptions {
        SpoolOptions::in_directory(directory.path())
    }

    fn open(directory: &TempDir) -> (Shelf, Mended) {
        Shelf::open(options(directory)).expect("a shelf")
    }

    /// A directory with one file of three frames.
    fn three() -> (TempDir, std::path::PathBuf) {
        let directory = tempfile::tempdir().expect("a directory");
        let (mut shelf, _) = open(&directory);
        for number in 0..3 {
            shelf.append(&[claim(number)])[0].as_ref().expect("kept");
        }
        let names = std::fs::read_dir(directory.path()).expect("a directory").map(|entry| entry.expect("one").path());
        let path = names.into_iter().find(|path| path.extension().is_some_and(|suffix| suffix == "spool"));
        (directory, path.expect("a file"))
    }

    fn waiting(shelf: &mut Shelf) -> Vec<Bytes> {
        let mut found = Vec::new();
        while let Some(batch) = shelf.next(2, 1 << 20).expect("readable") {
            let events = batch.claims.len() as u64;
            found.extend(batch.claims);
            shelf.delivered(batch.behind, events).expect("noted");
        }
        assert_eq!(shelf.waiting(), 0);
        found
    }

    #[test]
    fn a_kill_at_any_byte_keeps_everything_that_was_whole() {
        let (_template, path) = three();
        let whole = std::fs::read(&path).expect("bytes");
        for length in 0..whole.len() {
            let directory = tempfile::tempdir().expect("a directory");
            std::fs::write(directory.path().join(path.file_name().expect("a name")), &whole[..length])
                .expect("written");
            let (mut shelf, mended) = open(&directory);
            assert!(mended.damaged_files.is_empty(), "{length}: {mended:?}");
            shelf.append(&[claim(9)])[0].as_ref().expect("kept");
            let found = waiting(&mut shelf);
            let frames = [32 + 16 + 12, 64 + 16 + 12, 96 + 16 + 12].iter().filter(|end| **end <= length).count();
            let expected: Vec<Bytes> = (0..frames).chain([9]).map(claim).collect();
            assert_eq!(found, expected, "{length}");
        }
    }

    #[test]
    fn damaged_bytes_are_kept_aside_and_cost_their_frame_alone() {
        let (directory, path) = three();
        let mut bytes = std::fs::read(&path).expect("bytes");
        bytes[64 + 16 + 3] ^= 1;
        std::fs::write(&path, &bytes).expect("written");
        let (mut shelf, mended) = open(&directory);
        let [name] = &mended.damaged_files[..] else { panic!("{mended:?}") };
        assert_eq!(std::fs::read(directory.path().join(name)).expect("kept"), bytes);
        assert_eq!(waiting(&mut shelf), [claim(0), claim(2)]);
        drop(shelf);
        assert!(open(&directory).1.damaged_files.is_empty(), "told once");
    }

    #[test]
    fn bytes_that_change_under_a_running_process_are_seen() {
        let (directory, path) = three();
        let (mut shelf, _) = open(&directory);
        let mut bytes = std::fs::read(&path).expect("bytes");
        bytes[32 + 16] ^= 1;
        std::fs::write(&path, &bytes).expect("written");
        assert_eq!(shelf.next(9, 1 << 20).expect_err("changed").kind(), ErrorKind::Corrupt);
        assert_eq!(shelf.mend().expect("mended").damaged_files.len(), 1);
        assert_eq!(waiting(&mut shelf), [claim(1), claim(2)]);
    }

    #[test]
    fn delivery_goes_on_where_it_stood_or_from_the_beginning() {
        let (directory, _) = three();
        let (mut shelf, _) = open(&directory);
        let batch = shelf.next(2, 1 << 20).expect("readable").expect("two");
        assert_eq!(batch.claims, [claim(0), claim(1)]);
        shelf.delivered(batch.behind, 2).expect("noted");
        drop(shelf);
        let (shelf, _) = open(&directory);
        assert_eq!((shelf.waiting(), shelf.next(9, 9).expect("readable").expect("one").claims), (1, vec![claim(2)]));
        drop(shelf);
        std::fs::write(directory.path().join("place"), b"nonsense").expect("written");
        let (mut shelf, _) = open(&directory);
        assert_eq!(waiting(&mut shelf), [claim(0), claim(1), claim(2)]);
    }

    #[test]
    fn files_follow_one_another_and_keep_the_order() {
        let directory = tempfile::tempdir().expect("a directory");
        let options = SpoolOptions { file_bytes: 128, ..options(&directory) };
        let (mut shelf, _) = Shelf::open(options).expect("a shelf");
        let claims: Vec<Bytes> = (0..50).map(claim).collect();
        for pair in claims.chunks(2) {
            assert!(shelf.append(pair).iter().all(Result::is_ok));
        }
        let files = std::fs::read_dir(directory.path()).expect("a directory").count();
        assert!(files > 10, "{files}");
        assert_eq!(waiting(&mut shelf), claims);
        assert_eq!(shelf.bytes(), 0);
    }
}
