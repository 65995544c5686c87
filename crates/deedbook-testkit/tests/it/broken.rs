//! Negative controls: each fault must be found by the suite and by the state machine.

use std::time::Duration;

use deedbook_core::removal::{Erased, Erasure};
use deedbook_core::{
    AppendStatus, Appended, Atomicity, Draft, Entry, Error, ErrorKind, Group, GroupBy, Page, PageRequest, Query, Reply,
    Result, Scope, Store,
};
use deedbook_testkit::{Clock, Durability, MemorySubject, Subject, conformance, model};

/// What is wrong with a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    DropsAnEntryFromPages,
    RepeatsTheCursorsEntry,
    AnswersConflictsAsReplays,
    AnswersReplaysAsCreated,
    AppendsInPartsWhenAllOrNothing,
    IgnoresTheScopeOfCounts,
    IgnoresTheScopeOfSingleEntries,
    IgnoresTheScopeOfTheTail,
    IgnoresNegations,
    CountsInAnotherOrder,
    ForgetsTheWatermark,
    StartsTheTailTooLate,
    LosesEverythingOnReopening,
    RetiresAllButTheFirst,
    ErasesMoreThanTheValues,
}

/// Each fault and the check that must find it.
const FAULTS: [(Fault, &str); 15] = [
    (Fault::DropsAnEntryFromPages, "pages leave no gap and repeat nothing"),
    (Fault::RepeatsTheCursorsEntry, "a cursor is stable while the log grows"),
    (Fault::AnswersConflictsAsReplays, "repetitions and conflicts within a batch"),
    (Fault::AnswersReplaysAsCreated, "a repetition gives the first receipt"),
    (Fault::AppendsInPartsWhenAllOrNothing, "all or nothing"),
    (Fault::IgnoresTheScopeOfCounts, "a scope holds everywhere"),
    (Fault::IgnoresTheScopeOfSingleEntries, "the log's own tenant is in no list of all"),
    (Fault::IgnoresTheScopeOfTheTail, "follow gives what is there, in order"),
    (Fault::IgnoresNegations, "every query answers as its meaning"),
    (Fault::CountsInAnotherOrder, "counts by day, target and actor"),
    (Fault::ForgetsTheWatermark, "an entry is visible once its receipt is given"),
    (Fault::StartsTheTailTooLate, "follow gives what is there, in order"),
    (Fault::LosesEverythingOnReopening, "answers hold after reopening"),
    (Fault::RetiresAllButTheFirst, "a retired entry is in no answer"),
    (Fault::ErasesMoreThanTheValues, "erased values are in no answer"),
];

#[test]
fn every_fault_fails_its_check() {
    for (fault, name) in FAULTS {
        let check = conformance::CHECKS.iter().find(|check| check.name == name).expect("a check of the list");
        let failure = conformance::failure(check, &mut |clock| open(fault, clock));
        assert!(failure.is_some(), "{fault:?} was not found by {name:?}");
    }
}

#[test]
fn every_fault_differs_from_the_oracle() {
    for (fault, _) in FAULTS {
        let found = std::panic::catch_unwind(|| model::run(&mut |clock| open(fault, clock), 400));
        assert!(found.is_err(), "{fault:?} was not found");
    }
}

fn open(fault: Fault, clock: &Clock) -> Box<dyn Subject> {
    Box::new(Broken { inner: MemorySubject::open(clock), clock: clock.clone(), fault })
}

struct Broken {
    inner: MemorySubject,
    clock: Clock,
    fault: Fault,
}

impl Subject for Broken {
    fn store(&self) -> &dyn Store {
        self
    }

    fn reopen(&mut self) {
        if self.fault == Fault::LosesEverythingOnReopening {
            self.inner = MemorySubject::open(&self.clock);
        }
    }

    fn durability(&self) -> Durability {
        Durability::Durable
    }
}

impl Broken {
    fn scope(&self, fault: Fault, scope: &Scope) -> Scope {
        if self.fault == fault { Scope::unrestricted("a fault") } else { scope.clone() }
    }
}

