//! Two states of a thing → what differs, field by field, inside of objects and lists too.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use similar::DiffOp;

use super::fold::Fold;
use super::node::{Content, Key, Node, Origin, Others, Parts, Shape, Stamp};
use super::state::{Existence, FieldValue, Unknown};
use super::words::{Piece, Work};
use super::{Mark, Moment, TargetId};
use crate::pointer;

/// What differs between two states of a thing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Diff {
    /// Which thing.
    pub target: TargetId,
    /// The former moment.
    pub from: Moment,
    /// The later moment; it may lie before the other one, then this is the difference backwards.
    pub to: Moment,
    /// Whether the thing was there at `from`.
    pub existence_from: Existence,
    /// Whether the thing was there at `to`.
    pub existence_to: Existence,
    /// What differs, by path.
    pub differences: Vec<Difference>,
    /// Places in which there may be differences of which the log knows nothing.
    #[serde(default)]
    pub incomplete: Vec<String>,
}

/// One place that differs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Difference {
    /// JSON Pointer to it.
    pub path: String,
    /// What it was.
    pub from: FieldValue,
    /// What it became. Both sides are unknown where it is known only that it changed.
    pub to: FieldValue,
    /// The entry that made it what it became, where the log has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub set_by: Option<Mark>,
    /// Of two texts, the pieces.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub text: Vec<Piece>,
    /// Of two lists, what happened to their elements.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub items: Vec<ItemChange>,
}

/// What happened to an element of a list: in JSON by the member `change`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "change", rename_all = "snake_case")]
pub enum ItemChange {
    /// It was taken out.
    Removed {
        /// Its place in the former list.
        index: usize,
        /// What it was.
        value: Value,
    },
    /// It was put in.
    Added {
        /// Its place in the later list.
        index: usize,
        /// What it is.
        value: Value,
    },
    /// An object or list changed inside.
    Changed {
        /// Its place in the former list.
        from_index: usize,
        /// Its place in the later list.
        to_index: usize,
        /// What differs in it; paths go by its place in the later list.
        differences: Vec<Difference>,
    },
}

/// What differs between `from` and `to`.
pub(super) fn diff(target: &TargetId, from: (&Moment, &Fold), to: (&Moment, &Fold)) -> Diff {
    let mut comparison = Comparison { work: Work::all(), differences: Vec::new(), incomplete: BTreeSet::new() };
    comparison.roots(&from.1.root, &to.1.root);
    Diff {
        target: target.clone(),
        from: from.0.clone(),
        to: to.0.clone(),
        existence_from: from.1.existence,
        existence_to: to.1.existence,
        differences: comparison.differences,
        incomplete: comparison.incomplete.into_iter().collect(),
    }
}

struct Comparison {
    work: Work,
    differences: Vec<Difference>,
    incomplete: BTreeSet<String>,
}

impl Comparison {
    /// A thing is shown by its fields, even where all of it came or went.
    fn roots(&mut self, from: &Node, to: &Node) {
        let is_unknown = |node: &Node| matches!(node.content, Content::Unknown(_));
        if is_unknown(from) && is_unknown(to) {
            self.incomplete.insert(String::new());
            return;
        }
        let parts = |node: &Node| Parts::of(node.content.clone(), &node.origin);
        self.parts("", (parts(from), &from.origin), (parts(to), &to.origin));
    }

    fn nodes(&mut self, path: &str, from: &Node, to: &Node) {
        match (&from.content, &to.content) {
            (Content::Unknown(_), Content::Unknown(_)) => self.unknowns(path, from, to),
            (Content::Absent, Content::Absent) => {}
            (Content::Whole(a), Content::Whole(b)) if a == b => {}
            (Content::Whole(Value::String(a)), Content::Whole(Value::String(b))) => {
                let text = self.work.pieces(a, b);
                self.differences.push(Difference { text, ..difference(path, from, to) });
            }
            _ => self.containers(path, from, to),
        }
    }

    /// Of two unknown values it is known that they differ (or may) where two entries set them.
    fn unknowns(&mut self, path: &str, from: &Node, to: &Node) {
        if from.origin.set_by != to.origin.set_by {
            self.differences.push(difference(path, from, to));
        }
    }

    fn containers(&mut self, path: &str, from: &Node, to: &Node) {
        if let (Some(Value::Array(a)), Some(Value::Array(b))) = (from.complete(), to.complete()) {
            return self.lists(path, (from, &a), (to, &b));
        }
        match (from.content.parts(&from.origin), to.content.parts(&to.origin)) {
            (Some(a), Some(b)) if fit(a.shape, b.shape) => self.parts(path, (a, &from.origin), (b, &to.origin)),
            // What came or went is shown in parts only where more than one entry made them.
            (None, Some(_)) if matches!(to.content, Content::Parts(_)) && is_void(from) => self.opened(path, from, to),
            (Some(_), None) if matches!(from.content, Content::Parts(_)) && is_void(to) => self.opened(path, from, to),
            _ => self.differences.push(difference(path, from, to)),
        }
    }

