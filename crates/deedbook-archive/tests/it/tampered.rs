//! What was changed, removed or added behind the back of an archive is found.

use std::fs;
use std::path::Path;

use deedbook_core::Digest;
use deedbook_testkit::events;

use crate::support::{Log, Room};

fn archived() -> (Log, Room) {
    let (log, room) = (Log::of(0..150), Room::new());
    log.archive(&room.archive()).unwrap();
    (log, room)
}

/// What verification says without the log; an error counts as well.
fn problems(room: &Room) -> Vec<String> {
    match room.archive().verify(None, &mut |_| {}) {
        Ok(verdict) => verdict.problems,
        Err(error) => vec![error.to_string()],
    }
}

fn flip(path: &Path, at: usize) {
    let mut bytes = fs::read(path).unwrap();
    bytes[at] ^= 0x10;
    fs::write(path, bytes).unwrap();
}

#[test]
fn a_flipped_byte_is_found_wherever_it_is() {
    let (_, room) = archived();
    assert_eq!(problems(&room), Vec::<String>::new());
    let file = room.files()[2].clone();
    let length = fs::metadata(&file).unwrap().len() as usize;
    for at in (0..length).step_by(length / 40) {
        flip(&file, at);
        let found = problems(&room);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].contains("its SHA-256 is another one"), "{found:?}");
        flip(&file, at);
    }
    assert_eq!(problems(&room), Vec::<String>::new());
}

#[test]
fn a_missing_file_and_one_too_many_are_found() {
    let (_, room) = archived();
    let file = room.files()[1].clone();
    let copy = file.with_file_name("00000000000000000000-00000000000000000001-0000000000000000.parquet");
    fs::copy(&file, &copy).unwrap();
    assert!(problems(&room)[0].contains("belongs to no commit"));
    fs::remove_file(&copy).unwrap();
    fs::remove_file(&file).unwrap();
    assert!(problems(&room)[0].ends_with("is missing"));
}

#[test]
fn a_commit_that_is_changed_or_missing_is_found() {
    let (log, room) = archived();
    let mut commits = room.below("commits");
    commits.sort();
    let kept = room.archive().head().unwrap().unwrap().1;
    let text = fs::read_to_string(&commits[1]).unwrap();
    fs::write(&commits[1], text.replacen("\"rows\": ", "\"rows\": 1", 1)).unwrap();
    assert!(problems(&room)[0].contains("does not continue the commit before it"));
    fs::write(&commits[1], &text).unwrap();
    assert!(room.archive().leads_back_to(&kept).unwrap());
    assert!(!room.archive().leads_back_to(&Digest([7; 32])).unwrap());
    fs::remove_file(&commits[1]).unwrap();
    assert!(problems(&room)[0].contains("does not continue the commit before it"));
    fs::write(&commits[1], &text).unwrap();
    // Without the last ones the chain is whole; the log knows, and so does whoever kept the digest.
    fs::remove_file(commits.last().unwrap()).unwrap();
    assert!(!room.archive().leads_back_to(&kept).unwrap());
    let verdict = room.archive().verify(Some(&*log.store), &mut |_| {}).unwrap();
    assert!(verdict.notes.iter().any(|note| note.starts_with("the log goes on at position")), "{verdict:?}");
    assert!(verdict.problems[0].contains("belongs to no commit"), "{verdict:?}");
}

#[test]
fn a_row_that_was_changed_or_taken_out_with_all_digests_made_right_is_found_by_the_log() {
    let whole = Log::in_memory(0..0);
    whole.enter(events::drafts(0..150));
    let drafts = |number: u64| if number == 70 { events::conflicting_draft(number) } else { events::draft(number) };
    let changed = Log::in_memory(0..0);
    changed.enter((0..150).map(drafts).collect());
    let shorter = Log::in_memory(0..0);
    shorter.enter(events::drafts(0..150));
    shorter.store.retire(&[70]).unwrap();
    for (forged, expected) in
        [(changed, "at position 70 is not what the log has"), (shorter, "is in the log and not in the archive")]
    {
        let room = Room::new();
        forged.archive(&room.archive()).unwrap();
        assert_eq!(problems(&room), Vec::<String>::new());
        let verdict = room.archive().verify(Some(&*whole.store), &mut |_| {}).unwrap();
        assert_eq!(verdict.problems.len(), 1, "{verdict:?}");
        assert!(verdict.problems[0].contains(expected), "{verdict:?}");
    }
}
