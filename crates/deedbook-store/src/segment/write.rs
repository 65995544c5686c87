//! Writing a segment: every section once, front to back.

use deedbook_core::Result;
use deedbook_core::tree::Frontier;

use super::dictionary::DictionaryWriter;
use super::entries::{EntriesWriter, RawBlock, StoredEntry};
use super::file::SegmentSink;
use super::footer::{Footer, KeyRange, header, keys_to_bytes, trailer};
use super::ids::{IdRow, IdsWriter};
use super::sample::{Sample, SamplePlace};
use super::times::{Times, TimesWriter};
use crate::bytes::put_varint;
use crate::disk::Disk;
use crate::manifest::{SegmentName, sha256};
use crate::part::Tally;
use crate::postings::{CHUNK, ChunkPlace, INLINE_MAX, PostingsPlace, encode_chunk};

/// What a segment covers.
#[derive(Clone)]
pub(crate) struct Coverage {
    pub(crate) first_position: u64,
    pub(crate) positions: u32,
    /// How many of its entries have an id: all but the retired ones.
    pub(crate) ids: u64,
    pub(crate) keys: Vec<KeyRange>,
}

/// Writes one segment. Entries come first, by (tenant, seq); then times by position, ids by hash, terms and tallies by
/// key; these may be written in any order, their blocks side by side.
pub(crate) struct SegmentWriter {
    name: String,
    coverage: Coverage,
    sink: SegmentSink,
    entries: EntriesWriter,
    tenant_first_ordinal: u32,
    tenants: DictionaryWriter,
    times: TimesWriter,
    ids: IdsWriter,
    terms: DictionaryWriter,
    tallies: DictionaryWriter,
    postings_bytes: u64,
    scratch: Vec<u8>,
}

impl SegmentWriter {
    /// `sample` is of what is to be written; blocks are compressed against it.
    pub(crate) fn create(
        disk: &dyn Disk,
        name: &str,
        file_id: [u8; 16],
        coverage: Coverage,
        sample: Option<Sample>,
    ) -> Result<Self> {
        let mut sink = SegmentSink::create(disk, name, file_id)?;
        let header = header(&file_id);
        // The header is a block like all others: its checksum is over its place too.
        sink.put_block(&header[..header.len() - 4])?;
        Ok(Self {
            name: name.into(),
            entries: EntriesWriter::new(coverage.positions, sample),
            ids: IdsWriter::new(coverage.ids),
            coverage,
            sink,
            tenant_first_ordinal: 0,
            tenants: DictionaryWriter::default(),
            times: TimesWriter::new(),
            terms: DictionaryWriter::default(),
            tallies: DictionaryWriter::default(),
            postings_bytes: 0,
            scratch: Vec::new(),
        })
    }

    /// `position` is that within the segment.
    pub(crate) fn put_entry(&mut self, position: u32, entry: StoredEntry<'_>) -> Result<()> {
        self.entries.push(&mut self.sink, position, entry)
    }

    pub(crate) fn can_copy_block(&self) -> bool {
        self.entries.can_copy()
    }

    /// Whether blocks that were compressed against a sample of so many bytes, 0 for none, may stay as they are.
    pub(crate) fn is_good_sample(&self, bytes: usize) -> bool {
        self.entries.is_good_sample(bytes)
    }

    /// The number that a sample of another segment has here.
    pub(crate) fn copy_sample(&mut self, compressed: &[u8], place: SamplePlace) -> Result<u16> {
        self.entries.copy_sample(&mut self.sink, compressed, place)
    }

    pub(crate) fn copy_block(&mut self, block: &RawBlock, positions: &[u32]) -> Result<()> {
        self.entries.copy_block(&mut self.sink, block, positions)
    }