    /// What came or went with its parts; where it has none (any more), that it came or went.
    fn opened(&mut self, path: &str, from: &Node, to: &Node) {
        let parts = |node: &Node| Parts::of(node.content.clone(), &node.origin);
        let before = self.differences.len();
        self.parts(path, (parts(from), &from.origin), (parts(to), &to.origin));
        let is_empty = |node: &Node| node.complete().is_some();
        if self.differences.len() == before && (is_empty(from) || is_empty(to)) {
            self.differences.push(difference(path, from, to));
        }
    }

    fn parts(&mut self, path: &str, from: (Parts, &Origin), to: (Parts, &Origin)) {
        let ((mut a, from_origin), (mut b, to_origin)) = (from, to);
        a.become_shaped(b.shape);
        b.become_shaped(a.shape);
        if a.others == Others::Unknown || b.others == Others::Unknown {
            self.incomplete.insert(path.to_owned());
        }
        let keys: BTreeSet<&Key> = a.children.keys().chain(b.children.keys()).collect();
        for key in keys {
            let place = pointer::below(path, &key.name());
            let (absent_a, absent_b) = (other(&a, from_origin), other(&b, to_origin));
            let child_a = a.children.get(key).unwrap_or(&absent_a);
            self.nodes(&place, child_a, b.children.get(key).unwrap_or(&absent_b));
        }
    }

    fn lists(&mut self, path: &str, from: (&Node, &[Value]), to: (&Node, &[Value])) {
        let ((from, old), (to, new)) = (from, to);
        let mut items = Vec::new();
        for op in self.work.items(old, new) {
            if !matches!(op, DiffOp::Equal { .. }) {
                self.items(path, (from, old), (to, new), &op, &mut items);
            }
        }
        if !items.is_empty() {
            self.differences.push(Difference { items, ..difference(path, from, to) });
        }
    }

    /// Elements that were replaced in place are compared inside, as far as they go.
    fn items(
        &mut self,
        path: &str,
        (from, old): (&Node, &[Value]),
        (to, new): (&Node, &[Value]),
        op: &DiffOp,
        items: &mut Vec<ItemChange>,
    ) {
        let (mut removed, mut added) = (op.old_range(), op.new_range());
        while let (Some(from_index), Some(to_index)) = (removed.clone().next(), added.clone().next()) {
            if !is_nested_alike(&old[from_index], &new[to_index]) {
                break;
            }
            (removed.start, added.start) = (from_index + 1, to_index + 1);
            let before = std::mem::take(&mut self.differences);
            let place = pointer::below(path, &to_index.to_string());
            self.nodes(&place, &element(from, from_index, &old[from_index]), &element(to, to_index, &new[to_index]));
            let differences = std::mem::replace(&mut self.differences, before);
            items.push(ItemChange::Changed { from_index, to_index, differences });
        }
        items.extend(removed.map(|index| ItemChange::Removed { index, value: old[index].clone() }));
        items.extend(added.map(|index| ItemChange::Added { index, value: new[index].clone() }));
    }
}

/// Whether both may be the same kind of thing.
fn fit(a: Shape, b: Shape) -> bool {
    a == b || a == Shape::Open || b == Shape::Open
}

/// Whether a place has nothing, or nothing known, in it.
fn is_void(node: &Node) -> bool {
    matches!(node.content, Content::Absent | Content::Unknown(_))
}

fn is_nested_alike(a: &Value, b: &Value) -> bool {
    a.is_object() && b.is_object() || a.is_array() && b.is_array()
}

/// An element of a list, with the entry that set it where that is known apart.
fn element(list: &Node, index: usize, value: &Value) -> Node {
    let known = match &list.content {
        Content::Parts(parts) => parts.children.get(&Key::Index(index)).cloned(),
        _ => None,
    };
    known.unwrap_or_else(|| Node { content: Content::Whole(value.clone()), origin: list.origin.clone() })
}

/// What is known of a place of `parts` that has no child.
fn other(parts: &Parts, origin: &Origin) -> Node {
    match parts.others {
        Others::Absent => Node { content: Content::Absent, origin: origin.clone() },
        Others::Unknown => Node { content: Content::Unknown(Unknown::NotRecorded), origin: Origin::default() },
    }
}

fn difference(path: &str, from: &Node, to: &Node) -> Difference {
    Difference {
        path: path.to_owned(),
        from: from.value(),
        to: to.value(),
        set_by: newest(to).map(|stamp| stamp.mark.clone()),
        text: Vec::new(),
        items: Vec::new(),
    }
}

/// The last entry that set something in `node`.
fn newest(node: &Node) -> Option<&Stamp> {
    let own = node.origin.set_by.as_deref();
    let Content::Parts(parts) = &node.content else { return own };
    let inside = parts.children.values().filter_map(newest);
    inside.chain(own).max_by_key(|stamp| stamp.position)
}
