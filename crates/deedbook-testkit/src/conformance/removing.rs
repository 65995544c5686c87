//! Taking away: what went is in no answer, what stays is as it was, and the places of both are kept.

use std::collections::BTreeSet;

use deedbook_core::commitment::{FieldKind, fields};
use deedbook_core::removal::{self, Erased, Erasure, RETIRED};
use deedbook_core::{AppendStatus, Entry, ErrorKind, Event, OWN_TENANT, PageRequest, Receipt, Store, StoreExt};

use super::{Open, all, append, everything, fill, positions};
use crate::{Clock, Durability, Subject, events, questions};

/// How many events are appended: everything is asked after each removal.
const COUNT: u64 = 100;

/// Every third of the events that may go, and no two neighbours of one kind only: 0 to 40 are all among them.
fn chosen(receipts: &[Receipt]) -> Vec<u64> {
    let may_go = receipts.iter().filter(|receipt| receipt.tenant != OWN_TENANT);
    may_go.map(|receipt| receipt.position).filter(|position| *position < 40 || position % 3 == 0).collect()
}

pub(super) fn retired_is_in_no_answer(open: &mut Open<'_>) {
    let clock = Clock::fixed();
    let mut subject = open(&clock);
    let receipts = fill(&*subject, &clock, 0..COUNT);
    let gone = chosen(&receipts);
    let mut left = everything(subject.store());
    left.retain(|entry| !gone.contains(&entry.receipt.position));
    subject.store().retire(&[]).expect("nothing is retired");
    subject.store().retire(&gone[..1]).expect("one is retired");
    subject.store().retire(&gone).expect("it goes on where it was");
    each_time(&mut *subject, |store| {
        answers_as(store, &left);
        for receipt in receipts.iter().filter(|receipt| gone.contains(&receipt.position)) {
            assert_eq!(store.get(&receipt.tenant, &receipt.id, &all()).expect("read"), None);
        }
    });
}

pub(super) fn ids_of_retired_are_free(open: &mut Open<'_>) {
    let clock = Clock::fixed();
    let mut subject = open(&clock);
    let receipts = append(subject.store(), events::drafts(0..20));
    let may_go: Vec<u64> =
        receipts.iter().filter(|receipt| receipt.tenant != OWN_TENANT).map(|receipt| receipt.position).collect();
    subject.store().retire(&may_go).expect("retired");
    for (number, first) in receipts.iter().enumerate().filter(|(_, first)| first.tenant != OWN_TENANT) {
        let again = subject.store().append_one(events::conflicting_draft(number as u64)).expect("the id is free");
        assert_eq!(again.status, AppendStatus::Created, "{}", first.id);
        assert!(again.receipt.seq > first.seq && again.receipt.position >= 20);
        let repeated = subject.store().append_one(events::draft(number as u64)).expect_err("the id is taken again");
        assert_eq!(repeated.kind(), ErrorKind::Conflict);
    }
    each_time(&mut *subject, |store| {
        let found = store.get(&receipts[1].tenant, &receipts[1].id, &all()).expect("read").expect("the new one");
        assert!(found.receipt.position >= 20 && found.event.reason.as_deref() == Some("another story"));
    });
}

pub(super) fn content_is_in_no_answer(open: &mut Open<'_>) {
    let clock = Clock::fixed();
    let mut subject = open(&clock);
    let receipts = fill(&*subject, &clock, 0..COUNT);
    let gone = chosen(&receipts);
    let mut left = everything(subject.store());
    left.retain(|entry| !gone.contains(&entry.receipt.position));
    let content = |position: &u64| Erasure { position: *position, what: Erased::Content };
    let erasures: Vec<Erasure> = gone.iter().map(content).collect();
    subject.store().erase(&erasures[..3]).expect("some are erased");
    subject.store().erase(&erasures).expect("it goes on where it was");
    each_time(&mut *subject, |store| {
        answers_as(store, &left);
        for &position in gone.iter().take(60) {
            let first = &receipts[position as usize];
            assert_eq!(store.get(&first.tenant, &first.id, &all()).expect("read"), None);
            for draft in [events::draft(position), events::conflicting_draft(position)] {
                let again = store.append_one(draft).expect("a repetition");
                assert_eq!((again.status, &again.receipt), (AppendStatus::Replayed, first), "the id stays taken");
            }
        }
    });
    subject.store().retire(&gone).expect("what was erased may be retired");
    answers_as(subject.store(), &left);
    let again = subject.store().append_one(events::draft(gone[0])).expect("accepted");
    assert_eq!(again.status, AppendStatus::Created, "the id of a retired entry is free");
}

