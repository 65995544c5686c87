//! Replays the fuzz corpus of the segment reader as plain tests. Finding new inputs is `cargo xtask fuzz segment`.

#[path = "../../../../fuzz/src/store.rs"]
#[expect(unreachable_pub, reason = "the same file is public in the fuzz package")]
mod targets;

use std::path::{Path, PathBuf};

use deedbook_store::fuzzing::problems_of_segment;

#[test]
fn segments() {
    let files = corpus();
    assert!(!files.is_empty(), "fuzz/corpus/segment has no seeds: nothing was replayed");
    for file in files {
        replay(&read(&file), &file.display().to_string());
    }
}

/// Otherwise the other tests would prove nothing but that an older format is refused.
#[test]
fn sound_seeds_are_sound() {
    let named_sound =
        |file: &PathBuf| file.file_name().is_some_and(|name| name.to_string_lossy().starts_with("sound-"));
    let sound: Vec<PathBuf> = corpus().into_iter().filter(named_sound).collect();
    assert!(sound.len() >= 5, "{sound:?}");
    for file in sound {
        let problems = problems_of_segment(&read(&file)).unwrap_or_else(|error| vec![error.to_string()]);
        let advice = "if the format was changed, examples/segment_seeds.rs makes new seeds";
        assert!(problems.is_empty(), "{}: {problems:?}; {advice}", file.display());
    }
}

/// One bit of each byte of a small segment, of each ninth of a larger one: refused or told as a problem, but calm.
#[test]
fn bytes_flipped() {
    for (name, step) in [("sound-one-entry", 1), ("sound-blocks-against-a-sample", 9)] {
        let sound = read(&corpus_folder().join(name));
        for at in (0..sound.len()).step_by(step) {
            let mut bytes = sound.clone();
            bytes[at] ^= 1 << (at % 8);
            replay(&bytes, &format!("{name} with byte {at} flipped"));
            let noticed = problems_of_segment(&bytes).map_or(true, |problems| !problems.is_empty());
            assert!(noticed, "byte {at} of {name} can be flipped without anyone noticing");
        }
    }
}

#[test]
fn every_beginning() {
    let sound = read(&corpus_folder().join("sound-one-entry"));
    for end in 0..sound.len() {
        replay(&sound[..end], &format!("sound-one-entry cut after {end} bytes"));
        assert!(problems_of_segment(&sound[..end]).is_err(), "the first {end} bytes pass for a segment");
    }
}

/// A panic names the input, so that it can be replayed alone.
fn replay(bytes: &[u8], name: &str) {
    if std::panic::catch_unwind(|| targets::segment(bytes)).is_err() {
        panic!("{name} broke the target, see above");
    }
}

fn read(file: &Path) -> Vec<u8> {
    std::fs::read(file).expect("a file of the corpus can be read")
}

fn corpus_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/segment")
}

/// The files of the corpus, in the order of their names.
fn corpus() -> Vec<PathBuf> {
    let entries = std::fs::read_dir(corpus_folder()).expect("the corpus is in the repository");
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("the corpus can be listed").path()).collect();
    files.sort();
    files
}
