//! Counts by one field whose values are terms of the index: how many of the matching positions are in the list of each
//! value. No entry is looked at.

use deedbook_core::{GroupBy, Result};
use hashbrown::HashMap;

use crate::cursor::Cursor;
use crate::failure::corrupt;
use crate::part::Part;
use crate::terms;
use crate::turns::{MEMBER, Read};

/// Where fewer than one in so many positions match, it is cheaper to look at their entries than at every list.
const SPARSE: u64 = 500;

/// The field of the index that has exactly the values of these groups, if there is one.
pub(crate) fn field_of(groups: &[GroupBy]) -> Option<u8> {
    match groups {
        [GroupBy::Action] => Some(terms::ACTION),
        [GroupBy::Actor] => Some(terms::ACTOR),
        [GroupBy::Target] => Some(terms::TARGET),
        [GroupBy::Outcome] => Some(terms::OUTCOME),
        [GroupBy::Tenant] => Some(terms::TENANT),
        _ => None,
    }
}

/// Whether so many matches are enough for going through all lists of a field.
pub(crate) fn is_worth_it(part: &dyn Part, cursor: &dyn Cursor) -> bool {
    cursor.estimate().saturating_mul(SPARSE) >= u64::from(part.positions())
}

/// Adds to `counts` how many members of `cursor`, which ascends, are in the list of each value of `field`.
pub(crate) fn count(
    part: &dyn Part,
    read: &Read<'_>,
    cursor: &mut dyn Cursor,
    field: u8,
    counts: &mut HashMap<Vec<String>, u64>,
) -> Result<()> {
    let members = Members::of(part, read, cursor)?;
    part.visit_terms(&[field], &mut |term, postings| {
        let Some(value) = term.strip_prefix(&[field]) else { return Ok(false) };
        let mut count = 0;
        postings.for_each_stretch(|positions| {
            count += positions.iter().filter(|&&position| members.has(position)).count() as u64;
        })?;
        read.step(MEMBER.saturating_mul(postings.count() as u32))?;
        if count > 0 {
            *counts.entry(vec![key(field, value)?]).or_default() += count;
        }
        Ok(true)
    })
}

/// The value of a term as a count shows it.
fn key(field: u8, value: &[u8]) -> Result<String> {
    let text = std::str::from_utf8(value).map_err(|_| corrupt("the index", "a value is no text"))?;
    if field != terms::ACTOR && field != terms::TARGET {
        return Ok(text.to_owned());
    }
    let (id, kind) = text.rsplit_once('\0').ok_or_else(|| corrupt("the index", "a person or thing has no type"))?;
    Ok(if kind.is_empty() { id.to_owned() } else { format!("{kind}:{id}") })
}

/// A bit for each position of a part.
struct Members(Vec<u64>);

impl Members {
    fn of(part: &dyn Part, read: &Read<'_>, cursor: &mut dyn Cursor) -> Result<Self> {
        let mut bits = vec![0; (part.positions() as usize).div_ceil(64)];
        let mut next = Some(0);
        while let Some(found) = next.map_or(Ok(None), |bound| cursor.seek(bound))? {
            read.step(MEMBER)?;
            bits[found as usize / 64] |= 1 << (found % 64);
            next = found.checked_add(1);
        }
        Ok(Self(bits))
    }

    fn has(&self, position: u32) -> bool {
        self.0.get(position as usize / 64).is_some_and(|bits| bits >> (position % 64) & 1 == 1)
    }
}
