//! One case for each rule of docs/history.md.

use deedbook_core::history::{Effect, Existence, Moment, Sight, Unknown};
use deedbook_core::{Event, Outcome, Scope, Target};
use serde_json::json;

use super::*;

#[test]
fn from_creation_on_everything_is_known() {
    let log = Log::of([
        created(vec![change("/state", None, json!("draft")), change("/total", None, json!(100))]),
        updated(vec![change("/state", json!("draft"), json!("open"))]),
        updated(vec![change("/due", None, json!("2026-10-01"))]),
    ]);
    let first = log.after(0);
    assert_eq!(listed(&first), r#"/state="draft" e0, /total=100 e0"#);
    assert_eq!(first.existence, Existence::Exists);
    assert_eq!(first.created_by.as_ref().map(|mark| mark.id.as_str()), Some("e0"));
    assert!(first.is_complete());
    let last = log.now();
    assert_eq!(listed(&last), r#"/due="2026-10-01" e2, /state="open" e1, /total=100 e0"#);
    assert_eq!(last.document, Some(json!({"due": "2026-10-01", "state": "open", "total": 100})));
    assert_eq!(last.contradictions, []);
}

#[test]
fn without_creation_the_rest_is_unknown_and_learnt_from_later_entries() {
    let log = Log::of([
        updated(vec![change("/state", json!("draft"), json!("open"))]),
        updated(vec![change("/total", json!(100), json!(90)), change("/note", None, json!("x"))]),
    ]);
    let first = log.after(0);
    // The first change of /note does not say whether it was there before.
    assert_eq!(listed(&first), r#"/note? not_recorded before, /state="open" e0, /total=100 before from e1"#);
    assert_eq!(first.incomplete, [""]);
    assert!(!first.is_complete());
    assert_eq!(first.document, Some(json!({"state": "open", "total": 100})));
}

#[test]
fn before_the_first_entry_nothing_is_known() {
    let log = Log::of([updated(vec![change("/state", json!("draft"), json!("open"))])]);
    let before = log.history().as_of(second(-1)).unwrap();
    assert_eq!((before.existence, listed(&before).as_str(), before.document), (Existence::Unknown, "", None));
    assert_eq!(before.incomplete, [""]);
}

#[test]
fn before_its_creation_a_thing_was_not_there() {
    let mention = Event { targets: vec![Target::new("batch", "1"), Target::new("invoice", "7")], ..updated(vec![]) };
    let log = Log::of([mention, created(vec![change("/total", None, json!(1))])]);
    for at in [-1, 0] {
        let before = log.history().as_of(second(at)).unwrap();
        assert_eq!((before.existence, listed(&before).as_str()), (Existence::NotCreated, ""));
        assert!(before.is_complete());
    }
}

#[test]
fn a_creation_without_changes_tells_no_fields() {
    let log = Log::of([created(vec![]), updated(vec![change("/total", json!(1), json!(2))])]);
    let state = log.after(0);
    assert_eq!((state.existence, state.incomplete.as_slice()), (Existence::Exists, &[String::new()][..]));
    assert_eq!(listed(&state), "/total=1 before from e1");
}

#[test]
fn only_an_action_on_the_type_creates_or_deletes() {
    let effect = |action: &str, kind: &str| {
        let mut log = Log::new();
        let changes = vec![change("/a", None, json!(1))];
        log.enter(Event { targets: vec![Target::new(kind, "7")], ..event(action, changes) });
        let target = format!("{kind}:7").parse().unwrap();
        let page = History::new(&log.store, "default", target, &Scope::tenant("default"));
        page.page(&Default::default(), &deedbook_core::PageRequest::newest(1)).unwrap().versions[0].effect
    };
    assert_eq!(effect("invoice.created", "invoice"), Effect::Created);
    assert_eq!(effect("billing.invoice.added", "invoice"), Effect::Created);
    assert_eq!(effect("invoice.inserted", "invoice"), Effect::Created);
    assert_eq!(effect("account.api_token.created", "user"), Effect::Changed);
    assert_eq!(effect("invoice.line.added", "invoice"), Effect::Changed);
    assert_eq!(effect("invoice.deleted", "invoice"), Effect::Deleted);
    assert_eq!(effect("file.removed", "file"), Effect::Deleted);
    assert_eq!(effect("user.role.removed", "user"), Effect::Changed);
}

#[test]
fn a_deletion_ends_the_state_and_a_new_life_begins_empty() {
    let log = Log::of([
        created(vec![change("/total", None, json!(1)), change("/note", None, json!("old"))]),
        event("invoice.deleted", vec![change("/total", json!(1), None)]),
        event("invoice.purged", vec![]),
        created(vec![change("/total", None, json!(2))]),
    ]);
    let deleted = log.after(2);
    assert_eq!((deleted.existence, listed(&deleted).as_str(), deleted.document), (Existence::Deleted, "", None));
    assert_eq!(deleted.deleted_by.map(|mark| mark.id), Some("e1".to_owned()));
    let again = log.now();
    assert_eq!((again.existence, listed(&again).as_str()), (Existence::Exists, "/total=2 e3"));
    assert!(again.is_complete() && again.contradictions.is_empty());
}

#[test]
fn a_change_after_the_deletion_shows_that_it_is_there_again() {
    let log = Log::of([
        created(vec![change("/total", None, json!(1))]),
        event("invoice.deleted", vec![]),
        event("invoice.restored", vec![change("/state", None, json!("open"))]),
    ]);
    let state = log.now();
    assert_eq!((state.existence, listed(&state).as_str()), (Existence::Exists, r#"/state="open" e2"#));
    assert_eq!(state.incomplete, [""]);
}

#[test]
fn null_is_a_value_and_absent_is_none() {
    let log = Log::of([
        created(vec![change("/a", None, json!(null)), change("/b", None, json!(1))]),
        updated(vec![change("/b", json!(1), None)]),
    ]);
    let state = log.now();
    assert_eq!(listed(&state), "/a=null e0, /b- e1");
    assert_eq!(state.document, Some(json!({"a": null})));
    let json = serde_json::to_value(&state).unwrap();
    assert_eq!(json["fields"][0]["value"], json!(null));
    assert_eq!(json["fields"][1]["absent"], json!(true));
    assert_eq!(serde_json::from_value::<State>(json).unwrap(), state);
}

#[test]
fn a_redacted_value_is_unknown_but_who_and_when_are_known() {
    let log = Log::of([
        created(vec![redacted("/key"), change("/a", None, json!(1))]),
        updated(vec![redacted("/key")]),
        updated(vec![change("/b", None, None)]),
    ]);
    let state = log.now();
    assert_eq!(listed(&state), "/a=1 e0, /b? not_recorded e2, /key? redacted e1");
    assert_eq!(state.document, Some(json!({"a": 1})));
    let diff = log.history().diff(&Moment::Event("e0".into()), &Moment::Event("e1".into())).unwrap().unwrap();
    assert_eq!(diff.differences.len(), 1);
    assert_eq!(diff.differences[0].path, "/key");
    assert_eq!(diff.differences[0].to, FieldValue::Unknown(Unknown::Redacted));
}

#[test]
fn failed_and_denied_acts_change_nothing_and_unknown_ones_make_unknown() {
    let to = |value: u64| vec![change("/total", json!(1), json!(value))];
    let log = Log::of([
        created(vec![change("/total", None, json!(1))]),
        ended(Outcome::Denied, updated(to(2))),
        ended(Outcome::Failure, event("invoice.deleted", vec![])),
        ended(Outcome::Unknown, updated(to(3))),
        updated(vec![change("/total", json!(3), json!(4))]),
        ended(Outcome::Unknown, event("invoice.deleted", vec![])),
    ]);
    assert_eq!(listed(&log.after(2)), "/total=1 e0");
    // What the act of unknown outcome did, the next one tells.
    assert_eq!(listed(&log.after(3)), "/total=3 e3 from e4");
    assert_eq!(listed(&log.after(4)), "/total=4 e4");
    let now = log.now();
    assert_eq!((now.existence, listed(&now).as_str()), (Existence::Unknown, "? uncertain e5"));
}

#[test]
fn changes_are_those_of_the_primary_target() {
    let release = Event {
        targets: vec![Target::new("release", "9"), Target::new("invoice", "7")],
        ..event("release.published", vec![change("/total", None, json!(5))])
    };
    let log = Log::of([created(vec![change("/total", None, json!(1))]), release]);
    assert_eq!(listed(&log.now()), "/total=1 e0");
    let page = log.history().page(&Default::default(), &deedbook_core::PageRequest::newest(9)).unwrap();
    assert_eq!(
        page.versions.iter().map(|version| version.effect).collect::<Vec<_>>(),
        [Effect::Mentioned, Effect::Created]
    );
}

#[test]
fn a_from_that_does_not_fit_is_told() {
    let log = Log::of([
        created(vec![change("/state", None, json!("draft")), change("/gone", None, json!(1))]),
        updated(vec![change("/gone", json!(1), None)]),
        updated(vec![change("/state", json!("open"), json!("paid")), change("/gone", json!(2), json!(3))]),
    ]);
    let told = |state: &State| {
        let contradictions = state.contradictions.iter();
        contradictions.map(|one| (one.path.clone(), one.found.clone(), one.found_by.id.clone())).collect::<Vec<_>>()
    };
    let expected =
        vec![("/state".to_owned(), json!("open"), "e2".to_owned()), ("/gone".to_owned(), json!(2), "e2".to_owned())];
    let now = log.now();
    assert_eq!(told(&now), expected);
    assert_eq!(now.contradictions[0].expected, FieldValue::Known(json!("draft")));
    assert_eq!(now.contradictions[0].set_by.as_ref().map(|mark| mark.id.as_str()), Some("e0"));
    assert_eq!(now.contradictions[1].expected, FieldValue::Absent);
    assert_eq!(listed(&now), r#"/gone=3 e2, /state="paid" e2"#);
    // Before it, the state was already not what the log says: the later entry shows it.
    assert_eq!(told(&log.after(1)).len(), 2);
}

#[test]
fn two_changes_of_one_field_in_one_event_follow_each_other() {
    let twice = vec![change("/n", json!(1), json!(2)), change("/n", json!(2), json!(3))];
    let log = Log::of([created(vec![change("/n", None, json!(1))]), updated(twice)]);
    let state = log.now();
    assert_eq!((listed(&state).as_str(), state.contradictions.len()), ("/n=3 e1", 0));
}

#[test]
fn nested_places_and_escapes() {
    let address = json!({"city": "Paris", "street": "Rue 1", "a/b~c": 1});
    let log = Log::of([
        created(vec![change("/address", None, address), change("/x", None, json!(5))]),
        updated(vec![change("/address/city", json!("Paris"), json!("Lyon"))]),
        updated(vec![change("/address/a~1b~0c", json!(1), None)]),
        updated(vec![change("/billing/vat", None, json!("FR1"))]),
        updated(vec![change("/x/y", None, json!(1))]),
    ]);
    assert_eq!(listed(&log.after(0)), r#"/address={"a/b~c":1,"city":"Paris","street":"Rue 1"} e0, /x=5 e0"#);
    let state = log.after(3);
    assert_eq!(
        listed(&state),
        r#"/address/a~1b~0c- e2, /address/city="Lyon" e1, /address/street="Rue 1" e0, /billing/vat="FR1" e3, /x=5 e0"#
    );
    assert!(state.is_complete() && state.contradictions.is_empty());
    let document = json!({"address": {"city": "Lyon", "street": "Rue 1"}, "billing": {"vat": "FR1"}, "x": 5});
    assert_eq!(state.document, Some(document));
    // A place inside of what was a plain value: what it is now, is known only there.
    let state = log.now();
    assert!(listed(&state).ends_with("/x/y=1 e4"));
    assert_eq!(state.incomplete, ["/x"]);
}

#[test]
fn replaced_as_a_whole() {
    let log = Log::of([
        created(vec![change("/address", None, json!({"city": "Paris"}))]),
        updated(vec![change("/address/city", json!("Paris"), json!("Lyon"))]),
        updated(vec![change("/address", json!({"city": "Lyon"}), json!({"zip": 1}))]),
        updated(vec![change("/address/zip", json!(1), None)]),
    ]);
    assert_eq!(listed(&log.after(2)), r#"/address={"zip":1} e2"#);
    assert_eq!(log.now().contradictions, []);
    assert_eq!(listed(&log.now()), "/address/zip- e3, /address={} e2");
}

#[test]
fn entries_fold_by_position_and_count_by_when_they_occurred() {
    let late = |occurred, event| Event { occurred_at: Some(second(occurred)), ..event };
    let log = Log::of([
        created(vec![change("/n", None, json!(1))]),
        updated(vec![change("/n", json!(1), json!(2))]),
        // Entered last, occurred before the second one.
        late(0, updated(vec![change("/m", None, json!("late"))])),
        late(100, updated(vec![change("/n", json!(2), json!(3))])),
    ]);
    assert_eq!(listed(&log.history().as_of(second(0)).unwrap()), r#"/m="late" e2, /n=1 e0"#);
    assert_eq!(listed(&log.history().as_of(second(99)).unwrap()), r#"/m="late" e2, /n=2 e1"#);
    assert_eq!(listed(&log.history().as_of(second(100)).unwrap()), r#"/m="late" e2, /n=3 e3"#);
    assert_eq!(listed(&log.after(1)), "/n=2 e1");
}

#[test]
fn who_sees_a_part_gets_a_part_and_is_told_so() {
    let seen_by = |label: &str, event| Event { audience: Some(vec![label.to_owned()]), ..event };
    let log = Log::of([
        seen_by("owners", created(vec![change("/n", None, json!(1))])),
        seen_by("security", updated(vec![change("/secret", None, json!("s"))])),
        seen_by("owners", updated(vec![change("/n", json!(1), json!(2))])),
    ]);
    let scope = Scope::tenant("default").visible_to(vec!["owners".to_owned()], None);
    let history = log.seen_by(&scope);
    let state = history.blame().unwrap();
    assert_eq!((state.sight, listed(&state).as_str()), (Sight::Part, "/n=2 e2"));
    assert_eq!(state.incomplete, [""]);
    assert_eq!(history.state(&Moment::Event("e1".to_owned())).unwrap(), None);
    let other = log.seen_by(&Scope::tenant("other")).blame().unwrap();
    assert_eq!((other.existence, other.fields.len()), (Existence::Unknown, 0));
}

#[test]
fn an_object_that_was_emptied_and_then_went_is_a_difference() {
    let log = Log::of([
        created(vec![change("/address", None, json!({"city": "Paris"}))]),
        updated(vec![change("/address/city", json!("Paris"), None)]),
        updated(vec![change("/address", json!({}), None)]),
    ]);
    let [emptied, gone] = ["e1", "e2"].map(|id| Moment::Event(id.to_owned()));
    for (from, to) in [(&emptied, &gone), (&gone, &emptied)] {
        let diff = log.history().diff(from, to).unwrap().unwrap();
        let told: Vec<_> = diff.differences.iter().map(|it| (&it.path[..], it.from.known(), it.to.known())).collect();
        let there = json!({});
        let sides = if from == &emptied { (Some(&there), None) } else { (None, Some(&there)) };
        assert_eq!(told, [("/address", sides.0, sides.1)]);
    }
}
