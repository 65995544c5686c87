//! What is known of a thing, read out: field by field, as a document, at one place.

use serde_json::{Map, Value};

use super::fold::Fold;
use super::node::{Content, Key, Node, Origin, Others, Parts, Shape, mark};
use super::state::{Existence, Field, FieldValue, State, Unknown};
use super::{Mark, Moment, TargetId};
use crate::pointer;

/// A value that came as a whole, and where it is.
pub(super) struct KnownPlace<'a> {
    pub(super) names: Vec<String>,
    pub(super) value: &'a Value,
    pub(super) origin: &'a Origin,
}

/// What is at a place.
enum Found<'a> {
    Node(&'a Node),
    /// Inside of a value that came as a whole.
    Value(&'a Value, &'a Origin),
    Absent(&'a Origin),
    Unknown,
}

impl Fold {
    /// The answer for those who asked.
    pub(super) fn state(&self, target: &TargetId, at: &Moment) -> State {
        let mut listing = Listing::default();
        let exists = matches!(self.existence, Existence::Exists | Existence::Unknown);
        if exists {
            listing.node("", &self.root);
        }
        let document = exists.then(|| self.root.document()).flatten();
        State {
            target: target.clone(),
            at: at.clone(),
            existence: self.existence,
            created_by: mark(&self.created_by),
            deleted_by: mark(&self.deleted_by),
            sight: self.sight,
            document,
            fields: listing.fields,
            incomplete: listing.incomplete,
            contradictions: self.contradictions.iter().cloned().collect(),
        }
    }
}

/// Fields, and the places with unknown others.
#[derive(Default)]
struct Listing {
    fields: Vec<Field>,
    incomplete: Vec<String>,
}

impl Listing {
    fn node(&mut self, path: &str, node: &Node) {
        match &node.content {
            Content::Unknown(Unknown::NotRecorded) if path.is_empty() => self.incomplete.push(String::new()),
            Content::Whole(Value::Object(_)) if path.is_empty() => {
                self.parts(path, &Parts::of(node.content.clone(), &node.origin), node);
            }
            Content::Parts(parts) => self.parts(path, parts, node),
            // That something is not there is worth a line where somebody took it away.
            Content::Absent if node.origin.set_by.is_none() => {}
            Content::Unknown(_) | Content::Absent | Content::Whole(_) => {
                self.fields.push(field(path, node.value(), &node.origin));
            }
        }
    }

    fn parts(&mut self, path: &str, parts: &Parts, node: &Node) {
        if parts.others == Others::Unknown {
            self.incomplete.push(path.to_owned());
        }
        for (key, child) in &parts.children {
            self.node(&pointer::below(path, &key.name()), child);
        }
        // With others of which nothing is known, nobody knows that it is empty.
        let is_empty = parts.others == Others::Absent
            && parts.children.values().all(|child| matches!(child.content, Content::Absent));
        if let (true, false, Some(value)) = (is_empty, path.is_empty(), node.document()) {
            self.fields.push(field(path, FieldValue::Known(value), &node.origin));
        }
    }
}

fn field(path: &str, value: FieldValue, origin: &Origin) -> Field {
    Field { path: path.to_owned(), value, set_by: mark(&origin.set_by), learnt_from: mark(&origin.learnt_from) }
}

impl Node {
    /// What is known of this place as one value.
    pub(super) fn value(&self) -> FieldValue {
        match &self.content {
            Content::Unknown(reason) => FieldValue::Unknown(*reason),
            Content::Absent => FieldValue::Absent,
            Content::Whole(value) => FieldValue::Known(value.clone()),
            Content::Parts(_) => self.document().map_or(FieldValue::Unknown(Unknown::NotRecorded), FieldValue::Known),
        }
    }

    /// The known part as JSON; `None` where nothing is there or nothing of it is known.
    pub(super) fn document(&self) -> Option<Value> {
        match &self.content {
            Content::Unknown(_) | Content::Absent => None,
            Content::Whole(value) => Some(value.clone()),
            Content::Parts(parts) => parts.document(),
        }
    }

    /// The value, where all of it is known.
    pub(super) fn complete(&self) -> Option<Value> {
        self.is_complete().then(|| self.document()).flatten()
    }

    fn is_complete(&self) -> bool {
        match &self.content {
            Content::Unknown(_) => false,
            Content::Absent | Content::Whole(_) => true,
            Content::Parts(parts) => {
                parts.others == Others::Absent
                    && parts.shape != Shape::Open
                    && parts.children.values().all(Self::is_complete)
            }
        }
    }

    /// What is known at the place that `names` lead to and who set it, where that differs from `value`.
    pub(super) fn contradicted(&self, names: &[String], value: &Value) -> Option<(FieldValue, Option<Mark>)> {
        let of = |origin: &Origin| mark(&origin.set_by);
        match self.find(names) {
            Found::Unknown => None,
            Found::Absent(origin) => Some((FieldValue::Absent, of(origin))),
            Found::Value(known, origin) => (known != value).then(|| (FieldValue::Known(known.clone()), of(origin))),
            Found::Node(node) => (!node.agrees(value)).then(|| (node.value(), of(&node.origin))),
        }
    }

    fn find(&self, names: &[String]) -> Found<'_> {
        let Some((name, rest)) = names.split_first() else {
            return match &self.content {
                Content::Unknown(_) => Found::Unknown,
                Content::Absent => Found::Absent(&self.origin),
                Content::Whole(value) => Found::Value(value, &self.origin),
                Content::Parts(_) => Found::Node(self),
            };
        };
        match &self.content {
            Content::Unknown(_) => Found::Unknown,
            Content::Absent => Found::Absent(&self.origin),
            Content::Whole(value) => match inside(value, names) {
                Some(value) => Found::Value(value, &self.origin),
                None if names.iter().any(|name| name == "-") => Found::Unknown,
                None => Found::Absent(&self.origin),
            },
            Content::Parts(parts) => match parts.key(name).map(|key| parts.children.get(&key)) {
                Some(Some(child)) => child.find(rest),
                Some(None) if parts.others == Others::Absent => Found::Absent(&self.origin),
                _ => Found::Unknown,
            },
        }
    }

    /// Whether `value` can be what is here.
    fn agrees(&self, value: &Value) -> bool {
        match &self.content {
            Content::Unknown(_) => true,
            Content::Absent => false,
            Content::Whole(known) => known == value,
            Content::Parts(parts) => parts.agrees(value),
        }
    }

    /// Every value in here that came as a whole.
    pub(super) fn known_places(&self) -> Vec<KnownPlace<'_>> {
        let mut places = Vec::new();
        self.each_known(&mut Vec::new(), &mut places);
        places
    }

    fn each_known<'a>(&'a self, names: &mut Vec<String>, places: &mut Vec<KnownPlace<'a>>) {
        match &self.content {
            Content::Unknown(_) | Content::Absent => {}
            Content::Whole(value) => places.push(KnownPlace { names: names.clone(), value, origin: &self.origin }),
            Content::Parts(parts) => {
                for (key, child) in &parts.children {
                    names.push(key.name());
                    child.each_known(names, places);
                    names.pop();
                }
            }
        }
    }
}

