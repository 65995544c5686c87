//! Entries up to a moment, in the order of their positions → what is known of the thing after them.

use std::collections::VecDeque;
use std::sync::Arc;

use super::backward::Backward;
use super::bound::Bound;
use super::claim::{self, Claim, Told, put};
use super::node::{Content, Node, Origin, Others, Put, Sides, Stamp, mark};
use super::state::{Contradiction, Existence, Sight, Unknown};
use super::{Effect, TargetId};
use crate::pointer;
use crate::{Entry, Result};

/// Contradictions that a state tells of: 100, the newest; each has two values of an event.
pub const CONTRADICTIONS_MAX: usize = 100;

/// A thing after some entries.
#[derive(Clone, Debug)]
pub(super) struct Fold {
    pub(super) root: Node,
    pub(super) existence: Existence,
    pub(super) created_by: Option<Arc<Stamp>>,
    pub(super) deleted_by: Option<Arc<Stamp>>,
    pub(super) contradictions: VecDeque<Contradiction>,
    pub(super) sight: Sight,
    /// Whether only mentions tell that it exists.
    only_mentioned: bool,
    bound: Bound,
}

impl Fold {
    /// Before all entries.
    pub(super) fn new(sight: Sight) -> Self {
        Self {
            root: Node::unknown(),
            existence: Existence::Unknown,
            created_by: None,
            deleted_by: None,
            contradictions: VecDeque::new(),
            sight,
            only_mentioned: true,
            bound: Bound::default(),
        }
    }

    /// The next entry, if it is about `target`.
    ///
    /// # Errors
    /// [`ErrorKind::TooLarge`](crate::ErrorKind::TooLarge) when the fields take more than [`STATE_BYTES_MAX`](super::STATE_BYTES_MAX).
    pub(super) fn enter(&mut self, entry: &Entry, target: &TargetId) -> Result<()> {
        match Effect::of(entry, target) {
            None | Some(Effect::Attempted) => return Ok(()),
            Some(Effect::Mentioned) => self.mentioned(),
            Some(Effect::Created) => self.created(entry),
            Some(Effect::Changed) => self.changed(entry),
            Some(Effect::Deleted) => self.deleted(entry),
            Some(Effect::Uncertain) => self.uncertain(entry, target),
        }
        self.bound.check(entry, &self.root)
    }

    fn mentioned(&mut self) {
        if self.existence == Existence::Unknown {
            self.existence = Existence::Exists;
        }
    }

    fn created(&mut self, entry: &Entry) {
        let stamp = Stamp::of(entry);
        // A creation lists every field, unless it lists none; and others may have added to what a reader sees in part.
        let lists_all = claim::says_of_changes(entry) && self.sight == Sight::Whole;
        let others = if lists_all { Others::Absent } else { Others::Unknown };
        self.root = Node::object(others, Origin { set_by: Some(stamp.clone()), learnt_from: None });
        (self.existence, self.only_mentioned) = (Existence::Exists, false);
        (self.created_by, self.deleted_by) = (Some(stamp.clone()), None);
        self.apply(entry, &stamp);
    }

    fn changed(&mut self, entry: &Entry) {
        let is_new = !matches!(self.root.content, Content::Parts(_));
        if is_new || matches!(self.existence, Existence::Deleted | Existence::NotCreated) {
            // It is there, so it came to be again; what it has besides is not known.
            self.root = Node::object(Others::Unknown, Origin::default());
            (self.created_by, self.deleted_by) = (None, None);
        }
        (self.existence, self.only_mentioned) = (Existence::Exists, false);
        self.apply(entry, &Stamp::of(entry));
    }

    fn deleted(&mut self, entry: &Entry) {
        let stamp = Stamp::of(entry);
        for claim in claim::claims(entry).unwrap_or_default() {
            self.compare(&claim, &stamp);
        }
        self.root =
            Node { content: Content::Absent, origin: Origin { set_by: Some(stamp.clone()), learnt_from: None } };
        (self.existence, self.only_mentioned) = (Existence::Deleted, false);
        self.deleted_by = Some(stamp);
    }

