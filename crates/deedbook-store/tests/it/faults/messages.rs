//! What a person reads when a log cannot be opened: which file, what is wrong, and what to do.

use std::fs;
use std::path::Path;

use deedbook_core::{ErrorKind, StoreExt};
use deedbook_store::{FileStore, Options, check};

use super::ledger::draft;

/// A directory that holds a segment.
fn directory() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    let store = FileStore::open(directory.path(), Options::default()).unwrap();
    (1..20).for_each(|number| drop(store.append_one(draft(number)).unwrap()));
    store.close().unwrap();
    directory
}

/// A directory as a kill leaves it, with a file of the log.
fn killed_directory() -> tempfile::TempDir {
    let (directory, copy) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let store = FileStore::open(directory.path(), Options::default()).unwrap();
    (1..20).for_each(|number| drop(store.append_one(draft(number)).unwrap()));
    for file in fs::read_dir(directory.path()).unwrap() {
        let file = file.unwrap();
        fs::copy(file.path(), copy.path().join(file.file_name())).unwrap();
    }
    drop(store);
    copy
}

fn find(directory: &Path, prefix: &str) -> std::path::PathBuf {
    let names = fs::read_dir(directory).unwrap().map(|file| file.unwrap().path());
    let mut found = names.filter(|path| path.file_name().unwrap().to_str().unwrap().starts_with(prefix));
    found.next().unwrap_or_else(|| panic!("there is a file {prefix}…"))
}

fn change(path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = fs::read(path).unwrap();
    change(&mut bytes);
    fs::write(path, bytes).unwrap();
}

#[test]
fn messages_name_the_file_what_is_wrong_and_what_to_do() {
    type Directory = fn() -> tempfile::TempDir;
    type Damage = fn(&Path);
    type Case<'a> = (&'a str, Directory, Damage, ErrorKind, &'a [&'a str]);
    let cases: [Case<'_>; 10] = [
        (
            "a segment's beginning",
            directory,
            |path| change(&find(path, "segment-"), |bytes| bytes[3] ^= 1),
            ErrorKind::Corrupt,
            &[
                "segment-0000000",
                "is damaged",
                "does not begin as a segment",
                "restore this file from a backup",
                "doctor",
            ],
        ),
        (
            "a segment's footer",
            directory,
            |path| change(&find(path, "segment-"), |bytes| *bytes.iter_mut().rev().nth(40).unwrap() ^= 1),
            ErrorKind::Corrupt,
            &["segment-0000000", "is damaged", "checksum", "restore this file from a backup", "nothing was changed"],
        ),
        (
            "a cut segment",
            directory,
            |path| change(&find(path, "segment-"), |bytes| bytes.truncate(100)),
            ErrorKind::Corrupt,
            &["segment-0000000", "is damaged", "restore this file from a backup"],
        ),
        (
            "a missing segment",
            directory,
            |path| fs::remove_file(find(path, "segment-")).unwrap(),
            ErrorKind::Corrupt,
            &["segment-0000000", "is missing", "restore this file from a backup"],
        ),
        (
            "a cut header of the log",
            killed_directory,
            |path| change(&find(path, "wal-"), |bytes| bytes.truncate(300)),
            ErrorKind::Corrupt,
            &["wal-0000000", "shorter than its header", "restore this file from a backup"],
        ),
        (
            "a cut file of the log",
            killed_directory,
            |path| change(&find(path, "wal-"), |bytes| bytes.truncate(4096 + 1024)),
            ErrorKind::Corrupt,
            &["wal-0000000", "length that its header says", "restore this file from a backup"],
        ),
        (
            "a flipped bit in the log",
            killed_directory,
            |path| change(&find(path, "wal-"), |bytes| bytes[4096 + 700] ^= 4),
            ErrorKind::Corrupt,
            &["wal-0000000", "the frame at byte 4096 is not sound", "restore this file from a backup"],
        ),
        (
            "a newer format",
            directory,
            |path| change(&find(path, "MANIFEST"), |bytes| bytes[18] = b'7'),
            ErrorKind::NewerFormat,
            &["format 7", "knows formats up to 3", "use a newer version of Deedbook"],
        ),
        (
            "a flipped bit in the manifest",
            directory,
            |path| change(&find(path, "MANIFEST"), |bytes| bytes[120] ^= 1),
            ErrorKind::Corrupt,
            &["MANIFEST is damaged", "digest", "restore this file from a backup"],
        ),
        (
            "a missing manifest",
            directory,
            |path| fs::remove_file(path.join("MANIFEST")).unwrap(),
            ErrorKind::Corrupt,
            &["MANIFEST", "is missing, though files of a log are there", "restore this file from a backup"],
        ),
    ];
    for (what, directory, damage, kind, parts) in cases {
        let directory = directory();
        damage(directory.path());
        let error = FileStore::open(directory.path(), Options::default()).map(drop).expect_err(what);
        let message = error.to_string();
        assert_eq!(error.kind(), kind, "{what}: {message}");
        for part in parts {
            assert!(message.contains(part), "{what}: {message:?} does not say {part:?}");
        }
    }
}

#[test]
fn a_directory_in_use_is_refused_with_advice() {
    let directory = directory();
    let holder = FileStore::open(directory.path(), Options::default()).unwrap();
    let place = directory.path().display().to_string();
    let refusals = [
        FileStore::open(directory.path(), Options::default()).map(drop),
        FileStore::open_read_only(directory.path()).map(drop),
        check(directory.path(), &mut |_, _| ()).map(drop),
    ];
    for refusal in refusals {
        let error = refusal.expect_err("the directory is taken");
        let message = error.to_string();
        assert_eq!(error.kind(), ErrorKind::InUse);
        assert!(message.contains(&place) && message.contains("go through its server"), "{message}");
    }
    holder.close().unwrap();
    let readers = [0, 1].map(|_| FileStore::open_read_only(directory.path()).unwrap());
    let error = FileStore::open(directory.path(), Options::default()).map(drop).expect_err("readers are there");
    assert_eq!(error.kind(), ErrorKind::InUse);
    drop(readers);
    FileStore::open(directory.path(), Options::default()).unwrap().close().unwrap();
}

#[test]
fn a_directory_without_a_log_is_told_apart() {
    let empty = tempfile::tempdir().unwrap();
    let error = FileStore::open_read_only(empty.path()).map(drop).expect_err("there is nothing");
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(error.to_string().contains("there is no Deedbook in"), "{error}");
}
