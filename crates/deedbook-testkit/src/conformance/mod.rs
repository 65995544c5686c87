//! What every store must do, as one list of named checks. See DESIGN.md, "Promises".
//!
//! Each check opens stores of its own and panics with what it found; [`run`] collects all failures, so that one report
//! shows everything a store gets wrong.

mod appending;
mod counting;
mod durability;
mod following;
mod paging;
mod removing;
mod searching;
mod visibility;

use std::panic::{AssertUnwindSafe, catch_unwind};

use deedbook_core::{Atomicity, Draft, Entry, PageRequest, Query, Receipt, Scope, Store, StoreExt};

use crate::{Clock, Subject};

/// Opens a new and empty store that takes its time from the clock.
pub type Open<'o> = dyn FnMut(&Clock) -> Box<dyn Subject> + 'o;

/// One thing that every store must do.
#[derive(Clone, Copy)]
pub struct Check {
    /// What it is, for reports and for running it alone.
    pub name: &'static str,
    /// Panics with what it found.
    pub run: fn(&mut Open<'_>),
}

/// Every check, simple ones first.
pub const CHECKS: &[Check] = &[
    Check { name: "a receipt tells the place", run: appending::receipt_tells_the_place },
    Check { name: "an empty batch is accepted", run: appending::empty_batch },
    Check { name: "what went in comes out", run: appending::what_went_in_comes_out },
    Check { name: "seq is gapless for each tenant", run: appending::seq_is_gapless },
    Check { name: "recorded_at never runs backwards", run: appending::recorded_at_never_runs_backwards },
    Check { name: "a repetition gives the first receipt", run: appending::repetition },
    Check { name: "ids are unique for each tenant", run: appending::same_id_in_two_tenants },
    Check { name: "a conflict is refused and changes nothing", run: appending::conflict },
    Check { name: "repetitions and conflicts within a batch", run: appending::within_a_batch },
    Check { name: "all or nothing", run: appending::all_or_nothing },
    Check { name: "concurrent repetitions are one", run: appending::concurrent_repetitions },
    Check { name: "an entry is visible once its receipt is given", run: appending::visible_before_receipt },
    Check { name: "get finds one entry by tenant and id", run: paging::get_finds_one },
    Check { name: "pages leave no gap and repeat nothing", run: paging::no_gap_no_double },
    Check { name: "a cursor is stable while the log grows", run: paging::stable_while_growing },
    Check { name: "limits and cursors at the edges", run: paging::edges },
    Check { name: "the log's own tenant is in no list of all", run: visibility::own_tenant },
    Check { name: "a scope holds everywhere", run: visibility::scope_holds_everywhere },
    Check { name: "audiences and self are a union", run: visibility::audiences_and_self },
    Check { name: "an empty count has one total", run: counting::empty },
    Check { name: "counts equal the entries that match", run: counting::equal_the_entries },
    Check { name: "counts by day, target and actor", run: counting::by_hand },
    Check { name: "follow gives what is there, in order", run: following::gives_what_is_there },
    Check { name: "follow waits and wakes", run: following::waits_and_wakes },
    Check { name: "follow gives up after its time", run: following::gives_up },
    Check { name: "every query answers as its meaning", run: searching::every_query },
    Check { name: "every query answers within every scope", run: searching::every_scope },
    Check { name: "a retired entry is in no answer", run: removing::retired_is_in_no_answer },
    Check { name: "the id of a retired entry is free", run: removing::ids_of_retired_are_free },
    Check { name: "an entry without content is in no answer", run: removing::content_is_in_no_answer },
    Check { name: "erased values are in no answer", run: removing::values_are_in_no_answer },
    Check { name: "removals are refused where they must be", run: removing::refused_removals },
    Check { name: "answers hold after reopening", run: durability::answers_hold },
    Check { name: "appends continue after reopening", run: durability::appends_continue },
];

/// Runs every check on the stores that `open` makes.
///
/// # Panics
/// With the names and findings of all checks that failed.
pub fn run(open: &mut Open<'_>) {
    let report = |check: &Check| Some(format!("* {}: {}", check.name, failure(check, open)?));
    let report: Vec<String> = CHECKS.iter().filter_map(report).collect();
    assert!(report.is_empty(), "{} of {} checks failed:\n{}", report.len(), CHECKS.len(), report.join("\n"));
}

/// What `check` found wrong with the stores that `open` makes, if anything.
pub fn failure(check: &Check, open: &mut Open<'_>) -> Option<String> {
    let panic = catch_unwind(AssertUnwindSafe(|| (check.run)(open))).err()?;
    let text = panic.downcast_ref::<String>().map(String::as_str);
    Some(text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("a panic without words").to_owned())
}

/// How many generated events the larger checks append.
const EVENTS: u64 = 400;

/// Appends `drafts`, each of which must be accepted.
fn append(store: &dyn Store, drafts: Vec<Draft>) -> Vec<Receipt> {
    let fates = store.append(drafts, Atomicity::PerEvent).expect("the batch is accepted");
    fates.into_iter().map(|fate| fate.expect("the event is accepted").receipt).collect()
}

/// The generated events from `first` on, in batches of several sizes, a second apart.
fn fill(subject: &dyn Subject, clock: &Clock, numbers: std::ops::Range<u64>) -> Vec<Receipt> {
    let mut receipts = Vec::new();
    let mut next = numbers.start;
    for size in [1, 7, 30, 2, 64].into_iter().cycle() {
        if next >= numbers.end {
            return receipts;
        }
        let end = numbers.end.min(next + size);
        receipts.extend(append(subject.store(), crate::events::drafts(next..end)));
        clock.advance_seconds(1);
        next = end;
    }
    receipts
}

/// Every entry, oldest first, in one page.
fn everything(store: &dyn Store) -> Vec<Entry> {
    page(store, &Query::all(), &all(), &PageRequest::oldest(usize::MAX)).0
}

/// A page and whether it has more.
fn page(store: &dyn Store, query: &Query, scope: &Scope, request: &PageRequest) -> (Vec<Entry>, bool) {
    let page = store.page(query, scope, request).expect("the page is read");
    (page.entries, page.has_more)
}

fn all() -> Scope {
    Scope::unrestricted("the conformance suite")
}

fn positions(entries: &[Entry]) -> Vec<u64> {
    entries.iter().map(|entry| entry.receipt.position).collect()
}
