//! Differences and the way back, case by case.

use deedbook_core::Outcome;
use deedbook_core::history::{ItemChange, Moment, Piece};
use serde_json::json;

use super::*;

fn diffed(log: &Log, from: &str, to: &str) -> deedbook_core::history::Diff {
    let moment = |id: &str| Moment::Event(id.to_owned());
    log.history().diff(&moment(from), &moment(to)).unwrap().unwrap()
}

#[test]
fn texts_differ_by_words_and_lists_by_elements() {
    let lines = json!([{"sku": "a", "n": 1}, {"sku": "b", "n": 2}, {"sku": "c", "n": 3}]);
    let later = json!([{"sku": "a", "n": 1}, {"sku": "b", "n": 5}, {"sku": "c", "n": 3}, {"sku": "d", "n": 1}]);
    let log = Log::of([
        created(vec![
            change("/note", None, json!("due on Monday")),
            change("/lines", None, lines.clone()),
            change("/address", None, json!({"city": "Paris", "zip": 1})),
        ]),
        updated(vec![
            change("/note", json!("due on Monday"), json!("due on Friday")),
            change("/lines", lines, later),
            change("/address", json!({"city": "Paris", "zip": 1}), json!({"city": "Lyon", "zip": 1})),
        ]),
    ]);
    let diff = diffed(&log, "e0", "e1");
    let paths: Vec<_> = diff.differences.iter().map(|one| one.path.as_str()).collect();
    assert_eq!(paths, ["/address/city", "/lines", "/note"]);
    assert_eq!(diff.differences[0].set_by.as_ref().map(|mark| mark.id.as_str()), Some("e1"));
    let text = |text: &str| text.to_owned();
    let pieces = [Piece::Same(text("due on ")), Piece::Removed(text("Monday")), Piece::Added(text("Friday"))];
    assert_eq!(diff.differences[2].text, pieces);
    let [ItemChange::Changed { from_index: 1, to_index: 1, differences }, ItemChange::Added { index: 3, value }] =
        &diff.differences[1].items[..]
    else {
        panic!("{:?}", diff.differences[1].items)
    };
    assert_eq!((differences.len(), differences[0].path.as_str()), (1, "/lines/1/n"));
    assert_eq!(value, &json!({"sku": "d", "n": 1}));
    let json = serde_json::to_value(&diff).unwrap();
    assert_eq!(json["differences"][1]["items"][1]["change"], "added");
    assert_eq!(serde_json::from_value::<deedbook_core::history::Diff>(json).unwrap(), diff);
}

#[test]
fn a_list_that_changed_inside_was_set_by_the_last_who_did() {
    let log = Log::of([
        created(vec![change("/l", None, json!([{"n": 1}, {"n": 2}]))]),
        updated(vec![change("/l/0/n", json!(1), json!(5))]),
        updated(vec![change("/l/1/n", json!(2), json!(6))]),
    ]);
    let diff = diffed(&log, "e0", "e2");
    assert_eq!(diff.differences[0].set_by.as_ref().map(|mark| mark.id.as_str()), Some("e2"));
    let ItemChange::Changed { differences, .. } = &diff.differences[0].items[0] else { panic!("{diff:?}") };
    assert_eq!(differences[0].set_by.as_ref().map(|mark| mark.id.as_str()), Some("e1"));
}

#[test]
fn a_creation_and_a_deletion_are_shown_by_field() {
    let log = Log::of([
        created(vec![change("/a", None, json!(1)), change("/b", None, json!({"c": 2}))]),
        event("invoice.deleted", vec![]),
    ]);
    let diff = diffed(&log, "e0", "e1");
    let shown: Vec<_> = diff.differences.iter().map(|one| (one.path.as_str(), one.to.clone())).collect();
    assert_eq!(shown, [("/a", FieldValue::Absent), ("/b", FieldValue::Absent)]);
    assert_eq!(diff.differences[0].set_by.as_ref().map(|mark| mark.id.as_str()), Some("e1"));
    assert_eq!(diffed(&log, "e1", "e1").differences, []);
}

#[test]
fn the_way_back_lists_what_it_cannot_know() {
    let log = Log::of([
        created(vec![redacted("/key"), redacted("/other"), change("/n", None, json!(1))]),
        updated(vec![redacted("/key"), change("/n", json!(1), json!(2))]),
    ]);
    let back = log.history().restore(&Moment::Event("e0".into())).unwrap().unwrap();
    let patch = serde_json::to_value(&back.patch).unwrap();
    assert_eq!(patch, json!([{ "op": "replace", "path": "/n", "value": 1 }]));
    // What was not set since is as it was, known or not.
    assert_eq!(back.unknown, ["/key"]);
}

#[test]
fn the_way_back_from_a_deletion_adds_the_whole() {
    let log =
        Log::of([created(vec![change("/n", None, json!(1)), redacted("/key")]), event("invoice.deleted", vec![])]);
    let back = log.history().restore(&Moment::Event("e0".into())).unwrap().unwrap();
    assert_eq!(serde_json::to_value(&back.patch).unwrap(), json!([{ "op": "add", "path": "", "value": { "n": 1 } }]));
    assert_eq!(back.unknown, ["/key"]);
    let nowhere = log.history().restore(&Moment::Time(second(-5))).unwrap().unwrap();
    assert_eq!((nowhere.patch, nowhere.unknown), (vec![], vec![]));
}

#[test]
fn where_the_log_knows_nothing_of_the_past_there_is_no_patch() {
    let log = Log::of([updated(vec![change("/n", json!(1), json!(2))])]);
    let back = log.history().restore(&Moment::Time(second(-5))).unwrap().unwrap();
    assert_eq!((back.patch, back.unknown), (vec![], vec![String::new()]));
    let log = Log::of([
        created(vec![change("/n", None, json!(1))]),
        ended(Outcome::Unknown, event("invoice.deleted", vec![])),
    ]);
    let back = log.history().restore(&Moment::Event("e0".into())).unwrap().unwrap();
    assert_eq!((back.patch, back.unknown), (vec![], vec![String::new()]));
}
