//! Entries of an archive go into a log again.

use deedbook_archive::Selection;
use deedbook_core::{Error, Event, Scope, StoreExt};
use deedbook_testkit::{Clock, StoreKind, events};

use crate::support::{Log, Room};

/// The ids that a selection gives.
fn ids(room: &Room, selection: &Selection) -> Vec<String> {
    let archive = room.archive();
    let commits = archive.commits().unwrap();
    let mut ids = Vec::new();
    archive
        .entries(&commits, selection, |entry| -> Result<(), Error> {
            ids.push(entry.receipt.id);
            Ok(())
        })
        .unwrap();
    assert_eq!(ids.len() as u64, selection.count(&commits));
    ids
}

#[test]
fn a_tenant_and_days_are_chosen() {
    let (log, room) = (Log::in_memory(0..800), Room::new());
    log.archive_whole(&room.archive());
    let expected = |tenant: Option<&str>, days: std::ops::RangeInclusive<&str>| {
        let of_days = |text: &str| days.contains(&&text[..10]);
        let mut ids: Vec<String> = log
            .entries()
            .into_values()
            .filter(|entry| tenant.is_none_or(|tenant| entry.receipt.tenant == tenant))
            .filter(|entry| of_days(&deedbook_core::rfc3339(entry.receipt.recorded_at)))
            .map(|entry| entry.receipt.id)
            .collect();
        ids.sort();
        ids
    };
    for (tenant, from, until) in [
        (None, None, None),
        (Some("acme"), Some("2026-09-21"), None),
        (None, None, Some("2026-09-20")),
        (Some("beta-9"), Some("2026-09-21"), Some("2026-09-21")),
    ] {
        let owned = |text: Option<&str>| text.map(str::to_owned);
        let selection = Selection { tenant: owned(tenant), from: owned(from), until: owned(until) };
        let mut found = ids(&room, &selection);
        found.sort();
        let expected = expected(tenant, from.unwrap_or("0000-00-00")..=until.unwrap_or("9999-99-99"));
        assert!(!expected.is_empty());
        assert_eq!(found, expected, "{selection:?}");
    }
}

#[test]
fn an_empty_log_gets_the_same_events_under_the_same_numbers() {
    let (log, room) = (Log::of(0..100), Room::new());
    log.archive(&room.archive()).unwrap();
    let again = StoreKind::Memory.open(&Clock::fixed());
    let archive = room.archive();
    archive
        .entries(&archive.commits().unwrap(), &Selection::default(), |entry| -> Result<(), Error> {
            again.append_one(events::prepared(Event::from_canonical(&entry.canonical)?)).map(drop)
        })
        .unwrap();
    for entry in log.entries().into_values() {
        let receipt = &entry.receipt;
        let found = again.get(&receipt.tenant, &receipt.id, &Scope::all_tenants()).unwrap().unwrap();
        assert_eq!((found.canonical, found.receipt.seq), (entry.canonical, receipt.seq));
    }
}
