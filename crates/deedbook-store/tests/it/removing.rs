//! Taking away in a directory: nothing of it is left in any byte, every proof holds, and the doctor wants to know why.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use deedbook_core::commitment::Key;
use deedbook_core::removal::{ERASED, Erased, Erasing, Erasure, Place, RETIRED, Retirement};
use deedbook_core::serde_json::{Map, Value};
use deedbook_core::tree::{consistency_proof, inclusion_proof, root, verify_consistency, verify_inclusion};
use deedbook_core::{
    AppendStatus, Atomicity, Draft, ErrorKind, Event, PageRequest, Query, Receipt, Scope, Store, StoreExt, Timestamp,
};
use deedbook_store::{FileStore, Options, check};
use deedbook_testkit::{bytes, events};

fn options() -> Options {
    let mut options = Options::default();
    options.first_generation_bytes = 4 << 10;
    options.generation_bytes = 16 << 10;
    options.merge_fan_in = 3;
    options
}

/// Event `number` of a tenant: its id, the name of its actor, its description and a remark have a word of their own.
fn event(tenant: &str, number: u64) -> Event {
    let mut event = events::simple(tenant, &format!("evt-{}", canary("id", number)));
    event.actor.name = Some(format!("Ada {}", canary("name", number)));
    event.description = Some(format!("{} was here", canary("told", number)));
    event.metadata.insert("note".into(), canary("note", number).into());
    event.personal = vec!["/metadata/note".into()];
    event
}

/// A word that occurs nowhere else; digits first, so that words in order share little of it.
fn canary(what: &str, number: u64) -> String {
    let mixed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ what.len() as u64 ^ u64::from(what.as_bytes()[0]) << 8;
    format!("{:016x}{what}{number}", mixed.reverse_bits())
}

/// What is looked for of a word: a dictionary leaves out the beginning that it has in common with the word before.
fn trace(what: &str, number: u64) -> String {
    canary(what, number)[8..].to_owned()
}

fn append(store: &FileStore, events: impl IntoIterator<Item = Event>) -> Vec<Receipt> {
    let drafts: Vec<Draft> = events.into_iter().map(events::prepared).collect();
    let fates = store.append(drafts, Atomicity::PerEvent).unwrap();
    fates.into_iter().map(|fate| fate.unwrap().receipt).collect()
}

/// A log of two tenants: what is sealed and merged, what is sealed, what is not.
fn fill(store: &FileStore) -> Vec<Receipt> {
    let tenant = |number: u64| if number.is_multiple_of(3) { "beta" } else { "acme" };
    let mut receipts = Vec::new();
    for start in (0..240).step_by(40) {
        receipts.extend(append(store, (start..start + 40).map(|number| event(tenant(number), number))));
        if start == 120 {
            store.compact().unwrap();
        }
    }
    receipts
}

/// Whether these bytes are in a file of the directory, as they are or compressed.
fn is_anywhere(directory: &Path, needle: impl AsRef<[u8]>) -> bool {
    let names =
        || -> BTreeSet<_> { std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect() };
    loop {
        // Files that are merged meanwhile are looked for again.
        let listed = names();
        let files: Vec<_> = listed.iter().filter_map(|name| std::fs::read(name).ok()).collect();
        if files.len() == listed.len() && names() == listed {
            return files.iter().any(|file| bytes::holds(file, needle.as_ref()));
        }
    }
}

fn values(position: u64, paths: &[&str]) -> Erasure {
    Erasure { position, what: Erased::Values(paths.iter().map(ToString::to_string).collect()) }
}

fn content(position: u64) -> Erasure {
    Erasure { position, what: Erased::Content }
}

const WORDS: [&str; 4] = ["id", "name", "told", "note"];

#[test]
fn what_was_taken_away_is_in_no_byte_of_the_directory() {
    let directory = tempfile::tempdir().unwrap();
    let keys = Arc::new(Mutex::new(Vec::new()));
    let mut options = options();
    let (fill_random, noted) = (options.random.clone(), keys.clone());
    options.random = Arc::new(move |buffer: &mut [u8]| {
        fill_random(buffer);
        // The nonce and the key of a file of the write-ahead log are made together.
        noted.lock().unwrap().extend(buffer.get(16..48).map(|key| <[u8; 32]>::try_from(key).unwrap()));
    });
    let store = FileStore::open(directory.path(), options.clone()).unwrap();
    let receipts = fill(&store);
    // One early, one late, one that is not sealed yet, of each kind.
    let (retired, erased, blanked) = ([5, 120, 237], [8, 131, 238], [11, 140, 236]);
    for number in retired.iter().chain(&erased).chain(&blanked) {
        for word in WORDS {
            assert!(is_anywhere(directory.path(), trace(word, *number)), "{word} of {number} is there to begin with");
        }
    }
    store.retire(&retired).unwrap();
    store.erase(&erased.map(content)).unwrap();
    store.erase(&blanked.map(|number| values(number, &["/actor/name", "/description", "/metadata/note"]))).unwrap();
    for time in ["after it", "after closing"] {
        for number in 0..240 {
            let gone: &[&str] = match number {
                _ if retired.contains(&number) => &WORDS,
                _ if erased.contains(&number) || blanked.contains(&number) => &WORDS[1..],
                _ => &[],
            };
            for word in WORDS {
                let is_there = is_anywhere(directory.path(), trace(word, number));
                assert_eq!(is_there, !gone.contains(&word), "{word} of {number} {time}");
            }
        }
        no_secret_is_left(directory.path(), &keys.lock().unwrap(), &receipts, &erased, &blanked);
        if time == "after it" {
            store.close().unwrap();
        }
    }
}