pub(super) fn values_are_in_no_answer(open: &mut Open<'_>) {
    let clock = Clock::fixed();
    let mut subject = open(&clock);
    fill(&*subject, &clock, 0..COUNT);
    let mut left = everything(subject.store());
    let mut erasures = Vec::new();
    for entry in left.iter_mut().filter(|entry| entry.receipt.position % 2 == 0) {
        let paths = personal_paths(entry, FieldKind::Personal);
        let some: Vec<String> = paths.into_iter().step_by(1 + entry.receipt.position as usize % 3).collect();
        entry.event = without(entry, &some);
        erasures.push(Erasure { position: entry.receipt.position, what: Erased::Values(some) });
    }
    subject.store().erase(&erasures[..30]).expect("some are erased");
    subject.store().erase(&erasures).expect("it goes on where it was");
    each_time(&mut *subject, |store| {
        let found = everything(store);
        for (found, expected) in found.iter().zip(&left) {
            assert_eq!((&found.receipt, &found.event), (&expected.receipt, &expected.event));
        }
        for Erasure { position, what } in &erasures {
            let Erased::Values(paths) = what else { continue };
            assert_eq!(personal_paths(&found[*position as usize], FieldKind::Erased), *paths);
            // What was never a place of the entry cannot be told from what was.
            let again = store.append_one(events::conflicting_draft(*position));
            match paths.is_empty() {
                true => assert_eq!(again.expect_err("a conflict").kind(), ErrorKind::Conflict),
                false => assert_eq!(again.expect("a repetition").receipt, found[*position as usize].receipt),
            }
        }
        answers_as(store, &found);
    });
    // The rest of the values, then the content, then all.
    let rest = |entry: &Entry| Erasure {
        position: entry.receipt.position,
        what: Erased::Values(personal_paths(entry, FieldKind::Personal)),
    };
    let rest: Vec<Erasure> = everything(subject.store()).iter().map(rest).collect();
    subject.store().erase(&rest).expect("the rest is erased");
    let found = everything(subject.store());
    assert!(found.iter().all(|entry| personal_paths(entry, FieldKind::Personal).is_empty()));
    answers_as(subject.store(), &found);
    let gone = chosen(&found.iter().map(|entry| entry.receipt.clone()).collect::<Vec<_>>());
    let content: Vec<Erasure> = gone.iter().map(|&position| Erasure { position, what: Erased::Content }).collect();
    subject.store().erase(&content[..content.len() / 2]).expect("the content of some is erased");
    subject.store().retire(&gone[gone.len() / 2..]).expect("others are retired");
    // What went further stays as it is.
    subject.store().erase(&rest).expect("nothing is left to be erased");
    let left: Vec<Entry> = found.into_iter().filter(|entry| !gone.contains(&entry.receipt.position)).collect();
    each_time(&mut *subject, |store| answers_as(store, &left));
}

