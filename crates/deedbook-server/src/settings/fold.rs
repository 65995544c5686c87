//! Entries of the tenant `_deedbook` → what holds now: the list of the kinds of settings.

use deedbook_core::query::{Bounds, Condition, Expression, Pattern, TextField};
use deedbook_core::{Entry, Query, Timestamp};

use super::cursor_key::{self, CursorKey};
use super::erasures::{self, Erasures};
use super::holds::{self, Holds};
use super::retention::{self, Retention};
use super::searches::{self, Searches};
use super::sessions::{self, ViewerSessions};
use super::sinks::{self, Sinks};
use super::tokens::{self, Tokens};

/// What holds after the entries up to `after`.
#[derive(Default)]
pub(super) struct Folded {
    after: Option<u64>,
    pub(super) tokens: Tokens,
    pub(super) sessions: ViewerSessions,
    pub(super) cursor_key: CursorKey,
    pub(super) retention: Retention,
    pub(super) holds: Holds,
    pub(super) erasures: Erasures,
    pub(super) searches: Searches,
    pub(super) sinks: Sinks,
}

/// The actions of each kind of setting that holds until it is changed.
const LASTING: [&[&str]; 7] = [
    &tokens::ACTIONS,
    &cursor_key::ACTIONS,
    &retention::ACTIONS,
    &holds::ACTIONS,
    &erasures::ACTIONS,
    &searches::ACTIONS,
    &sinks::ACTIONS,
];
/// The actions of entries that are shown to nobody.
const SECRETS: [&str; 4] = [tokens::HASHED, sessions::HASHED, cursor_key::CREATED, sinks::SECRET];

/// The entries that are settings at `now`; readings of the log, of which there are many, are not among them, nor are
/// sessions that have ended for their age.
pub(super) fn query(now: Timestamp) -> Query {
    let since = now.checked_sub(sessions::LIFE_MAX).ok();
    let recent = Expression::Is(Condition::Recorded(Bounds { from: since, until: None }));
    let sessions = Expression::And(vec![one_of(sessions::ACTIONS.to_vec()), recent]);
    Query::from_expression(Expression::Or(vec![one_of(LASTING.concat()), sessions]))
}

/// The entries that are no secrets of the server.
pub(super) fn without_secrets() -> Query {
    Query::from_expression(Expression::Not(Box::new(one_of(SECRETS.to_vec()))))
}

fn one_of(actions: Vec<&str>) -> Expression {
    let is = |action: &str| Expression::Is(Condition::Text(TextField::Action, Pattern::Exact(action.to_owned())));
    Expression::Or(actions.into_iter().map(is).collect())
}

impl Folded {
    pub(super) fn after(&self) -> Option<u64> {
        self.after
    }

    /// Folds the next entry. One that is there already, because two threads read it, changes nothing; one that cannot
    /// be read is of a newer version and is passed over, so that what it sets is refused rather than guessed at.
    pub(super) fn enter(&mut self, entry: &Entry) {
        if self.after.is_some_and(|after| entry.receipt.position <= after) {
            return;
        }
        self.after = Some(entry.receipt.position);
        match entry.event.action.as_str() {
            action if tokens::ACTIONS.contains(&action) => self.tokens.enter(entry),
            action if sessions::ACTIONS.contains(&action) => self.sessions.enter(entry),
            action if cursor_key::ACTIONS.contains(&action) => self.cursor_key.enter(entry),
            action if retention::ACTIONS.contains(&action) => self.retention.enter(entry),
            action if holds::ACTIONS.contains(&action) => self.holds.enter(entry),
            action if searches::ACTIONS.contains(&action) => self.searches.enter(entry),
            action if sinks::ACTIONS.contains(&action) => self.sinks.enter(entry),
            action if erasures::ACTIONS.contains(&action) => self.erasures.enter(entry),
            _ => {}
        }
    }
}
