//! The disk runs full at any size: appends are refused, reading goes on, and it goes on by itself when there is room.

use deedbook_core::{Atomicity, ErrorKind};
use deedbook_testkit::disk::SimulatedDisk;

use super::ledger::{Verdict, all_entries};
use super::script::{Client, Gate, acts, options};

const ACTS: usize = 24;

#[test]
fn a_full_disk_refuses_reads_on_and_recovers() {
    let disk = SimulatedDisk::new();
    let mut client = Client::new(&disk, 5);
    assert!(client.open());
    disk.set_space(Some(disk.bytes_used() + 30_000));
    let mut number = 50_000;
    while client.errors.is_empty() {
        number += 1;
        client.append(&[number], Atomicity::PerEvent);
        assert!(number < 51_000, "the disk never ran full");
    }
    let (error, before) = (client.errors.remove(0), client.ledger.receipts_given());
    assert_eq!(error.kind(), ErrorKind::DiskFull);
    let message = error.to_string();
    assert!(message.contains("free some space") && message.contains("reading goes on"), "{message}");
    assert!(message.contains("wal-") || message.contains("segment-") || message.contains("MANIFEST"), "{message}");
    let store = client.store.as_ref().unwrap();
    assert!(!store.stats().poisoned);
    let mut verdict = Verdict::default();
    assert_eq!(all_entries(store, &mut verdict).len(), before);
    for number in 60_000..60_010 {
        client.append(&[number], Atomicity::AllOrNothing);
    }
    assert!(client.errors.drain(..).all(|error| error.kind() == ErrorKind::DiskFull));
    disk.set_space(None);
    for number in 60_000..60_020 {
        client.append(&[number], Atomicity::AllOrNothing);
    }
    assert!(client.errors.is_empty(), "{:?}", client.errors);
    client.close();
    assert!(client.errors.is_empty(), "{:?}", client.errors);
    let verdict = client.ledger.judge(&disk, usize::MAX, options(5, &Gate::new()), true);
    assert!(verdict.is_clean(), "{verdict:#?}");
}

#[test]
fn the_disk_may_run_full_at_any_size() {
    let refused = super::for_each_seed(super::seeds(4), run_full, |a, b| *a += b);
    println!("{refused} operations were refused by full disks");
    assert!(refused > 100);
}

fn run_full(seed: u64) -> usize {
    let acts = acts(seed, ACTS);
    let mut refused = 0;
    for space in (0..160).map(|sixteenth| sixteenth * 512) {
        let disk = SimulatedDisk::new();
        let mut client = Client::new(&disk, seed);
        disk.set_space(Some(space));
        client.act_all(&acts);
        let reproduce = format!(
            "seed {seed}, {space} bytes: {:#?}\nCHAOS_SEED={seed} cargo test -p deedbook-store --test it disk_full",
            client.errors
        );
        assert!(client.errors.iter().all(|error| error.kind() == ErrorKind::DiskFull), "{reproduce}");
        assert_eq!(client.poisonings, 0, "{reproduce}");
        refused += client.errors.len();
        client.errors.clear();
        // There is room again; nobody has to open anything anew.
        disk.set_space(None);
        let number = seed * 10_000 + 9_000;
        client.open();
        (number..number + 12).for_each(|number| client.append(&[number], Atomicity::PerEvent));
        client.close();
        assert!(client.errors.is_empty(), "with room again {:#?}: {reproduce}", client.errors);
        let verdict = client.ledger.judge(&disk, usize::MAX, options(seed, &Gate::new()), space % 2048 == 0);
        assert!(verdict.is_clean(), "{verdict:#?}: {reproduce}");
    }
    refused
}
