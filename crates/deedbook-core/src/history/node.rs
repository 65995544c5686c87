//! A JSON document of which some places are unknown, each place with the entry that set it.
//!
//! A value that one entry set stays whole until something inside it changes; then it is taken apart. JSON Pointers do
//! not tell lists from objects, and changes of lists can be read in two ways: place by place, or as putting in and
//! taking out. What both readings agree on is known, what they do not is [`Unknown::Ambiguous`].

use std::collections::BTreeMap;
use std::mem;
use std::sync::Arc;

use serde_json::Value;

use super::{Mark, Unknown};
use crate::Entry;
use crate::pointer;

/// One place.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) content: Content,
    pub(super) origin: Origin,
}

/// What is known of a place.
#[derive(Clone, Debug)]
pub(super) enum Content {
    Unknown(Unknown),
    Absent,
    /// All of it came from one entry.
    Whole(Value),
    /// An object or a list of which places are known apart.
    Parts(Parts),
}

/// Who made a place what it is.
#[derive(Clone, Debug, Default)]
pub(super) struct Origin {
    /// The entry that set it.
    pub(super) set_by: Option<Arc<Stamp>>,
    /// The later entry that told what it had been.
    pub(super) learnt_from: Option<Arc<Stamp>>,
}

/// The mark of an entry, and where the entry stands; places that it set share one.
#[derive(Debug, PartialEq)]
pub(super) struct Stamp {
    pub(super) mark: Mark,
    pub(super) position: u64,
}

impl Stamp {
    /// The stamp of `entry`.
    pub(super) fn of(entry: &Entry) -> Arc<Self> {
        Arc::new(Self { mark: Mark::of(entry), position: entry.receipt.position })
    }
}

/// The mark, for the answer.
pub(super) fn mark(stamp: &Option<Arc<Stamp>>) -> Option<Mark> {
    stamp.as_ref().map(|stamp| stamp.mark.clone())
}

/// An object or a list.
#[derive(Clone, Debug)]
pub(super) struct Parts {
    pub(super) shape: Shape,
    pub(super) children: BTreeMap<Key, Node>,
    pub(super) others: Others,
}

/// Which of the two it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    Object,
    List,
    /// Pointers led into it by numbers only: it may be either.
    Open,
}

/// Name of a child: a number in a list, a text otherwise.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Key {
    Index(usize),
    Name(String),
}

/// What is known of places that have no child.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Others {
    Absent,
    Unknown,
}

/// What is put to a place, and whether the other side of the change is told too.
pub(super) struct Put {
    pub(super) content: Content,
    pub(super) origin: Origin,
    pub(super) sides: Sides,
}

/// Which sides of a change are told: the one that is put, and the other one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sides {
    /// A value took the place of a value.
    Both,
    /// Something may have been put in.
    This,
    /// Something may have been taken out.
    Other,
    /// Anything may have happened.
    Neither,
}

impl Key {
    /// The name that a pointer has for it.
    pub(super) fn name(&self) -> String {
        match self {
            Self::Index(index) => index.to_string(),
            Self::Name(name) => name.clone(),
        }
    }

    fn index(&self) -> Option<usize> {
        match self {
            Self::Index(index) => Some(*index),
            Self::Name(name) => pointer::index(name),
        }
    }
}

impl Node {
    /// A place of which nothing is known.
    pub(super) fn unknown() -> Self {
        Self { content: Content::Unknown(Unknown::NotRecorded), origin: Origin::default() }
    }

    /// An object without members; there may be `others`.
    pub(super) fn object(others: Others, origin: Origin) -> Self {
        Self { content: Content::Parts(Parts::new(Shape::Object, others)), origin }
    }

    /// Puts something to the place that `names` lead to.
    pub(super) fn put(&mut self, names: &[String], put: &Put) {
        let Some((name, rest)) = names.split_first() else {
            *self = Self { content: put.content.clone(), origin: put.origin.clone() };
            return;
        };
        let content = mem::replace(&mut self.content, Content::Absent);
        let mut parts = Parts::of(content, &self.origin);
        parts.put(name, rest, put, &self.origin);
        self.content = Content::Parts(parts);
    }

    /// Forgets what is at `names`, for `reason`.
    pub(super) fn forget(&mut self, names: &[String], reason: Unknown, origin: &Origin) {
        let put = Put { content: Content::Unknown(reason), origin: origin.clone(), sides: Sides::Neither };
        self.put(names, &put);
    }

    /// Whether there is something for sure.
    pub(super) fn is_present(&self) -> bool {
        matches!(self.content, Content::Whole(_) | Content::Parts(_))
    }

    /// Its bytes in memory, roughly.
    pub(super) fn weight(&self) -> usize {
        let own = mem::size_of::<Self>();
        own + match &self.content {
            Content::Unknown(_) | Content::Absent => 0,
            Content::Whole(value) => value_weight(value),
            Content::Parts(parts) => {
                let key = |key: &Key| if let Key::Name(name) = key { name.len() } else { 0 };
                parts.children.iter().map(|(name, child)| key(name) + child.weight()).sum()
            }
        }
    }
}

