//! Entries after a moment, the last one first → what their `from` tells of the moment.
//!
//! Undoing a change puts its `from` in the place of its `to`. What is left when all of them are undone had been so at
//! the moment, as far as they tell: the earliest `from` after it wins, place by place.

use std::sync::Arc;

use super::bound::Bound;
use super::claim::{self, Claim, Told, put};
use super::node::{Content, Node, Origin, Others, Parts, Stamp};
use super::state::Unknown;
use super::{Effect, TargetId};
use crate::{Entry, Result};

/// A thing before some entries.
pub(super) struct Backward {
    pub(super) root: Node,
    /// What the earliest entry that did something to the thing did.
    earliest: Option<Effect>,
    bound: Bound,
}

impl Backward {
    /// After all entries: nothing is known.
    pub(super) fn new() -> Self {
        Self { root: Node::object(Others::Unknown, Origin::default()), earliest: None, bound: Bound::default() }
    }

    /// Whether the first thing that happened to it after the moment is that it came to be.
    pub(super) fn begins_with_creation(&self) -> bool {
        self.earliest == Some(Effect::Created)
    }

    /// The entry before those that were undone, if it is about `target`.
    ///
    /// # Errors
    /// [`ErrorKind::TooLarge`](crate::ErrorKind::TooLarge) as for [`Fold::enter`](super::fold::Fold::enter).
    pub(super) fn undo(&mut self, entry: &Entry, target: &TargetId) -> Result<()> {
        let Some(effect) = Effect::of(entry, target) else { return Ok(()) };
        if matches!(effect, Effect::Attempted | Effect::Mentioned) {
            return Ok(());
        }
        self.earliest = Some(effect);
        let claims = claim::claims(entry);
        let is_boundary = matches!(effect, Effect::Created | Effect::Deleted);
        if is_boundary || claims.is_none() {
            self.root = Node::object(Others::Unknown, Origin::default());
        }
        if effect != Effect::Created {
            let origin = Origin { set_by: None, learnt_from: Some(Stamp::of(entry)) };
            claims.iter().flatten().rev().for_each(|claim| self.undo_change(claim, &origin));
        }
        self.bound.check(entry, &self.root)
    }

    fn undo_change(&mut self, claim: &Claim<'_>, told_by: &Origin) {
        let unknown = Origin::default();
        let origin = if matches!(claim.from, Told::Value { .. }) { told_by } else { &unknown };
        match claim.names.split_last() {
            // Which place of the list it was is not told.
            Some((last, list)) if last == "-" => self.root.forget(list, Unknown::NotRecorded, &unknown),
            Some(_) => put(&mut self.root, &claim.names, &claim.from, &claim.to, origin),
            None => self.root = Node::object(Others::Unknown, unknown),
        }
    }
}

impl Node {
    /// Fills what is unknown here with what is known in `later`.
    pub(super) fn learn(&mut self, later: &Self) {
        match &mut self.content {
            Content::Absent | Content::Whole(_) => {}
            Content::Unknown(_) if later.is_present() => {
                let set_by = self.origin.set_by.take();
                *self = later.clone();
                if set_by.is_some() {
                    self.stamp(&set_by);
                }
            }
            Content::Unknown(_) => {}
            Content::Parts(parts) => parts.learn(later),
        }
    }

    /// Notes who set this and everything in it.
    fn stamp(&mut self, set_by: &Option<Arc<Stamp>>) {
        self.origin.set_by.clone_from(set_by);
        if let Content::Parts(parts) = &mut self.content {
            parts.children.values_mut().for_each(|child| child.stamp(set_by));
        }
    }
}

impl Parts {
    fn learn(&mut self, later: &Node) {
        if !later.is_present() {
            return;
        }
        let mut theirs = Self::of(later.content.clone(), &later.origin);
        self.become_shaped(theirs.shape);
        theirs.become_shaped(self.shape);
        if self.shape != theirs.shape {
            return;
        }
        for (key, child) in theirs.children {
            match self.children.get_mut(&key) {
                Some(known) => known.learn(&child),
                None if self.others == Others::Unknown => drop(self.children.insert(key, child)),
                None => {}
            }
        }
        if theirs.others == Others::Absent {
            self.others = Others::Absent;
        }
    }
}

impl Content {
    /// What a list or an object holds, be it whole or in parts.
    pub(super) fn parts(&self, origin: &Origin) -> Option<Parts> {
        match self {
            Self::Parts(parts) => Some(parts.clone()),
            Self::Whole(value) if value.is_object() || value.is_array() => Some(Parts::of(self.clone(), origin)),
            _ => None,
        }
    }
}
