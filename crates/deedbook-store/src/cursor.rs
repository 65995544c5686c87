//! Sets of positions as cursors: intersected, united and complemented lazily, in either direction.

use std::ops::Range;

use deedbook_core::{Order, Result};

use crate::part::{ChunkSource, Part, PositionTest, Postings};
use crate::postings::{ChunkPlace, PostingsPlace};
use crate::segment::{TIMES_CHUNK, Times};

/// A set of positions of one part.
pub(crate) trait Cursor {
    /// The first member at or beyond `bound` in the order of the cursor: at least it when ascending, at most it when
    /// descending. Bounds that go on in the order of the cursor are cheapest.
    fn seek(&mut self, bound: u32) -> Result<Option<u32>>;

    /// About how many members; never less than there are.
    fn estimate(&self) -> u64;

    /// How many members, where that is known without going through them.
    fn exact_count(&self) -> Option<u64> {
        None
    }

    /// Whether the members are consecutive.
    fn is_range(&self) -> bool {
        false
    }
}

/// The position after `position` in `order`, if there can be one.
pub(crate) fn beyond(position: u32, order: Order) -> Option<u32> {
    match order {
        Order::Ascending => position.checked_add(1),
        Order::Descending => position.checked_sub(1),
    }
}

/// The positions from `from` on and before `until`.
pub(crate) struct RangeCursor {
    from: u32,
    until: u32,
    order: Order,
}

impl RangeCursor {
    pub(crate) fn new(from: u32, until: u32, order: Order) -> Self {
        Self { from, until, order }
    }
}

impl Cursor for RangeCursor {
    fn seek(&mut self, bound: u32) -> Result<Option<u32>> {
        let nearest = match self.order {
            Order::Ascending => bound.max(self.from),
            Order::Descending => bound.min(self.until.wrapping_sub(1)),
        };
        Ok((self.from..self.until).contains(&nearest).then_some(nearest))
    }

    fn estimate(&self) -> u64 {
        u64::from(self.until.saturating_sub(self.from))
    }

    fn exact_count(&self) -> Option<u64> {
        Some(self.estimate())
    }

    fn is_range(&self) -> bool {
        true
    }
}

/// Positions at hand, rising.
pub(crate) struct SliceCursor<S> {
    positions: S,
    order: Order,
}

impl<S: AsRef<[u32]>> SliceCursor<S> {
    pub(crate) fn new(positions: S, order: Order) -> Self {
        Self { positions, order }
    }
}

impl<S: AsRef<[u32]>> Cursor for SliceCursor<S> {
    fn seek(&mut self, bound: u32) -> Result<Option<u32>> {
        Ok(seek_in(self.positions.as_ref(), bound, self.order))
    }

    fn estimate(&self) -> u64 {
        self.positions.as_ref().len() as u64
    }

    fn exact_count(&self) -> Option<u64> {
        Some(self.estimate())
    }
}

fn seek_in(positions: &[u32], bound: u32, order: Order) -> Option<u32> {
    let at = match order {
        Order::Ascending => positions.partition_point(|&position| position < bound),
        Order::Descending => positions.partition_point(|&position| position <= bound).checked_sub(1)?,
    };
    positions.get(at).copied()
}

/// Positions in chunks of a file, of which one is in memory at a time.
struct ChunkCursor<'p> {
    chunks: Vec<ChunkPlace>,
    source: &'p dyn ChunkSource,
    order: Order,
    loaded: Option<(usize, Vec<u32>)>,
}

impl ChunkCursor<'_> {
    /// How many chunks begin at or before `bound`.
    fn reached(&self, bound: u32) -> usize {
        let begins_by = |chunk: usize| self.chunks.get(chunk).is_some_and(|chunk| chunk.first <= bound);
        match self.loaded {
            Some((chunk, _)) if begins_by(chunk) && !begins_by(chunk + 1) => chunk + 1,
            _ => self.chunks.partition_point(|chunk| chunk.first <= bound),
        }
    }

    fn positions(&mut self, chunk: usize) -> Result<&[u32]> {
        if self.loaded.as_ref().is_none_or(|(loaded, _)| *loaded != chunk) {
            self.loaded = Some((chunk, self.source.chunk(&self.chunks[chunk])?));
        }
        Ok(self.loaded.as_ref().map_or(&[], |(_, positions)| positions))
    }
}

