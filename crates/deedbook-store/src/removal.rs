//! Taking away in a log of files: which segments are written anew, and how the old ones go.
//!
//! A removal goes segment by segment: the new file is written beside, named in the manifest in the place of the old one,
//! shown to readers; then the old one is removed. A crash leaves each segment as it was or as it shall be.

use std::ops::Range;
use std::sync::Arc;

use deedbook_core::commitment::{FieldKind, fields};
use deedbook_core::removal::{ERASED, Erased, Erasure, RETIRED, check_positions, kept_for_good, without_values};
use deedbook_core::{OWN_TENANT, Result};

use crate::part::Part;
use crate::segment::{self, Rewriting, Segment};
use crate::shared::Shared;
use crate::terms;
use crate::view::View;

/// What is to be taken away, by rising position in the log.
#[derive(Clone, Copy)]
pub(crate) enum Removal<'a> {
    Retire(&'a [u64]),
    Erase(&'a [Erasure]),
}

/// What goes from one entry.
#[derive(Clone, Copy)]
pub(crate) enum Taken<'a> {
    All,
    Content,
    Values(&'a [String]),
}

impl<'a> Removal<'a> {
    /// What goes from the entry at a position.
    pub(crate) fn at(&self, position: u64) -> Option<Taken<'a>> {
        match *self {
            Self::Retire(positions) => positions.binary_search(&position).ok().map(|_| Taken::All),
            Self::Erase(erasures) => {
                let at = erasures.binary_search_by_key(&position, |erasure| erasure.position).ok()?;
                Some(match &erasures[at].what {
                    Erased::Content => Taken::Content,
                    Erased::Values(paths) => Taken::Values(paths),
                })
            }
        }
    }

    /// The part of it within a range of positions.
    fn within(&self, range: Range<u64>) -> Self {
        match *self {
            Self::Retire(positions) => {
                let place = |bound: u64| positions.partition_point(|position| *position < bound);
                Self::Retire(&positions[place(range.start)..place(range.end)])
            }
            Self::Erase(erasures) => {
                let place = |bound: u64| erasures.partition_point(|erasure| erasure.position < bound);
                Self::Erase(&erasures[place(range.start)..place(range.end)])
            }
        }
    }

    /// The last position.
    pub(crate) fn last(&self) -> Option<u64> {
        match self {
            Self::Retire(positions) => positions.last().copied(),
            Self::Erase(erasures) => erasures.last().map(|erasure| erasure.position),
        }
    }

    fn positions(&self) -> impl Iterator<Item = u64> + 'a {
        let (retired, erased) = match *self {
            Self::Retire(positions) => (positions, &[][..]),
            Self::Erase(erasures) => (&[][..], erasures),
        };
        retired.iter().copied().chain(erased.iter().map(|erasure| erasure.position))
    }
}

/// Refuses what is not in the log, what is kept for good, and values that are not personal.
pub(crate) fn check(view: &View, removal: Removal<'_>) -> Result<()> {
    check_positions(removal.positions(), view.end())?;
    view.parts().try_for_each(|part| check_part(part, removal.within(range_of(part))))
}

fn check_part(part: &dyn Part, removal: Removal<'_>) -> Result<()> {
    if removal.positions().next().is_none() {
        return Ok(());
    }
    let first = part.first_position();
    for (field, value) in [(terms::TENANT, OWN_TENANT), (terms::ACTION, RETIRED), (terms::ACTION, ERASED)] {
        let mut kept = None;
        part.postings(&[&[field], value.as_bytes()].concat())?.for_each_stretch(|stretch| {
            let goes = |position: &&u32| {
                matches!(removal.at(first + u64::from(**position)), Some(Taken::All | Taken::Content))
            };
            kept = kept.or(stretch.iter().find(goes).copied());
        })?;
        if let Some(position) = kept {
            return Err(kept_for_good(first + u64::from(position)));
        }
    }
    for position in removal.positions() {
        if let Some(Taken::Values(paths)) = removal.at(position) {
            check_values(part, position, paths)?;
        }
    }
    Ok(())
}

fn check_values(part: &dyn Part, position: u64, paths: &[String]) -> Result<()> {
    let loaded = part.load((position - part.first_position()) as u32)?;
    let Some(canonical) = loaded.content().canonical() else { return Ok(()) };
    // Which salts the commitments have does not matter here.
    without_values(canonical, paths, position, |_| Some([0; 16])).map(drop)
}

fn range_of(part: &dyn Part) -> Range<u64> {
    part.first_position()..part.first_position() + u64::from(part.positions())
}

/// The positions within a segment at which something is still to be taken away, rising.
fn pending(segment: &Segment, removal: Removal<'_>) -> Result<Vec<u32>> {
    let within = removal.within(range_of(segment));
    if within.positions().next().is_none() {
        return Ok(Vec::new());
    }
    let (retired, erased) = (segment.positions_of(terms::RETIRED)?, segment.positions_of(terms::CONTENT_ERASED)?);
    let mut pending = Vec::new();
    for in_log in within.positions() {
        let position = (in_log - segment.first_position()) as u32;
        let is_retired = retired.binary_search(&position).is_ok();
        let is_hole = is_retired || erased.binary_search(&position).is_ok();
        let goes_on = match within.at(in_log) {
            Some(Taken::All) => !is_retired,
            Some(Taken::Content) => !is_hole,
            Some(Taken::Values(paths)) => !is_hole && has_values(segment, position, paths)?,
            None => false,
        };
        pending.extend(goes_on.then_some(position));
    }
    Ok(pending)
}

/// Whether one of the values is still there.
fn has_values(segment: &Segment, position: u32, paths: &[String]) -> Result<bool> {
    let loaded = segment.load(position)?;
    let Some(canonical) = loaded.content().canonical() else { return Ok(false) };
    let is_there =
        |field: &deedbook_core::commitment::Field| field.kind == FieldKind::Personal && paths.contains(&field.path);
    Ok(fields(canonical)?.iter().any(is_there))
}

impl Shared {
    /// Takes away from sealed entries, one segment after the other, and removes everything that still holds what went.
    pub(crate) fn remove(&self, removal: Removal<'_>) -> Result<()> {
        let mut done = 0;
        while let Some(next) = removal.within(done..u64::MAX).positions().next() {
            done = self.remove_from_segment_of(next, removal)?;
        }
        self.remove_left_over()
    }

    /// Takes away from the segment that holds a position, and gives the position after it. Merging, which may change
    /// which segment that is, waits meanwhile.
    fn remove_from_segment_of(&self, position: u64, removal: Removal<'_>) -> Result<u64> {
        let _merges_wait = self.hold_segments()?;
        let view = self.view();
        let holds = |segment: &&Arc<Segment>| range_of(&***segment).contains(&position);
        let Some(segment) = view.segments.iter().find(holds) else { return Ok(position + 1) };
        let pending = pending(segment, removal)?;
        if !pending.is_empty() {
            self.rewrite(&Rewriting { segment, pending, removal, hasher: &self.hasher })?;
        }
        Ok(range_of(&**segment).end)
    }

    fn rewrite(&self, rewriting: &Rewriting<'_>) -> Result<()> {
        let replaced = std::slice::from_ref(rewriting.segment);
        self.replace(replaced, |name, file_id| segment::rewrite(&*self.disk, name, file_id, rewriting))
    }
}
