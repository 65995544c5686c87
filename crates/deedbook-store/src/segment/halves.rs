//! The lower halves of the hashes of ids, which an offloaded segment has behind all else.
//!
//! Half a hash suffices where the entry is at hand to be looked at. In an archive it is not: among ten million entries,
//! one new id in four hundred has half of its hash in common with one of them, and whoever appends would have to wait.

use std::sync::Arc;

use deedbook_core::Result;

use super::content::Content;
use super::entries::read_block;
use super::file::{CHECKSUM, SegmentFile, SegmentSink};
use super::footer::TRAILER;
use super::read::Segment;
use super::rewrite::identity;
use super::table::{Table, TableStream};
use crate::disk::DiskFile;
use crate::part::{Part, read_event};
use crate::terms::IdHasher;

/// Half a hash: 4 bytes.
const HALF_ROW: usize = 4;

/// A row for each position; zero where an entry has no id any more.
pub(crate) struct IdHalves(Table);

impl IdHalves {
    /// Where they are in a file whose segment ends at `offset`.
    pub(crate) fn at(offset: u64, positions: u32) -> Self {
        Self(Table::at(offset, HALF_ROW, positions.into()))
    }

    /// How much longer they make the file: by themselves and another trailer, which ends the file again.
    pub(crate) fn bytes(positions: u32) -> u64 {
        Self::at(0, positions).0.bytes_in_file() + TRAILER
    }

    /// Whether the entry at a position may have an id with this hash.
    pub(crate) fn agrees(&self, file: &SegmentFile, position: u32, hash: u64) -> Result<bool> {
        let row = self.0.row(file, position.into())?;
        Ok(file.shaped(row.reader().u32(), "half a hash")? == hash as u32)
    }
}

impl Segment {
    /// Writes the lower halves behind the segment in another file of it, and makes that durable.
    pub(crate) fn write_id_halves(&self, hasher: &IdHasher, file: &Arc<dyn DiskFile>, name: &str) -> Result<()> {
        let mut sink = SegmentSink::behind(file.clone(), name, self.file.file_id, self.name.bytes);
        let halves = self.id_halves_of_entries(hasher)?;
        let mut table = TableStream::new(HALF_ROW, halves.len() as u64);
        halves.iter().try_for_each(|half| table.push(&mut sink, &half.to_be_bytes()))?;
        let trailer = self.file.block_uncached(self.name.bytes - TRAILER, (TRAILER - CHECKSUM) as usize)?;
        sink.put_block(&trailer)?;
        sink.finish().map(drop)
    }

    fn id_halves_of_entries(&self, hasher: &IdHasher) -> Result<Vec<u32>> {
        let Self { file, entries, entries_file, .. } = self;
        let mut halves = vec![0; self.positions() as usize];
        let positions = entries.positions(file)?;
        let mut positions = positions.iter();
        for block in 0..entries.blocks() {
            let block = entries.block_uncached(entries_file, &entries.place(file, block)?)?;
            for entry in read_block(&block) {
                let content = file.shaped(entry, "a block of entries")?.content;
                let position = *positions.next().ok_or_else(|| file.corrupt("it holds more entries than it says"))?;
                let in_log = self.first_position() + u64::from(position);
                halves[position as usize] = hash_of(&content, in_log, hasher)?.map_or(0, |hash| hash as u32);
            }
        }
        Ok(halves)
    }
}

/// The hash of the id that is left of an entry.
fn hash_of(content: &Content<'_>, in_log: u64, hasher: &IdHasher) -> Result<Option<u64>> {
    match (content, content.canonical()) {
        (_, Some(canonical)) => {
            let event = read_event(canonical, in_log)?;
            let (tenant, id) = identity(&event);
            Ok(Some(hasher.event(tenant, id)))
        }
        (Content::Erased { tenant, id, .. }, None) => Ok(Some(hasher.event(tenant, id))),
        (_, None) => Ok(None),
    }
}
