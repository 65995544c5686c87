//! What comes out of an archive is what the log holds, to the byte.

use deedbook_core::serde_json::json;
use deedbook_core::{Actor, Change, Event, Target};
use deedbook_testkit::events;
use proptest::prelude::*;

use crate::support::{Log, Room, holds_all_of};

#[test]
fn every_generated_event_comes_back() {
    let (log, room) = (Log::of(0..330), Room::new());
    let brought = log.archive(&room.archive()).unwrap();
    assert_eq!(brought.entries, log.entries().len() as u64);
    assert!(room.archive().commits().unwrap().len() > 3, "several commits are tried");
    holds_all_of(&room.archive(), &log);
    assert!(room.below("pending").is_empty());
    let folders: Vec<String> = room
        .files()
        .iter()
        .map(|path| path.parent().unwrap().strip_prefix(room.path()).unwrap().display().to_string())
        .collect();
    assert!(folders.contains(&"entries/tenant=acme/day=2026-09-20".to_owned()), "{folders:?}");
    assert!(folders.contains(&"entries/tenant=default/day=2026-09-21".to_owned()), "{folders:?}");
    assert!(!folders.iter().any(|folder| folder.contains("_deedbook")), "the log's own tenant holds secrets");
}

#[test]
fn a_log_that_grows_is_archived_from_where_it_was() {
    let (log, room) = (Log::of(0..50), Room::new());
    log.archive(&room.archive()).unwrap();
    let before = room.files();
    for end in [51, 90, 91] {
        log.record(end - 1..end);
        log.archive(&room.archive()).unwrap();
        holds_all_of(&room.archive(), &log);
    }
    assert!(before.iter().all(|file| room.files().contains(file)), "a file is never written anew");
    let again = log.archive(&room.archive()).unwrap();
    assert_eq!((again.entries, again.files), (0, 0));
}

#[test]
fn an_empty_log_makes_nothing() {
    let (log, room) = (Log::empty(), Room::new());
    assert_eq!(log.archive(&room.archive()).unwrap().entries, 0);
    assert_eq!((room.archive().commits().unwrap(), room.archive().head().unwrap()), (Vec::new(), None));
    holds_all_of(&room.archive(), &log);
    log.record(0..3);
    log.archive(&room.archive()).unwrap();
    holds_all_of(&room.archive(), &log);
}

#[test]
fn another_log_is_refused() {
    let (log, room) = (Log::of(0..60), Room::new());
    log.archive(&room.archive()).unwrap();
    for other in [Log::empty(), Log::of(0..20), Log::of(500..600)] {
        let error = other.archive(&room.archive()).expect_err("another log");
        assert!(error.to_string().contains("of another log"), "{error}");
    }
    holds_all_of(&room.archive(), &log);
}

/// Texts that steer paths, SQL, terminals or JSON.
fn hostile() -> impl Strategy<Value = String> {
    prop_oneof![
        "\\PC{1,40}",
        Just("../../etc/passwd".to_owned()),
        Just("'; DROP TABLE entries; --".to_owned()),
        Just("\u{1}\u{7f}\u{202e}\n\"\\".to_owned()),
        Just("NULL".to_owned()),
    ]
}

prop_compose! {
    fn event()(texts in prop::collection::vec(hostile(), 9), number in -9_007_199_254_740_991_i64..=9_007_199_254_740_991, fraction in -1e6_f64..1e6, targets in 0..4_usize) -> Event {
        let mut actor = Actor::new("user", &texts[0]).named(&texts[1]);
        actor.metadata.insert(texts[2].clone(), json!([fraction, null, {}, [], texts[3]]));
        actor.on_behalf_of = Some(Box::new(Actor::new("user", &texts[3])));
        let mut event = Event::new("thing.done", actor);
        event.tenant = Some("acme".to_owned());
        event.targets = (0..targets).map(|place| {
            let mut target = Target::new("thing", format!("{}{place}", texts[4]));
            if place % 2 == 0 { target.metadata.insert(texts[5].clone(), json!(number)); }
            target
        }).collect();
        event.changes = vec![Change { path: "/a".to_owned(), from: Some(json!(null)), to: Some(json!({ texts[6].clone(): number })), redacted: false }];
        event.reason = Some(texts[7].clone());
        event.audience = match targets { 0 => None, 1 => Some(Vec::new()), _ => Some(vec!["owners".to_owned()]) };
        event.metadata.insert(texts[8].clone(), json!({ "fraction": fraction, "empty": {} }));
        event
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn hostile_events_come_back(events in prop::collection::vec(event(), 1..12)) {
        let (log, room) = (Log::empty(), Room::new());
        for (number, mut event) in events.into_iter().enumerate() {
            event.id = Some(format!("e-{number}"));
            // What breaks a rule of events is no matter of archives.
            if let Ok(draft) = deedbook_core::prepare(event, &deedbook_core::Limits::default(), || [7; 16]) {
                log.enter(vec![draft]);
            }
        }
        log.enter(vec![events::draft(1)]);
        log.archive(&room.archive()).unwrap();
        holds_all_of(&room.archive(), &log);
    }
}
