//! Replays the fuzz corpora of this crate's parsers as plain tests. Finding new inputs is `cargo xtask fuzz`.

#[path = "../../../../fuzz/src/core.rs"]
#[expect(unreachable_pub, reason = "the same file is public in the fuzz package")]
mod targets;

use std::path::{Path, PathBuf};

#[test]
fn events() {
    replay("event", targets::event);
}

#[test]
fn queries() {
    replay("query", targets::query);
}

/// Calls `target` with every file of its corpus; a panic names the file, so that it can be replayed alone.
fn replay(name: &str, target: fn(&[u8])) {
    let files = corpus(name);
    assert!(!files.is_empty(), "fuzz/corpus/{name} has no seeds: nothing was replayed");
    for file in files {
        let bytes = std::fs::read(&file).expect("a file of the corpus can be read");
        if std::panic::catch_unwind(|| target(&bytes)).is_err() {
            panic!("{} broke the target, see above", file.display());
        }
    }
}

/// The files of a corpus, in the order of their names.
fn corpus(name: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(name);
    let entries = std::fs::read_dir(&folder).expect("the corpus is in the repository");
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("the corpus can be listed").path()).collect();
    files.sort();
    files
}
