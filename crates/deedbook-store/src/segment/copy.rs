//! Entries on their way from segments into another one: blocks as they are where that can be, entry by entry else.

use std::ops::RangeInclusive;
use std::sync::Arc;

use deedbook_core::Result;

use super::dictionary::Dictionaries;
use super::entries::{BlockPlace, StoredEntry, read_block};
use super::read::{Segment, read_tenant};
use super::sample::{Sample, SamplePlace};
use super::write::SegmentWriter;
use crate::bytes::Malformed;
use crate::cache::Block;

/// What becomes of entries on the way.
pub(super) trait Edit {
    /// Whether something is done to an entry within these positions.
    fn touches(&self, positions: &RangeInclusive<u32>) -> bool;

    /// Whether a whole block may go as it is; `positions` are those of its entries.
    fn may_copy(&self, positions: &[u32], writer: &SegmentWriter) -> bool;

    /// Writes an entry.
    fn put(&mut self, position: u32, entry: StoredEntry<'_>, writer: &mut SegmentWriter) -> Result<()>;
}

/// A segment that is copied, and how far it was read.
pub(super) struct Source {
    pub(super) segment: Arc<Segment>,
    /// What is added to its positions.
    pub(super) shift: u32,
    /// Position of each ordinal, in the new segment.
    positions: Vec<u32>,
    /// The numbers that its samples have in the new segment; 0 while one is not there.
    samples: Vec<u16>,
    next_block: u64,
    /// A block that was decompressed because not all of it goes to one place.
    open: Option<OpenBlock>,
}

struct OpenBlock {
    block: Block,
    first_ordinal: u32,
    entries: usize,
    taken: usize,
}

/// The segments one behind the other.
pub(super) fn placed(segments: &[Arc<Segment>]) -> Result<Vec<Source>> {
    let mut shift = 0;
    let mut sources = Vec::with_capacity(segments.len());
    for segment in segments {
        let mut positions = segment.entries.positions(&segment.file)?;
        positions.iter_mut().for_each(|position| *position += shift);
        let samples = vec![0; segment.entries.samples.len()];
        sources.push(Source { segment: segment.clone(), shift, positions, samples, next_block: 0, open: None });
        shift += segment.footer.positions;
    }
    Ok(sources)
}

/// What blocks that are compressed anew are compressed against: entries of all sources to which nothing is done.
pub(super) fn sample_of(sources: &[Source], edit: &dyn Edit) -> Result<Option<Sample>> {
    let positions = sources.iter().map(|source| source.segment.footer.positions).sum::<u32>();
    Sample::of(0..=positions - 1, |position, bytes| {
        if edit.touches(&(position..=position)) {
            return Ok(false);
        }
        let Source { segment, shift, .. } = &sources[sources.partition_point(|source| source.shift <= position) - 1];
        let entry = segment.load_uncached(position - shift)?;
        let canonical = entry.content().canonical();
        bytes.extend_from_slice(canonical.unwrap_or_default());
        Ok(canonical.is_some())
    })
}

/// Writes the entries of all sources, tenant by tenant.
pub(super) fn copy_entries(sources: &mut [Source], edit: &mut dyn Edit, writer: &mut SegmentWriter) -> Result<()> {
    let segments: Vec<Arc<Segment>> = sources.iter().map(|source| source.segment.clone()).collect();
    let tenants = Dictionaries::new(segments.iter().map(|segment| &segment.tenants).collect())?;
    tenants.for_each(|tenant, having| {
        let mut last = None;
        for (source, payload) in having {
            let source = &mut sources[*source];
            let run = source.segment.file.shaped(read_tenant(payload), "a tenant")?;
            source.copy_run(run.first_ordinal, run.first_ordinal + run.count, edit, writer)?;
            last = Some(run.frontier);
        }
        let name = std::str::from_utf8(tenant).map_err(|_| Malformed);
        let name = sources[0].segment.file.shaped(name, "the name of a tenant")?;
        writer.end_tenant(name, &last.unwrap_or_default())
    })
}

impl Source {
    /// Copies the entries of one tenant.
    fn copy_run(&mut self, mut ordinal: u32, end: u32, edit: &mut dyn Edit, writer: &mut SegmentWriter) -> Result<()> {
        while ordinal < end {
            ordinal += match self.open.take() {
                Some(open) => self.copy_some(open, end - ordinal, edit, writer)?,
                None => self.copy_next(ordinal, end, edit, writer)?,
            };
        }
        Ok(())
    }