impl Cursor for ChunkCursor<'_> {
    fn seek(&mut self, bound: u32) -> Result<Option<u32>> {
        let order = self.order;
        let reached = self.reached(bound);
        let Some(last) = reached.checked_sub(1) else {
            return Ok((order == Order::Ascending).then(|| self.chunks[0].first));
        };
        let found = seek_in(self.positions(last)?, bound, order);
        Ok(found.or_else(|| self.chunks.get(reached).map(|next| next.first)))
    }

    fn estimate(&self) -> u64 {
        self.chunks.iter().map(|chunk| u64::from(chunk.count)).sum()
    }

    fn exact_count(&self) -> Option<u64> {
        Some(self.estimate())
    }
}

/// The members of a posting list.
pub(crate) fn of_postings(postings: Postings<'_>, order: Order) -> Box<dyn Cursor + '_> {
    match postings {
        Postings::Slice(positions) => Box::new(SliceCursor::new(positions, order)),
        Postings::Stored(PostingsPlace::Inline(positions), _) => Box::new(SliceCursor::new(positions, order)),
        Postings::Stored(PostingsPlace::Chunks(chunks), source) => {
            Box::new(ChunkCursor { chunks, source, order, loaded: None })
        }
    }
}

/// The positions that are in all of several sets.
pub(crate) struct AndCursor<'p> {
    sets: Vec<Box<dyn Cursor + 'p>>,
}

impl<'p> AndCursor<'p> {
    /// Of at least one set.
    pub(crate) fn new(mut sets: Vec<Box<dyn Cursor + 'p>>) -> Self {
        sets.sort_by_key(|set| set.estimate());
        Self { sets }
    }
}

impl Cursor for AndCursor<'_> {
    fn seek(&mut self, mut bound: u32) -> Result<Option<u32>> {
        // The smallest set proposes, the others agree or propose what is next in them.
        'propose: loop {
            for set in &mut self.sets {
                match set.seek(bound)? {
                    None => return Ok(None),
                    Some(found) if found == bound => {}
                    Some(found) => {
                        bound = found;
                        if self.sets.len() == 1 {
                            return Ok(Some(bound));
                        }
                        continue 'propose;
                    }
                }
            }
            return Ok(Some(bound));
        }
    }

    fn estimate(&self) -> u64 {
        self.sets.first().map_or(0, |smallest| smallest.estimate())
    }
}

/// The positions of a set that pass a test.
pub(crate) struct FilterCursor<'p> {
    set: Box<dyn Cursor + 'p>,
    test: PositionTest<'p>,
    order: Order,
}

impl<'p> FilterCursor<'p> {
    pub(crate) fn new(set: Box<dyn Cursor + 'p>, test: PositionTest<'p>, order: Order) -> Self {
        Self { set, test, order }
    }
}

impl Cursor for FilterCursor<'_> {
    fn seek(&mut self, bound: u32) -> Result<Option<u32>> {
        let mut next = Some(bound);
        while let Some(found) = next.map_or(Ok(None), |bound| self.set.seek(bound))? {
            if (self.test)(found)? {
                return Ok(Some(found));
            }
            next = beyond(found, self.order);
        }
        Ok(None)
    }

    fn estimate(&self) -> u64 {
        self.set.estimate()
    }
}

/// The positions that are in one of several sets.
pub(crate) struct OrCursor<'p> {
    sets: Vec<(Box<dyn Cursor + 'p>, Option<Answer>)>,
    order: Order,
}

/// What a set answered last: it has nothing from `bound` on and before `next`, or nothing more at all.
#[derive(Clone, Copy)]
struct Answer {
    bound: u32,
    next: Option<u32>,
}

