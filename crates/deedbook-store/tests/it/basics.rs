//! A log is written, closed and opened again.

use deedbook_core::query::ParseOptions;
use deedbook_core::{
    Actor, AppendStatus, Atomicity, Event, PageRequest, Query, Scope, Store, StoreExt, Target, Timestamp,
};
use deedbook_store::{FileStore, Options, check, prepare};

fn event(n: u32) -> Event {
    let mut event = Event::new("document.shared", Actor::new("user", format!("user_{}", n % 7)).named("Ada Lovelace"));
    event.tenant = Some(format!("tenant{}", n % 3));
    event.id = Some(format!("evt_{n}"));
    event.targets.push(Target::new("document", format!("doc_{}", n % 50)).named("Annual plan"));
    event.description = Some(format!("Ada shared the annual plan number {n}"));
    event.metadata.insert("amount".into(), n.into());
    event
}

fn parse(text: &str) -> Query {
    let options = ParseOptions { now: Timestamp::UNIX_EPOCH, time_zone: jiff::tz::TimeZone::UTC };
    Query::parse(text, &options).unwrap()
}

#[test]
fn entries_survive_closing_and_every_index_agrees() {
    let directory = tempfile::tempdir().unwrap();
    let mut options = Options::default();
    options.generation_bytes = 64 << 10;
    options.first_generation_bytes = 16 << 10;
    let store = FileStore::open(directory.path(), options.clone()).unwrap();
    for start in (0..3000).step_by(100) {
        let drafts = (start..start + 100).map(|n| prepare(event(n)).unwrap()).collect();
        for fate in store.append(drafts, Atomicity::PerEvent).unwrap() {
            assert_eq!(fate.unwrap().status, AppendStatus::Created);
        }
    }
    let check_answers = |store: &FileStore| {
        assert_eq!(store.visible_count(), 3000);
        for (text, expected) in [
            ("", 3000),
            ("plan", 3000),
            ("actor:user_3", 429),
            ("target:document:doc_7", 60),
            ("\"number 17\"", 1),
            ("-actor:user_3", 2571),
            ("meta.amount:>=2990", 10),
            ("actor:user* target:doc_1*", 660),
            ("seq:0..9", 30),
        ] {
            let all = store.page(&parse(text), &Scope::all_tenants(), &PageRequest::newest(5000)).unwrap();
            assert_eq!(all.entries.len(), expected, "{text}");
            let count = store.count(&parse(text), &Scope::all_tenants(), &[]).unwrap();
            assert_eq!(count[0].count, expected as u64, "{text}");
        }
        let entry = store.get("tenant1", "evt_1234", &Scope::all_tenants()).unwrap().unwrap();
        assert_eq!(entry.receipt.seq, 411);
    };
    check_answers(&store);
    let again = store.append_one(prepare(event(5)).unwrap()).unwrap();
    assert_eq!(again.status, AppendStatus::Replayed);
    store.close().unwrap();
    let report = check(directory.path(), &mut |_, _| ()).unwrap();
    assert_eq!((report.entries, report.tenants, &report.problems[..]), (3000, 3, &[][..]));
    check_answers(&FileStore::open_read_only(directory.path()).unwrap());
    let store = FileStore::open(directory.path(), options).unwrap();
    assert_eq!(store.append_one(prepare(event(1234)).unwrap()).unwrap().receipt.seq, 411);
    store.compact().unwrap();
    check_answers(&store);
    store.close().unwrap();
    assert_eq!(check(directory.path(), &mut |_, _| ()).unwrap().problems, [""; 0]);
}

#[test]
fn the_usage_of_the_disk_is_that_of_the_files() {
    let directory = tempfile::tempdir().unwrap();
    let store = FileStore::open(directory.path(), Options::default()).unwrap();
    let drafts = (0..500).map(|n| prepare(event(n)).unwrap()).collect();
    store.append(drafts, Atomicity::PerEvent).unwrap();
    assert_eq!(store.disk_usage().unwrap().sealed_entries, 0);
    store.compact().unwrap();
    let usage = store.disk_usage().unwrap();
    assert_eq!(usage.sealed_entries, 500);
    let files = std::fs::read_dir(directory.path()).unwrap().map(|file| file.unwrap());
    let lengths: Vec<(String, u64)> =
        files.map(|file| (file.file_name().into_string().unwrap(), file.metadata().unwrap().len())).collect();
    let sum = |starts: &str| lengths.iter().filter(|(name, _)| name.starts_with(starts)).map(|(_, bytes)| bytes).sum();
    assert_eq!((usage.bytes, usage.sealed_bytes), (sum(""), sum("seg")), "{lengths:?}");
}
