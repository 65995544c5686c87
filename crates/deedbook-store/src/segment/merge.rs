//! Merging: consecutive segments become one, each section read once from front to back.
//!
//! Blocks of entries that belong to one tenant are copied as they are; the others are compressed anew.

use std::ops::RangeInclusive;
use std::sync::Arc;

use deedbook_core::Result;

use super::copy::{Edit, Source, copy_entries, placed, sample_of};
use super::dictionary::Dictionaries;
use super::entries::StoredEntry;
use super::footer::KeyRange;
use super::ids::IdRow;
use super::read::{Segment, read_tally};
use super::write::{Coverage, SegmentWriter};
use crate::disk::Disk;
use crate::manifest::SegmentName;
use crate::part::Tally;

/// Writes one segment with everything that `sources`, consecutive and in order, hold.
pub(crate) fn merge(disk: &dyn Disk, name: &str, file_id: [u8; 16], sources: &[Arc<Segment>]) -> Result<SegmentName> {
    let mut sources = placed(sources)?;
    let coverage = Coverage {
        first_position: sources[0].segment.footer.first_position,
        positions: sources.iter().map(|source| source.segment.footer.positions).sum(),
        ids: sources.iter().map(|source| source.segment.ids.rows()).sum(),
        keys: merged_keys(&sources),
    };
    let sample = sample_of(&sources, &AsTheyAre)?;
    let mut writer = SegmentWriter::create(disk, name, file_id, coverage, sample)?;
    copy_entries(&mut sources, &mut AsTheyAre, &mut writer)?;
    merge_times(&sources, &mut writer)?;
    merge_ids(&sources, &mut writer)?;
    merge_terms(&sources, &mut writer)?;
    merge_tallies(&sources, &mut writer)?;
    writer.finish()
}

/// Entries are what they were.
struct AsTheyAre;

impl Edit for AsTheyAre {
    fn touches(&self, _positions: &RangeInclusive<u32>) -> bool {
        false
    }

    fn may_copy(&self, _positions: &[u32], writer: &SegmentWriter) -> bool {
        writer.can_copy_block()
    }

    fn put(&mut self, position: u32, entry: StoredEntry<'_>, writer: &mut SegmentWriter) -> Result<()> {
        writer.put_entry(position, entry)
    }
}

/// Neighbouring ranges of one generation, or without any key, become one.
fn merged_keys(sources: &[Source]) -> Vec<KeyRange> {
    let mut keys: Vec<KeyRange> = Vec::new();
    for range in sources.iter().flat_map(|source| &source.segment.footer.keys) {
        let key = |range: &KeyRange| range.key.as_ref().map(|key| key.0);
        match keys.last_mut().filter(|last| key(last) == key(range)) {
            Some(last) => last.positions += range.positions,
            None => keys.push(range.clone()),
        }
    }
    keys
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
            positions.extend(segment.all_postings(payload)?.into_iter().map(|position| position + shift));
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