impl<'p> OrCursor<'p> {
    pub(crate) fn new(sets: Vec<Box<dyn Cursor + 'p>>, order: Order) -> Self {
        Self { sets: sets.into_iter().map(|set| (set, None)).collect(), order }
    }
}

impl Cursor for OrCursor<'_> {
    fn seek(&mut self, bound: u32) -> Result<Option<u32>> {
        let is_before = |a: u32, b: u32| if self.order == Order::Ascending { a < b } else { a > b };
        let mut nearest: Option<u32> = None;
        for (set, answer) in &mut self.sets {
            let holds = |answer: &Answer| {
                !is_before(bound, answer.bound) && answer.next.is_none_or(|next| !is_before(next, bound))
            };
            let next = match answer.filter(holds) {
                Some(known) => known.next,
                None => {
                    let next = set.seek(bound)?;
                    *answer = Some(Answer { bound, next });
                    next
                }
            };
            nearest = match (nearest, next) {
                (Some(nearest), Some(next)) if is_before(nearest, next) => Some(nearest),
                (nearest, next) => next.or(nearest),
            };
        }
        Ok(nearest)
    }

    fn estimate(&self) -> u64 {
        self.sets.iter().map(|(set, _)| set.estimate()).sum()
    }
}

/// The positions of the part that are not in a set.
pub(crate) struct NotCursor<'p> {
    set: Box<dyn Cursor + 'p>,
    positions: u32,
    order: Order,
}

impl<'p> NotCursor<'p> {
    pub(crate) fn new(set: Box<dyn Cursor + 'p>, positions: u32, order: Order) -> Self {
        Self { set, positions, order }
    }
}

impl Cursor for NotCursor<'_> {
    fn seek(&mut self, mut bound: u32) -> Result<Option<u32>> {
        if self.order == Order::Descending {
            let Some(last) = self.positions.checked_sub(1) else { return Ok(None) };
            bound = bound.min(last);
        }
        while bound < self.positions {
            if self.set.seek(bound)? != Some(bound) {
                return Ok(Some(bound));
            }
            let Some(next) = beyond(bound, self.order) else { return Ok(None) };
            bound = next;
        }
        Ok(None)
    }

    fn estimate(&self) -> u64 {
        self.positions.into()
    }
}

/// The positions whose acts occurred from one instant on and before another.
pub(crate) struct OccurredCursor<'p> {
    part: &'p dyn Part,
    from: i64,
    until: i64,
    order: Order,
    loaded: Option<(u32, Chunk)>,
}

/// A chunk of times, as far as it had to be looked at.
enum Chunk {
    AllWithin,
    Some(Vec<Times>),
}

impl<'p> OccurredCursor<'p> {
    pub(crate) fn new(part: &'p dyn Part, from: i64, until: i64, order: Order) -> Self {
        Self { part, from, until, order, loaded: None }
    }

    /// Loads the nearest chunk at or beyond `number` that may have a member.
    fn load(&mut self, number: u32) -> Result<Option<&(u32, Chunk)>> {
        if self.loaded.as_ref().is_none_or(|(loaded, _)| *loaded != number) {
            let (from, until) = (self.from, self.until);
            let overlaps = |earliest: i64, latest: i64| earliest < until && latest >= from;
            let Some(zone) = self.part.find_zone(number, self.order, &overlaps)? else { return Ok(None) };
            let chunk = if zone.earliest >= from && zone.latest < until {
                Chunk::AllWithin
            } else {
                Chunk::Some(self.part.times(zone.chunk)?)
            };
            self.loaded = Some((zone.chunk, chunk));
        }
        Ok(self.loaded.as_ref())
    }
}

impl Chunk {
    /// The nearest member at or beyond the `at`-th position.
    fn seek(&self, at: usize, order: Order, occurred: Range<i64>) -> Option<usize> {
        let is_within = |times: &Times| occurred.contains(&times.occurred_at);
        match (self, order) {
            (Self::AllWithin, _) => Some(at),
            (Self::Some(times), Order::Ascending) => times[at..].iter().position(is_within).map(|ahead| at + ahead),
            (Self::Some(times), Order::Descending) => times[..=at].iter().rposition(is_within),
        }
    }
}

