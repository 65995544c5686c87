//! A directory that an older version wrote: every entry is there, and goes on into the present format.

use std::path::Path;

use deedbook_core::{Entry, PageRequest, Query, Receipt, Scope, Store, StoreExt};
use deedbook_store::{FileStore, Options, check};
use deedbook_testkit::events;

/// 1,200 entries of three tenants in one segment of the first format.
const FORMAT_1: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/format-1");

fn version(directory: &Path) -> String {
    let manifest = std::fs::read_to_string(directory.join("MANIFEST")).unwrap();
    manifest.split(' ').nth(1).unwrap().to_owned()
}

fn entries(store: &FileStore) -> Vec<(Receipt, Vec<u8>)> {
    let page = store.page(&Query::all(), &Scope::all_tenants(), &PageRequest::oldest(5000)).unwrap();
    page.entries.into_iter().map(|Entry { receipt, canonical, .. }| (receipt, canonical)).collect()
}

#[test]
fn the_first_format_is_read_and_merged() {
    let directory = tempfile::tempdir().unwrap();
    for name in ["MANIFEST", "segment-0000000004"] {
        std::fs::copy(Path::new(FORMAT_1).join(name), directory.path().join(name)).unwrap();
    }
    assert_eq!(version(directory.path()), "1");
    let store = FileStore::open(directory.path(), Options::default()).unwrap();
    let before = entries(&store);
    assert_eq!(before.len(), 1200);
    store.append_one(events::prepared(events::simple("acme", "after-it"))).unwrap();
    store.compact().unwrap();
    let mut after = entries(&store);
    assert_eq!(after.pop().unwrap().0.id, "after-it");
    assert!(after == before);
    store.close().unwrap();
    assert_eq!(version(directory.path()), "3");
    assert_eq!(check(directory.path(), &mut |_, _| ()).unwrap().problems, [""; 0]);
}
