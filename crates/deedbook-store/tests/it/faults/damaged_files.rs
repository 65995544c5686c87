//! Files are cut, grown, deleted, swapped, or come from an older copy: each is detected or harmless.

use std::collections::BTreeSet;
use std::sync::Arc;

use deedbook_core::ErrorKind;
use deedbook_store::FileStore;
use deedbook_testkit::disk::SimulatedDisk;

use super::answers::{Answers, Fate, left_by_a_killed_process};
use super::script::{Client, options_on};

/// Damage is found, and whoever opens the log for appending changes nothing.
fn check(answers: &Answers, damaged: &SimulatedDisk, what: &str) -> Fate {
    let fate = answers.judge(damaged).unwrap_or_else(|wrong| panic!("{what}: {wrong}"));
    if fate == Fate::FoundByOpening {
        let files = || damaged.names().into_iter().map(|name| (damaged.read(&name), name)).collect::<Vec<_>>();
        let before = files();
        let opened = FileStore::open_on(Arc::new(damaged.clone()), "the simulated disk", options_on(damaged, 1));
        let error = opened.err().unwrap_or_else(|| panic!("{what}: it can be opened for appending"));
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{what}: {error:?}");
        assert!(files() == before, "{what}: opening changed something though it refused");
    }
    fate
}

#[test]
fn cut_and_grown_files_are_detected() {
    let disk = left_by_a_killed_process();
    let answers = Answers::of(&disk);
    for name in disk.names().iter().filter(|name| *name != "LOCK") {
        let bytes = disk.read(name).unwrap();
        let sectors = (0..bytes.len()).step_by(512);
        let lengths: BTreeSet<usize> = sectors.chain([1, 20, bytes.len() / 2, bytes.len() - 1]).collect();
        for length in lengths {
            let damaged = disk.copy();
            damaged.put(name, bytes[..length].to_vec());
            let fate = check(&answers, &damaged, &format!("{name} cut to {length} bytes"));
            assert_ne!(fate, Fate::Harmless, "{name} cut to {length} bytes is not noticed");
        }
        for more in [vec![0; 512], vec![1], vec![7; 4096]] {
            let damaged = disk.copy();
            damaged.put(name, [&bytes[..], &more].concat());
            let fate = check(&answers, &damaged, &format!("{name} grown by {} bytes", more.len()));
            assert_ne!(fate, Fate::Harmless, "{name} grown by {} bytes is not noticed", more.len());
        }
    }
}

#[test]
fn deleted_and_swapped_files_are_detected() {
    let disk = left_by_a_killed_process();
    let answers = Answers::of(&disk);
    let names: Vec<String> = disk.names().into_iter().filter(|name| name != "LOCK").collect();
    for name in &names {
        let damaged = disk.copy();
        damaged.take_away(name);
        if name != "MANIFEST" {
            assert_eq!(check(&answers, &damaged, &format!("{name} deleted")), found_at_best(name));
        } else {
            let opened = FileStore::open_on(Arc::new(damaged.clone()), "the simulated disk", options_on(&damaged, 1));
            assert_eq!(opened.err().map(|error| error.kind()), Some(ErrorKind::Corrupt));
        }
        for other in names.iter().filter(|other| *other > name) {
            let damaged = disk.copy();
            damaged.put(name, disk.read(other).unwrap());
            damaged.put(other, disk.read(name).unwrap());
            let fate = check(&answers, &damaged, &format!("{name} and {other} swapped"));
            let expected = if is_archived(name) { found_at_best(other) } else { found_at_best(name) };
            assert_eq!(fate, expected, "{name} and {other} swapped");
        }
    }
}

/// Whether a file is one of the archive, which is not looked at before it is needed.
fn is_archived(name: &str) -> bool {
    name.contains("-segment-")
}

fn found_at_best(name: &str) -> Fate {
    if is_archived(name) { Fate::FoundByReading } else { Fate::FoundByOpening }
}

/// Every manifest that a directory ever had is put back: what it does not know of is not thrown away.
#[test]
fn an_older_manifest_is_detected() {
    let (mut found, mut harmless) = (0, 0);
    for seed in 0..12 {
        let mut client = Client::after_acts(seed, 30);
        if seed % 2 == 0 {
            client.close();
        }
        let last = client.disk.kill_at(client.disk.steps()).copy();
        let answers = Answers::of(&last);
        let mut crashes = client.disk.crashes();
        let mut older = BTreeSet::new();
        for step in 0..client.disk.steps() {
            crashes.advance_to(step);
            older.extend(crashes.kill().read("MANIFEST"));
        }
        for manifest in older {
            let damaged = last.copy();
            damaged.put("MANIFEST", manifest);
            match check(&answers, &damaged, &format!("seed {seed}, an older manifest")) {
                Fate::Harmless => harmless += 1,
                _ => found += 1,
            }
        }
    }
    println!("{found} older manifests were found, {harmless} had the same answers");
    assert!(found > 100);
}
