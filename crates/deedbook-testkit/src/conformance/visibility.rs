//! Scopes: whatever is asked, nobody learns more than they may.

use std::borrow::Cow;
use std::time::Duration;

use deedbook_core::{Entry, Event, GroupBy, OWN_TENANT, PageRequest, Query, Scope, Store};

use super::{EVENTS, Open, all, append, everything, fill, page};
use crate::{Clock, events, questions};

pub(super) fn own_tenant(open: &mut Open<'_>) {
    let subject = open(&Clock::fixed());
    let drafts = ["acme", OWN_TENANT].map(|tenant| events::prepared(events::simple(tenant, "evt_1")));
    append(subject.store(), drafts.into());
    for (scope, expected) in [(Scope::all_tenants(), 1), (all(), 2), (Scope::tenant(OWN_TENANT), 1)] {
        let (entries, _) = page(subject.store(), &Query::all(), &scope, &PageRequest::newest(10));
        assert_eq!(entries.len(), expected, "{scope:?}");
    }
    let hidden = subject.store().get(OWN_TENANT, "evt_1", &Scope::all_tenants()).expect("read");
    assert_eq!(hidden, None, "nor by its id");
}

pub(super) fn scope_holds_everywhere(open: &mut Open<'_>) {
    let clock = Clock::fixed();
    let subject = open(&clock);
    fill(&*subject, &clock, 0..EVENTS);
    let store = subject.store();
    let entries = everything(store);
    for scope in questions::scopes() {
        let allowed: Vec<Entry> = entries.iter().filter_map(|entry| scope.view(entry)).map(Cow::into_owned).collect();
        assert_eq!(page(store, &Query::all(), &scope, &PageRequest::oldest(1_000)).0, allowed, "pages of {scope:?}");
        assert_eq!(total(store, &scope), allowed.len() as u64, "counts of {scope:?}");
        let counted = store.count(&Query::all(), &scope, &[GroupBy::Outcome]).expect("counted");
        assert_eq!(counted.iter().map(|group| group.count).sum::<u64>(), allowed.len() as u64, "facets of {scope:?}");
        let followed = store.follow(0, 1_000, Duration::ZERO, &scope).expect("followed");
        assert_eq!(followed, allowed, "the tail of {scope:?}");
        for entry in entries.iter().step_by(7) {
            let found = store.get(&entry.receipt.tenant, &entry.receipt.id, &scope).expect("read");
            assert_eq!(found, scope.view(entry).map(Cow::into_owned), "one entry of {scope:?}");
        }
    }
}

fn total(store: &dyn Store, scope: &Scope) -> u64 {
    store.count(&Query::all(), scope, &[]).expect("counted")[0].count
}

pub(super) fn audiences_and_self(open: &mut Open<'_>) {
    let subject = open(&Clock::fixed());
    let audiences = [None, Some(vec![]), Some(vec!["owners".to_owned()]), Some(vec!["security".to_owned()])];
    let with_audience = |(index, audience)| {
        let event = events::simple("acme", &format!("evt_{index}"));
        events::prepared(Event { audience, ..event })
    };
    append(subject.store(), audiences.into_iter().enumerate().map(with_audience).collect());
    let cases: [(&[&str], Option<&str>, &[&str]); 7] = [
        (&[], None, &[]),
        (&["owners"], None, &["evt_2"]),
        (&["owners", "security"], None, &["evt_2", "evt_3"]),
        (&[], Some("user_1"), &["evt_0", "evt_2", "evt_3"]),
        (&[], Some("user:user_1"), &["evt_0", "evt_2", "evt_3"]),
        (&["owners"], Some("user_1"), &["evt_0", "evt_2", "evt_3"]),
        (&["owners"], Some("user_2"), &["evt_2"]),
    ];
    for (labels, me, expected) in cases {
        let labels = labels.iter().map(|label| (*label).to_owned()).collect();
        let scope = Scope::tenant("acme").visible_to(labels, me.map(str::to_owned));
        let (entries, _) = page(subject.store(), &Query::all(), &scope, &PageRequest::oldest(10));
        let ids: Vec<&str> = entries.iter().map(|entry| entry.receipt.id.as_str()).collect();
        assert_eq!(ids, expected, "{scope:?}");
    }
}