    /// Ends the entries of a tenant; `frontier` is its tree after them.
    pub(crate) fn end_tenant(&mut self, tenant: &str, frontier: &Frontier) -> Result<()> {
        self.entries.end_tenant(&mut self.sink)?;
        let written = self.entries.written();
        let mut payload = Vec::new();
        put_varint(&mut payload, self.tenant_first_ordinal.into());
        put_varint(&mut payload, (written - self.tenant_first_ordinal).into());
        put_varint(&mut payload, frontier.size());
        frontier.subtree_roots().iter().for_each(|root| payload.extend_from_slice(&root.0));
        self.tenant_first_ordinal = written;
        self.tenants.put(&mut self.sink, tenant.as_bytes(), &payload)
    }

    pub(crate) fn put_times(&mut self, times: Times) -> Result<()> {
        // The blocks of entries stand side by side, so that they can go to an archive.
        self.entries.end_block(&mut self.sink)?;
        self.times.push(&mut self.sink, times)
    }

    /// Ids are put one after the other, with nothing else between them.
    pub(crate) fn put_id(&mut self, row: IdRow) -> Result<()> {
        self.ids.push(&mut self.sink, row)
    }

    /// A term and its rising positions, at least one.
    pub(crate) fn put_term(&mut self, term: &[u8], positions: &[u32]) -> Result<()> {
        let place = if positions.len() <= INLINE_MAX {
            PostingsPlace::Inline(positions.to_vec())
        } else {
            PostingsPlace::Chunks(positions.chunks(CHUNK).map(|chunk| self.put_chunk(chunk)).collect::<Result<_>>()?)
        };
        let mut payload = Vec::new();
        place.write(&mut payload);
        self.terms.put(&mut self.sink, term, &payload)
    }

    fn put_chunk(&mut self, positions: &[u32]) -> Result<ChunkPlace> {
        self.scratch.clear();
        encode_chunk(positions, &mut self.scratch);
        let offset = self.sink.put_block(&self.scratch)?;
        self.postings_bytes += self.sink.offset() - offset;
        let (first, count) = (positions[0], positions.len() as u32);
        Ok(ChunkPlace { first, count, offset, bytes: self.scratch.len() as u32 })
    }

    pub(crate) fn put_tally(&mut self, tally: &Tally<'_>) -> Result<()> {
        let mut payload = Vec::new();
        put_varint(&mut payload, tally.count);
        self.tallies.put(&mut self.sink, &tally_key(tally), &payload)
    }

    /// Writes what is left, makes the file durable and names it.
    pub(crate) fn finish(self) -> Result<SegmentName> {
        let Self { name, coverage, mut sink, entries, tenants, times, ids, terms, tallies, postings_bytes, .. } = self;
        debug_assert_eq!(entries.written(), coverage.positions);
        let (blocks, permutation, samples) = entries.finish(&mut sink)?;
        let times = times.finish(&mut sink)?;
        let (ids, filter) = ids.finish(&mut sink)?;
        let footer = Footer {
            first_position: coverage.first_position,
            positions: coverage.positions,
            keys_copy: sink.put_block(&keys_to_bytes(&coverage.keys))?,
            keys: coverage.keys,
            blocks,
            permutation,
            times,
            ids,
            filter,
            tenants: tenants.finish(&mut sink)?,
            terms: terms.finish(&mut sink)?,
            tallies: tallies.finish(&mut sink)?,
            postings_bytes,
            samples,
        };
        let footer_bytes = footer.to_bytes();
        let offset = sink.put_block(&footer_bytes)?;
        sink.put_block(&trailer(offset, footer_bytes.len() as u64))?;
        Ok(SegmentName {
            name,
            bytes: sink.finish()?,
            first_position: footer.first_position,
            positions: footer.positions.into(),
            footer_sha256: sha256(&footer_bytes),
            offloaded: None,
        })
    }
}

/// Tenant, NUL, day with its sign bit flipped so that days sort, outcome, action.
pub(crate) fn tally_key(tally: &Tally<'_>) -> Vec<u8> {
    let day = (tally.day as u32 ^ 0x8000_0000).to_be_bytes();
    [tally.tenant.as_bytes(), &[0], &day, &[tally.outcome], tally.action].concat()
}
