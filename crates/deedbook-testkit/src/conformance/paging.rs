//! Single entries and pages.

use deedbook_core::{Entry, Order, PageRequest, Query, Scope, Store};

use super::{EVENTS, Open, all, everything, fill, page, positions};
use crate::{Clock, questions};

pub(super) fn get_finds_one(open: &mut Open<'_>) {
    let clock = Clock::fixed();
    let subject = open(&clock);
    let receipts = fill(&*subject, &clock, 0..50);
    let store = subject.store();
    for receipt in &receipts {
        let found = store.get(&receipt.tenant, &receipt.id, &all()).expect("read").expect("found");
        assert_eq!(&found.receipt, receipt);
        assert_eq!(store.get("nobody", &receipt.id, &all()).expect("read"), None, "of another tenant");
    }
    assert_eq!(store.get("acme", "evt_none", &all()).expect("read"), None);
}

pub(super) fn no_gap_no_double(open: &mut Open<'_>) {
    let clock = Clock::fixed();
    let subject = open(&clock);
    fill(&*subject, &clock, 0..EVENTS);
    let entries = everything(subject.store());
    for text in ["", "plan", "action:document.*", "-actor.type:user", "id:evt_000007", "xyzzy"] {
        let query = questions::query(text);
        let mut expected = entries.clone();
        expected.retain(|entry| query.matches(entry));
        for limit in [1, 3, 50, 1_000] {
            assert_eq!(walk(subject.store(), &query, Order::Ascending, limit), expected, "{text:?} by {limit}");
        }
        expected.reverse();
        for limit in [2, 7, 100] {
            assert_eq!(walk(subject.store(), &query, Order::Descending, limit), expected, "{text:?} down by {limit}");
        }
    }
}

/// All pages after each other.
fn walk(store: &dyn Store, query: &Query, order: Order, limit: usize) -> Vec<Entry> {
    let mut walked: Vec<Entry> = Vec::new();
    loop {
        let after = walked.last().map(|entry| entry.receipt.position);
        let (entries, has_more) = page(store, query, &all(), &PageRequest { order, limit, after });
        assert!(entries.len() == limit || !has_more, "a page that has more is full");
        assert!(!has_more || !entries.is_empty(), "a page that has more is not empty");
        let is_beyond = |entry: &Entry| match order {
            Order::Ascending => after.is_none_or(|after| entry.receipt.position > after),
            Order::Descending => after.is_none_or(|after| entry.receipt.position < after),
        };
        assert!(entries.iter().all(is_beyond), "a page holds only what is beyond its cursor");
        walked.extend(entries);
        if !has_more {
            return walked;
        }
    }
}

pub(super) fn stable_while_growing(open: &mut Open<'_>) {
    let clock = Clock::fixed();
    let subject = open(&clock);
    fill(&*subject, &clock, 0..100);
    let past = everything(subject.store());
    let mut down: Vec<Entry> = Vec::new();
    let mut up: Vec<Entry> = Vec::new();
    for round in 0..10 {
        let next =
            |order, last: Option<&Entry>| PageRequest { order, limit: 10, after: last.map(|e| e.receipt.position) };
        let request = next(Order::Descending, down.last());
        down.extend(page(subject.store(), &Query::all(), &all(), &request).0);
        let request = next(Order::Ascending, up.last());
        up.extend(page(subject.store(), &Query::all(), &all(), &request).0);
        fill(&*subject, &clock, 100 + round * 5..105 + round * 5);
    }
    assert_eq!(up, past, "pages upwards of the past");
    down.reverse();
    assert_eq!(down, past, "pages downwards of the past");
    assert_eq!(everything(subject.store())[..100], past[..], "the past is as it was");
}

pub(super) fn edges(open: &mut Open<'_>) {
    let clock = Clock::fixed();
    let subject = open(&clock);
    fill(&*subject, &clock, 0..40);
    let entries = everything(subject.store());
    let (first, last) = (entries[0].receipt.position, entries[39].receipt.position);
    let read = |order, limit, after| {
        let (found, has_more) = page(subject.store(), &Query::all(), &all(), &PageRequest { order, limit, after });
        (found.len(), has_more)
    };
    use Order::{Ascending, Descending};
    assert_eq!(read(Ascending, 40, None), (40, false), "exactly all");
    assert_eq!(read(Ascending, 39, None), (39, true), "all but one");
    assert_eq!(read(Descending, 0, None), (0, true), "nothing of something");
    assert_eq!(read(Ascending, 10, Some(last)), (0, false), "beyond the end");
    assert_eq!(read(Descending, 10, Some(first)), (0, false), "before the beginning");
    assert_eq!(read(Descending, 100, Some(u64::MAX)), (40, false), "from far beyond the end");
    assert_eq!(read(Ascending, 100, Some(u64::MAX)), (0, false), "after far beyond the end");
    assert_eq!(read(Ascending, usize::MAX, Some(first)), (39, false), "all but the first");
    let (own, _) = page(subject.store(), &Query::all(), &Scope::tenant("acme"), &PageRequest::newest(100));
    assert!(positions(&own).is_sorted_by(|a, b| a > b), "newest first");
}
