//! What an entry does to a thing that it names.

use serde::{Deserialize, Serialize};

use super::{TargetId, claim};
use crate::{Entry, Outcome};

/// Last words of actions by which a thing comes to be.
const CREATING: [&str; 3] = ["created", "added", "inserted"];

/// Last words of actions by which a thing ceases to be.
const DELETING: [&str; 2] = ["deleted", "removed"];

/// What an entry does to a thing that it names.
///
/// Changes are those of the primary target, the first one: a release that is published with its project as second
/// target does not overwrite the project's fields. The thing comes to be by an action that ends in its type and one of
/// `created`, `added`, `inserted` (`invoice.created` on an `invoice`; `account.api_token.created` on a `user` does not
/// make the user), and ends by its type and `deleted` or `removed`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// It came to be, with the fields that the changes list.
    Created,
    /// Its fields changed.
    Changed,
    /// It ceased to be.
    Deleted,
    /// It would have changed it, and nobody knows whether it did: the outcome is `unknown`.
    Uncertain,
    /// It did nothing: the outcome is `failure` or `denied`.
    Attempted,
    /// The thing took part, and no field of it changed.
    Mentioned,
}

impl Effect {
    /// What `entry` does to `target`; `None` where it does not name it.
    pub fn of(entry: &Entry, target: &TargetId) -> Option<Self> {
        let place = entry.event.targets.iter().position(|other| target.is(other))?;
        let outcome = entry.event.outcome.unwrap_or(Outcome::Success);
        if matches!(outcome, Outcome::Failure | Outcome::Denied) {
            return Some(Self::Attempted);
        }
        if place > 0 {
            return Some(Self::Mentioned);
        }
        let effect = Self::on_primary(entry, target);
        let uncertain = outcome == Outcome::Unknown && effect != Self::Mentioned;
        Some(if uncertain { Self::Uncertain } else { effect })
    }

    /// What `entry`, of which `target` is the primary target, does to it if it succeeds.
    pub(super) fn on_primary(entry: &Entry, target: &TargetId) -> Self {
        let mut parts = entry.event.action.rsplit('.');
        let (verb, object) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        if object == target.kind() && CREATING.contains(&verb) {
            return Self::Created;
        }
        if object == target.kind() && DELETING.contains(&verb) {
            return Self::Deleted;
        }
        if claim::says_of_changes(entry) { Self::Changed } else { Self::Mentioned }
    }

    /// The word for it, as in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Changed => "changed",
            Self::Deleted => "deleted",
            Self::Uncertain => "uncertain",
            Self::Attempted => "attempted",
            Self::Mentioned => "mentioned",
        }
    }
}

impl Effect {
    /// `entry`, an entry as a JSON object, with this as the member `effect`.
    pub fn added_to(self, entry: &[u8]) -> Vec<u8> {
        let mut out = format!("{{\"effect\":\"{}\"", self.as_str()).into_bytes();
        match entry.strip_prefix(b"{") {
            Some(b"}") | None => out.push(b'}'),
            Some(members) => {
                out.push(b',');
                out.extend_from_slice(members);
            }
        }
        out
    }
}
