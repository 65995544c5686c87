//! The meaning of a [`Query`].

use super::Query;
use crate::{Entry, Event};

impl Query {
    /// Whether `entry` matches.
    pub fn matches(&self, _entry: &Entry) -> bool {
        todo!()
    }
}

/// Whether `who` (id or `TYPE:ID`) is actor, behind the actor, or a target of `event`.
pub(crate) fn is_principal(_event: &Event, _who: &str) -> bool {
    todo!()
}
