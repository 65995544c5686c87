//! Merging: consecutive segments become one, each section read once from front to back.
//!
//! Blocks of entries that belong to one tenant are copied as they are; the others are compressed anew.

use std::collections::BTreeMap;
use std::sync::Arc;

use deedbook_core::Result;

use super::dictionary::{Dictionary, DictionaryCursor};
use super::entries::read_block;
use super::footer::KeyRange;
use super::ids::IdRow;
use super::read::{Segment, read_tally, read_tenant};
use super::write::{Coverage, SegmentWriter};
use crate::bytes::Malformed;
use crate::cache::Block;
use crate::disk::Disk;
use crate::index::Queue;
use crate::manifest::SegmentName;
use crate::part::Tally;
use crate::postings::PostingsPlace;

/// Writes one segment with everything that `sources`, consecutive and in order, hold.
pub(crate) fn merge(disk: &dyn Disk, name: &str, file_id: [u8; 16], sources: &[Arc<Segment>]) -> Result<SegmentName> {
    let mut sources = placed(sources)?;
    let coverage = Coverage {
        first_position: sources[0].segment.footer.first_position,
        positions: sources.iter().map(|source| source.segment.footer.positions).sum(),
        keys: merged_keys(&sources),
    };
    let mut writer = SegmentWriter::create(disk, name, file_id, coverage)?;
    merge_entries(&mut sources, &mut writer)?;
    merge_times(&sources, &mut writer)?;
    merge_ids(&sources, &mut writer)?;
    merge_terms(&sources, &mut writer)?;
    merge_tallies(&sources, &mut writer)?;
    writer.finish()
}

/// A segment that is merged, and how far it was read.
struct Source {
    segment: Arc<Segment>,
    /// What is added to its positions.
    shift: u32,
    /// Position of each ordinal, in the merged segment.
    positions: Vec<u32>,
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

fn placed(segments: &[Arc<Segment>]) -> Result<Vec<Source>> {
    let mut shift = 0;
    let mut sources = Vec::with_capacity(segments.len());
    for segment in segments {
        let mut positions = segment.entries.positions(&segment.file)?;
        positions.iter_mut().for_each(|position| *position += shift);
        sources.push(Source { segment: segment.clone(), shift, positions, next_block: 0, open: None });
        shift += segment.footer.positions;
    }
    Ok(sources)
}

/// Neighbouring ranges of one generation stay one.
fn merged_keys(sources: &[Source]) -> Vec<KeyRange> {
    let mut keys: Vec<KeyRange> = Vec::new();
    for range in sources.iter().flat_map(|source| &source.segment.footer.keys) {
        match keys.last_mut().filter(|last| last.key.0 == range.key.0) {
            Some(last) => last.positions += range.positions,
            None => keys.push(range.clone()),
        }
    }
    keys
}

fn merge_entries(sources: &mut [Source], writer: &mut SegmentWriter) -> Result<()> {
    let segments: Vec<Arc<Segment>> = sources.iter().map(|source| source.segment.clone()).collect();
    let tenants = Dictionaries::new(segments.iter().map(|segment| &segment.tenants).collect())?;
    tenants.for_each(|tenant, having| {
        let mut last = None;
        for (source, payload) in having {
            let source = &mut sources[*source];
            let run = source.segment.file.shaped(read_tenant(payload), "a tenant")?;
            source.copy_run(run.first_ordinal, run.first_ordinal + run.count, writer)?;
            last = Some(run.frontier);
        }
        let name = std::str::from_utf8(tenant).map_err(|_| Malformed);
        let name = sources[0].segment.file.shaped(name, "the name of a tenant")?;
        writer.end_tenant(name, &last.unwrap_or_default())
    })
}

impl Source {
    /// Copies the entries of one tenant.
    fn copy_run(&mut self, mut ordinal: u32, end: u32, writer: &mut SegmentWriter) -> Result<()> {
        while ordinal < end {
            ordinal += match self.open.take() {
                Some(open) => self.copy_some(open, end - ordinal, writer)?,
                None => self.copy_next(ordinal, end, writer)?,
            };
        }
        Ok(())
    }

    /// Takes up the next block, which begins with `ordinal`: as it is where it can be, opened else.
    fn copy_next(&mut self, ordinal: u32, end: u32, writer: &mut SegmentWriter) -> Result<u32> {
        let Segment { file, entries, footer, .. } = &*self.segment;
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
        if next <= end && writer.can_copy_block() {
            let block = entries.raw_block(file, &place)?;
            writer.copy_block(&block, &self.positions[ordinal as usize..next as usize])?;
            return Ok(count);
        }
        let block = entries.block_uncached(file, &place)?;
        self.open = Some(OpenBlock { block, first_ordinal: ordinal, entries: count as usize, taken: 0 });
        Ok(0)
    }

