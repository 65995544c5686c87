//! The settings of a log: entries of the tenant `_deedbook`, folded from it. There is no second database.
//!
//! This file is what every kind of setting shares: reading what was entered, entering a change, and who made it. Each
//! kind is a file of its own below, with its actions, what they fold to, and its part of [`Settings`]; `fold` lists them.
//!
//! [`Settings::refresh`] reads what was entered since it was called last, so that what was changed through another
//! process holds here as soon as its entry is visible.

mod cursor_key;
mod erasures;
mod fold;
mod found;
mod holds;
mod retention;
mod searches;
mod sessions;
mod sign_ins;
mod sinks;
mod tokens;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard};

use deedbook_core::{
    Actor, Atomicity, Context, Entry, Event, OWN_TENANT, Order, PageRequest, Problem, Result, Scope, Store, StoreExt,
    Target, Timestamp,
};

use crate::clock::Clock;
use crate::own;
use fold::Folded;

pub use erasures::{Approval, Ended, Erasure, Mentions, NewErasure, Search};
pub(crate) use erasures::{Decision, PERSONAL};
pub(crate) use found::{Found, Life, Proof};
pub use holds::{Hold, NewHold, Released};
pub use retention::RulesSet;
pub(crate) use retention::Run;
pub(crate) use searches::NewSearch;
pub(crate) use sessions::{LIFE_MAX as SESSION_LIFE_MAX, NewSession};
pub(crate) use sign_ins::DEMO;
pub(crate) use sinks::{SinkChange, WebhookRecord};
pub(crate) use tokens::Uses;
pub use tokens::{AdminToken, NewToken};

/// Entries that are folded at once.
const PAGE_ENTRIES: usize = 500;

/// The settings of a log.
pub struct Settings {
    store: Arc<dyn Store>,
    clock: Clock,
    folded: RwLock<Folded>,
    /// Held while a setting is changed, so that what was checked still holds when it is entered.
    changing: Mutex<()>,
}

/// Who changes a setting, from where, and why.
#[derive(Clone, Debug)]
pub struct Author {
    pub(crate) actor: Actor,
    pub(crate) context: Context,
    reason: Option<String>,
}

impl Author {
    /// The program itself, at its start or at the hands of whoever may write to the directory.
    pub fn system() -> Self {
        Self::new(Actor::without_id("system"), Context::default())
    }

    /// Whoever may write to the directory, by the name they give themselves.
    pub fn operator(name: &str) -> Self {
        Self::new(Actor::new("operator", name), Context::default())
    }

    /// Somebody, who does not say why.
    pub(crate) fn new(actor: Actor, context: Context) -> Self {
        Self { actor, context, reason: None }
    }

    /// The same for this reason, which becomes that of the entry.
    pub fn because(self, reason: Option<String>) -> Self {
        Self { reason, ..self }
    }

    /// The author as `TYPE:ID`.
    pub(crate) fn who(&self) -> String {
        called(&self.actor)
    }

    /// An entry of a change to `target` by this author.
    fn event(&self, action: &str, target: Target) -> Event {
        let mut event = Event::new(action, self.actor.clone());
        event.context = self.context.clone();
        event.reason = self.reason.clone();
        event.targets = vec![target];
        event
    }
}

/// Who made an entry, as `TYPE:ID`, or `TYPE` where they have no id.
fn who(entry: &Entry) -> String {
    called(&entry.event.actor)
}

fn called(actor: &Actor) -> String {
    match &actor.id {
        Some(id) => format!("{}:{id}", actor.kind),
        None => actor.kind.clone(),
    }
}

/// Why a setting was changed.
fn reason_of(entry: &Entry) -> String {
    entry.event.reason.clone().unwrap_or_default()
}

/// Bytes of the reason of a change.
const REASON_BYTES_MAX: usize = 1_024;

/// What is wrong with a reason.
pub(crate) fn check_reason(reason: &str) -> Vec<Problem> {
    if !reason.trim().is_empty() && reason.len() <= REASON_BYTES_MAX {
        return Vec::new();
    }
    let detail = format!("say why, in at most {REASON_BYTES_MAX} bytes; whoever reads the log later wants to know");
    vec![Problem { pointer: "/reason".to_owned(), code: "bad_reason".into(), detail }]
}

impl Settings {
    /// Folds the settings that `store` holds.
    ///
    /// # Errors
    /// As [`Store::page`].
    pub fn load(store: Arc<dyn Store>, clock: Clock) -> Result<Self> {
        let settings = Self { store, clock, folded: RwLock::default(), changing: Mutex::default() };
        settings.refresh()?;
        Ok(settings)
    }

    /// Reads what was entered since this was called last.
    ///
    /// # Errors
    /// As [`Store::page`].
    pub(crate) fn refresh(&self) -> Result<()> {
        let query = fold::query(self.now());
        let scope = Scope::tenant(OWN_TENANT);
        loop {
            let after = self.folded().after();
            let request = PageRequest { order: Order::Ascending, limit: PAGE_ENTRIES, after };
            let page = self.store.page(&query, &scope, &request)?;
            if !page.entries.is_empty() {
                let mut folded = self.folded.write().unwrap_or_else(PoisonError::into_inner);
                page.entries.iter().for_each(|entry| folded.enter(entry));
            }
            if !page.has_more {
                return Ok(());
            }
        }
    }

    /// Enters all of `events` or none, and folds them.
    fn append(&self, events: Vec<Event>) -> Result<()> {
        let drafts = events.into_iter().map(own::draft).collect::<Result<_>>()?;
        let fates = self.store.append(drafts, Atomicity::AllOrNothing)?;
        fates.into_iter().collect::<Result<Vec<_>>>()?;
        self.refresh()
    }

    fn folded(&self) -> RwLockReadGuard<'_, Folded> {
        // A panic elsewhere leaves what was folded whole: entries are folded one by one.
        self.folded.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Taken before a setting is checked and changed; given back when the change was entered.
    fn changing(&self) -> MutexGuard<'_, ()> {
        self.changing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> Timestamp {
        (self.clock)()
    }
}

/// Everything of `tenant` that the API shows to whoever may see all of it: all but the server's own secrets.
///
/// Nobody needs them but the server, and a hash that is seen is one that can be tried against. Being a part of the
/// scope, this holds for lists, counts, exports and tails alike, and no query can ask for a part of them.
pub fn shown(tenant: &str) -> Scope {
    let scope = Scope::tenant(tenant);
    if tenant == OWN_TENANT { scope.matching(fold::without_secrets()) } else { scope }
}

impl std::fmt::Debug for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Settings").finish_non_exhaustive()
    }
}