/// The value inside of `value` that `names` lead to.
fn inside<'a>(value: &'a Value, names: &[String]) -> Option<&'a Value> {
    names.iter().try_fold(value, |value, name| match value {
        Value::Object(members) => members.get(name),
        Value::Array(items) => items.get(pointer::index(name)?),
        _ => None,
    })
}

impl Parts {
    fn document(&self) -> Option<Value> {
        match self.shape {
            Shape::Object => {
                let known = self.children.iter().filter_map(|(key, child)| Some((key.name(), child.document()?)));
                Some(Value::Object(known.collect::<Map<String, Value>>()))
            }
            // Of a list that is known in part the places are not: it cannot be written down without inventing some.
            Shape::List if self.others == Others::Absent => {
                let present = self.children.values().filter(|child| !matches!(child.content, Content::Absent));
                present.map(Node::document).collect::<Option<Vec<Value>>>().map(Value::Array)
            }
            Shape::List | Shape::Open => None,
        }
    }

    fn agrees(&self, value: &Value) -> bool {
        let count = match (self.shape, value) {
            (Shape::Object | Shape::Open, Value::Object(members)) => members.len(),
            (Shape::List | Shape::Open, Value::Array(items)) => items.len(),
            _ => return false,
        };
        let of = |key: &Key| inside(value, std::slice::from_ref(&key.name()));
        let agrees = |(key, child): (&Key, &Node)| match of(key) {
            Some(value) => child.agrees(value),
            None => !child.is_present(),
        };
        let covers = || self.children.keys().filter(|key| of(key).is_some()).count() == count;
        self.children.iter().all(agrees) && (self.others == Others::Unknown || covers())
    }
}
