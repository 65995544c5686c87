//! Appending: receipts, numbers, repetitions, conflicts.

use std::collections::HashMap;
use std::sync::mpsc;

use deedbook_core::{
    AppendStatus, Appended, Atomicity, Draft, ErrorKind, PageRequest, Query, Result, Scope, Store, StoreExt,
};

use super::{Open, all, append, everything, fill};
use crate::{Clock, events};

pub(super) fn receipt_tells_the_place(open: &mut Open<'_>) {
    let clock = Clock::fixed();
    let subject = open(&clock);
    for (index, tenant) in ["acme", "acme", "beta-9", "acme"].into_iter().enumerate() {
        let draft = events::prepared(events::simple(tenant, &format!("evt_{index}")));
        let appended = subject.store().append_one(draft).expect("accepted");
        let receipt = &appended.receipt;
        assert_eq!(appended.status, AppendStatus::Created);
        assert_eq!((receipt.id.as_str(), receipt.tenant.as_str()), (format!("evt_{index}").as_str(), tenant));
        assert_eq!(receipt.seq, [0, 1, 0, 2][index], "seq counts within the tenant");
        assert_eq!(receipt.recorded_at, clock.now(), "recorded_at is the clock's");
        let stored = subject.store().get(tenant, &receipt.id, &all()).expect("read").expect("found");
        assert_eq!(&stored.receipt, receipt, "the entry carries its receipt");
    }
    assert_eq!(subject.store().visible_count(), 4);
}

pub(super) fn empty_batch(open: &mut Open<'_>) {
    let subject = open(&Clock::fixed());
    for atomicity in [Atomicity::PerEvent, Atomicity::AllOrNothing] {
        assert!(subject.store().append(Vec::new(), atomicity).expect("accepted").is_empty());
    }
    assert_eq!(subject.store().visible_count(), 0);
    let page = subject.store().page(&Query::all(), &all(), &PageRequest::newest(10)).expect("read");
    assert_eq!((page.entries.len(), page.has_more, page.watermark), (0, false, None));
}

pub(super) fn what_went_in_comes_out(open: &mut Open<'_>) {
    let clock = Clock::fixed();
    let subject = open(&clock);
    let receipts = fill(&*subject, &clock, 0..super::EVENTS);
    let entries = everything(subject.store());
    assert_eq!(entries.len(), receipts.len());
    for ((number, entry), receipt) in (0..).zip(&entries).zip(&receipts) {
        let (event, canonical) = events::draft(number).into_parts();
        assert_eq!(entry.event, event, "event {number}");
        assert_eq!(entry.canonical, canonical, "canonical bytes of event {number}");
        assert_eq!(&entry.receipt, receipt, "receipt of event {number}");
    }
}

pub(super) fn seq_is_gapless(open: &mut Open<'_>) {
    let clock = Clock::fixed();
    let subject = open(&clock);
    let receipts = fill(&*subject, &clock, 0..super::EVENTS);
    let mut next_seq: HashMap<&str, u64> = HashMap::new();
    for receipt in &receipts {
        let next = next_seq.entry(&receipt.tenant).or_default();
        assert_eq!(receipt.seq, *next, "seq of {} in {}", receipt.id, receipt.tenant);
        *next += 1;
    }
    assert!(next_seq.len() == events::TENANTS.len(), "every tenant has entries");
    assert!(receipts.is_sorted_by(|a, b| a.position < b.position), "positions rise in commit order");
}

pub(super) fn recorded_at_never_runs_backwards(open: &mut Open<'_>) {
    let clock = Clock::fixed();
    let subject = open(&clock);
    let mut last = clock.now();
    for (number, seconds) in (0..).zip([0, 10, -3_600, 0, 1, 7_200, -1, -86_400 * 365, 86_400]) {
        clock.advance_seconds(seconds);
        let [receipt] = append(subject.store(), vec![events::draft(number)]).try_into().expect("one receipt");
        assert_eq!(receipt.recorded_at, last.max(clock.now()), "after the clock moved by {seconds} s");
        last = receipt.recorded_at;
    }
}

pub(super) fn repetition(open: &mut Open<'_>) {
    let clock = Clock::fixed();
    let subject = open(&clock);
    let first = append(subject.store(), events::drafts(0..20));
    clock.advance_seconds(60);
    let again = subject.store().append(events::drafts(0..20), Atomicity::PerEvent).expect("accepted");
    for (receipt, fate) in first.iter().zip(again) {
        let expected = Appended { receipt: receipt.clone(), status: AppendStatus::Replayed };
        assert_eq!(fate.expect("a repetition is accepted"), expected);
    }
    assert_eq!(subject.store().visible_count(), 20, "a repetition adds nothing");
    let [next] = append(subject.store(), vec![events::draft(20)]).try_into().expect("one receipt");
    assert_eq!(next.seq, first.iter().filter(|receipt| receipt.tenant == next.tenant).count() as u64);
}

pub(super) fn same_id_in_two_tenants(open: &mut Open<'_>) {
    let subject = open(&Clock::fixed());
    let drafts = ["acme", "beta-9"].map(|tenant| events::prepared(events::simple(tenant, "evt_same")));
    let receipts = append(subject.store(), drafts.into());
    assert_eq!(receipts.iter().map(|receipt| receipt.seq).collect::<Vec<_>>(), [0, 0]);
    assert_ne!(receipts[0].leaf_hash, receipts[1].leaf_hash);
}

