//! What readers see: an immutable list of parts, replaced as a whole when something is added or sealed.

use std::sync::Arc;

use deedbook_core::{Result, Timestamp};

use crate::part::Part;
use crate::segment::Segment;
use crate::tail::Run;
use crate::unsealed::TailEntry;

/// All visible parts, in the order of their positions.
#[derive(Clone, Default)]
pub(crate) struct View {
    pub(crate) segments: Vec<Arc<Segment>>,
    pub(crate) runs: Vec<Arc<Run>>,
}

impl View {
    /// The parts, oldest first.
    pub(crate) fn parts(&self) -> impl DoubleEndedIterator<Item = &dyn Part> {
        let segments = self.segments.iter().map(|segment| &**segment as &dyn Part);
        segments.chain(self.runs.iter().map(|run| &**run as &dyn Part))
    }

    /// How many positions are visible.
    pub(crate) fn end(&self) -> u64 {
        self.parts().next_back().map_or(0, |last| last.first_position() + u64::from(last.positions()))
    }

    /// How many of them are sealed.
    pub(crate) fn sealed_end(&self) -> u64 {
        self.segments.last().map_or(0, |last| last.first_position() + u64::from(last.positions()))
    }

    /// The entry at a position of the log, if it is not sealed.
    pub(crate) fn unsealed(&self, position: u64) -> Option<&TailEntry> {
        let after = self.runs.partition_point(|run| run.first_position() <= position);
        let run = &self.runs[after.checked_sub(1)?];
        run.at(u32::try_from(position - run.first_position()).ok()?)
    }

    /// The time of the last entry, in microseconds since 1970.
    pub(crate) fn last_recorded_at(&self) -> Result<i64> {
        let Some(last) = self.parts().next_back() else { return Ok(Timestamp::MIN.as_microsecond()) };
        last.recorded_at(last.positions() - 1)
    }

    /// Adds a run, joined with those before it as long as they are small.
    pub(crate) fn push_run(&mut self, mut run: Run) {
        while let Some(joined) = self.runs.last().and_then(|last| last.joined(&run)) {
            self.runs.pop();
            run = joined;
        }
        self.runs.push(Arc::new(run));
    }

    /// Puts a segment in the place of the parts that it covers.
    pub(crate) fn put_segment(&mut self, segment: Arc<Segment>) {
        let range = segment.first_position()..segment.first_position() + u64::from(segment.positions());
        self.runs.retain(|run| !range.contains(&run.first_position()));
        self.segments.retain(|other| !range.contains(&other.first_position()));
        let at = self.segments.partition_point(|other| other.first_position() < range.start);
        self.segments.insert(at, segment);
    }
}