    /// Takes up the next block, which begins with `ordinal`: as it is where it can be, opened else.
    fn copy_next(&mut self, ordinal: u32, end: u32, edit: &mut dyn Edit, writer: &mut SegmentWriter) -> Result<u32> {
        let segment = self.segment.clone();
        let Segment { file, entries_file, entries, footer, .. } = &*segment;
        let place = entries.place(file, self.next_block)?;
        let next = match self.next_block + 1 {
            block if block < entries.blocks() => entries.place(file, block)?.first_ordinal,
            _ => footer.positions,
        };
        if place.first_ordinal != ordinal || next <= ordinal || next > footer.positions {
            return Err(file.corrupt("the directory of blocks does not fit the tenants"));
        }
        self.next_block += 1;
        let count = next - ordinal;
        let ordinals = ordinal as usize..next as usize;
        let may_copy = next <= end && edit.may_copy(&self.positions[ordinals.clone()], writer);
        if may_copy && self.may_keep_sample(&place, edit, writer)? {
            let sample = self.copied_sample(&place, writer)?;
            writer.copy_block(&entries.raw_block(entries_file, &place, sample)?, &self.positions[ordinals])?;
            return Ok(count);
        }
        let block = entries.block_uncached(entries_file, &place)?;
        self.open = Some(OpenBlock { block, first_ordinal: ordinal, entries: count as usize, taken: 0 });
        Ok(0)
    }

    /// Whether the sample of a block may go with it; a block without one may go where no other would make it smaller.
    fn may_keep_sample(&self, place: &BlockPlace, edit: &dyn Edit, writer: &SegmentWriter) -> Result<bool> {
        let Segment { file, entries, .. } = &*self.segment;
        let Some(sample) = entries.sample(file, place)? else { return Ok(writer.is_good_sample(0)) };
        Ok(writer.is_good_sample(sample.bytes) && !edit.touches(&self.shifted(sample)))
    }

    /// The number that the sample of a block has in the new segment, where it is written before its first block.
    fn copied_sample(&mut self, place: &BlockPlace, writer: &mut SegmentWriter) -> Result<u16> {
        let Segment { file, entries_file, entries, .. } = &*self.segment;
        let Some(sample) = entries.sample(file, place)? else { return Ok(0) };
        let index = usize::from(place.sample) - 1;
        if self.samples[index] == 0 {
            let compressed = entries_file.block_uncached(sample.offset, sample.compressed)?;
            let place = SamplePlace { positions: self.shifted(sample), ..sample.clone() };
            self.samples[index] = writer.copy_sample(&compressed, place)?;
        }
        Ok(self.samples[index])
    }

    /// Where the entries of a sample are in the new segment.
    fn shifted(&self, sample: &SamplePlace) -> RangeInclusive<u32> {
        sample.positions.start() + self.shift..=sample.positions.end() + self.shift
    }

    /// Copies at most `wanted` entries of an open block, and puts the block back if more are left.
    fn copy_some(
        &mut self,
        mut open: OpenBlock,
        wanted: u32,
        edit: &mut dyn Edit,
        writer: &mut SegmentWriter,
    ) -> Result<u32> {
        let count = (open.entries - open.taken).min(wanted as usize);
        let first = open.first_ordinal as usize + open.taken;
        let mut entries = read_block(&open.block).skip(open.taken);
        for &position in &self.positions[first..first + count] {
            let entry = entries.next().unwrap_or(Err(Malformed));
            edit.put(position, self.segment.file.shaped(entry, "a block of entries")?, writer)?;
        }
        drop(entries);
        open.taken += count;
        if open.taken < open.entries {
            self.open = Some(open);
        }
        Ok(count as u32)
    }
}
