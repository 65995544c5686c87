//! Reading over a store: pages, neighbours, other things, erased values, limits.

use deedbook_core::history::{Existence, Moment, STATE_BYTES_MAX, TargetId, Version};
use deedbook_core::removal::{Erased, Erasure};
use deedbook_core::{ErrorKind, Order, PageRequest, Query, Store, Target};
use serde_json::json;

use super::*;

fn counting(count: u64) -> Log {
    let mut log = Log::of([created(vec![change("/n", None, json!(0))])]);
    for n in 1..count {
        log.enter(updated(vec![change("/n", json!(n - 1), json!(n))]));
    }
    log
}

fn ids(versions: &[Version]) -> Vec<&str> {
    versions.iter().map(|version| version.entry.receipt.id.as_str()).collect()
}

#[test]
fn more_entries_than_a_page() {
    let log = counting(1_203);
    assert_eq!(listed(&log.now()), "/n=1202 e1202");
    assert_eq!(listed(&log.after(600)), "/n=600 e600");
    assert_eq!(listed(&log.history().as_of(second(7)).unwrap()), "/n=7 e7");
}

#[test]
fn pages_and_neighbours() {
    let log = counting(5);
    let history = log.history();
    let page = history.page(&Query::all(), &PageRequest::newest(2)).unwrap();
    assert_eq!((ids(&page.versions), page.has_more, page.watermark), (vec!["e4", "e3"], true, Some(4)));
    let request = PageRequest { order: Order::Ascending, limit: 9, after: Some(2) };
    let page = history.page(&Query::all(), &request).unwrap();
    assert_eq!((ids(&page.versions), page.has_more), (vec!["e3", "e4"], false));
    let around = history.around("e0").unwrap().unwrap();
    assert_eq!((around.previous, around.next.map(|next| next.entry.receipt.id)), (None, Some("e1".to_owned())));
    let around = history.around("e3").unwrap().unwrap();
    assert_eq!(around.previous.map(|previous| previous.entry.receipt.id), Some("e2".to_owned()));
    assert_eq!(history.around("e9").unwrap(), None);
    assert_eq!(history.state(&Moment::Event("e9".to_owned())).unwrap(), None);
    assert_eq!(history.restore(&Moment::Event("e9".to_owned())).unwrap(), None);
    assert_eq!(history.diff(&Moment::Latest, &Moment::Event("e9".to_owned())).unwrap(), None);
}

#[test]
fn another_thing_with_the_same_text_is_another_thing() {
    let other =
        || Event { targets: vec![Target::new("link", "invoice:7")], ..updated(vec![change("/n", None, json!(9))]) };
    let mut log = counting(2);
    (0..4).for_each(|_| log.enter(other()));
    log.enter(updated(vec![change("/n", json!(1), json!(2))]));
    assert_eq!(listed(&log.now()), "/n=2 e6");
    let page = log.history().page(&Query::all(), &PageRequest::newest(2)).unwrap();
    assert_eq!(ids(&page.versions), ["e6", "e1"]);
    assert_eq!(log.history().around("e3").unwrap(), None);
}

#[test]
fn what_names_a_thing() {
    let parsed = |text: &str| text.parse::<TargetId>().map(|target| (target.kind().to_owned(), target.id().to_owned()));
    let pair = |kind: &str, id: &str| (kind.to_owned(), id.to_owned());
    assert_eq!(parsed("invoice:7").unwrap(), pair("invoice", "7"));
    assert_eq!(parsed("bucket:arn:aws:s3:::logs").unwrap(), pair("bucket", "arn:aws:s3:::logs"));
    for text in ["", "invoice", "invoice:", ":7"] {
        assert_eq!(parsed(text).unwrap_err().kind(), ErrorKind::Invalid, "{text}");
    }
}

#[test]
fn a_version_is_an_entry_with_its_effect() {
    let log = counting(1);
    let page = log.history().page(&Query::all(), &PageRequest::newest(1)).unwrap();
    let Version { entry, effect } = &page.versions[0];
    let json: Value = serde_json::from_slice(&effect.added_to(&entry.to_json())).unwrap();
    assert_eq!((&json["effect"], &json["id"], &json["seq"]), (&json!("created"), &json!("e0"), &json!(0)));
}

/// The thing after `/note` and `/a` were set by an event of which `paths` are erased.
fn with_erased(paths: &[&str]) -> State {
    let note = change("/note", None, json!({"text": "personal", "size": 8}));
    let personal: Vec<String> = paths.iter().map(ToString::to_string).collect();
    let log = Log::of([
        created(vec![change("/a", None, json!(0))]),
        Event { personal: personal.clone(), ..updated(vec![change("/a", json!(0), json!(1)), note]) },
    ]);
    log.store.erase(&[Erasure { position: 1, what: Erased::Values(personal) }]).unwrap();
    History::new(&log.store, "default", target(), &Scope::tenant("default")).blame().unwrap()
}

#[test]
fn erased_values_are_unknown_and_not_null() {
    assert_eq!(listed(&with_erased(&["/changes/1/to"])), "/a=1 e1, /note? erased e1");
    assert_eq!(listed(&with_erased(&["/changes/1/to/text"])), "/a=1 e1, /note/size=8 e1, /note/text? erased e1");
    assert_eq!(with_erased(&["/changes/0/from"]).contradictions, []);
    // Where even the place that changed is erased, any may have.
    for paths in [&["/changes"][..], &["/changes/1"], &["/changes/1/path"]] {
        let state = with_erased(paths);
        assert_eq!((listed(&state).as_str(), state.existence), ("? erased e1", Existence::Exists), "{paths:?}");
        assert!(!state.is_complete());
    }
}

#[test]
fn a_thing_that_grows_without_end_is_refused() {
    let mut log = Log::new();
    let large = "x".repeat(200_000);
    // It is looked at after each eighth of the limit.
    let count = STATE_BYTES_MAX / large.len() * 9 / 8 + 2;
    for n in 0..count {
        log.enter(updated(vec![change(&format!("/field_{n}"), None, json!(large))]));
    }
    assert_eq!(log.history().blame().unwrap_err().kind(), ErrorKind::TooLarge);
    // As much in one field is no trouble: each value takes the place of the one before.
    let mut log = Log::new();
    for _ in 0..count {
        log.enter(updated(vec![change("/field", None, json!(large))]));
    }
    assert_eq!(log.now().fields.len(), 1);
}
