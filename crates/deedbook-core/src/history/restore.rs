//! Two states of a thing → the JSON Patch that leads from the present one back to the past one.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::fold::Fold;
use super::node::{Content, Key, Node, Origin, Others, Parts, Shape};
use super::{Moment, TargetId};
use crate::pointer;

/// The way back to a past state: what to do, and what cannot be told.
///
/// The patch applies to the thing as the log knows it at present. It is only printed; nothing is written anywhere.
///
/// Source: RFC 6902.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Restoration {
    /// Which thing.
    pub target: TargetId,
    /// To which moment it leads back.
    pub to: Moment,
    /// The JSON Patch. Where the thing is not there at present it is added as a whole, where it was not there then it
    /// is removed as a whole: both at the empty pointer.
    pub patch: Vec<Operation>,
    /// Places (JSON Pointers) that were set or may have been since, and of which the past value, or the way to it, is
    /// not known: the patch leaves them as they are.
    pub unknown: Vec<String>,
}

/// One step of a JSON Patch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "snake_case")]
pub enum Operation {
    /// Puts a member there, in place of the one that may be there.
    Add {
        /// JSON Pointer.
        path: String,
        /// What to put.
        value: Value,
    },
    /// Takes away what is there.
    Remove {
        /// JSON Pointer.
        path: String,
    },
    /// Puts something in the place of what is there.
    Replace {
        /// JSON Pointer.
        path: String,
        /// What to put.
        value: Value,
    },
}

/// The way from `present` to `past`.
pub(super) fn restoration(target: &TargetId, present: &Fold, to: &Moment, past: &Fold) -> Restoration {
    let mut way = Way { patch: Vec::new(), unknown: Vec::new() };
    way.place("", &present.root, &past.root, Inside::Object);
    Restoration { target: target.clone(), to: to.clone(), patch: way.patch, unknown: way.unknown }
}

struct Way {
    patch: Vec<Operation>,
    unknown: Vec<String>,
}

/// In what a place lies: into an object a member can be put whether it is there or not.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Inside {
    Object,
    Other,
}

impl Way {
    fn place(&mut self, path: &str, present: &Node, past: &Node, inside: Inside) {
        match (&present.content, &past.content) {
            (Content::Absent, Content::Absent) => {}
            (Content::Whole(a), Content::Whole(b)) if a == b => {}
            (_, Content::Unknown(_)) => self.lost(path, present, past),
            (Content::Unknown(_), Content::Absent) => self.unknown.push(path.to_owned()),
            (_, Content::Absent) if inside == Inside::Object => {
                self.patch.push(Operation::Remove { path: path.to_owned() });
            }
            (_, Content::Absent) => self.unknown.push(path.to_owned()),
            (Content::Whole(_) | Content::Parts(_), Content::Whole(_) | Content::Parts(_)) => {
                self.between(path, present, past);
            }
            (Content::Absent | Content::Unknown(_), Content::Whole(_) | Content::Parts(_)) => {
                self.put(path, present, past, inside);
            }
        }
    }

    /// The past value is not known; if nothing set it since, it is what it was.
    fn lost(&mut self, path: &str, present: &Node, past: &Node) {
        let is_unknown = matches!(present.content, Content::Unknown(_));
        if !is_unknown || present.origin.set_by != past.origin.set_by {
            self.unknown.push(path.to_owned());
        }
    }

    /// Both are there.
    fn between(&mut self, path: &str, present: &Node, past: &Node) {
        if let (Some(Value::Array(a)), Some(Value::Array(b))) = (present.complete(), past.complete()) {
            // Of lists of one length the elements are compared; otherwise one is put in the place of the other.
            if a.len() != b.len() {
                self.patch.push(Operation::Replace { path: path.to_owned(), value: Value::Array(b) });
                return;
            }
        }
        let both = (present.content.parts(&present.origin), past.content.parts(&past.origin));
        let (Some(mut a), Some(mut b)) = both else { return self.replace(path, past) };
        a.become_shaped(b.shape);
        b.become_shaped(a.shape);
        if a.shape == b.shape { self.parts(path, &a, &b) } else { self.replace(path, past) }
    }

    fn parts(&mut self, path: &str, present: &Parts, past: &Parts) {
        let inside = if present.shape == Shape::Object { Inside::Object } else { Inside::Other };
        let mut keys: Vec<&Key> = present.children.keys().chain(past.children.keys()).collect();
        keys.sort_unstable();
        keys.dedup();
        for key in keys {
            let (a, b) = (other(present), other(past));
            let here = present.children.get(key).unwrap_or(&a);
            self.place(&pointer::below(path, &key.name()), here, past.children.get(key).unwrap_or(&b), inside);
        }
    }

    fn replace(&mut self, path: &str, past: &Node) {
        self.written(path, past, |path, value| Operation::Replace { path, value });
    }

    /// There is nothing at present, or it is not known what.
    fn put(&mut self, path: &str, present: &Node, past: &Node, inside: Inside) {
        let is_root_unknown = path.is_empty() && matches!(present.content, Content::Unknown(_));
        match inside {
            Inside::Object if is_root_unknown => self.unknown.push(String::new()),
            Inside::Object => self.written(path, past, |path, value| Operation::Add { path, value }),
            // It is there, only unknown: a list does not get longer.
            Inside::Other if matches!(present.content, Content::Unknown(_)) => self.replace(path, past),
            Inside::Other => self.unknown.push(path.to_owned()),
        }
    }

    fn written(&mut self, path: &str, past: &Node, step: fn(String, Value) -> Operation) {
        if let Some(value) = past.document() {
            self.patch.push(step(path.to_owned(), value));
        }
        self.unknown_in(path, past);
    }

    /// Notes what of `past` could not be written down.
    fn unknown_in(&mut self, path: &str, past: &Node) {
        match &past.content {
            Content::Absent | Content::Whole(_) => {}
            Content::Unknown(_) => self.unknown.push(path.to_owned()),
            Content::Parts(_) if past.document().is_none() => self.unknown.push(path.to_owned()),
            Content::Parts(parts) => {
                if parts.others == Others::Unknown {
                    self.unknown.push(path.to_owned());
                }
                parts.children.iter().for_each(|(key, child)| {
                    self.unknown_in(&pointer::below(path, &key.name()), child);
                });
            }
        }
    }
}

/// What is known of a place of `parts` that has no child.
fn other(parts: &Parts) -> Node {
    match parts.others {
        Others::Absent => Node { content: Content::Absent, origin: Origin::default() },
        Others::Unknown => Node::unknown(),
    }
}