    /// Copies at most `wanted` entries of an open block, and puts the block back if more are left.
    fn copy_some(&mut self, mut open: OpenBlock, wanted: u32, writer: &mut SegmentWriter) -> Result<u32> {
        let count = (open.entries - open.taken).min(wanted as usize);
        let first = open.first_ordinal as usize + open.taken;
        let mut entries = read_block(&open.block).skip(open.taken);
        for &position in &self.positions[first..first + count] {
            let entry = entries.next().unwrap_or(Err(Malformed));
            writer.put_entry(position, self.segment.file.shaped(entry, "a block of entries")?)?;
        }
        drop(entries);
        open.taken += count;
        if open.taken < open.entries {
            self.open = Some(open);
        }
        Ok(count as u32)
    }
}

fn merge_times(sources: &[Source], writer: &mut SegmentWriter) -> Result<()> {
    for Source { segment, .. } in sources {
        for chunk in 0..segment.times.chunks() {
            segment.times.chunk(&segment.file, chunk)?.into_iter().try_for_each(|times| writer.put_times(times))?;
        }
    }
    Ok(())
}

fn merge_ids(sources: &[Source], writer: &mut SegmentWriter) -> Result<()> {
    let mut scans: Vec<_> = sources.iter().map(|source| source.segment.ids.scan(&source.segment.file)).collect();
    let mut heads: Vec<Option<IdRow>> = Vec::new();
    for scan in &mut scans {
        heads.push(scan.next().transpose()?);
    }
    loop {
        let least = (0..heads.len()).filter_map(|source| Some((heads[source]?.0, source))).min();
        let Some((hash, source)) = least else { return Ok(()) };
        let position = heads[source].map_or(0, |(_, position)| position);
        writer.put_id((hash, position + sources[source].shift))?;
        heads[source] = scans[source].next().transpose()?;
    }
}

fn merge_terms(sources: &[Source], writer: &mut SegmentWriter) -> Result<()> {
    let terms = Dictionaries::new(sources.iter().map(|source| &source.segment.terms).collect())?;
    let mut positions = Vec::new();
    terms.for_each(|term, having| {
        positions.clear();
        for (source, payload) in having {
            let Source { segment, shift, .. } = &sources[*source];
            let place = segment.file.shaped(PostingsPlace::read(payload), "a list of postings")?;
            match place {
                PostingsPlace::Inline(few) => positions.extend(few.iter().map(|position| position + shift)),
                PostingsPlace::Chunks(chunks) => {
                    for chunk in chunks {
                        positions.extend(segment.chunk_uncached(&chunk)?.iter().map(|position| position + shift));
                    }
                }
            }
        }
        writer.put_term(term, &positions)
    })
}

fn merge_tallies(sources: &[Source], writer: &mut SegmentWriter) -> Result<()> {
    let tallies = Dictionaries::new(sources.iter().map(|source| &source.segment.tallies).collect())?;
    tallies.for_each(|key, having| {
        let mut count = 0;
        for (source, payload) in having {
            let tally = read_tally(key, payload);
            count += sources[*source].segment.file.shaped(tally, "a tally")?.count;
        }
        let tally = sources[0].segment.file.shaped(read_tally(key, &[0]), "a tally")?;
        writer.put_tally(&Tally { count, ..tally })
    })
}

/// Several dictionaries read side by side.
struct Dictionaries<'a> {
    cursors: Vec<DictionaryCursor<'a>>,
    queue: Queue,
    /// Payload of the key that each cursor stands at.
    payloads: BTreeMap<usize, Vec<u8>>,
}

impl<'a> Dictionaries<'a> {
    fn new(dictionaries: Vec<&'a Dictionary>) -> Result<Self> {
        let cursors: Vec<_> = dictionaries.iter().map(|dictionary| dictionary.scan()).collect();
        let queue = Queue::new(cursors.len());
        let mut all = Self { cursors, queue, payloads: BTreeMap::new() };
        (0..all.cursors.len()).try_for_each(|source| all.advance(source))?;
        Ok(all)
    }

    fn advance(&mut self, source: usize) -> Result<()> {
        if let Some((key, payload)) = self.cursors[source].next()? {
            self.queue.push(key, source);
            let kept = self.payloads.entry(source).or_default();
            kept.clear();
            kept.extend_from_slice(payload);
        }
        Ok(())
    }

    /// Calls `sink` with each key in order, and with the payload of each source that has it.
    fn for_each(mut self, mut sink: impl FnMut(&[u8], &[(usize, Vec<u8>)]) -> Result<()>) -> Result<()> {
        let mut key = Vec::new();
        while let Some(first) = self.queue.peek() {
            key.clear();
            key.extend_from_slice(first);
            let mut having = Vec::new();
            while let Some(source) = self.queue.pop_equal(&key) {
                having.push((source, std::mem::take(self.payloads.entry(source).or_default())));
                self.advance(source)?;
            }
            sink(&key, &having)?;
        }
        Ok(())
    }
}
