//! Which values of an event are personal: a fixed list, and what the event itself names.
//!
//! The outermost wins: nothing inside a personal value is looked at.

use std::ops::Range;

use super::scan::{Member, corrupt, each_element, each_member, members, plain_end, unescaped, value_end};
use crate::Result;
use crate::json::{DEPTH_MAX, push_segment};

/// What a value is, as far as the fixed list of personal values cares.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Free,
    Actor,
    Targets,
    Target,
    Context,
}

/// What the fixed list says of a member.
enum Verdict {
    Personal,
    Inside(Place),
}

impl Verdict {
    /// Of a member of the event.
    fn of_event(name: &[u8]) -> Self {
        match name {
            b"actor" => Self::Inside(Place::Actor),
            b"targets" => Self::Inside(Place::Targets),
            b"context" => Self::Inside(Place::Context),
            b"description" => Self::Personal,
            _ => Self::Inside(Place::Free),
        }
    }
}

impl Place {
    fn member(self, key: &[u8]) -> Verdict {
        match (self, key) {
            (Self::Actor | Self::Target, b"name" | b"email") => Verdict::Personal,
            (Self::Context, b"ip" | b"user_agent") => Verdict::Personal,
            (Self::Actor, b"on_behalf_of") => Verdict::Inside(Self::Actor),
            _ => Verdict::Inside(Self::Free),
        }
    }

    fn element(self) -> Self {
        if self == Self::Targets { Self::Target } else { Self::Free }
    }
}

/// Where everything stands to which the root of an event commits.
pub(super) struct Layout<'a> {
    /// The members in the order in which they stand, each with its personal leaves.
    pub(super) members: Vec<(Member<'a>, Range<usize>)>,
    leaves: Vec<Leaf>,
    /// The paths of all leaves, one after the other.
    paths: String,
}

struct Leaf {
    path: Range<usize>,
    value: Range<usize>,
}

impl<'a> Layout<'a> {
    /// The layout of canonical bytes, in one pass where the event names no personal values of its own.
    pub(super) fn of(canonical: &'a [u8]) -> Result<Self> {
        if canonical.contains(&0) {
            let members = members(canonical)?;
            return Self::with(canonical, &pointers(canonical, members.iter())?, true);
        }
        let layout = Self::with(canonical, &[], false)?;
        let pointers = pointers(canonical, layout.members.iter().map(|(member, _)| member))?;
        if pointers.is_empty() { Ok(layout) } else { Self::with(canonical, &pointers, false) }
    }

    fn with(canonical: &'a [u8], pointers: &[String], has_erased: bool) -> Result<Self> {
        let mut members = Vec::with_capacity(20);
        let leaves = Vec::with_capacity(12);
        let (paths, path) = (String::with_capacity(256), String::with_capacity(64));
        let mut walk = Walk { bytes: canonical, has_erased, pointers, path, leaves, paths };
        let end = each_member(canonical, 0, |key, at| {
            let name = unescaped(key)?;
            walk.path.clear();
            push_segment(&mut walk.path, text(&name)?);
            let first = walk.leaves.len();
            let end = walk.value(at, &Verdict::of_event(&name), 2)?;
            members.push((Member { start: at - key.len() - 3, name, value: at..end }, first..walk.leaves.len()));
            Ok(end)
        })?;
        if end != canonical.len() {
            return Err(corrupt("there are bytes after the end"));
        }
        Ok(Self { members, leaves: walk.leaves, paths: walk.paths })
    }

    /// Path and value of these leaves, in order.
    pub(super) fn leaves(&self, range: Range<usize>) -> impl Iterator<Item = (&str, Range<usize>)> {
        self.leaves[range].iter().map(|leaf| (&self.paths[leaf.path.clone()], leaf.value.clone()))
    }
}

/// Makes `path` the path of a member.
pub(super) fn member_path(path: &mut String, member: &Member<'_>) -> Result<()> {
    path.clear();
    push_segment(path, text(&member.name)?);
    Ok(())
}

