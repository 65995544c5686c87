//! What was taken away from the log: before it was archived it is not in the archive, afterwards verification says so.

use deedbook_core::removal::{Erased, Erasure};

use crate::support::{Log, Room, archived, holds_all_of};

/// Positions of entries with a name of the actor, which is personal.
fn named(log: &Log) -> Vec<u64> {
    let entries = log.entries().into_values();
    let named = entries.filter(|entry| entry.event.actor.name.is_some());
    named.map(|entry| entry.receipt.position).take(5).collect()
}

/// Three neighbours late in the log.
fn late(log: &Log) -> Vec<u64> {
    log.entries().into_keys().filter(|position| *position >= 60).take(3).collect()
}

fn erase(log: &Log, positions: &[u64]) {
    let what = || Erased::Values(vec!["/actor/name".to_owned()]);
    let erasures: Vec<Erasure> = positions.iter().map(|&position| Erasure { position, what: what() }).collect();
    log.store.erase(&erasures).unwrap();
}

#[test]
fn what_was_erased_before_is_not_in_the_archive() {
    let (log, room) = (Log::of(0..80), Room::new());
    let positions = named(&log);
    let name = log.entries()[&positions[0]].event.actor.name.clone().unwrap();
    erase(&log, &positions);
    let late = late(&log);
    log.store.erase(&[Erasure { position: late[0], what: Erased::Content }]).unwrap();
    log.store.retire(&late[1..]).unwrap();
    log.archive(&room.archive()).unwrap();
    holds_all_of(&room.archive(), &log);
    let found = archived(&room.archive());
    assert!(!name.is_empty() && positions.iter().all(|position| found[position].event.actor.name.is_none()));
    assert!(late.iter().all(|position| !found.contains_key(position)));
}

#[test]
fn what_was_taken_away_since_is_told() {
    let (log, room) = (Log::of(0..80), Room::new());
    log.archive(&room.archive()).unwrap();
    erase(&log, &named(&log)[..1]);
    log.store.retire(&late(&log)).unwrap();
    let verdict = room.archive().verify(Some(&*log.store), &mut |_| {}).unwrap();
    assert_eq!(verdict.problems.len(), 1, "{verdict:?}");
    assert!(verdict.problems[0].contains("values of it were erased since"), "{verdict:?}");
    let gone: Vec<&String> = verdict.notes.iter().filter(|note| note.contains("not in the log any more")).collect();
    assert!(!gone.is_empty(), "{verdict:?}");
    // It goes on as before.
    log.record(80..90);
    log.archive(&room.archive()).unwrap();
}
