//! A state machine: the same random operations on a store and on the in-memory oracle must give the same answers.
//!
//! What a store may choose, the hashes of its leaves (they depend on its keys), is left out of the comparison; ids,
//! numbers, times, events and canonical bytes are not.

use std::cell::RefCell;
use std::time::Duration;

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
    ]
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
    };
    answered.unwrap_or_else(|error| Answer::Failed(error.kind()))
}

fn entries(visible: u64) -> Answer {
    if visible == 0 { Answer::Nothing } else { Answer::Entries(Vec::new(), false, Some(visible)) }
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
    entries.into_iter().map(|entry| Entry { receipt: without_leaf(entry.receipt), ..entry }).collect()
}

fn without_leaf(receipt: Receipt) -> Receipt {
    Receipt { leaf_hash: Digest([0; 32]), ..receipt }
}
