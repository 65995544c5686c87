//! Runs of retention.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use deedbook_core::ErrorKind;
use deedbook_core::removal::{Authority, RETIRED};
use deedbook_core::retention::Rules;
use deedbook_server::{Pace, Policy, Watch};
use deedbook_testkit::{Clock, Random, StoreKind};

use super::{Book, admin, event, watch};
use crate::support::Failing;

deedbook_testkit::over_each_store! {
    the_default_rules_let_go_of_account_and_access_events,
    every_hole_has_its_authorising_entry_and_every_run_its_two,
    the_last_of_each_target,
    a_plan_says_how_many_and_changes_nothing,
    rules_of_a_newer_version_keep_everything,
    a_change_needs_a_reason,
    a_run_that_ends_at_any_step_is_finished_by_the_next,
    what_was_authorised_goes_also_when_the_rules_changed_since,
    what_was_authorised_stays_where_a_hold_covers_it_by_now,
    work_ends_where_it_is_told_to,
    what_goes_is_what_the_plan_says_whatever_the_rules,
}

fn rules(book: &Book, text: &str) {
    book.governance.set_rules(&Rules::parse(text).unwrap(), "a test", &admin("ops:1")).unwrap();
}

fn run(book: &Book) -> deedbook_core::serde_json::Value {
    book.governance.retain(None, &admin("ops:1"), &watch()).unwrap()
}

fn the_default_rules_let_go_of_account_and_access_events(on: StoreKind) {
    let book = Book::new(on);
    book.record(event("acme user.signed_in account -"));
    book.record(event("acme page.read access -"));
    book.record(event("acme invoice.paid project -"));
    book.record(event("acme audit.viewed admin -"));
    book.days(91);
    assert_eq!(book.governance.plan(None, &watch()).unwrap().count(), 1);
    run(&book);
    assert_eq!(book.left(), ["acme:1", "acme:2"]);
    assert_eq!(book.own("audit.viewed").len(), 1);
    book.days(310);
    run(&book);
    assert_eq!(book.left(), ["acme:2"]);
    assert_eq!(book.own("audit.viewed").len(), 0, "a reading of the log is access");
    assert_eq!(book.own(RETIRED).len(), 2, "what authorises a hole stays");
}

fn every_hole_has_its_authorising_entry_and_every_run_its_two(on: StoreKind) {
    let book = Book::new(on);
    for words in ["acme a.b account -", "beta a.b account -", "acme a.b - -", "acme a.b account -"] {
        book.record(event(words));
    }
    book.days(91);
    let did = run(&book);
    assert_eq!((&did["count"], &did["held"]), (&3.into(), &0.into()));
    let applied = book.own(RETIRED);
    let told: Vec<String> = applied
        .iter()
        .map(|entry| match Authority::of(&entry.event).unwrap().unwrap() {
            Authority::Retirement(part) => format!("{} {} {}", entry.receipt.tenant, part.seqs, part.rule["keep"]),
            Authority::Erasure(_) => unreachable!("it retires"),
        })
        .collect();
    assert_eq!(told, ["acme 0,2 \"90d\"", "beta 0 \"90d\""]);
    let started = &book.own("audit.retention.started")[0];
    let finished = &book.own("audit.retention.finished")[0];
    assert_eq!(started.event.targets[0].id, finished.event.targets[0].id);
    assert!(started.receipt.position < applied[0].receipt.position);
    assert!(finished.receipt.position > applied[1].receipt.position);
}

fn the_last_of_each_target(on: StoreKind) {
    let book = Book::new(on);
    rules(&book, "action:thing.* keep last 2");
    for targets in ["a", "a,b", "b", "a", "-", "b", "a"] {
        book.record(event(&format!("acme thing.made - {targets}")));
        book.record(event(&format!("acme other.made - {targets}")));
    }
    book.record(event("beta thing.made - a"));
    run(&book);
    let things = book
        .left()
        .into_iter()
        .filter(|it| it.strip_prefix("acme:").is_none_or(|seq| seq.parse::<u64>().unwrap().is_multiple_of(2)));
    assert_eq!(things.collect::<Vec<_>>(), ["acme:4", "acme:6", "acme:8", "acme:10", "acme:12", "beta:0"]);
    assert_eq!(book.left().len(), 13);
    run(&book);
    assert_eq!(book.left().len(), 13, "a second run finds nothing");
}

fn a_plan_says_how_many_and_changes_nothing(on: StoreKind) {
    let book = Book::new(on);
    for words in ["acme a.b account -", "acme a.b account -", "beta a.b account -"] {
        book.record(event(words));
        book.days(1);
    }
    book.days(88);
    let before = book.store.visible_count();
    let plan = book.governance.plan(None, &watch()).unwrap().to_json();
    assert_eq!(book.store.visible_count(), before);
    let rule = &plan["rules"][0];
    assert_eq!((&plan["count"], &rule["text"]), (&1.into(), &"category:account keep 90d".into()));
    assert_eq!((&rule["tenants"][0]["tenant"], &rule["goes"]["oldest"]), (&"acme".into(), &rule["goes"]["newest"]));
    let tried = Rules::parse("keep 1d").unwrap();
    assert_eq!(book.governance.plan(Some(tried), &watch()).unwrap().count(), 3);
}

