//! What one token read in one way in one minute, as one entry and perhaps a second.

use std::collections::HashSet;

use deedbook_core::{Event, Outcome, Timestamp, rfc3339};
use serde_json::{Map, Value, json};

use super::Asked;
use crate::settings::Author;

pub(super) const VIEWED: &str = "audit.viewed";
pub(super) const DENIED: &str = "audit.denied";

/// Different queries that the second entry of a minute names: 20 of 8 KiB stay below what an entry may hold.
const QUERIES_MAX: usize = 20;

/// What is entered of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum What {
    /// It read, in this way.
    Viewed(&'static str),
    /// It was refused, for this reason.
    Denied(&'static str),
}

/// The readings of one minute.
pub(super) struct Slot {
    author: Author,
    first_at: Timestamp,
    first: Option<Asked>,
    seen: HashSet<Asked>,
    /// Queries other than the first.
    further: Vec<Asked>,
    /// Queries beyond those.
    left_out: u64,
    reads: u64,
}

impl Slot {
    /// Of a first read; its query is kept where there is room.
    pub(super) fn new(author: Author, at: Timestamp, asked: &Asked, has_room: bool) -> Self {
        let first = has_room.then(|| asked.clone());
        let left_out = u64::from(!has_room);
        Self {
            author,
            first_at: at,
            seen: first.iter().cloned().collect(),
            first,
            further: Vec::new(),
            left_out,
            reads: 1,
        }
    }

    /// Notes one more read of this minute; tells how many bytes it keeps.
    pub(super) fn again(&mut self, asked: &Asked, has_room: bool) -> usize {
        self.reads += 1;
        if self.seen.contains(asked) {
            return 0;
        }
        if !has_room || self.further.len() >= QUERIES_MAX {
            self.left_out += 1;
            return 0;
        }
        self.seen.insert(asked.clone());
        self.further.push(asked.clone());
        asked.bytes()
    }

    /// The bytes of its queries.
    pub(super) fn bytes(&self) -> usize {
        self.first.iter().chain(&self.further).map(Asked::bytes).sum()
    }

    /// The entry of the first read.
    pub(super) fn first(&self, what: What) -> Event {
        self.event(what, self.first.iter())
    }

    /// The entry of the rest of the minute, where other things were asked in it.
    pub(super) fn rest(&self, what: What) -> Option<Event> {
        if self.further.is_empty() && self.left_out == 0 {
            return None;
        }
        let mut event = self.event(what, self.further.iter());
        event.metadata.insert("reads".to_owned(), json!(self.reads));
        if self.left_out > 0 {
            event.metadata.insert("queries_left_out".to_owned(), json!(self.left_out));
        }
        Some(event)
    }

    fn event<'a>(&self, what: What, queries: impl Iterator<Item = &'a Asked>) -> Event {
        let (action, name, word, outcome) = match what {
            What::Viewed(kind) => (VIEWED, "kind", kind, Outcome::Success),
            What::Denied(reason) => (DENIED, "reason", reason, Outcome::Denied),
        };
        let mut event = event_by(&self.author, action, queries.map(Asked::to_json).collect());
        event.outcome = Some(outcome);
        event.metadata.insert(name.to_owned(), json!(word));
        event.metadata.insert("since".to_owned(), json!(rfc3339(self.first_at)));
        event
    }
}

/// An entry about queries. Whoever is sought for in them may have them erased.
pub(super) fn event_by(author: &Author, action: &str, queries: Vec<Value>) -> Event {
    let mut event = Event::new(action, author.actor.clone());
    event.context = author.context.clone();
    if !queries.is_empty() {
        event.metadata = Map::from_iter([("queries".to_owned(), Value::Array(queries))]);
        event.personal = vec!["/metadata/queries".to_owned()];
    }
    event
}
