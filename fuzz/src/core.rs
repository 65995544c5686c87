//! The parsers of deedbook-core: bytes of an event, text of a query.

use deedbook_core::query::{Expression, ParseOptions, Query};
use deedbook_core::serde_json::Value;
use deedbook_core::{Actor, Change, Digest, Entry, Event, Limits, Receipt, Target, Timestamp, prepare};

/// 2026-09-20T14:03:27Z: fixed, so that an input means the same on every day.
const NOW_SECONDS: i64 = 1_789_913_007;

/// Reads an event and prepares it. What is accepted must be accepted again from its canonical bytes, and give the same.
pub fn event(bytes: &[u8]) {
    let Ok(event) = Event::from_json(bytes) else { return };
    let Ok(draft) = prepare(event, &Limits::default(), || [7; 16]) else { return };
    let again = Event::from_json(draft.canonical()).expect("canonical bytes are an event");
    assert_eq!(&again, draft.event(), "canonical bytes mean the event that they were made of");
    let again = prepare(again, &Limits::default(), || [8; 16]).expect("what was accepted once is accepted again");
    assert_eq!(again.canonical(), draft.canonical(), "canonical bytes are their own canonical form");
}

/// Parses a query, if the bytes are text, and asks it about an entry. The same text must always give the same query, and
/// its negation the other answer.
pub fn query(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let options = ParseOptions { now: instant(NOW_SECONDS), time_zone: jiff::tz::TimeZone::UTC };
    match (Query::parse(text, &options), Query::parse(text, &options)) {
        (Ok(first), Ok(second)) => {
            assert_eq!(first, second, "one text has one meaning");
            let printed = Query::parse(&first.to_string(), &options).expect("a printed query is a query");
            assert_eq!(printed, first, "a printed query means what it was printed from");
            ask(first, &entry());
        }
        (Err(first), Err(second)) => assert_eq!(first.to_string(), second.to_string(), "one text has one error"),
        _ => panic!("one text is either a query or not"),
    }
}

fn ask(query: Query, entry: &Entry) {
    let answer = query.matches(entry);
    let not = Query::from_expression(Expression::Not(Box::new(query.expression().clone())));
    assert_eq!(not.matches(entry), !answer, "an entry matches either a query or its negation");
}

/// An entry that has something for every field of the language.
fn entry() -> Entry {
    let mut event = Event::new("document.shared", Actor::new("agent", "agent_1").named("contract-bot"));
    event.actor.on_behalf_of = Some(Box::new(Actor::new("user", "user_1").named("Ada Lovelace")));
    event.targets = vec![Target::new("document", "doc_1").named("Annual plan, Straße")];
    event.changes = vec![Change {
        path: "/role/0".to_owned(),
        from: Some(Value::Null),
        to: Some(Value::from("owner")),
        redacted: false,
    }];
    event.context.ip = Some(std::net::Ipv4Addr::new(192, 0, 2, 1).into());
    event.context.request_id = Some("req_1".to_owned());
    event.audience = Some(vec!["security".to_owned()]);
    event.occurred_at = Some(instant(NOW_SECONDS - 60));
    event.metadata.insert("amount".to_owned(), Value::from(1000.5));
    event.metadata.insert("note".to_owned(), Value::from(vec!["annual", "plan"]));
    let receipt = Receipt {
        id: "evt_1".to_owned(),
        tenant: "acme".to_owned(),
        seq: 41,
        position: 42,
        recorded_at: instant(NOW_SECONDS),
        leaf_hash: Digest([7; 32]),
    };
    Entry { receipt, event, canonical: Vec::new() }
}

fn instant(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).expect("the constants are within the years 1 to 9999")
}