/// The same in an archive, and in what it leaves in the log's directory.
#[test]
fn what_was_taken_away_is_in_no_byte_of_the_archive() {
    let (directory, archive) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let store = FileStore::open(directory.path(), options()).unwrap();
    fill(&store);
    let offload = || {
        store.compact().unwrap();
        let archive = archive.path().to_str().unwrap();
        store.offload(archive, Timestamp::MAX, &|_| ControlFlow::Continue(())).unwrap().entries
    };
    assert_eq!(offload(), 240);
    let objects = archive.path().join("segments");
    for number in 0..240 {
        assert!(is_anywhere(&objects, trace("told", number)), "{number} is in the archive");
        assert!(!is_anywhere(directory.path(), format!("{} was here", canary("told", number))), "{number} is not here");
    }
    // A reader that has it in memory by now.
    assert!(
        store.get("beta", &format!("evt-{}", canary("id", 120)), &Scope::unrestricted("a test")).unwrap().is_some()
    );
    store.retire(&[5, 120]).unwrap();
    store.erase(&[8, 131].map(content)).unwrap();
    store.erase(&[11, 140].map(|number| values(number, &["/actor/name", "/description", "/metadata/note"]))).unwrap();
    for time in ["after it", "after moving it again"] {
        for number in [5, 120, 8, 131, 11, 140] {
            for folder in [&objects, directory.path()] {
                assert!(!is_anywhere(folder, trace("told", number)), "{number} in {} {time}", folder.display());
            }
        }
        let found = store.get("beta", &format!("evt-{}", canary("id", 120)), &Scope::unrestricted("a test")).unwrap();
        assert!(found.is_none());
        if time == "after it" {
            assert_eq!(std::fs::read_dir(&objects).unwrap().count(), 0, "the segment is here again");
            assert_eq!(offload(), 240);
        }
    }
    store.close().unwrap();
    let problems = problems(directory.path());
    let expected = |problem: &String| problem.contains("no entry authorises it") || problem.starts_with("and so were");
    assert!(problems.iter().all(expected), "{problems:?}");
}

/// A removal is not done before it is done in the archive too.
#[test]
fn what_cannot_be_removed_from_the_archive_is_not_said_to_be() {
    let (directory, archive) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let store = FileStore::open(directory.path(), options()).unwrap();
    fill(&store);
    store.compact().unwrap();
    store.offload(archive.path().to_str().unwrap(), Timestamp::MAX, &|_| ControlFlow::Continue(())).unwrap();
    let (objects, aside) = (archive.path().join("segments"), archive.path().join("aside"));
    std::fs::rename(&objects, &aside).unwrap();
    let error = store.erase(&[content(8)]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Io);
    assert!(error.to_string().contains("of the archive"), "{error}");
    store.close().unwrap();
    std::fs::rename(&aside, &objects).unwrap();
    assert!(is_anywhere(&objects, trace("told", 8)));
    let store = FileStore::open(directory.path(), options()).unwrap();
    store.erase(&[content(8)]).unwrap();
    assert!(!is_anywhere(&objects, trace("told", 8)));
    assert!(!is_anywhere(directory.path(), trace("told", 8)));
}

/// With neither K, seed nor salt an erased value can be guessed.
fn no_secret_is_left(directory: &Path, keys: &[[u8; 32]], receipts: &[Receipt], erased: &[u64], blanked: &[u64]) {
    let mut kept = 0;
    for key in keys.iter().copied().map(Key) {
        kept += usize::from(is_anywhere(directory, key.0));
        for &number in erased.iter().chain(blanked) {
            let receipt = &receipts[number as usize];
            let seed = key.seed(&receipt.tenant, &receipt.id);
            assert!(!is_anywhere(directory, seed.0), "the seed of {number}");
            for path in ["/actor/name", "/description", "/metadata/note"] {
                assert!(!is_anywhere(directory, seed.salt(path)), "the salt of {path} of {number}");
            }
        }
    }
    assert!(kept > 0 && kept < keys.len(), "keys of ranges in which nothing was erased stay: {kept} of {}", keys.len());
}

