//! Which values of an event are personal: a fixed list, and what the event itself names.
//!
//! The outermost wins: nothing inside a personal value is looked at.

use std::ops::Range;

use super::scan::{Member, corrupt, each_element, each_member, plain_end, unescaped, value_end};
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

/// What an event itself says of its personal values.
pub(super) struct Personal {
    /// The pointers of the member `personal`, sorted.
    pointers: Vec<String>,
    /// Whether any value was erased.
    has_erased: bool,
}

/// What the event says of its personal values.
pub(super) fn personal(canonical: &[u8], members: &[Member<'_>]) -> Result<Personal> {
    Ok(Personal { pointers: pointers(canonical, members)?, has_erased: canonical.contains(&0) })
}

fn pointers(canonical: &[u8], members: &[Member<'_>]) -> Result<Vec<String>> {
    let mut pointers = Vec::new();
    let Some(member) = members.iter().find(|member| member.name.as_ref() == b"personal") else { return Ok(pointers) };
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

/// Calls `each` with path and place of every personal leaf of `member`, in order; afterwards `path` is the member's.
pub(super) fn leaves(
    canonical: &[u8],
    member: &Member<'_>,
    personal: &Personal,
    path: &mut String,
    each: impl FnMut(&str, Range<usize>) -> Result<()>,
) -> Result<()> {
    let Personal { pointers, has_erased } = personal;
    let has_erased = *has_erased;
    path.clear();
    push_segment(path, text(&member.name)?);
    let verdict = match member.name.as_ref() {
        b"actor" => Verdict::Inside(Place::Actor),
        b"targets" => Verdict::Inside(Place::Targets),
        b"context" => Verdict::Inside(Place::Context),
        b"description" => Verdict::Personal,
        _ => Verdict::Inside(Place::Free),
    };
    let mut walk = Walk { bytes: canonical, has_erased, pointers, path, each };
    if matches!(verdict, Verdict::Inside(Place::Free)) && pointers.is_empty() {
        return walk.refuse_erased(member.value.clone());
    }
    let end = walk.value(member.value.start, &verdict, 2)?;
    if end == member.value.end { Ok(()) } else { Err(corrupt("a value ends in two places")) }
}

struct Walk<'a, F> {
    bytes: &'a [u8],
    has_erased: bool,
    pointers: &'a [String],
    /// Of the value that is looked at.
    path: &'a mut String,
    each: F,
}

impl<F: FnMut(&str, Range<usize>) -> Result<()>> Walk<'_, F> {
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
        push_segment(self.path, text(&unescaped(key)?)?);
        let end = self.value(at, &verdict, depth + 1);
        self.path.truncate(length);
        end
    }

    fn element(&mut self, index: usize, at: usize, place: Place, depth: usize) -> Result<usize> {
        let length = self.path.len();
        self.path.push('/');
        push_decimal(self.path, index);
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
        (self.each)(self.path, at..end)?;
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
        !self.pointers.is_empty() && self.pointers.binary_search_by(|pointer| pointer.as_str().cmp(self.path)).is_ok()
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