pub(super) fn refused_removals(open: &mut Open<'_>) {
    let clock = Clock::fixed();
    let subject = open(&clock);
    let store = subject.store();
    let mut authority = events::simple("acme", "evt_authority");
    authority.action = RETIRED.to_owned();
    let drafts = vec![
        events::prepared(events::simple("acme", "evt_0")),
        events::prepared(events::simple(OWN_TENANT, "evt_1")),
        events::prepared(authority),
        events::prepared(events::simple("acme", "evt_3")),
    ];
    append(store, drafts);
    let before = everything(store);
    let refused = |outcome: deedbook_core::Result<()>, code: &str| {
        let error = outcome.expect_err(code);
        assert_eq!((error.kind(), &*error.problems()[0].code), (ErrorKind::Invalid, code), "{error}");
    };
    let content = |position| Erasure { position, what: Erased::Content };
    let values = |position, path: &str| Erasure { position, what: Erased::Values(vec![path.to_owned()]) };
    refused(store.retire(&[0, 4]), "no_such_position");
    refused(store.retire(&[0, u64::MAX]), "no_such_position");
    refused(store.retire(&[3, 0]), "not_rising");
    refused(store.retire(&[0, 0]), "not_rising");
    refused(store.retire(&[0, 1]), "kept_for_good");
    refused(store.retire(&[0, 2, 3]), "kept_for_good");
    refused(store.erase(&[content(0), content(4)]), "no_such_position");
    refused(store.erase(&[content(3), content(0)]), "not_rising");
    refused(store.erase(&[content(0), content(1)]), "kept_for_good");
    refused(store.erase(&[content(0), content(2)]), "kept_for_good");
    for path in ["/action", "/actor/id", "/context/ip", "", "actor"] {
        refused(store.erase(&[values(0, "/actor/name"), values(3, path)]), "not_personal");
    }
    assert_eq!(everything(store), before, "nothing changed");
    store.erase(&[values(1, "/actor/name"), values(2, "/actor/name")]).expect("names go from any entry");
}

/// As it is, and after reopening where the store is durable.
fn each_time(subject: &mut dyn Subject, check: impl Fn(&dyn Store)) {
    check(subject.store());
    if subject.durability() == Durability::Durable {
        subject.reopen();
        check(subject.store());
    }
}

/// Every answer is that of exactly these entries, and the log is as long as it was.
fn answers_as(store: &dyn Store, left: &[Entry]) {
    assert_eq!(positions(&everything(store)), positions(left));
    assert_eq!(store.visible_count(), COUNT);
    let newest = store.page(&deedbook_core::Query::all(), &all(), &PageRequest::newest(1)).expect("the page is read");
    assert_eq!(newest.watermark, Some(COUNT - 1));
    let followed = store.follow(0, usize::MAX, std::time::Duration::ZERO, &all()).expect("followed");
    assert_eq!(positions(&followed), positions(left));
    let mut scopes = questions::scopes();
    scopes.push(all());
    for (index, scope) in scopes.iter().enumerate().skip(left.len() % 3).step_by(3) {
        for text in questions::QUERIES.iter().skip(index % 31).step_by(31) {
            super::searching::compare(store, left, &questions::query(text), scope);
        }
        for groups in questions::groupings() {
            let counted = store.count(&deedbook_core::Query::all(), scope, &groups).expect("counted");
            let keys: BTreeSet<_> = counted.iter().map(|group| &group.key).collect();
            assert!(keys.len() == counted.len() && (groups.is_empty() || counted.iter().all(|group| group.count > 0)));
        }
    }
    for entry in left.iter().step_by(7) {
        let found = store.get(&entry.receipt.tenant, &entry.receipt.id, &all()).expect("read");
        assert_eq!(found.as_ref(), Some(entry));
    }
    for text in ["seq:0..5", "seq:7..40", "-seq:..30", "seq:100..", "seq:3"] {
        super::searching::compare(store, left, &questions::query(text), &all());
    }
}

fn personal_paths(entry: &Entry, kind: FieldKind) -> Vec<String> {
    let all = fields(&entry.canonical).expect("canonical bytes").into_iter();
    all.filter(|field| field.kind == kind).map(|field| field.path).collect()
}

/// The event that is left; which salts its commitments have does not show in it.
fn without(entry: &Entry, paths: &[String]) -> Event {
    let (_, event) = removal::without_values(&entry.canonical, paths, 0, |_| Some([0; 16])).expect("personal values");
    event
}
