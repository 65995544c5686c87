//! Queries: whatever index a store has, it answers as [`deedbook_core::Query::matches`] does.

use std::borrow::Cow;

use deedbook_core::{Actor, Entry, Group, GroupBy, PageRequest, Query, Scope, Store};

use super::{EVENTS, Open, all, everything, fill, page, positions};
use crate::{Clock, questions};

pub(super) fn every_query(open: &mut Open<'_>) {
    let clock = Clock::fixed();
    let subject = open(&clock);
    fill(&*subject, &clock, 0..EVENTS);
    let entries = everything(subject.store());
    let mut answered = 0;
    for text in questions::QUERIES {
        let matching = compare(subject.store(), &entries, &questions::query(text), &all());
        answered += usize::from(matching > 0);
    }
    assert!(answered * 10 > questions::QUERIES.len() * 8, "only {answered} queries of the table have an answer");
}

pub(super) fn every_scope(open: &mut Open<'_>) {
    let clock = Clock::fixed();
    let subject = open(&clock);
    fill(&*subject, &clock, 0..EVENTS);
    let entries = everything(subject.store());
    for (index, scope) in questions::scopes().into_iter().enumerate() {
        for text in questions::QUERIES.iter().skip(index).step_by(5) {
            compare(subject.store(), &entries, &questions::query(text), &scope);
        }
    }
}

/// How many of `entries` match, which must be what pages and counts tell.
pub(super) fn compare(store: &dyn Store, entries: &[Entry], query: &Query, scope: &Scope) -> usize {
    let views = entries.iter().filter_map(|entry| scope.view(entry));
    let matching: Vec<Entry> = views.filter(|entry| query.matches(entry)).map(Cow::into_owned).collect();
    let (found, _) = page(store, query, scope, &PageRequest::oldest(EVENTS as usize));
    assert_eq!(positions(&found), positions(&matching), "the page of {query} within {scope:?}");
    assert_eq!(found, matching, "the entries of {query} within {scope:?}");
    let newest: Vec<Entry> = matching.iter().rev().take(5).cloned().collect();
    let (found, has_more) = page(store, query, scope, &PageRequest::newest(5));
    assert_eq!(positions(&found), positions(&newest), "the newest of {query} within {scope:?}");
    assert_eq!(has_more, matching.len() > 5, "whether {query} has more within {scope:?}");
    let total = store.count(query, scope, &[]).expect("counted");
    assert_eq!(total[0].count, matching.len() as u64, "the count of {query} within {scope:?}");
    let by_day = store.count(query, scope, &[GroupBy::Day]).expect("counted");
    let sum: u64 = by_day.iter().map(|group| group.count).sum();
    assert_eq!(sum, matching.len() as u64, "the days of {query} within {scope:?}");
    let by_actor = store.count(query, scope, &[GroupBy::Actor]).expect("counted");
    let named = |group: &Group| matching.iter().any(|entry| goes_by(&entry.event.actor, &group.key[0]));
    assert!(by_actor.iter().all(named), "the actors of {query} within {scope:?}: {by_actor:?}");
    matching.len()
}

fn goes_by(actor: &Actor, name: &str) -> bool {
    actor.id.as_ref().map_or_else(|| actor.kind.clone(), |id| format!("{}:{id}", actor.kind)) == name
}
