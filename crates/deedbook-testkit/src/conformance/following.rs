//! Following the log from a position on.

use std::thread;
use std::time::{Duration, Instant};

use deedbook_core::Scope;

use super::{Open, all, append, everything, fill};
use crate::{Clock, events};

/// Far longer than any store should take; reached only when it never wakes.
const LONG: Duration = Duration::from_secs(60);

pub(super) fn gives_what_is_there(open: &mut Open<'_>) {
    let clock = Clock::fixed();
    let subject = open(&clock);
    fill(&*subject, &clock, 0..60);
    let entries = everything(subject.store());
    let follow = |from, limit| subject.store().follow(from, limit, Duration::ZERO, &all()).expect("followed");
    assert_eq!(follow(0, 1_000), entries);
    assert_eq!(follow(entries[10].receipt.position, 5), entries[10..15], "from a position on, that one included");
    assert_eq!(follow(subject.store().visible_count(), 5), [], "nothing is there yet");
    assert_eq!(follow(0, 0), []);
    let mut own = entries;
    own.retain(|entry| entry.receipt.tenant == "beta-9");
    let followed = subject.store().follow(0, 1_000, Duration::ZERO, &Scope::tenant("beta-9")).expect("followed");
    assert_eq!(followed, own, "within the scope");
}

pub(super) fn waits_and_wakes(open: &mut Open<'_>) {
    let subject = open(&Clock::fixed());
    let store = subject.store();
    append(store, vec![events::prepared(events::simple("acme", "evt_1"))]);
    let began = Instant::now();
    thread::scope(|threads| {
        let waiting = threads.spawn(|| store.follow(0, 10, LONG, &Scope::tenant("beta-9")));
        // Another tenant's entry must not end the wait with nothing; the awaited one must end it.
        append(store, vec![events::prepared(events::simple("acme", "evt_2"))]);
        append(store, vec![events::prepared(events::simple("beta-9", "evt_3"))]);
        let found = waiting.join().expect("no panic").expect("followed");
        let ids: Vec<&str> = found.iter().map(|entry| entry.receipt.id.as_str()).collect();
        assert_eq!(ids, ["evt_3"]);
    });
    assert!(began.elapsed() < LONG, "it woke before its time was over");
}

pub(super) fn gives_up(open: &mut Open<'_>) {
    let subject = open(&Clock::fixed());
    let wait = Duration::from_millis(30);
    let began = Instant::now();
    assert_eq!(subject.store().follow(0, 10, wait, &all()).expect("followed"), []);
    assert!(began.elapsed() >= wait, "it waited as long as it was told");
}