    /// Whatever the entry would have changed is not known any more.
    fn uncertain(&mut self, entry: &Entry, target: &TargetId) {
        let origin = Origin { set_by: Some(Stamp::of(entry)), learnt_from: None };
        let claims = match Effect::on_primary(entry, target) {
            Effect::Changed => claim::claims(entry),
            _ => None,
        };
        let Some(claims) = claims else {
            self.root = Node { content: Content::Unknown(Unknown::Uncertain), origin };
            self.existence = Existence::Unknown;
            return;
        };
        // What was not there has no fields; what nobody knows of has unknown ones.
        if matches!(self.root.content, Content::Unknown(_)) {
            self.root = Node::object(Others::Unknown, Origin::default());
        }
        if matches!(self.root.content, Content::Parts(_)) {
            claims.iter().for_each(|claim| self.root.forget(&claim.names, Unknown::Uncertain, &origin));
        }
    }

    fn apply(&mut self, entry: &Entry, stamp: &Arc<Stamp>) {
        let origin = Origin { set_by: Some(stamp.clone()), learnt_from: None };
        let Some(claims) = claim::claims(entry) else {
            self.root = Node { content: Content::Unknown(Unknown::Erased), origin };
            return;
        };
        let (mut removals, puts): (Vec<_>, Vec<_>) =
            claims.into_iter().partition(|claim| matches!(claim.to, Told::Nothing));
        for claim in &puts {
            self.compare(claim, stamp);
            put(&mut self.root, &claim.names, &claim.to, &claim.from, &origin);
        }
        for claim in &removals {
            self.compare(claim, stamp);
        }
        // From the end of lists to their beginning, so that taking out several leaves no gap in between.
        removals.sort_by(|a, b| by_place(&b.names, &a.names));
        for claim in &removals {
            let removal = Put { content: Content::Absent, origin: origin.clone(), sides: Sides::Other };
            self.root.put(&claim.names, &removal);
        }
    }

    /// Notes where the entry says that a field was something else than it had become.
    fn compare(&mut self, claim: &Claim<'_>, stamp: &Arc<Stamp>) {
        let Told::Value { value, holes } = &claim.from else { return };
        if !holes.is_empty() {
            return;
        }
        let Some((expected, set_by)) = self.root.contradicted(&claim.names, value) else { return };
        let (path, found) = (claim.path.to_owned(), (*value).clone());
        self.note(Contradiction { path, expected, set_by, found, found_by: stamp.mark.clone() });
    }

    fn note(&mut self, contradiction: Contradiction) {
        if self.contradictions.len() == CONTRADICTIONS_MAX {
            self.contradictions.pop_front();
        }
        self.contradictions.push_back(contradiction);
    }

    /// Learns from the entries after the moment what the ones before it do not tell, and where both differ.
    pub(super) fn learn(&mut self, later: &Backward) {
        let is_vague = self.only_mentioned && matches!(self.existence, Existence::Unknown | Existence::Exists);
        if later.begins_with_creation() && is_vague {
            self.existence = Existence::NotCreated;
            self.root = Node { content: Content::Absent, origin: Origin::default() };
        }
        // Of a thing that may not have been there, no later entry tells what it was.
        if self.existence != Existence::Exists {
            return;
        }
        if matches!(self.root.content, Content::Unknown(_)) {
            self.root = Node::object(Others::Unknown, Origin::default());
        }
        for known in later.root.known_places() {
            let Some((expected, set_by)) = self.root.contradicted(&known.names, known.value) else { continue };
            let Some(found_by) = mark(&known.origin.learnt_from) else { continue };
            let path = known.names.iter().fold(String::new(), |path, name| pointer::below(&path, name));
            self.note(Contradiction { path, expected, set_by, found: known.value.clone(), found_by });
        }
        self.root.learn(&later.root);
    }
}

/// Numbers by value, everything else by text.
fn by_place(a: &[String], b: &[String]) -> std::cmp::Ordering {
    let keyed = |names: &[String]| -> Vec<(Option<usize>, String)> {
        names.iter().map(|name| (pointer::index(name), name.clone())).collect()
    };
    keyed(a).cmp(&keyed(b))
}