pub(super) fn conflict(open: &mut Open<'_>) {
    let subject = open(&Clock::fixed());
    append(subject.store(), events::drafts(0..3));
    let before = everything(subject.store());
    let error = subject.store().append_one(events::conflicting_draft(1)).expect_err("a conflict");
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert!(error.to_string().contains("evt_000001"), "the message names the id: {error}");
    assert_eq!(everything(subject.store()), before, "a conflict changes nothing");
    let status = subject.store().append_one(events::draft(1)).expect("accepted").status;
    assert_eq!(status, AppendStatus::Replayed, "the first event still stands");
}

pub(super) fn within_a_batch(open: &mut Open<'_>) {
    let subject = open(&Clock::fixed());
    let (a, b) = (|| events::draft(1), || events::draft(2));
    let batch = vec![a(), b(), a(), events::conflicting_draft(2), events::draft(3)];
    let fates = subject.store().append(batch, Atomicity::PerEvent).expect("accepted");
    assert_eq!(told(&fates), ["created", "created", "replayed", "conflict", "created"]);
    let receipt = |index: usize| fates[index].as_ref().expect("accepted").receipt.clone();
    assert_eq!(receipt(0), receipt(2), "a repetition in the batch gives the receipt of the first");
    assert_eq!(subject.store().visible_count(), 3);
}

pub(super) fn all_or_nothing(open: &mut Open<'_>) {
    let subject = open(&Clock::fixed());
    let store = subject.store();
    append(store, events::drafts(0..2));
    let before = everything(store);
    let attempts = [
        vec![events::draft(10), events::conflicting_draft(1), events::draft(11)],
        vec![events::draft(10), events::conflicting_draft(10)],
        vec![events::draft(10), events::draft(11), events::conflicting_draft(0), events::conflicting_draft(1)],
    ];
    for (attempt, pointers) in attempts.into_iter().zip([vec!["/1"], vec!["/1"], vec!["/2", "/3"]]) {
        let error = store.append(attempt, Atomicity::AllOrNothing).expect_err("refused as a whole");
        assert_eq!(error.kind(), ErrorKind::Conflict);
        let told: Vec<&str> = error.problems().iter().map(|problem| problem.pointer.as_str()).collect();
        assert_eq!(told, pointers, "each conflict is named by its place");
        assert_eq!(everything(store), before, "nothing of a refused batch is there");
    }
    let batch = vec![events::draft(0), events::draft(10), events::draft(10), events::draft(11)];
    let fates = store.append(batch, Atomicity::AllOrNothing).expect("accepted");
    assert_eq!(told(&fates), ["replayed", "created", "replayed", "created"], "repetitions are fine");
    assert_eq!(store.visible_count(), 4);
}

pub(super) fn concurrent_repetitions(open: &mut Open<'_>) {
    let subject = open(&Clock::fixed());
    let (sender, receiver) = mpsc::channel();
    for _ in 0..16 {
        let sender = sender.clone();
        let reply = move |fate: Result<Vec<Result<Appended>>>| sender.send(fate).expect("the test listens");
        subject.store().submit(events::drafts(0..3), Atomicity::PerEvent, Box::new(reply));
    }
    drop(sender);
    let fates: Vec<Appended> = receiver.iter().flat_map(|fate| fate.expect("accepted")).flatten().collect();
    assert_eq!(fates.len(), 48, "every batch is answered once");
    let created = fates.iter().filter(|fate| fate.status == AppendStatus::Created).count();
    assert_eq!((created, subject.store().visible_count()), (3, 3));
    for entry in everything(subject.store()) {
        assert!(fates.iter().filter(|fate| fate.receipt == entry.receipt).count() == 16, "one receipt for all");
    }
}

pub(super) fn visible_before_receipt(open: &mut Open<'_>) {
    let subject = open(&Clock::fixed());
    for number in 0..20 {
        let draft: Draft = events::draft(number);
        let (tenant, id) = (draft.tenant().to_owned(), draft.id().to_owned());
        let receipt = subject.store().append_one(draft).expect("accepted").receipt;
        assert_visible(subject.store(), &tenant, &id, receipt.position);
    }
}

fn assert_visible(store: &dyn Store, tenant: &str, id: &str, position: u64) {
    assert!(store.get(tenant, id, &all()).expect("read").is_some(), "get finds {id}");
    let page = store.page(&Query::all(), &all(), &PageRequest::newest(1)).expect("read");
    assert_eq!(page.entries[0].receipt.id, id, "the newest page begins with it");
    assert_eq!(page.watermark, Some(position), "it is under the watermark");
    let found = store.page(&Query::all(), &Scope::tenant(tenant), &PageRequest::newest(1)).expect("read");
    assert_eq!(found.entries[0].receipt.id, id);
}

fn told(fates: &[Result<Appended>]) -> Vec<&'static str> {
    let tell = |fate: &Result<Appended>| match fate {
        Ok(appended) if appended.status == AppendStatus::Created => "created",
        Ok(_) => "replayed",
        Err(error) if error.kind() == ErrorKind::Conflict => "conflict",
        Err(_) => "another error",
    };
    fates.iter().map(tell).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_conflicting_draft_has_the_same_id_and_other_bytes() {
        for number in 0..200 {
            let (one, other) = (events::draft(number), events::conflicting_draft(number));
            assert_eq!((one.tenant(), one.id()), (other.tenant(), other.id()));
            assert_ne!(one.canonical(), other.canonical());
        }
    }
}
