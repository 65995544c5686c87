//! A state machine: the same random operations on a store and on the in-memory oracle must give the same answers.
//!
//! What a store may choose, the hashes of its leaves and the commitments of erased values (they depend on its keys), is left out of the comparison; ids,
//! numbers, times, events and canonical bytes are not.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use deedbook_core::commitment::{FieldKind, fields};
use deedbook_core::removal::{Erased, Erasure};
use deedbook_core::{
    Appended, Atomicity, Digest, Draft, Entry, ErrorKind, GroupBy, PageRequest, Query, Receipt, Result, Scope, Store,
    StoreExt,
};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestRunner};

use crate::conformance::Open;
use crate::{Clock, Durability, MemorySubject, Subject, events, questions};

/// One thing that is done to both stores.
#[derive(Clone, Debug)]
pub enum Operation {
    /// Appends a batch.
    Append(Vec<Claim>, Atomicity),
    /// Moves the clock by so many seconds.
    MoveClock(i64),
    /// Closes and opens the store, if it is durable.
    Reopen,
    /// Reads a page.
    Page(Query, Scope, PageRequest),
    /// Counts.
    Count(Query, Scope, Vec<GroupBy>),
    /// Reads the entry of an event's number.
    Get(u64, Scope),
    /// Follows from a position on, without waiting.
    Follow(u64, usize, Scope),
    /// Retires the entries at these positions.
    Retire(BTreeSet<u64>),
    /// Erases from the entries at these positions.
    Erase(BTreeMap<u64, Taken>),
}

/// What is erased from an entry.
#[derive(Clone, Copy, Debug)]
pub enum Taken {
    /// Those of its personal values whose bits are set.
    Values(u16),
    /// All of it.
    Content,
    /// A value that no event has.
    Nothing,
}

/// One event of a batch, by its number; small numbers make repetitions likely.
#[derive(Clone, Copy, Debug)]
pub enum Claim {
    /// The event of this number: new, or a repetition.
    Event(u64),
    /// Another event under the id of this number: a conflict if that one is there.
    Conflicting(u64),
}

/// Runs `cases` random scripts of up to 40 operations on stores that `open` makes.
///
/// # Panics
/// With the shortest script found on which the store and the oracle differ, and its seed.
pub fn run(open: &mut Open<'_>, cases: u32) {
    let config = Config { cases, failure_persistence: None, max_shrink_iters: 2_000, ..Config::default() };
    let open = RefCell::new(open);
    let outcome = TestRunner::new(config).run(&script(), |script| play(&mut **open.borrow_mut(), &script));
    if let Err(failure) = outcome {
        panic!("the store differs from the oracle: {failure}");
    }
}

/// Any script of up to 40 operations.
pub fn script() -> impl Strategy<Value = Vec<Operation>> {
    proptest::collection::vec(operation(), 1..40)
}

fn operation() -> impl Strategy<Value = Operation> {
    use questions::{any_grouping, any_page_request, any_query, any_scope};
    let atomicity = prop_oneof![3 => Just(Atomicity::PerEvent), 1 => Just(Atomicity::AllOrNothing)];
    prop_oneof![
        6 => (proptest::collection::vec(claim(), 0..12), atomicity).prop_map(|(claims, atomicity)| Operation::Append(claims, atomicity)),
        1 => (-7_200_i64..7_200).prop_map(Operation::MoveClock),
        1 => Just(Operation::Reopen),
        5 => (any_query(), any_scope(), any_page_request()).prop_map(|(query, scope, request)| Operation::Page(query, scope, request)),
        3 => (any_query(), any_scope(), any_grouping()).prop_map(|(query, scope, groups)| Operation::Count(query, scope, groups)),
        1 => (0_u64..100, any_scope()).prop_map(|(number, scope)| Operation::Get(number, scope)),
        1 => (0_u64..60, 0_usize..40, any_scope()).prop_map(|(from, limit, scope)| Operation::Follow(from, limit, scope)),
        1 => proptest::collection::btree_set(0_u64..60, 0..6).prop_map(Operation::Retire),
        2 => proptest::collection::btree_map(0_u64..60, taken(), 0..4).prop_map(Operation::Erase),
    ]
}

fn taken() -> impl Strategy<Value = Taken> {
    prop_oneof![9 => any::<u16>().prop_map(Taken::Values), 4 => Just(Taken::Content), 1 => Just(Taken::Nothing)]
}

fn claim() -> impl Strategy<Value = Claim> {
    prop_oneof![8 => (0_u64..100).prop_map(Claim::Event), 1 => (0_u64..100).prop_map(Claim::Conflicting)]
}

/// Plays `script` on a new store of `open` and on the oracle.
///
/// # Errors
/// A failed case that tells the operation and both answers.
pub fn play(open: &mut Open<'_>, script: &[Operation]) -> Result<(), TestCaseError> {
    let clock = Clock::fixed();
    let oracle = MemorySubject::open(&clock);
    let mut subject = open(&clock);
    for (step, operation) in script.iter().enumerate() {
        match operation {
            Operation::MoveClock(seconds) => clock.advance_seconds(*seconds),
            Operation::Reopen if subject.durability() == Durability::Durable => subject.reopen(),
            _ => {}
        }
        let (found, expected) = (answer(subject.store(), operation), answer(oracle.store(), operation));
        if found != expected {
            let message = format!("step {step}, {operation:?}\n  the store: {found:?}\n  the oracle: {expected:?}");
            return Err(TestCaseError::fail(message));
        }
    }
    Ok(())
}