#[test]
fn leaves_and_every_proof_stay_as_they_were() {
    let directory = tempfile::tempdir().unwrap();
    let store = FileStore::open(directory.path(), options()).unwrap();
    let receipts = fill(&store);
    let before: Vec<_> = receipts.iter().filter(|receipt| receipt.tenant == "acme").map(|r| r.leaf_hash).collect();
    assert_eq!(store.leaf_hashes("acme").unwrap(), before);
    let old_root = root(&before);
    store.retire(&(0..60).collect::<Vec<_>>()).unwrap();
    store.erase(&(60..90).map(content).collect::<Vec<_>>()).unwrap();
    store.erase(&(90..240).map(|number| values(number, &["/actor/name", "/description"])).collect::<Vec<_>>()).unwrap();
    store.erase(&(200..220).map(content).collect::<Vec<_>>()).unwrap();
    store.retire(&(80..100).collect::<Vec<_>>()).unwrap();
    append(&store, (300..340).map(|number| event("acme", number)));
    let check = |store: &FileStore| {
        let after = store.leaf_hashes("acme").unwrap();
        assert_eq!((&after[..before.len()], after.len()), (&before[..], before.len() + 40));
        let new_root = root(&after);
        let proof = consistency_proof(&after, before.len() as u64).unwrap();
        assert!(verify_consistency(before.len() as u64, &old_root, after.len() as u64, &new_root, &proof));
        for (index, leaf) in before.iter().enumerate() {
            let (index, size) = (index as u64, after.len() as u64);
            let proof = inclusion_proof(&after, index).unwrap();
            assert!(verify_inclusion(leaf, index, size, &new_root, &proof));
        }
        let all = Scope::all_tenants();
        for entry in store.page(&Query::all(), &all, &PageRequest::oldest(1000)).unwrap().entries {
            assert!(entry.receipt.position >= 240 || entry.receipt == receipts[entry.receipt.position as usize]);
        }
    };
    check(&store);
    store.compact().unwrap();
    check(&store);
    store.close().unwrap();
    let store = FileStore::open(directory.path(), options()).unwrap();
    check(&store);
    assert!(store.leaf_hashes("nobody").unwrap().is_empty());
}

fn authority(tenant: &str, id: &str, action: &str, metadata: Map<String, Value>) -> Event {
    Event { action: action.to_owned(), metadata, ..events::simple(tenant, id) }
}

fn problems(directory: &Path) -> Vec<String> {
    check(directory, &mut |_, _| ()).unwrap().problems
}

#[test]
fn a_hole_without_its_authority_is_a_fault() {
    let directory = tempfile::tempdir().unwrap();
    let store = FileStore::open(directory.path(), options()).unwrap();
    append(&store, (0..60).map(|number| event("acme", number)));
    append(&store, (60..80).map(|number| event("beta", number)));
    store.retire(&[3, 4, 5, 7]).unwrap();
    store.erase(&[content(10), values(12, &["/actor/name", "/description"]), content(61)]).unwrap();
    store.close().unwrap();
    let found = problems(directory.path());
    assert_eq!(found.len(), 4, "{found:#?}");
    for (problem, start) in found.iter().zip([
        "entries 3-5,7 of tenant acme were retired and no entry authorises it",
        "the content of entries 10 of tenant acme was erased and no entry authorises it",
        "the values /actor/name, /description of entry 12 of tenant acme were erased and no entry authorises it",
        "the content of entries 1 of tenant beta was erased and no entry authorises it",
    ]) {
        assert!(problem.starts_with(start), "{problem}");
    }
    // What authorises a part of it, in the wrong tenant, or in the wrong shape, leaves the rest.
    let retirement = |seqs: &str| Retirement { run: "run_1".into(), rule: Map::new(), seqs: seqs.parse().unwrap() };
    let erasing = |places: &[(u64, Option<&[&str]>)]| Erasing {
        erasure: "era_1".into(),
        basis: "request".into(),
        requested_by: "user:1".into(),
        approved_by: None,
        places: places
            .iter()
            .map(|(seq, paths)| Place {
                seq: *seq,
                paths: paths.map(|paths| paths.iter().map(ToString::to_string).collect()),
            })
            .collect(),
    };
    let mut bad = retirement("7").metadata();
    bad.insert("count".into(), 2.into());
    let store = FileStore::open(directory.path(), options()).unwrap();
    append(
        &store,
        [
            authority("acme", "a1", RETIRED, retirement("3-4,50").metadata()),
            authority("beta", "a2", RETIRED, retirement("0-19").metadata()),
            authority("acme", "a3", RETIRED, bad),
            authority(
                "acme",
                "a4",
                ERASED,
                erasing(&[(12, Some(&["/actor/name"])), (10, Some(&["/description"]))]).metadata(),
            ),
        ],
    );
    store.close().unwrap();
    let found = problems(directory.path());
    assert_eq!(found.len(), 5, "{found:#?}");
    assert!(found[0].contains("should authorise a removal and cannot be read"), "{found:#?}");
    assert!(found[1].starts_with("entries 5,7 of tenant acme") && found[2].starts_with("the content of entries 10"));
    assert!(found[3].starts_with("the values /description of entry 12"), "{found:#?}");
    store_of(directory.path(), |store| {
        append(
            store,
            [
                authority("acme", "a5", RETIRED, retirement("5-8").metadata()),
                authority("acme", "a6", ERASED, erasing(&[(12, Some(&["/description"])), (10, None)]).metadata()),
                authority("beta", "a7", ERASED, erasing(&[(1, None)]).metadata()),
            ],
        );
    });
    assert_eq!(problems(directory.path()).len(), 1, "the entry of the wrong shape stays");
}

