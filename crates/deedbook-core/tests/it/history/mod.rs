//! The history of a thing: rules case by case, and folding against a plain replay of JSON documents.

mod cases;
mod lists;
mod oracle;
mod reading;
mod returning;

use deedbook_core::commitment::Key;
use deedbook_core::history::{FieldValue, History, Moment, State, TargetId};
use deedbook_core::{
    Actor, Atomicity, Change, Event, Limits, MemoryStore, Outcome, Scope, StoreExt, Target, Timestamp, prepare,
};
use serde_json::Value;

/// A log in memory in which the events about `invoice:7` stand; event n is recorded at second n.
struct Log {
    store: MemoryStore,
    count: u64,
}

impl Log {
    fn new() -> Self {
        let clock = std::sync::atomic::AtomicI64::new(0);
        let tick = move || {
            let second = clock.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            Timestamp::from_second(second).unwrap()
        };
        Self { store: MemoryStore::new(tick, Key([7; 32])), count: 0 }
    }

    /// A log with these events.
    fn of(events: impl IntoIterator<Item = Event>) -> Self {
        let mut log = Self::new();
        events.into_iter().for_each(|event| log.enter(event));
        log
    }

    /// Enters `event` under the id `eN`.
    fn enter(&mut self, mut event: Event) {
        event.id = Some(format!("e{}", self.count));
        self.count += 1;
        let draft = prepare(event, &Limits::default(), || [0; 16]).unwrap();
        self.store.append(vec![draft], Atomicity::PerEvent).unwrap().pop().unwrap().unwrap();
    }

    fn history(&self) -> History<'_> {
        self.seen_by(&Scope::tenant("default"))
    }

    fn seen_by(&self, scope: &Scope) -> History<'_> {
        History::new(&self.store, "default", target(), scope)
    }

    /// The thing after event n.
    fn after(&self, n: u64) -> State {
        self.history().state(&Moment::Event(format!("e{n}"))).unwrap().unwrap()
    }

    /// The thing as it is.
    fn now(&self) -> State {
        self.history().blame().unwrap()
    }
}

fn target() -> TargetId {
    "invoice:7".parse().unwrap()
}

fn second(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

/// An event about the invoice.
fn event(action: &str, changes: Vec<Change>) -> Event {
    let targets = vec![Target::new("invoice", "7")];
    Event { targets, changes, ..Event::new(action, Actor::new("user", "ada").named("Ada")) }
}

fn created(changes: Vec<Change>) -> Event {
    event("invoice.created", changes)
}

fn updated(changes: Vec<Change>) -> Event {
    event("invoice.updated", changes)
}

fn ended(outcome: Outcome, event: Event) -> Event {
    Event { outcome: Some(outcome), ..event }
}

fn change(path: &str, from: impl Into<Option<Value>>, to: impl Into<Option<Value>>) -> Change {
    Change { path: path.to_owned(), from: from.into(), to: to.into(), redacted: false }
}

fn redacted(path: &str) -> Change {
    Change { path: path.to_owned(), from: None, to: None, redacted: true }
}

/// `path value by` of each field, as one text: `/state="open" e0, /note? redacted e1, /due- e2`.
fn listed(state: &State) -> String {
    let field = |field: &deedbook_core::history::Field| {
        let value = match &field.value {
            FieldValue::Known(value) => format!("={value}"),
            FieldValue::Absent => "-".to_owned(),
            FieldValue::Unknown(why) => format!("? {}", why.as_str()),
        };
        let by = field.set_by.as_ref().map_or("before", |mark| mark.id.as_str());
        let learnt = field.learnt_from.as_ref().map(|mark| format!(" from {}", mark.id)).unwrap_or_default();
        format!("{}{value} {by}{learnt}", field.path)
    };
    state.fields.iter().map(field).collect::<Vec<_>>().join(", ")
}