/// The pointers of the member `personal`, sorted.
fn pointers<'m, 'a: 'm>(canonical: &[u8], mut members: impl Iterator<Item = &'m Member<'a>>) -> Result<Vec<String>> {
    let mut pointers = Vec::new();
    let Some(member) = members.find(|member| member.name.as_ref() == b"personal") else { return Ok(pointers) };
    each_element(canonical, member.value.start, |_, at| {
        let end = plain_end(canonical, at)?;
        let raw = canonical[at..end].strip_prefix(b"\"").and_then(|raw| raw.strip_suffix(b"\""));
        let pointer = raw.ok_or_else(|| corrupt("\"personal\" holds something other than strings"))?;
        pointers.push(text(&unescaped(pointer)?)?.to_owned());
        Ok(end)
    })?;
    pointers.sort_unstable();
    Ok(pointers)
}

struct Walk<'a> {
    bytes: &'a [u8],
    has_erased: bool,
    pointers: &'a [String],
    /// Of the value that is looked at.
    path: String,
    leaves: Vec<Leaf>,
    paths: String,
}

impl Walk<'_> {
    /// Walks the value at `at`, the depth of whose members or elements would be `depth`; gives its end.
    fn value(&mut self, at: usize, verdict: &Verdict, depth: usize) -> Result<usize> {
        let place = match verdict {
            Verdict::Inside(place) if !self.is_named() => *place,
            _ => return self.leaf(at),
        };
        let may_hold_more = place != Place::Free || self.names_inside();
        let bytes = self.bytes;
        match bytes.get(at) {
            Some(b'{') if may_hold_more && depth <= DEPTH_MAX => {
                each_member(bytes, at, |key, at| self.member(key, at, place, depth))
            }
            Some(b'[') if may_hold_more && depth <= DEPTH_MAX => {
                each_element(bytes, at, |index, at| self.element(index, at, place, depth))
            }
            _ => self.skip(at),
        }
    }

    fn member(&mut self, key: &[u8], at: usize, place: Place, depth: usize) -> Result<usize> {
        let verdict = place.member(key);
        if matches!(verdict, Verdict::Inside(Place::Free)) && self.pointers.is_empty() {
            return self.skip(at);
        }
        let length = self.path.len();
        push_segment(&mut self.path, text(&unescaped(key)?)?);
        let end = self.value(at, &verdict, depth + 1);
        self.path.truncate(length);
        end
    }

    fn element(&mut self, index: usize, at: usize, place: Place, depth: usize) -> Result<usize> {
        let length = self.path.len();
        self.path.push('/');
        push_decimal(&mut self.path, index);
        let end = self.value(at, &Verdict::Inside(place.element()), depth + 1);
        self.path.truncate(length);
        end
    }

    fn leaf(&mut self, at: usize) -> Result<usize> {
        let end = value_end(self.bytes, at)?;
        let is_erased = self.bytes[at] == 0;
        if !is_erased {
            self.refuse_erased(at..end)?;
        }
        let start = self.paths.len();
        self.paths.push_str(&self.path);
        self.leaves.push(Leaf { path: start..self.paths.len(), value: at..end });
        Ok(end)
    }

    /// Passes over a value that holds nothing personal.
    fn skip(&self, at: usize) -> Result<usize> {
        let end = value_end(self.bytes, at)?;
        self.refuse_erased(at..end)?;
        Ok(end)
    }

    /// Values are erased as a whole and where they are personal, nowhere else.
    fn refuse_erased(&self, range: Range<usize>) -> Result<()> {
        if self.has_erased && self.bytes[range].contains(&0) {
            return Err(corrupt("a value is erased that is not personal, or a part of one"));
        }
        Ok(())
    }

    /// Whether the event names this very value.
    fn is_named(&self) -> bool {
        !self.pointers.is_empty() && self.pointers.binary_search_by(|pointer| pointer.as_str().cmp(&self.path)).is_ok()
    }

    /// Whether the event names a value inside this one. Pointers with one beginning stand together, as they are sorted.
    fn names_inside(&mut self) -> bool {
        if self.pointers.is_empty() {
            return false;
        }
        self.path.push('/');
        let first = self.pointers.partition_point(|pointer| pointer.as_str() < self.path.as_str());
        let names = self.pointers.get(first).is_some_and(|pointer| pointer.starts_with(self.path.as_str()));
        self.path.pop();
        names
    }
}

fn push_decimal(path: &mut String, number: usize) {
    if number >= 10 {
        push_decimal(path, number / 10);
    }
    path.push(char::from(b'0' + (number % 10) as u8));
}

fn text(bytes: &[u8]) -> Result<&str> {
    std::str::from_utf8(bytes).map_err(|_| corrupt("a name is not UTF-8"))
}
