//! Rules of retention: their forms, which rule an entry is under, and what may go, against a naive reading.

use std::num::NonZeroU32;

use deedbook_core::commitment::Key;
use deedbook_core::retention::{Age, Keep, Recent, Rule, Rules, Standing, is_protected};
use deedbook_core::{
    Actor, Entry, Event, Limits, MemoryStore, Order, PageRequest, Query, Scope, Store, StoreExt, Target, Timestamp,
    parse_json, prepare_own,
};
use proptest::prelude::*;

/// What a text of rules says, as JSON, or what is wrong with it.
fn check(text: &str, expected: &str) {
    let found = match Rules::parse(text) {
        Ok(rules) => {
            assert_eq!(Rules::parse(&rules.to_string()).unwrap(), rules, "the text of {text:?}");
            assert_eq!(Rules::from_json(&rules.to_json()).unwrap(), rules, "the JSON of {text:?}");
            rules.to_json().to_string()
        }
        Err(error) => error.to_string(),
    };
    assert_eq!(found, expected, "{text:?}");
}

#[test]
fn rules_as_text() {
    check("", "[]");
    check("# for ever\n\n  keep   forever ", r#"[{"keep":"forever"}]"#);
    check(
        "tenant:acme category:account action:user.* keep 90d\nkeep last 100",
        r#"[{"action":"user.*","category":"account","keep":"90d","tenant":"acme"},{"keep":"last 100"}]"#,
    );
    check(r#"category:"my own" keep 7y"#, r#"[{"category":"my own","keep":"7y"}]"#);
    check(r#"category:"a\"b" keep 12h"#, r#"[{"category":"a\"b","keep":"12h"}]"#);
    let keep = "expected \"forever\", a time such as \"90d\" (h, d, w, m or y, at least 1), or \"last 100\"";
    for wrong in ["", "0d", "90", "d", "09d", "-1d", "last 0", "last", "last x", "1001y", "forever and ever"] {
        check(&format!("keep forever\nkeep {wrong}"), &format!("line 2: {keep}"));
    }
    let field = "expected tenant:, category:, action:, or keep";
    check("tenant:acme", &format!("line 1: found \"\", {field}"));
    check("user.* keep 90d", &format!("line 1: found \"user.*\", {field}"));
    check("actor:ada keep 90d", &format!("line 1: found \"actor\", {field}"));
    check("tenant:a tenant:b keep 90d", "line 1: \"tenant\" is given twice");
    check("action:a.b action:c.d keep 90d", "line 1: \"action\" is given twice");
    check("category:\"open keep 90d", "line 1: a quote is not closed");
    check(
        "# two\ntenant:Acme keep 90d\naction:* keep 1d",
        "line 2: expected the name of a tenant: 1 to 64 of a-z 0-9 . _ -, the first a letter or digit; line 3: expected \
         an action such as \"user.created\", or how it begins, such as \"user.*\"",
    );
    check("tenant:_deedbook keep 90d", "line 1: nothing of _deedbook is ever retired; leave the rule out");
    check(&"keep 1d\n".repeat(201), "/rules: found 201, the limit is 200 rules");
}

#[test]
fn rules_as_json() {
    let check = |json: &str, expected: &str| {
        let error = Rules::from_json(&parse_json(json.as_bytes()).unwrap()).unwrap_err();
        let found: Vec<String> = error.problems().iter().map(|it| format!("{} {}", it.pointer, it.code)).collect();
        assert_eq!(found.join(", "), expected, "{json}");
    };
    check("{}", "/rules wrong_type");
    check(r#"["keep 90d"]"#, "/rules/0 wrong_type");
    check(r#"[{"keep":"90d"},{}]"#, "/rules/1/keep missing_member");
    check(
        r#"[{"keep":90,"kept":1,"tenant":7}]"#,
        "/rules/0/keep wrong_type, /rules/0/kept unknown_member, /rules/0/tenant wrong_type",
    );
    check(r#"[{"keep":"soon","a/b":"c"}]"#, "/rules/0/a~1b unknown_member, /rules/0/keep bad_keep");
    check(r#"[{"keep":"1d","category":""}]"#, "/rules/0/category bad_category");
}

#[test]
fn ages_follow_the_calendar() {
    let check = |age: &str, expected: &str| {
        let age = Age::parse(age).unwrap();
        let now: Timestamp = "2028-03-31T12:00:00Z".parse().unwrap();
        assert_eq!(age.before(now).unwrap().to_string(), expected, "{age}");
    };
    check("1h", "2028-03-31T11:00:00Z");
    check("90d", "2028-01-01T12:00:00Z");
    check("2w", "2028-03-17T12:00:00Z");
    check("1m", "2028-02-29T12:00:00Z");
    check("7y", "2021-03-31T12:00:00Z");
    check("1000y", "1028-03-31T12:00:00Z");
}

#[test]
fn the_default_rules() {
    let text = "category:account keep 90d\ncategory:access keep 400d\nkeep forever\n";
    assert_eq!(Rules::default().to_string(), text);
    assert_eq!(Rules::parse(text).unwrap(), Rules::default());
}

/// An entry in few words: `tenant action category target,target`; `-` is none.
fn entry(store: &MemoryStore, words: &str) -> Entry {
    let words: Vec<&str> = words.split(' ').collect();
    let mut event = Event::new(words[1], Actor::without_id("system"));
    event.tenant = Some(words[0].to_owned());
    event.category = (words[2] != "-").then(|| words[2].to_owned());
    event.targets = words[3].split(',').filter(|id| *id != "-").map(|id| Target::new("thing", id)).collect();
    let id = (store.visible_count() as u128).to_be_bytes();
    let receipt = store.append_one(prepare_own(event, &Limits::default(), || id).unwrap()).unwrap().receipt;
    store.get(&receipt.tenant, &receipt.id, &Scope::unrestricted("a test")).unwrap().unwrap()
}

fn store() -> MemoryStore {
    MemoryStore::new(|| "2026-09-20T00:00:00Z".parse().unwrap(), Key([1; 32]))
}

#[test]
fn the_first_rule_that_matches() {
    let store = store();
    let rules = Rules::parse(
        "tenant:acme category:account keep 1y\ncategory:account keep 90d\ncategory:access keep 400d\naction:user.* keep 1d\n\
         action:user keep 2d",
    )
    .unwrap();
    for (words, expected) in [
        ("acme user.created account -", Some(0)),
        ("beta user.created account -", Some(1)),
        ("beta user.created - -", Some(3)),
        ("beta users.created - -", None),
        ("beta thing.created Account -", None),
        ("beta audit.viewed account -", Some(2)),
        ("beta audit.viewed - -", Some(2)),
        ("acme audit.viewed account -", Some(2)),
    ] {
        assert_eq!(rules.rule_of(&entry(&store, words)), expected, "{words}");
    }
}

#[test]
fn what_is_never_retired() {
    let store = store();
    for (words, expected) in [
        ("_deedbook audit.viewed access -", true),
        ("acme audit.erased admin -", true),
        ("acme audit.retention.applied admin -", true),
        ("acme audit.retention.started admin -", false),
        ("acme audit.viewed access -", false),
    ] {
        assert_eq!(is_protected(&entry(&store, words)), expected, "{words}");
    }
}

/// Which of `entries`, all under one rule and oldest first, are beyond the last `keep` of each of their targets.
fn naively_beyond(entries: &[&Entry], keep: usize) -> Vec<u64> {
    let beyond = |(index, entry): &(usize, &&Entry)| {
        let newer_with = |target: &Target| {
            let of_tenant = |other: &&&Entry| other.receipt.tenant == entry.receipt.tenant;
            let newer = entries[index + 1..].iter().filter(of_tenant);
            newer.filter(|other| other.event.targets.iter().any(|its| its.id == target.id)).count()
        };
        !entry.event.targets.is_empty() && entry.event.targets.iter().all(|target| newer_with(target) >= keep)
    };
    entries.iter().enumerate().filter(beyond).map(|(_, entry)| entry.receipt.position).collect()
}

/// What may go, by a query for each rule, as a run does it.
fn may_go(store: &MemoryStore, rules: &Rules, now: Timestamp) -> Vec<u64> {
    let mut gone = Vec::new();
    for (index, rule) in rules.as_slice().iter().enumerate() {
        let Some((query, scope)) = rules.candidates(index, now) else { continue };
        let request = PageRequest { order: Order::Descending, limit: usize::MAX, after: None };
        let found = store.page(&query, &scope, &request).unwrap().entries;
        let under = found.iter().filter(|entry| rules.rule_of(entry) == Some(index) && !is_protected(entry));
        let mut recent = match rule.keep {
            Keep::Last(count) => Some(Recent::new(count)),
            _ => None,
        };
        for entry in under {
            if recent.as_mut().is_none_or(|recent| recent.enter(entry).unwrap() == Standing::Beyond) {
                gone.push(entry.receipt.position);
            }
        }
    }
    gone.sort_unstable();
    gone
}

/// What may go, asking each entry.
fn naively_may_go(entries: &[Entry], rules: &Rules, now: Timestamp) -> Vec<u64> {
    let mut gone = Vec::new();
    for (index, rule) in rules.as_slice().iter().enumerate() {
        let first = |entry: &Entry| rules.as_slice().iter().position(|rule| rule.matches(entry));
        let under: Vec<&Entry> =
            entries.iter().filter(|entry| first(entry) == Some(index) && !is_protected(entry)).collect();
        match rule.keep {
            Keep::Forever => {}
            Keep::For(age) => {
                let is_old = |entry: &&&Entry| age.after(entry.receipt.recorded_at).unwrap() < now;
                gone.extend(under.iter().filter(is_old).map(|entry| entry.receipt.position));
            }
            Keep::Last(count) => gone.extend(naively_beyond(&under, count.get() as usize)),
        }
    }
    gone.sort_unstable();
    gone
}

fn any_rule() -> impl Strategy<Value = Rule> {
    let tenant = proptest::option::of(prop_oneof![Just("acme"), Just("beta")].prop_map(str::to_owned));
    let category = proptest::option::of(prop_oneof![Just("account"), Just("access")].prop_map(str::to_owned));
    let action = proptest::option::of(prop_oneof![Just("action:user.*"), Just("action:audit.viewed")]);
    let keep = prop_oneof![
        Just(Keep::Forever),
        (1_u32..5).prop_map(|hours| Keep::parse(&format!("{hours}h")).unwrap()),
        (1_u32..4).prop_map(|count| Keep::Last(NonZeroU32::new(count).unwrap())),
    ];
    (tenant, category, action, keep).prop_map(|(tenant, category, action, keep)| {
        let action = action.and_then(|text| {
            let rules = Rules::parse(&format!("{text} keep 1d")).unwrap();
            rules.as_slice()[0].action.clone()
        });
        Rule { tenant, category, action, keep }
    })
}

fn any_words() -> impl Strategy<Value = String> {
    let tenant = prop_oneof![Just("acme"), Just("beta"), Just("_deedbook")];
    let action = prop_oneof![3 => Just("user.created"), 3 => Just("thing.made"), 1 => Just("audit.viewed"), 1 => Just("audit.erased")];
    let category = prop_oneof![Just("account"), Just("access"), Just("-")];
    let targets = prop_oneof![Just("-"), Just("a"), Just("b"), Just("a,b"), Just("a,a"), Just("b,c")];
    (tenant, action, category, targets)
        .prop_map(|(tenant, action, category, targets)| format!("{tenant} {action} {category} {targets}"))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_goes_is_what_the_rules_say(
        rules in proptest::collection::vec(any_rule(), 0..5),
        events in proptest::collection::vec((any_words(), 0_i64..90), 0..40),
    ) {
        let rules = Rules::new(rules).unwrap();
        let begin: Timestamp = "2026-09-20T00:00:00Z".parse().unwrap();
        let clock = std::sync::Arc::new(std::sync::Mutex::new(begin));
        let read = clock.clone();
        let store = MemoryStore::new(move || *read.lock().unwrap(), Key([1; 32]));
        for (words, minutes) in &events {
            let now = *clock.lock().unwrap();
            *clock.lock().unwrap() = now + jiff::SignedDuration::from_mins(*minutes);
            entry(&store, words);
        }
        let now = *clock.lock().unwrap();
        let all = store.page(&Query::all(), &Scope::unrestricted("a test"), &PageRequest::oldest(usize::MAX)).unwrap();
        prop_assert_eq!(may_go(&store, &rules, now), naively_may_go(&all.entries, &rules, now));
    }
}

#[test]
fn what_is_beyond_stays_beyond_when_others_go() {
    let store = store();
    let entries: Vec<Entry> = ["a", "a,b", "b", "a", "b", "a"]
        .iter()
        .map(|targets| entry(&store, &format!("acme x.y - {targets}")))
        .collect();
    let beyond = |skipped: Option<u64>| {
        let mut recent = Recent::new(NonZeroU32::new(2).unwrap());
        let rest = entries.iter().rev().filter(|entry| Some(entry.receipt.position) != skipped);
        let mut gone: Vec<u64> = rest
            .filter(|entry| recent.enter(entry).unwrap() == Standing::Beyond)
            .map(|entry| entry.receipt.position)
            .collect();
        gone.sort_unstable();
        gone
    };
    assert_eq!(beyond(None), [0, 1]);
    assert_eq!(beyond(Some(1)), [0], "a run that was interrupted goes on with the same");
}

#[test]
fn a_list_that_keeps_everything_costs_no_query() {
    let rules = Rules::parse("keep forever").unwrap();
    assert!(rules.candidates(0, Timestamp::UNIX_EPOCH).is_none());
    assert!(rules.candidates(1, Timestamp::UNIX_EPOCH).is_none());
}
