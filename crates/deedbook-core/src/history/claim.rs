//! What the changes of an entry say, values that were erased from it included.
//!
//! An erased value reads as null in an [`Event`](crate::Event); here it is told apart, since null is a value.

use serde_json::Value;

use super::Unknown;
use super::node::{Content, Node, Origin, Put, Sides};
use crate::commitment::{FieldKind, fields};
use crate::pointer;
use crate::{Change, Entry};

/// One change, read.
pub(super) struct Claim<'a> {
    /// JSON Pointer to the place.
    pub(super) path: &'a str,
    /// The names that lead there.
    pub(super) names: Vec<String>,
    /// The value before.
    pub(super) from: Told<'a>,
    /// The value after.
    pub(super) to: Told<'a>,
}

/// One side of a change.
pub(super) enum Told<'a> {
    /// This value; at the places of `holes`, lists of names below it, something was erased.
    Value { value: &'a Value, holes: Vec<Vec<String>> },
    /// Nothing is said.
    Nothing,
    /// There was something, and it is not known what.
    Unknown(Unknown),
}

/// Whether `entry` has changes, or had some that were erased.
pub(super) fn says_of_changes(entry: &Entry) -> bool {
    !entry.event.changes.is_empty() || !erased(entry).is_empty()
}

/// The changes of `entry`; `None` where even what changed was erased, so that nothing is known any more.
pub(super) fn claims(entry: &Entry) -> Option<Vec<Claim<'_>>> {
    let erased = erased(entry);
    let changes = entry.event.changes.iter();
    if erased.is_empty() {
        return changes.map(|change| claim(change, &[])).collect();
    }
    // Erased as a whole: "/changes", or one "/changes/3".
    if erased.iter().any(|names| names.len() < 3) {
        return None;
    }
    changes
        .enumerate()
        .map(|(index, change)| {
            let here = |names: &&Vec<String>| names[1] == index.to_string();
            let holes: Vec<&[String]> = erased.iter().filter(here).map(|names| &names[2..]).collect();
            claim(change, &holes)
        })
        .collect()
}

/// The names that lead to each erased value of the changes: `changes`, `3`, `to` …
fn erased(entry: &Entry) -> Vec<Vec<String>> {
    // A raw zero byte cannot occur in JSON: where there is none, nothing was erased.
    if !entry.canonical.contains(&0) {
        return Vec::new();
    }
    let erased = fields(&entry.canonical).unwrap_or_default().into_iter();
    let names = erased.filter(|field| field.kind == FieldKind::Erased).filter_map(|field| pointer::parse(&field.path));
    names.filter(|names| names.first().is_some_and(|name| name == "changes")).collect()
}

/// `None` where the place is not known.
fn claim<'a>(change: &'a Change, holes: &[&[String]]) -> Option<Claim<'a>> {
    let is_lost = |member: &str| holes.iter().any(|names| names[0] == member);
    if is_lost("path") {
        return None;
    }
    let names = pointer::parse(&change.path)?;
    let (from, to) = match (change.redacted || is_lost("redacted"), &change.from, &change.to) {
        (true, ..) => (Told::Nothing, Told::Unknown(Unknown::Redacted)),
        (false, None, None) => (Told::Nothing, Told::Unknown(Unknown::NotRecorded)),
        (false, from, to) => (told(from.as_ref(), "from", holes), told(to.as_ref(), "to", holes)),
    };
    Some(Claim { path: &change.path, names, from, to })
}

fn told<'a>(value: Option<&'a Value>, member: &str, holes: &[&[String]]) -> Told<'a> {
    let mut holes = holes.iter().filter(|names| names[0] == member).peekable();
    match value {
        _ if holes.clone().any(|names| names.len() == 1) => Told::Unknown(Unknown::Erased),
        Some(value) => Told::Value { value, holes: holes.map(|names| names[1..].to_vec()).collect() },
        // An erased member that is absent cannot be, but is better unknown than taken for nothing.
        None if holes.peek().is_some() => Told::Unknown(Unknown::Erased),
        None => Told::Nothing,
    }
}

/// Puts one side of a change to its place; `other` is the other side.
pub(super) fn put(root: &mut Node, names: &[String], this: &Told<'_>, other: &Told<'_>, origin: &Origin) {
    let is_told = |side: &Told<'_>| !matches!(side, Told::Nothing);
    let sides = match (this, is_told(other)) {
        (Told::Unknown(Unknown::Redacted | Unknown::NotRecorded), false) => Sides::Neither,
        (Told::Nothing, true) => Sides::Other,
        (Told::Nothing, false) => Sides::Neither,
        (_, true) => Sides::Both,
        (_, false) => Sides::This,
    };
    let content = match this {
        Told::Value { value, .. } => Content::Whole((*value).clone()),
        Told::Unknown(reason) => Content::Unknown(*reason),
        Told::Nothing => Content::Unknown(Unknown::NotRecorded),
    };
    root.put(names, &Put { content, origin: origin.clone(), sides });
    let Told::Value { holes, .. } = this else { return };
    for hole in holes {
        let mut place = names.to_vec();
        place.extend_from_slice(hole);
        let content = Content::Unknown(Unknown::Erased);
        root.put(&place, &Put { content, origin: origin.clone(), sides: Sides::Both });
    }
}