impl Store for Broken {
    fn submit(&self, drafts: Vec<Draft>, atomicity: Atomicity, reply: Reply) {
        let fault = self.fault;
        let atomicity = match fault {
            Fault::AppendsInPartsWhenAllOrNothing => Atomicity::PerEvent,
            _ => atomicity,
        };
        let answer = move |fates: Result<Vec<Result<Appended>>>| {
            reply(fates.map(|fates| {
                let first = fates.iter().flatten().next().cloned();
                fates.into_iter().map(|fate| distort(fault, fate, first.as_ref())).collect()
            }));
        };
        self.inner.store().submit(drafts, atomicity, Box::new(answer));
    }

    fn get(&self, tenant: &str, id: &str, scope: &Scope) -> Result<Option<Entry>> {
        self.inner.store().get(tenant, id, &self.scope(Fault::IgnoresTheScopeOfSingleEntries, scope))
    }

    fn page(&self, query: &Query, scope: &Scope, request: &PageRequest) -> Result<Page> {
        let after = match self.fault {
            Fault::RepeatsTheCursorsEntry => request.after.and_then(|after| after.checked_sub(1)),
            _ => request.after,
        };
        let text = query.to_string();
        let query = match self.fault {
            Fault::IgnoresNegations if text.starts_with('-') => &Query::all(),
            _ => query,
        };
        let mut page = self.inner.store().page(query, scope, &PageRequest { after, ..*request })?;
        match self.fault {
            Fault::DropsAnEntryFromPages if page.entries.len() > 3 => drop(page.entries.remove(2)),
            Fault::ForgetsTheWatermark => page.watermark = None,
            _ => {}
        }
        Ok(page)
    }

    fn count(&self, query: &Query, scope: &Scope, groups: &[GroupBy]) -> Result<Vec<Group>> {
        let mut counted =
            self.inner.store().count(query, &self.scope(Fault::IgnoresTheScopeOfCounts, scope), groups)?;
        if self.fault == Fault::CountsInAnotherOrder {
            counted.sort_by(|a, b| a.key.cmp(&b.key));
        }
        Ok(counted)
    }

    fn follow(&self, from: u64, limit: usize, wait: Duration, scope: &Scope) -> Result<Vec<Entry>> {
        let from = if self.fault == Fault::StartsTheTailTooLate { from + 1 } else { from };
        self.inner.store().follow(from, limit, wait, &self.scope(Fault::IgnoresTheScopeOfTheTail, scope))
    }

    fn visible_count(&self) -> u64 {
        self.inner.store().visible_count()
    }

    fn retire(&self, positions: &[u64]) -> Result<()> {
        match self.fault {
            Fault::RetiresAllButTheFirst => self.inner.store().retire(positions.get(1..).unwrap_or_default()),
            _ => self.inner.store().retire(positions),
        }
    }

    fn erase(&self, erasures: &[Erasure]) -> Result<()> {
        let content = |erasure: &Erasure| Erasure { what: Erased::Content, ..erasure.clone() };
        match self.fault {
            Fault::ErasesMoreThanTheValues => {
                self.inner.store().erase(&erasures.iter().map(content).collect::<Vec<_>>())
            }
            _ => self.inner.store().erase(erasures),
        }
    }
}

fn distort(fault: Fault, fate: Result<Appended>, other: Option<&Appended>) -> Result<Appended> {
    match (fault, fate) {
        (Fault::AnswersConflictsAsReplays, Err(error)) if error.kind() == ErrorKind::Conflict => {
            let appended = other.cloned().ok_or_else(|| Error::new(ErrorKind::Io, "nothing to answer with"))?;
            Ok(Appended { status: AppendStatus::Replayed, ..appended })
        }
        (Fault::AnswersReplaysAsCreated, Ok(appended)) => Ok(Appended { status: AppendStatus::Created, ..appended }),
        (_, fate) => fate,
    }
}
