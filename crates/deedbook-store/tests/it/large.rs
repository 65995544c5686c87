//! A segment so large that answers take short cuts through it: whole pages of times are passed over, and of few entries
//! each is asked for its tenant instead of a long list.

use std::ops::Range;
use std::sync::Arc;

use deedbook_core::removal::{Erased, Erasure};
use deedbook_core::{
    Actor, Atomicity, Event, Order, PageRequest, Query, Scope, Store, StoreExt, Timestamp, query::ParseOptions,
};
use deedbook_store::{FileStore, Options, prepare};
use deedbook_testkit::disk::SimulatedDisk;

/// More than one page of the directory of times has chunks for, and more in a tenant than one in 256 of which is rare.
const ENTRIES: u64 = 34_000;
/// Consecutive entries of one hour. The hours do not rise: neighbours are swapped, and the last is the earliest.
const OF_AN_HOUR: u64 = 800;

fn tenant(number: u64) -> &'static str {
    ["acme", "beta", "beta"][number as usize % 3]
}

fn hour(number: u64) -> u64 {
    let hour = number / OF_AN_HOUR;
    if hour == (ENTRIES - 1) / OF_AN_HOUR { 0 } else { (hour ^ 1) + 1 }
}

fn event(number: u64) -> Event {
    let mut event = Event::new("document.shared", Actor::new("user", format!("user_{}", number % 9000)));
    event.tenant = Some(tenant(number).into());
    event.id = Some(format!("evt_{number}"));
    event.occurred_at = Some(Timestamp::from_second((hour(number) * 3600 + number % 3600) as i64).unwrap());
    event
}

fn parse(text: &str) -> Query {
    let options = ParseOptions { now: Timestamp::UNIX_EPOCH, time_zone: jiff::tz::TimeZone::UTC };
    Query::parse(text, &options).unwrap()
}

fn ids(store: &FileStore, text: &str, scope: &Scope, order: Order) -> Vec<String> {
    let request = PageRequest { order, limit: ENTRIES as usize, after: None };
    let page = store.page(&parse(text), scope, &request).unwrap();
    page.entries.into_iter().map(|entry| entry.receipt.id).collect()
}

/// The ids of those of all entries that are expected, in both orders.
fn assert_found(store: &FileStore, text: &str, scope: &Scope, expected: impl Fn(u64) -> bool) {
    let mut expected: Vec<String> =
        (0..ENTRIES).filter(|&number| expected(number)).map(|number| format!("evt_{number}")).collect();
    assert_eq!(ids(store, text, scope, Order::Ascending), expected, "{text}");
    expected.reverse();
    assert_eq!(ids(store, text, scope, Order::Descending), expected, "{text}");
}

fn filled() -> FileStore {
    let disk = Arc::new(SimulatedDisk::new());
    let store = FileStore::open_on(disk, "a disk in memory", Options::default()).unwrap();
    for start in (0..ENTRIES).step_by(1000) {
        let drafts = (start..start + 1000).map(|number| prepare(event(number)).unwrap()).collect();
        store.append(drafts, Atomicity::PerEvent).unwrap();
    }
    store.compact().unwrap();
    store
}

#[test]
fn short_cuts_lead_to_the_same_entries() {
    let store = filled();
    assert_hours(&store, 0..1);
    assert_hours(&store, 1..3);
    assert_hours(&store, 7..8);
    assert_hours(&store, 20..23);
    assert_hours(&store, 60..70);
    assert_rare(&store, |_| true);

    // It keeps its id and its place among the entries of its tenant, and is in no list of it.
    store.erase(&[Erasure { position: 4_321, what: Erased::Content }]).unwrap();
    assert_rare(&store, |number| number != 4_321);
    assert_found(&store, "id:evt_4321", &Scope::tenant(tenant(4_321)), |_| false);
}

fn assert_hours(store: &FileStore, hours: Range<u64>) {
    let at = |hour: u64| Timestamp::from_second((hour * 3600) as i64).unwrap();
    let text = format!("occurred:>={} occurred:<{}", at(hours.start), at(hours.end));
    assert_found(store, &text, &Scope::all_tenants(), |number| hours.contains(&hour(number)));
    let actor = format!("actor:user_4321 {text}");
    assert_found(store, &actor, &Scope::tenant("beta"), |number| {
        number % 9000 == 4_321 && tenant(number) == "beta" && hours.contains(&hour(number))
    });
}

/// Each of few entries, asked for in the tenant that has it and in the other.
fn assert_rare(store: &FileStore, is_there: impl Fn(u64) -> bool) {
    for user in [0, 1, 4_320, 4_321, 8_999] {
        for asked in ["acme", "beta"] {
            let text = format!("actor:user_{user}");
            assert_found(store, &text, &Scope::tenant(asked), |number| {
                number % 9000 == user && tenant(number) == asked && is_there(number)
            });
        }
    }
}