/// Does something with the log of a directory, which is killed then: authorities count before they are sealed.
fn store_of(directory: &Path, work: impl FnOnce(&FileStore)) {
    let store = FileStore::open(directory, options()).unwrap();
    work(&store);
    store.close().unwrap();
}

#[test]
fn a_closed_log_and_one_for_reading_take_nothing_away() {
    let directory = tempfile::tempdir().unwrap();
    let store = FileStore::open(directory.path(), options()).unwrap();
    append(&store, (0..5).map(|number| event("acme", number)));
    store.close().unwrap();
    assert_eq!(store.retire(&[1]).unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(store.erase(&[content(2)]).unwrap_err().kind(), ErrorKind::NotFound);
    let reader = FileStore::open_read_only(directory.path()).unwrap();
    assert_eq!(reader.retire(&[1]).unwrap_err().kind(), ErrorKind::Invalid);
    assert_eq!(reader.page(&Query::all(), &Scope::all_tenants(), &PageRequest::oldest(9)).unwrap().entries.len(), 5);
}

#[test]
fn readers_and_appends_go_on_while_entries_go() {
    let directory = tempfile::tempdir().unwrap();
    let store = FileStore::open(directory.path(), options()).unwrap();
    let receipts = fill(&store);
    let (stop, appended) = (AtomicBool::new(false), AtomicU64::new(0));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for number in (1000..).take_while(|_| !stop.load(Ordering::Relaxed)) {
                let receipt = &append(&store, [event("acme", number)])[0];
                assert_eq!(receipt.position, 240 + number - 1000);
                appended.fetch_add(1, Ordering::Relaxed);
            }
        });
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                let page = store.page(&Query::all(), &Scope::all_tenants(), &PageRequest::oldest(240)).unwrap();
                let rises = page.entries.windows(2).all(|pair| pair[0].receipt.position < pair[1].receipt.position);
                let known = page.entries.iter().filter(|entry| entry.receipt.position < 240);
                assert!(rises && known.clone().count() >= 60);
                known.for_each(|entry| assert_eq!(entry.receipt, receipts[entry.receipt.position as usize]));
            }
        });
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                store.compact().unwrap();
            }
        });
        // Two at once, over the same entries.
        let takers = [0, 1].map(|taker| {
            let store = &store;
            scope.spawn(move || {
                for start in (0..180).step_by(20) {
                    let range = start..start + 20;
                    if taker == 0 {
                        store.retire(&range.collect::<Vec<_>>()).unwrap();
                    } else {
                        store
                            .erase(&range.map(|position| values(position, &["/actor/name"])).collect::<Vec<_>>())
                            .unwrap();
                    }
                }
            })
        });
        let taken = takers.map(|taker| taker.join());
        stop.store(true, Ordering::Relaxed);
        taken.into_iter().for_each(Result::unwrap);
    });
    let left = store.page(&Query::all(), &Scope::all_tenants(), &PageRequest::oldest(100_000)).unwrap().entries;
    assert_eq!(left.len() as u64, 60 + appended.load(Ordering::Relaxed));
    assert_eq!(left[0].receipt.position, 180);
    assert!((0..180).all(|number| !is_anywhere(directory.path(), trace("told", number))));
    // The id of a retired entry is free, and what an old client sends again is new.
    let again = store.append_one(events::prepared(event("acme", 1))).unwrap();
    assert_eq!(again.status, AppendStatus::Created);
    store.close().unwrap();
    let found = problems(directory.path());
    assert!(found.iter().all(|problem| problem.contains("no entry authorises it")), "{found:?}");
}
