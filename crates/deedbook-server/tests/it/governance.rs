//! Retention, holds and erasures over a store: what goes, what stays, and what happens in between.

mod erasing;
mod holding;
mod retaining;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use deedbook_core::{
    Actor, Change, Entry, Event, Limits, PageRequest, Query, Scope, Store, StoreExt, Target, prepare_own,
};
use deedbook_server::{Author, Governance, Pace, Policy, Settings, Watch};
use deedbook_testkit::{Clock, StoreKind};

/// A log with what governs it, whose clock stands where a test puts it.
pub(crate) struct Book {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) clock: Clock,
    pub(crate) governance: Arc<Governance>,
}

impl Book {
    pub(crate) fn new(on: StoreKind) -> Self {
        Self::with(on, Policy::default())
    }

    pub(crate) fn with(on: StoreKind, policy: Policy) -> Self {
        let clock = Clock::fixed();
        Self::over(on.open(&clock), clock, policy)
    }

    pub(crate) fn over(store: Arc<dyn Store>, clock: Clock, policy: Policy) -> Self {
        let now: deedbook_server::Clock = Arc::new(clock.function());
        let settings = Arc::new(Settings::load(store.clone(), now.clone()).unwrap());
        let governance = Arc::new(Governance::new(store.clone(), settings, now, policy));
        Self { store, clock, governance }
    }

    /// The same log as a new process finds it.
    pub(crate) fn reopened(&self, policy: Policy) -> Self {
        Self::over(self.store.clone(), self.clock.clone(), policy)
    }

    pub(crate) fn days(&self, days: i64) {
        self.clock.advance_seconds(days * 86_400);
    }

    pub(crate) fn record(&self, event: Event) -> Entry {
        let id = u128::from(self.store.visible_count()).to_be_bytes();
        let receipt = self.store.append_one(prepare_own(event, &Limits::default(), || id).unwrap()).unwrap().receipt;
        self.store.get(&receipt.tenant, &receipt.id, &everything()).unwrap().unwrap()
    }

    /// What is left, as `tenant:seq`, but for the log's own entries.
    pub(crate) fn left(&self) -> Vec<String> {
        let page = self.store.page(&Query::all(), &Scope::all_tenants(), &PageRequest::oldest(usize::MAX)).unwrap();
        let foreign = page.entries.iter().filter(|entry| !entry.event.action.starts_with("audit."));
        foreign.map(|entry| format!("{}:{}", entry.receipt.tenant, entry.receipt.seq)).collect()
    }

    /// The log's own entries with this action, in every tenant.
    pub(crate) fn own(&self, action: &str) -> Vec<Entry> {
        let page = self.store.page(&Query::all(), &everything(), &PageRequest::oldest(usize::MAX)).unwrap();
        page.entries.into_iter().filter(|entry| entry.event.action == action).collect()
    }

    /// Whether a text is in any entry.
    pub(crate) fn holds_text(&self, text: &str) -> bool {
        let page = self.store.page(&Query::all(), &everything(), &PageRequest::oldest(usize::MAX)).unwrap();
        page.entries.iter().any(|entry| String::from_utf8_lossy(&entry.canonical).contains(text))
    }
}

pub(crate) fn everything() -> Scope {
    Scope::unrestricted("a test looks at everything")
}

pub(crate) fn admin(name: &str) -> Author {
    Author::operator(name)
}

pub(crate) fn watch() -> Watch<'static> {
    static STOP: AtomicBool = AtomicBool::new(false);
    Watch { read: &|_| {}, stop: &STOP, pace: Pace::Full }
}

/// An event in few words: `tenant action category target,target`; `-` is none.
pub(crate) fn event(words: &str) -> Event {
    let words: Vec<&str> = words.split(' ').collect();
    let mut event = Event::new(words[1], Actor::new("user", "user_1"));
    event.tenant = Some(words[0].to_owned());
    event.category = (words[2] != "-").then(|| words[2].to_owned());
    event.targets = words[3].split(',').filter(|id| *id != "-").map(|id| Target::new("thing", id)).collect();
    event
}

/// Ada, as she stands in entries.
pub(crate) fn ada() -> Actor {
    Actor { email: Some("ada@acme.example".to_owned()), ..Actor::new("user", "user_ada").named("Ada Lovelace") }
}

/// A change of one field.
pub(crate) fn change(path: &str, from: &str, to: &str) -> Change {
    Change { path: path.to_owned(), from: Some(from.into()), to: Some(to.into()), redacted: false }
}
