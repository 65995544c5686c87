//! The control: sinks that do what no sink may are found.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use deedbook_core::Entry;
use deedbook_core::serde_json::{Value, from_slice, json};
use deedbook_deliver::{Failure, Sink};

use super::http::{Http, Post, Request, id};
use super::{Connection, Dialect, Id, Message, Says, checks, failure};

/// Entries in JSON, posted to a receiver.
struct Plain;

impl Post for Plain {
    fn kind(&self) -> (&'static str, Value) {
        ("webhook", json!({}))
    }

    fn entries(&self, request: &Request) -> Vec<Id> {
        from_slice::<Vec<Value>>(&request.body).unwrap().iter().map(id).collect()
    }

    fn says(&self, _: &Says, _: &Message) -> Option<(u16, String)> {
        None
    }
}

/// What is wrong with a sink.
type Wrong = fn(&mut dyn Sink, &[Entry]) -> Result<(), Failure>;

/// A sink with something wrong, and a peer that speaks as it should.
struct Broken {
    right: Http<Plain>,
    wrong: Wrong,
}

struct BrokenSink {
    right: Box<dyn Sink>,
    wrong: Wrong,
}

impl Sink for BrokenSink {
    fn deliver(&mut self, entries: &[Entry]) -> Result<(), Failure> {
        (self.wrong)(&mut *self.right, entries)
    }
}

impl Dialect for Broken {
    fn sink(&self, address: SocketAddr) -> Box<dyn Sink> {
        Box::new(BrokenSink { right: self.right.sink(address), wrong: self.wrong })
    }

    fn read(&self, connection: &mut Connection) -> io::Result<Option<Message>> {
        self.right.read(connection)
    }

    fn answer(&self, says: &Says, message: &Message) -> Option<Vec<u8>> {
        self.right.answer(says, message)
    }
}

/// The names of the checks that find it.
fn found(wrong: Wrong) -> Vec<&'static str> {
    let dialect: Arc<dyn Dialect> = Arc::new(Broken { right: Http(Plain), wrong });
    let found = checks::CHECKS.iter().filter(|check| failure(check, &dialect).is_some());
    found.map(|check| check.name).collect()
}

#[test]
fn a_sink_that_swallows_a_refusal_is_found() {
    let found = found(|right, entries| match right.deliver(entries) {
        Err(Failure::Refused { .. }) => Ok(()),
        delivered => delivered,
    });
    let expected = [
        "what is refused is parked and the rest arrives",
        "what is too much at once arrives in parts",
        "everything at once",
    ];
    assert_eq!(found, expected);
}

#[test]
fn a_sink_that_takes_silence_for_success_is_found() {
    let found = found(|right, entries| match right.deliver(entries) {
        Err(Failure::Later { .. }) => Ok(()),
        delivered => delivered,
    });
    for name in [
        "a connection that is reset before the answer loses nothing",
        "a peer that is busy is asked again when it wants",
        "a peer that fails gets everything later",
        "a peer that hangs is given up and asked again",
        "a peer that never answers a connection is given up",
        "a stop waits for no peer that hangs",
        "a courier that stops goes on there",
        "everything at once",
    ] {
        assert!(found.contains(&name), "{name}: {found:?}");
    }
}

#[test]
fn a_sink_that_takes_every_failure_for_a_refusal_is_found() {
    let found = found(|right, entries| {
        right.deliver(entries).map_err(|failure| Failure::Refused { why: failure.why().to_owned() })
    });
    assert!(found.contains(&"a peer that is busy is asked again when it wants"), "{found:?}");
}

#[test]
fn a_sink_that_changes_the_order_is_found() {
    let found = found(|right, entries| {
        let turned: Vec<Entry> = entries.iter().rev().cloned().collect();
        right.deliver(&turned)
    });
    assert!(found.contains(&"everything arrives in order and once"), "{found:?}");
}

#[test]
fn a_sink_that_sends_twice_is_found() {
    let found = found(|right, entries| right.deliver(entries).and_then(|()| right.deliver(entries)));
    assert_eq!(found.first(), Some(&"everything arrives in order and once"), "{found:?}");
}
