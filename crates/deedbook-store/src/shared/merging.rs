//! Segments in the place of others: merging what is due, and whatever else is written anew.

use std::sync::atomic::Ordering;
use std::sync::{Arc, MutexGuard};

use deedbook_core::Result;

use super::Shared;
use crate::intake::closed;
use crate::manifest::SegmentName;
use crate::segment::{self, Segment};
use crate::view::View;

/// Compaction takes in a segment that is at most so many times as large as all newer ones together.
const COMPACT_GROWTH: u64 = 4;

impl Shared {
    /// The merger's thread.
    pub(crate) fn run_merger(&self) {
        loop {
            let work = crate::locked(&self.work);
            let waited = self.work_changed.wait_while(work, |work| !work.merge_wanted && !work.stopping);
            let mut work = waited.unwrap_or_else(|poisoned| poisoned.into_inner());
            if work.stopping {
                return;
            }
            work.merge_wanted = false;
            drop(work);
            // A merge that fails leaves everything as it was; the next seal asks for it again.
            while self.merge_once(self.options.segment_entries_max).unwrap_or(false) && !self.is_stopping() {}
        }
    }

    pub(crate) fn is_stopping(&self) -> bool {
        crate::locked(&self.work).stopping
    }

    /// Merges the first group of segments that is due and has at most so many entries.
    pub(super) fn merge_once(&self, entries_max: u64) -> Result<bool> {
        let _one_at_a_time = crate::locked(&self.merging);
        let view = self.view();
        let sizes = sizes(&view, entries_max);
        let Some(range) = due_merge(&sizes, self.options.merge_fan_in, entries_max) else { return Ok(false) };
        self.merge(&view.segments[range])?;
        Ok(true)
    }

    /// Merges all small segments, as long as it does not rewrite much more than was added.
    pub(crate) fn compact(&self) -> Result<()> {
        let _one_at_a_time = self.hold_segments()?;
        let view = self.view();
        let sizes = sizes(&view, self.options.segment_entries_max);
        let from = compaction_start(&sizes, self.options.segment_entries_max);
        if sizes.len() - from > 1 { self.merge(&view.segments[from..]) } else { Ok(()) }
    }

    /// Keeps others from choosing segments to be replaced.
    ///
    /// # Errors
    /// The log was closed: its directory may be another's.
    pub(crate) fn hold_segments(&self) -> Result<MutexGuard<'_, ()>> {
        let held = crate::locked(&self.merging);
        if crate::locked(&self.visible).closed { Err(closed()) } else { Ok(held) }
    }

    fn merge(&self, sources: &[Arc<Segment>]) -> Result<()> {
        self.merges_running.fetch_add(1, Ordering::Relaxed);
        let merged = self.replace(sources, |name, file_id| segment::merge(&*self.disk, name, file_id, sources));
        self.merges_running.fetch_sub(1, Ordering::Relaxed);
        merged
    }

    /// Puts the segment that `write` makes, under a name and with an identity, in the place of others.
    pub(crate) fn replace(
        &self,
        replaced: &[Arc<Segment>],
        write: impl FnOnce(&str, [u8; 16]) -> Result<SegmentName>,
    ) -> Result<()> {
        let name = crate::locked(&self.manifest).take_name("segment");
        let written = write(&name, self.options.random());
        let segment = self.installed(&name, written, |_| ())?;
        self.change_view(|view| view.put_segment(segment));
        replaced.iter().for_each(|segment| self.close_segment(segment));
        Ok(())
    }
}

/// The entries of each segment. One whose entries lie in an archive stays as it is, as one does that is too large.
fn sizes(view: &View, entries_max: u64) -> Vec<u64> {
    let size = |segment: &Arc<Segment>| match segment.name.offloaded {
        Some(_) => segment.name.positions.max(entries_max + 1),
        None => segment.name.positions,
    };
    view.segments.iter().map(size).collect()
}

/// The consecutive segments to merge: the newest ones of a size class or below, at least `fan_in` of them, where they
/// make one of a higher class; so an entry is rewritten once in each class. A segment of more than half of
/// `entries_max` is full and left alone; where all together are too many, the oldest that fit make a full one.
fn due_merge(sizes: &[u64], fan_in: usize, entries_max: u64) -> Option<std::ops::Range<usize>> {
    let class = |entries: u64| entries.max(1).ilog(fan_in as u64);
    let is_full = |entries: u64| entries > entries_max / 2;
    (0..=u64::MAX.ilog(fan_in as u64)).find_map(|wanted| {
        let within = |&&entries: &&u64| class(entries) <= wanted && !is_full(entries);
        let newest = sizes.iter().rev().take_while(within).count();
        if newest < fan_in {
            return None;
        }
        let start = sizes.len() - newest;
        let mut total = 0;
        let fitting = sizes[start..].iter().take_while(|&&entries| {
            total += entries;
            total <= entries_max
        });
        let end = start + fitting.count();
        let entries = sizes[start..end].iter().sum();
        (class(entries) > wanted || is_full(entries)).then_some(start..end)
    })
}

/// The first segment that compaction takes in: the oldest that is not much larger than all that come after it.
fn compaction_start(sizes: &[u64], entries_max: u64) -> usize {
    let mut start = sizes.len();
    let mut newer = 0;
    for (at, &entries) in sizes.iter().enumerate().rev() {
        if newer + entries > entries_max {
            break;
        }
        if entries <= newer * COMPACT_GROWTH {
            start = at;
        }
        newer += entries;
    }
    start
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn merges_keep_size_classes_in_order() {
        for (sizes, due) in [
            (&[][..], None),
            (&[1; 7], None),
            (&[1; 8], Some(0..8)),
            (&[4096, 1, 1, 1, 1, 1, 1, 1, 1], Some(1..9)),
            (&[64, 64, 64, 64, 64, 64, 64, 1], None),
            (&[64, 64, 64, 64, 64, 64, 64, 64, 1], Some(0..9)),
            (&[900; 8], Some(0..6)),
            (&[5400, 900, 900], None),
            (&[2000; 8], Some(0..3)),
            (&[4000; 9], None),
        ] {
            assert_eq!(due_merge(sizes, 8, 6000), due, "{sizes:?}");
        }
    }

    #[test]
    fn compaction_leaves_what_is_large() {
        for (sizes, start) in [
            (&[][..], 0),
            (&[5], 1),
            (&[5, 5, 1], 0),
            (&[1000, 5, 1], 3),
            (&[30, 30, 30, 1], 0),
            (&[1000, 300, 100], 0),
            (&[9000, 3000], 2),
        ] {
            assert_eq!(compaction_start(sizes, 10_000), start, "{sizes:?}");
        }
    }
}
