//! What must hold after a store was closed and opened again.

use deedbook_core::{AppendStatus, Atomicity, Entry, ErrorKind, PageRequest, Store, StoreExt};

use super::{EVENTS, Open, all, everything, fill, page};
use crate::{Clock, Durability, events, questions};

pub(super) fn answers_hold(open: &mut Open<'_>) {
    let clock = Clock::fixed();
    let mut subject = open(&clock);
    if subject.durability() == Durability::Volatile {
        return;
    }
    fill(&*subject, &clock, 0..EVENTS);
    let before = (everything(subject.store()), answers(subject.store()));
    for time in ["first", "second"] {
        subject.reopen();
        assert_eq!(subject.store().visible_count(), EVENTS, "after the {time} reopening");
        let after = (everything(subject.store()), answers(subject.store()));
        assert!(after == before, "an answer changed by the {time} reopening");
    }
}

/// Answers to a part of the table.
fn answers(store: &dyn Store) -> Vec<(Vec<Entry>, bool)> {
    let queries = questions::QUERIES.iter().step_by(4).map(|text| questions::query(text));
    queries.map(|query| page(store, &query, &all(), &PageRequest::newest(20))).collect()
}

pub(super) fn appends_continue(open: &mut Open<'_>) {
    let clock = Clock::fixed();
    let mut subject = open(&clock);
    if subject.durability() == Durability::Volatile {
        return;
    }
    let mut receipts = Vec::new();
    for round in 0..6 {
        receipts.extend(fill(&*subject, &clock, round * 20..round * 20 + 20));
        subject.reopen();
        clock.advance_seconds(-30);
    }
    let stored: Vec<_> = everything(subject.store()).into_iter().map(|entry| entry.receipt).collect();
    assert_eq!(stored, receipts, "what was acknowledged is there, in that order");
    for tenant in events::TENANTS {
        let seqs = receipts.iter().filter(|receipt| receipt.tenant == tenant).map(|receipt| receipt.seq);
        assert!(seqs.eq(0..receipts.iter().filter(|receipt| receipt.tenant == tenant).count() as u64), "{tenant}");
    }
    assert!(receipts.is_sorted_by_key(|receipt| receipt.recorded_at), "time runs on");
    let again = subject.store().append(events::drafts(0..5), Atomicity::PerEvent).expect("accepted");
    assert!(
        again.iter().flatten().all(|fate| fate.status == AppendStatus::Replayed && receipts.contains(&fate.receipt))
    );
    let error = subject.store().append_one(events::conflicting_draft(3)).expect_err("a conflict");
    assert_eq!(error.kind(), ErrorKind::Conflict);
}