impl Cursor for OccurredCursor<'_> {
    fn seek(&mut self, mut bound: u32) -> Result<Option<u32>> {
        let (order, occurred, chunk_size) = (self.order, self.from..self.until, TIMES_CHUNK as u32);
        let Some(last) = self.part.positions().checked_sub(1) else { return Ok(None) };
        if order == Order::Descending {
            bound = bound.min(last);
        }
        while bound <= last {
            let Some((number, chunk)) = self.load(bound / chunk_size)? else { return Ok(None) };
            let start = number * chunk_size;
            let end = last.min(start + (chunk_size - 1));
            let at = bound.clamp(start, end) - start;
            if let Some(found) = chunk.seek(at as usize, order, occurred.clone()) {
                return Ok(Some(start + found as u32));
            }
            let next = match order {
                Order::Ascending => end.checked_add(1),
                Order::Descending => start.checked_sub(1),
            };
            let Some(next) = next else { return Ok(None) };
            bound = next;
        }
        Ok(None)
    }

    fn estimate(&self) -> u64 {
        self.part.positions().into()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    use super::*;

    const POSITIONS: u32 = 40;

    fn all(mut cursor: impl Cursor, order: Order) -> Vec<u32> {
        let mut members = Vec::new();
        let mut bound = Some(if order == Order::Ascending { 0 } else { POSITIONS - 1 });
        while let Some(found) = bound.and_then(|bound| cursor.seek(bound).unwrap()) {
            members.push(found);
            bound = beyond(found, order);
        }
        members
    }

    fn slice(set: &BTreeSet<u32>, order: Order) -> Box<dyn Cursor> {
        Box::new(SliceCursor::new(set.iter().copied().collect::<Vec<_>>(), order))
    }

    fn in_order(set: impl DoubleEndedIterator<Item = u32>, order: Order) -> Vec<u32> {
        if order == Order::Ascending { set.collect() } else { set.rev().collect() }
    }

    proptest! {
        #[test]
        fn cursors_are_sets(
            a in prop::collection::btree_set(0..POSITIONS, 0..30),
            b in prop::collection::btree_set(0..POSITIONS, 0..30),
            c in prop::collection::btree_set(0..POSITIONS, 0..30),
        ) {
            for order in [Order::Ascending, Order::Descending] {
                let sets = || [&a, &b, &c].map(|set| slice(set, order)).into_iter().collect::<Vec<_>>();
                let both: Vec<u32> = a.iter().filter(|x| b.contains(x) && c.contains(x)).copied().collect();
                prop_assert_eq!(all(AndCursor::new(sets()), order), in_order(both.into_iter(), order));
                let test = Box::new(|position| Ok(b.contains(&position)));
                let filtered = FilterCursor::new(slice(&a, order), test, order);
                prop_assert_eq!(all(filtered, order), in_order(a.iter().filter(|x| b.contains(x)).copied(), order));
                let any: BTreeSet<u32> = a.iter().chain(&b).chain(&c).copied().collect();
                prop_assert_eq!(all(OrCursor::new(sets(), order), order), in_order(any.into_iter(), order));
                let not = (0..POSITIONS).filter(|x| !a.contains(x));
                let cursor = NotCursor::new(slice(&a, order), POSITIONS, order);
                prop_assert_eq!(all(cursor, order), in_order(not.collect::<Vec<_>>().into_iter(), order));
                let union = || Box::new(OrCursor::new(vec![slice(&a, order), slice(&b, order)], order));
                let not_union = NotCursor::new(union(), POSITIONS, order);
                let twice = NotCursor::new(Box::new(not_union), POSITIONS, order);
                let either: BTreeSet<u32> = a.union(&b).copied().collect();
                prop_assert_eq!(all(twice, order), in_order(either.into_iter(), order));
            }
        }
    }
}