/// What a store said, without what it may choose.
#[derive(Debug, PartialEq)]
enum Answer {
    Nothing,
    Fates(Vec<Result<Appended, ErrorKind>>),
    Refused(ErrorKind, Vec<String>),
    Entries(Vec<Entry>, bool, Option<u64>),
    Groups(Vec<deedbook_core::Group>),
    Failed(ErrorKind),
}

fn answer(store: &dyn Store, operation: &Operation) -> Answer {
    let answered = match operation {
        Operation::Append(claims, atomicity) => return appended(store, claims, *atomicity),
        Operation::MoveClock(_) | Operation::Reopen => return entries(store.visible_count()),
        Operation::Page(query, scope, request) => store
            .page(query, scope, request)
            .map(|page| Answer::Entries(comparable(page.entries), page.has_more, page.watermark)),
        Operation::Count(query, scope, groups) => store.count(query, scope, groups).map(Answer::Groups),
        Operation::Get(number, scope) => {
            let draft = events::draft(*number);
            let found = store.get(draft.tenant(), draft.id(), scope);
            found.map(|entry| Answer::Entries(comparable(entry.into_iter().collect()), false, None))
        }
        Operation::Follow(from, limit, scope) => store
            .follow(*from, *limit, Duration::ZERO, scope)
            .map(|found| Answer::Entries(comparable(found), false, None)),
        Operation::Retire(positions) => {
            let retired = store.retire(&positions.iter().copied().collect::<Vec<_>>());
            retired.map(|()| entries(store.visible_count()))
        }
        Operation::Erase(taken) => {
            let erasures: Result<Vec<Erasure>> = taken.iter().map(|(at, taken)| erasure(store, *at, *taken)).collect();
            erasures.and_then(|erasures| store.erase(&erasures)).map(|()| entries(store.visible_count()))
        }
    };
    answered.unwrap_or_else(|error| Answer::Failed(error.kind()))
}

fn entries(visible: u64) -> Answer {
    if visible == 0 { Answer::Nothing } else { Answer::Entries(Vec::new(), false, Some(visible)) }
}

fn erasure(store: &dyn Store, position: u64, taken: Taken) -> Result<Erasure> {
    let what = match taken {
        Taken::Content => Erased::Content,
        Taken::Nothing => Erased::Values(vec!["/nothing".to_owned()]),
        Taken::Values(bits) => {
            let found = store.follow(position, 1, Duration::ZERO, &Scope::unrestricted("the state machine"))?;
            let canonical =
                found.iter().filter(|entry| entry.receipt.position == position).map(|entry| &entry.canonical);
            let all = canonical.map(|canonical| fields(canonical)).next().transpose()?.unwrap_or_default().into_iter();
            let personal = all.filter(|field| field.kind != FieldKind::Member).map(|field| field.path);
            Erased::Values(
                (0..16).zip(personal).filter(|(bit, _)| bits >> bit & 1 == 1).map(|(_, path)| path).collect(),
            )
        }
    };
    Ok(Erasure { position, what })
}

fn appended(store: &dyn Store, claims: &[Claim], atomicity: Atomicity) -> Answer {
    let fates = store.append(claims.iter().map(Claim::draft).collect(), atomicity);
    let fate = |fate: Result<Appended>| {
        let known = |appended: Appended| Appended { receipt: without_leaf(appended.receipt), ..appended };
        fate.map(known).map_err(|error| error.kind())
    };
    match fates {
        Ok(fates) => Answer::Fates(fates.into_iter().map(fate).collect()),
        Err(error) => {
            Answer::Refused(error.kind(), error.problems().iter().map(|problem| problem.pointer.clone()).collect())
        }
    }
}

impl Claim {
    fn draft(&self) -> Draft {
        match self {
            Self::Event(number) => events::draft(*number),
            Self::Conflicting(number) => events::conflicting_draft(*number),
        }
    }
}

fn comparable(entries: Vec<Entry>) -> Vec<Entry> {
    let comparable =
        |entry: Entry| Entry { receipt: without_leaf(entry.receipt), canonical: blank(entry.canonical), ..entry };
    entries.into_iter().map(comparable).collect()
}

/// The bytes with zeros for the commitments that stand in the place of erased values.
fn blank(mut canonical: Vec<u8>) -> Vec<u8> {
    let mut at = 0;
    while let Some(zero) = canonical[at..].iter().position(|byte| *byte == 0) {
        at += zero + 33;
        canonical[at - 32..at].fill(0);
    }
    canonical
}

fn without_leaf(receipt: Receipt) -> Receipt {
    Receipt { leaf_hash: Digest([0; 32]), ..receipt }
}