fn rules_of_a_newer_version_keep_everything(on: StoreKind) {
    let book = Book::new(on);
    book.record(event("acme a.b account -"));
    let mut newer = event("_deedbook audit.retention.set admin -");
    newer.metadata.insert("rules".to_owned(), deedbook_core::serde_json::json!([{"keep": "while needed"}]));
    book.record(newer);
    book.days(500);
    let book = book.reopened(Policy::default());
    assert_eq!(book.governance.plan(None, &watch()).unwrap().count(), 0);
}

fn a_change_needs_a_reason(on: StoreKind) {
    let book = Book::new(on);
    let refused = book.governance.set_rules(&Rules::default(), " ", &admin("ops:1")).unwrap_err();
    assert_eq!((refused.kind(), refused.problems()[0].pointer.as_str()), (ErrorKind::Invalid, "/reason"));
}

/// A log of which ten entries are to go and ten are to stay, over a store whose n-th call fails.
fn failing(on: StoreKind, calls: u64) -> (Book, Arc<Failing>) {
    let clock = Clock::fixed();
    let store = Arc::new(Failing::new(on.open(&clock)));
    let book = Book::over(store.clone(), clock, Policy::default());
    for number in 0..10 {
        book.record(event(&format!("acme a.b account t{number}")));
        book.record(event("beta a.b project -"));
    }
    book.days(91);
    store.fail_after(calls);
    (book, store)
}

fn a_run_that_ends_at_any_step_is_finished_by_the_next(on: StoreKind) {
    let mut ended = false;
    for calls in 0..200 {
        let (book, store) = failing(on, calls);
        let outcome = book.governance.retain(None, &admin("ops:1"), &watch());
        store.heal();
        let book = book.reopened(Policy::default());
        let beta = book.left().iter().filter(|it| it.starts_with("beta")).count();
        assert_eq!(beta, 10, "what is to stay is there after {calls} calls");
        run(&book);
        assert_eq!(book.left().len(), 10, "after {calls} calls");
        let runs = (book.own("audit.retention.started").len(), book.own("audit.retention.finished").len());
        assert_eq!(runs.0, runs.1, "each run that began has an end after {calls} calls");
        ended = outcome.is_ok();
        if ended {
            break;
        }
    }
    assert!(ended, "the last one was not interrupted");
}

fn what_was_authorised_goes_also_when_the_rules_changed_since(on: StoreKind) {
    let (book, store) = failing(on, u64::MAX);
    store.refuse_retirements();
    book.governance.retain(None, &admin("ops:1"), &watch()).unwrap_err();
    assert_eq!((book.own(RETIRED).len(), book.left().len()), (1, 20));
    store.heal();
    rules(&book, "keep forever");
    run(&book);
    assert_eq!(book.left().len(), 10, "the log says that they are gone");
}

fn what_was_authorised_stays_where_a_hold_covers_it_by_now(on: StoreKind) {
    let (book, store) = failing(on, u64::MAX);
    store.refuse_retirements();
    book.governance.retain(None, &admin("ops:1"), &watch()).unwrap_err();
    store.heal();
    let hold = deedbook_server::NewHold {
        target: Some("thing:t3".to_owned()),
        reason: "a case".to_owned(),
        ..deedbook_server::NewHold::default()
    };
    book.governance.place_hold(hold, &admin("ops:1")).unwrap();
    run(&book);
    assert_eq!(book.left().len(), 11);
    assert!(book.left().contains(&"acme:3".to_owned()));
}

fn work_ends_where_it_is_told_to(on: StoreKind) {
    let (book, _) = failing(on, u64::MAX);
    let (stop, pages) = (AtomicBool::new(false), AtomicU64::new(0));
    let read = |_| {
        pages.fetch_add(1, Ordering::Relaxed);
        stop.store(true, Ordering::Relaxed);
    };
    let watch = Watch { read: &read, stop: &stop, pace: Pace::Full };
    book.governance.retain(None, &admin("ops:1"), &watch).unwrap_err();
    assert_eq!((pages.into_inner(), book.left().len()), (1, 20));
}

fn what_goes_is_what_the_plan_says_whatever_the_rules(on: StoreKind) {
    for seed in 0..60 {
        let mut random = Random::new(seed);
        let book = Book::new(on);
        let keeps = ["keep 1d", "keep last 1", "keep last 2", "keep forever", "keep 3d"];
        let abouts = ["", "tenant:acme ", "category:account ", "action:thing.* ", "tenant:beta category:access "];
        let text: Vec<String> =
            (0..random.below(5)).map(|_| format!("{}{}", random.pick(&abouts), random.pick(&keeps))).collect();
        rules(&book, &text.join("\n"));
        for _ in 0..30 {
            let tenant = *random.pick(&["acme", "beta"]);
            let action = *random.pick(&["thing.made", "user.made"]);
            let category = *random.pick(&["account", "access", "-"]);
            let targets = *random.pick(&["-", "a", "a,b", "b"]);
            book.record(event(&format!("{tenant} {action} {category} {targets}")));
            if random.one_in(6) {
                book.days(1);
            }
        }
        let (planned, before) = (book.governance.plan(None, &watch()).unwrap().count(), book.left().len() as u64);
        assert_eq!(run(&book)["count"], planned, "seed {seed}");
        assert_eq!(book.left().len() as u64, before - planned, "seed {seed}");
        assert_eq!(book.governance.plan(None, &watch()).unwrap().count(), 0, "seed {seed}");
    }
}
