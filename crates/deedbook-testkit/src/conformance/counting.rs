//! Counts and groups.

use std::collections::{BTreeMap, BTreeSet};

use deedbook_core::{Actor, Entry, Event, Group, GroupBy, Outcome, Query, Scope, Target};

use super::{EVENTS, Open, all, append, everything, fill};
use crate::{Clock, events, questions};

pub(super) fn empty(open: &mut Open<'_>) {
    let subject = open(&Clock::fixed());
    let total = subject.store().count(&Query::all(), &all(), &[]).expect("counted");
    assert_eq!(total, [Group { key: Vec::new(), count: 0 }]);
    assert_eq!(subject.store().count(&Query::all(), &all(), &[GroupBy::Action]).expect("counted"), []);
}

pub(super) fn equal_the_entries(open: &mut Open<'_>) {
    let clock = Clock::fixed();
    let subject = open(&clock);
    fill(&*subject, &clock, 0..EVENTS);
    let entries = everything(subject.store());
    for text in ["", "plan", "outcome:denied", "action:document.*", "-has:target", "xyzzy", "occurred:2026-08"] {
        let query = questions::query(text);
        let matching = entries.iter().filter(|entry| query.matches(entry));
        let mut by_action: BTreeMap<String, u64> = BTreeMap::new();
        matching.for_each(|entry| *by_action.entry(entry.event.action.clone()).or_default() += 1);
        let total: u64 = by_action.values().sum();
        let mut expected: Vec<Group> =
            by_action.into_iter().map(|(key, count)| Group { key: vec![key], count }).collect();
        expected.sort_by_key(|group| std::cmp::Reverse(group.count));
        let counted = |groups: &[GroupBy]| subject.store().count(&query, &all(), groups).expect("counted");
        assert_eq!(counted(&[GroupBy::Action]), expected, "{text:?} by action, most first, then by key");
        assert_eq!(counted(&[]), [Group { key: Vec::new(), count: total }], "{text:?} in total");
        for by in [GroupBy::Actor, GroupBy::Target, GroupBy::Outcome, GroupBy::Tenant] {
            let of_entries = entries.iter().filter(|entry| query.matches(entry)).flat_map(|entry| values(entry, by));
            let mut expected: BTreeMap<String, u64> = BTreeMap::new();
            of_entries.for_each(|value| *expected.entry(value).or_default() += 1);
            let counted = counted(&[by]).into_iter().map(|group| (group.key.concat(), group.count)).collect();
            assert_eq!(expected, counted, "{text:?} by {by:?}");
        }
    }
}

pub(super) fn by_hand(open: &mut Open<'_>) {
    let clock = Clock::fixed();
    let subject = open(&clock);
    let event = |id: &str, occurred: Option<&str>, actor: Actor, targets: Vec<Target>| {
        let occurred_at = occurred.map(|text| text.parse().expect("a time"));
        let outcome = Some(Outcome::Denied);
        events::prepared(Event { occurred_at, targets, actor, outcome, ..events::simple("acme", id) })
    };
    let (plan, file) = (|| Target::new("document", "plan"), || Target::new("file", "a:b"));
    let drafts = vec![
        event("evt_1", Some("2026-09-19T23:59:59.999999Z"), Actor::without_id("system"), vec![plan(), file()]),
        event("evt_2", Some("2026-09-20T00:00:00Z"), Actor::new("user", "u"), vec![plan(), plan()]),
        event("evt_3", None, Actor::new("user", "u"), vec![]),
    ];
    append(subject.store(), drafts);
    let check = |groups: &[GroupBy], expected: &[(&[&str], u64)]| {
        let counted = subject.store().count(&Query::all(), &Scope::tenant("acme"), groups).expect("counted");
        let shown: Vec<(Vec<&str>, u64)> =
            counted.iter().map(|group| (group.key.iter().map(String::as_str).collect(), group.count)).collect();
        let expected: Vec<(Vec<&str>, u64)> = expected.iter().map(|(key, count)| (key.to_vec(), *count)).collect();
        assert_eq!(shown, expected, "{groups:?}");
    };
    check(&[GroupBy::Day], &[(&["2026-09-20"], 2), (&["2026-09-19"], 1)]);
    check(&[GroupBy::Actor], &[(&["user:u"], 2), (&["system"], 1)]);
    check(&[GroupBy::Target], &[(&["document:plan"], 2), (&["file:a:b"], 1)]);
    check(&[GroupBy::Outcome], &[(&["denied"], 3)]);
    check(&[GroupBy::Tenant], &[(&["acme"], 3)]);
    check(
        &[GroupBy::Target, GroupBy::Day],
        &[
            (&["document:plan", "2026-09-19"], 1),
            (&["document:plan", "2026-09-20"], 1),
            (&["file:a:b", "2026-09-19"], 1),
        ],
    );
}

/// Under which values of a field an entry counts.
fn values(entry: &Entry, by: GroupBy) -> BTreeSet<String> {
    let event = &entry.event;
    let actor = &event.actor;
    match by {
        GroupBy::Actor => [actor.id.as_ref().map_or(actor.kind.clone(), |id| format!("{}:{id}", actor.kind))].into(),
        GroupBy::Target => event.targets.iter().map(|target| format!("{}:{}", target.kind, target.id)).collect(),
        GroupBy::Outcome => [event.outcome.unwrap_or(Outcome::Success).as_str().to_owned()].into(),
        GroupBy::Tenant => [entry.receipt.tenant.clone()].into(),
        GroupBy::Action | GroupBy::Day => unreachable!("asked for elsewhere"),
    }
}
