//! Writes the seeds of the fuzz target `segment` into a folder: `cargo run -p deedbook-store --example segment_seeds --
//! fuzz/corpus/segment`. To be run again when the format changes.
//! Those of older formats stay, with the format in their names.
//!
//! Clock, randomness and events are fixed, so that the seeds change only when the format does.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use deedbook_core::removal::{Erased, Erasure};
use deedbook_core::serde_json::json;
use deedbook_core::{Actor, Atomicity, Draft, Event, Store, StoreExt, Target};
use deedbook_store::{Background, FileStore, Options};
use deedbook_testkit::{Clock, events};

/// A seed: how it is called, its batches, and what becomes of the segments that each batch makes.
struct Seed {
    name: &'static str,
    batches: Vec<Vec<Draft>>,
    merging: Merging,
    /// What is taken away before everything is merged.
    removal: fn(&FileStore) -> deedbook_core::Result<()>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Merging {
    None,
    All,
}

fn main() {
    let folder = PathBuf::from(std::env::args_os().nth(1).expect("usage: segment_seeds FOLDER"));
    for seed in seeds() {
        let bytes = segment(&seed);
        write(&folder, seed.name, &bytes);
        if seed.name == "sound-one-entry" {
            damage(&folder, &bytes);
        }
    }
}

fn seeds() -> Vec<Seed> {
    let alone = |name, batch| Seed { name, batches: vec![batch], merging: Merging::None, removal: nothing };
    let split = |start| (start..start + 4).map(|number| small("acme", number)).collect();
    let merged = |name, batches| Seed { name, batches, merging: Merging::All, removal: nothing };
    let holed = |name, batches, removal| Seed { name, batches, merging: Merging::All, removal };
    vec![
        alone("sound-one-entry", vec![small("acme", 1)]),
        alone("sound-one-tenant", (1..9).map(|number| small("acme", number)).collect()),
        alone(
            "sound-three-tenants",
            (1..9).map(|number| small(["acme", "beta-9", "gamma"][number % 3], number)).collect(),
        ),
        alone("sound-every-kind-of-member", events::drafts(1..5)),
        alone("sound-unicode", vec![unicode(1), unicode(2)]),
        alone("sound-two-chunks-of-times", (0..257).map(tiny).collect()),
        alone("sound-several-blocks", (0..16).map(long).collect()),
        alone("sound-blocks-against-a-sample", (0..64).map(middling).collect()),
        merged("sound-merged", vec![split(1), split(5)]),
        merged("sound-merged-samples", vec![(0..48).map(middling).collect(), (48..96).map(middling).collect()]),
        merged("sound-merged-tenants", vec![events::drafts(10..12), split(1), vec![unicode(3)]]),
        holed("sound-retired", vec![split(1)], |store| store.retire(&[0, 1, 2, 3])),
        holed("sound-holes", vec![split(1), split(5), vec![unicode(3)]], |store| {
            let values = Erased::Values(vec!["/actor/name".into(), "/description".into()]);
            store.erase(&[Erasure { position: 1, what: Erased::Content }, Erasure { position: 8, what: values }])?;
            store.retire(&[0, 4, 5])
        }),
    ]
}

fn nothing(_: &FileStore) -> deedbook_core::Result<()> {
    Ok(())
}

fn small(tenant: &str, number: usize) -> Draft {
    let mut event = events::simple(tenant, &format!("evt_{number:06}"));
    event.targets.push(Target::new("document", format!("doc_{}", 40 + number % 3)).named("Annual plan"));
    event.metadata.insert("amount".into(), number.into());
    events::prepared(event)
}

fn tiny(number: usize) -> Draft {
    let mut event = Event::new("a.b", Actor::without_id("system"));
    (event.tenant, event.id) = (Some("a".into()), Some(format!("{number}")));
    events::prepared(event)
}

/// So long that a block holds but two of them, and so dull that they take little room.
fn long(number: usize) -> Draft {
    with_text(number, "long ".repeat(4_000))
}

/// Of which a sample can be.
fn middling(number: usize) -> Draft {
    with_text(number, format!("middling {number} ").repeat(80))
}

fn with_text(number: usize, text: String) -> Draft {
    let mut event = events::simple("acme", &format!("evt_{number:06}"));
    event.metadata.insert("text".into(), text.into());
    events::prepared(event)
}

fn unicode(number: usize) -> Draft {
    let mut event = events::simple("acme", &format!("evt:{number}"));
    event.actor = Actor::new("user", "ада").named("山田 太郎");
    event.description = Some("IŞIK ve ışık 🎉, Straßenverzeichnis ﬁnal, τα ημερολόγια της ΟΔΟΣ".into());
    event.metadata.insert("ключ".into(), json!("é e\u{301} \u{10ffff}"));
    events::prepared(event)
}

/// The one segment in which everything ends.
fn segment(seed: &Seed) -> Vec<u8> {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let mut options = Options::default();
    options.background = Background::Inline;
    options.clock = Arc::new(Clock::fixed().function());
    options.random = Arc::new(|buffer| buffer.fill(7));
    for batch in &seed.batches {
        let store = FileStore::open(directory.path(), options.clone()).expect("the store opens");
        let fates = store.append(batch.clone(), Atomicity::PerEvent).expect("the batch is accepted");
        assert!(fates.iter().all(Result::is_ok), "{}: {fates:?}", seed.name);
        store.close().expect("the store closes");
    }
    if seed.merging == Merging::All {
        let store = FileStore::open(directory.path(), options).expect("the store opens");
        (seed.removal)(&store).expect("the store takes away");
        store.compact().and_then(|()| store.close()).expect("the store merges");
    }
    let entries = std::fs::read_dir(directory.path()).expect("the directory can be listed");
    let files = entries.map(|entry| std::fs::read(entry.expect("an entry").path()).expect("a file"));
    let mut segments: Vec<Vec<u8>> = files.filter(|bytes| bytes.starts_with(b"DEEDSEG")).collect();
    assert_eq!(segments.len(), 1, "{}: everything ends in one segment", seed.name);
    segments.remove(0)
}

/// What damage looks like.
fn damage(folder: &Path, sound: &[u8]) {
    write(folder, "empty", b"");
    write(folder, "truncated-in-header", &sound[..20]);
    write(folder, "truncated-in-half", &sound[..sound.len() / 2]);
    write(folder, "truncated-by-one", &sound[..sound.len() - 1]);
    for (name, at) in
        [("flipped-header", 10), ("flipped-middle", sound.len() / 2), ("flipped-footer", sound.len() - 60)]
    {
        let mut bytes = sound.to_vec();
        bytes[at] ^= 0x40;
        write(folder, name, &bytes);
    }
}

fn write(folder: &Path, name: &str, bytes: &[u8]) {
    std::fs::write(folder.join(name), bytes).expect("the folder can be written to");
    println!("{:>6} bytes  {name}", bytes.len());
}