fn value_weight(value: &Value) -> usize {
    mem::size_of::<Value>()
        + match value {
            Value::String(text) => text.len(),
            Value::Array(items) => items.iter().map(value_weight).sum(),
            Value::Object(members) => members.iter().map(|(name, value)| name.len() + value_weight(value)).sum(),
            Value::Null | Value::Bool(_) | Value::Number(_) => 0,
        }
}

impl Parts {
    /// Nothing but `others`.
    pub(super) fn new(shape: Shape, others: Others) -> Self {
        Self { shape, children: BTreeMap::new(), others }
    }

    /// `content` taken apart, one level deep; children inherit `origin`.
    pub(super) fn of(content: Content, origin: &Origin) -> Self {
        let node = |value| Node { content: Content::Whole(value), origin: origin.clone() };
        match content {
            Content::Parts(parts) => parts,
            Content::Whole(Value::Object(members)) => Self {
                children: members.into_iter().map(|(name, value)| (Key::Name(name), node(value))).collect(),
                ..Self::new(Shape::Object, Others::Absent)
            },
            Content::Whole(Value::Array(items)) => Self {
                children: items.into_iter().enumerate().map(|(at, value)| (Key::Index(at), node(value))).collect(),
                ..Self::new(Shape::List, Others::Absent)
            },
            Content::Absent => Self::new(Shape::Open, Others::Absent),
            // There cannot be a place inside of a plain value: the log contradicts itself.
            Content::Unknown(_) | Content::Whole(_) => Self::new(Shape::Open, Others::Unknown),
        }
    }

    /// The key by which `name` goes here; `None` where it can be the end of a list or none.
    pub(super) fn key(&self, name: &str) -> Option<Key> {
        match self.shape {
            Shape::Object => Some(Key::Name(name.to_owned())),
            Shape::List => pointer::index(name).map(Key::Index),
            Shape::Open => (name != "-").then(|| Key::Name(name.to_owned())),
        }
    }

    /// Takes this for what it must be, now that it is known to be of `shape`.
    pub(super) fn become_shaped(&mut self, shape: Shape) {
        if self.shape == Shape::Open && shape == Shape::List {
            let children = mem::take(&mut self.children).into_iter();
            self.children = children.filter_map(|(key, node)| Some((Key::Index(key.index()?), node))).collect();
        }
        if self.shape == Shape::Open {
            self.shape = shape;
        }
    }

    /// How many places of a list are filled, where all of them are known.
    fn length(&self) -> usize {
        self.children.values().filter(|child| !matches!(child.content, Content::Absent)).count()
    }

    fn put(&mut self, name: &str, rest: &[String], put: &Put, inherited: &Origin) {
        if self.shape == Shape::Open && name != "-" && pointer::index(name).is_none() {
            self.become_shaped(Shape::Object);
        }
        if self.shape == Shape::List && name != "-" && pointer::index(name).is_none() {
            // A list has no such place: it must have become something else meanwhile.
            *self = Self::new(Shape::Object, Others::Unknown);
        }
        match (self.key(name), pointer::index(name)) {
            (Some(key), Some(index)) if self.shape != Shape::Object => self.put_at(key, index, rest, put, inherited),
            (Some(key), _) => self.child(key, inherited).put(rest, put),
            (None, _) => self.put_at_end(rest, put),
        }
    }

    /// The child under `key`, made as what is known of others.
    fn child(&mut self, key: Key, inherited: &Origin) -> &mut Node {
        let others = self.others;
        self.children.entry(key).or_insert_with(|| match others {
            Others::Absent => Node { content: Content::Absent, origin: inherited.clone() },
            Others::Unknown => Node::unknown(),
        })
    }

    /// Puts something to a numbered place of what is or may be a list.
    fn put_at(&mut self, key: Key, index: usize, rest: &[String], put: &Put, inherited: &Origin) {
        let length = (self.others == Others::Absent).then(|| self.length());
        if length.is_some_and(|length| index > length) {
            // There are places in between of which nothing is known.
            self.others = Others::Unknown;
        }
        if !rest.is_empty() {
            return self.child(key, inherited).put(rest, put);
        }
        let is_last = length == Some(index + 1);
        let is_next = length == Some(index);
        match (&put.content, put.sides) {
            (Content::Absent, _) if is_last => {}
            (Content::Absent, _) | (_, Sides::Other) => {
                self.forget_from(index);
                let content = Content::Unknown(Unknown::Ambiguous);
                self.children.insert(key, Node { content, origin: put.origin.clone() });
                return;
            }
            (_, Sides::Both) => {}
            _ if is_next => {}
            _ => self.forget_from(index),
        }
        self.children.insert(key, Node { content: put.content.clone(), origin: put.origin.clone() });
    }

    /// Puts something to the place `-`, after the last one of a list.
    fn put_at_end(&mut self, rest: &[String], put: &Put) {
        let appends = rest.is_empty() && !matches!(put.content, Content::Absent);
        if appends && self.shape == Shape::List && self.others == Others::Absent {
            let node = Node { content: put.content.clone(), origin: put.origin.clone() };
            self.children.insert(Key::Index(self.length()), node);
            return;
        }
        if !appends {
            self.children.clear();
        }
        self.others = Others::Unknown;
    }

    /// Forgets the numbered places from `index` on.
    fn forget_from(&mut self, index: usize) {
        self.children.retain(|key, _| key.index().is_none_or(|at| at < index));
        self.others = Others::Unknown;
    }
}
