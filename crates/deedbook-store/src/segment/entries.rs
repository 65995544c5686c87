//! The entries themselves, sorted by (tenant, seq) and compressed in blocks.

use std::ops::Range;

use deedbook_core::Result;

use super::compression::{Compressor, decompressed};
use super::content::Content;
use super::file::{CHECKSUM, SegmentFile, SegmentSink};
use super::sample::{Sample, SamplePlace};
use super::table::{Table, TableStream, TableWriter};
use crate::bytes::{Malformed, Reader, put_varint, unzigzag, zigzag};
use crate::cache::Block;

/// A block that is compressed against a sample is ended when it has this many bytes before compression: few, so that
/// one entry is found without decompressing many others.
const BLOCK: usize = 10 * 1024;
/// As many has a block without a sample: enough for the compressor to learn the shape of the events.
const BLOCK_ALONE: usize = 40 * 1024;
/// First ordinal (4), offset (6), bytes before (3) and after (3) compression, number of the sample (2).
pub(crate) const BLOCK_ROW: usize = 18;
/// Without a sample, as formats before the third had it.
pub(crate) const BLOCK_ROW_ALONE: usize = 16;
/// Ordinal of a position: 3 bytes.
pub(crate) const ORDINAL_ROW: usize = 3;

/// One entry as it stands in a block; its position is in the permutation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StoredEntry<'a> {
    pub(crate) seq: u64,
    pub(crate) content: Content<'a>,
}

/// Writes entries in the order of (tenant, seq).
pub(crate) struct EntriesWriter {
    compressor: Compressor,
    /// What is compressed here is compressed against this one.
    sample: Option<Sample>,
    /// Its number, once it is written.
    sample_number: u16,
    samples: Vec<SamplePlace>,
    directory: TableWriter,
    ordinals: Vec<u32>,
    next_ordinal: u32,
    block: Vec<u8>,
    block_first: Option<u32>,
    last_seq: u64,
    compressed: Vec<u8>,
}

impl EntriesWriter {
    /// For exactly `count` entries, of which `sample` is.
    pub(crate) fn new(count: u32, sample: Option<Sample>) -> Self {
        Self {
            compressor: Compressor::new(sample.as_ref().map(|sample| &sample.bytes[..])),
            sample,
            sample_number: 0,
            samples: Vec::new(),
            directory: TableWriter::new(BLOCK_ROW),
            ordinals: vec![0; count as usize],
            next_ordinal: 0,
            block: Vec::new(),
            block_first: None,
            last_seq: 0,
            compressed: Vec::new(),
        }
    }

    /// At how many bytes a block is ended.
    fn block_bytes(&self) -> usize {
        if self.sample.is_some() { BLOCK } else { BLOCK_ALONE }
    }

    /// How many bytes a block of one tenant has at least that is not filled up with the next tenant's entries, so that
    /// merging can copy it as it is.
    fn pure_bytes(&self) -> usize {
        self.block_bytes() / 2
    }

    /// How many entries were written: the ordinal of the next.
    pub(crate) fn written(&self) -> u32 {
        self.next_ordinal
    }

    /// `position` is that within the segment.
    pub(crate) fn push(&mut self, sink: &mut SegmentSink, position: u32, entry: StoredEntry<'_>) -> Result<()> {
        if self.block_first.is_none() {
            self.block_first = Some(self.next_ordinal);
            self.last_seq = 0;
        }
        put_varint(&mut self.block, zigzag(entry.seq.wrapping_sub(self.last_seq) as i64));
        entry.content.write(&mut self.block);
        self.last_seq = entry.seq;
        self.number(position);
        if self.block.len() >= self.block_bytes() { self.end_block(sink) } else { Ok(()) }
    }

    fn number(&mut self, position: u32) {
        self.ordinals[position as usize] = self.next_ordinal;
        self.next_ordinal += 1;
    }

    /// Tells that the next entry is of another tenant.
    pub(crate) fn end_tenant(&mut self, sink: &mut SegmentSink) -> Result<()> {
        if self.block.len() >= self.pure_bytes() { self.end_block(sink) } else { Ok(()) }
    }

    /// Whether a block of the same tenant can follow as it is: what is pending is large enough for one of its own.
    pub(crate) fn can_copy(&self) -> bool {
        self.block.is_empty() || self.block.len() >= self.pure_bytes()
    }

    /// Whether blocks that were compressed against a sample of so many bytes, 0 for none, are as small as they would be
    /// if they were compressed here.
    pub(crate) fn is_good_sample(&self, bytes: usize) -> bool {
        self.sample.as_ref().is_none_or(|sample| 2 * bytes >= sample.bytes.len())
    }

    /// Appends a sample of another segment as it is, and returns its number here.
    pub(crate) fn copy_sample(&mut self, sink: &mut SegmentSink, compressed: &[u8], place: SamplePlace) -> Result<u16> {
        let offset = sink.put_block(compressed)?;
        self.samples.push(SamplePlace { offset, ..place });
        Ok(self.samples.len() as u16)
    }

    /// Appends a block of another segment as it is; `positions` are those of its entries in this segment.
    pub(crate) fn copy_block(&mut self, sink: &mut SegmentSink, block: &RawBlock, positions: &[u32]) -> Result<()> {
        self.end_block(sink)?;
        let offset = sink.put_block(&block.compressed)?;
        self.put_row(self.next_ordinal, offset, (block.bytes, block.compressed.len()), block.sample);
        positions.iter().for_each(|&position| self.number(position));
        Ok(())
    }

    /// Writes the block that is not full, if there is one.
    pub(crate) fn end_block(&mut self, sink: &mut SegmentSink) -> Result<()> {
        let Some(first_ordinal) = self.block_first.take() else { return Ok(()) };
        self.put_sample(sink)?;
        self.compressor.compress(&self.block, &mut self.compressed)?;
        let offset = sink.put_block(&self.compressed)?;
        self.put_row(first_ordinal, offset, (self.block.len(), self.compressed.len()), self.sample_number);
        self.block.clear();
        Ok(())
    }

    /// Writes the sample before the first block that needs it.
    fn put_sample(&mut self, sink: &mut SegmentSink) -> Result<()> {
        let Some(sample) = self.sample.as_ref().filter(|_| self.sample_number == 0) else { return Ok(()) };
        Compressor::light().compress(&sample.bytes, &mut self.compressed)?;
        let offset = sink.put_block(&self.compressed)?;
        let (compressed, bytes) = (self.compressed.len(), sample.bytes.len());
        self.samples.push(SamplePlace { offset, compressed, bytes, positions: sample.positions.clone() });
        self.sample_number = self.samples.len() as u16;
        Ok(())
    }

    fn put_row(&mut self, first_ordinal: u32, offset: u64, (bytes, compressed): (usize, usize), sample: u16) {
        let mut row = [0; BLOCK_ROW];
        row[..4].copy_from_slice(&first_ordinal.to_be_bytes());
        row[4..10].copy_from_slice(&offset.to_be_bytes()[2..]);
        row[10..13].copy_from_slice(&(bytes as u32).to_be_bytes()[1..]);
        row[13..16].copy_from_slice(&(compressed as u32).to_be_bytes()[1..]);
        row[16..].copy_from_slice(&sample.to_be_bytes());
        self.directory.push(&row);
    }

    /// The directory of blocks, the permutation from positions to ordinals, and the samples.
    pub(crate) fn finish(mut self, sink: &mut SegmentSink) -> Result<(Table, Table, Vec<SamplePlace>)> {
        self.end_block(sink)?;
        let directory = self.directory.finish(sink)?;
        let mut permutation = TableStream::new(ORDINAL_ROW, self.ordinals.len() as u64);
        self.ordinals.iter().try_for_each(|ordinal| permutation.push(sink, &ordinal.to_be_bytes()[1..]))?;
        let permutation = permutation.finish();
        Ok((directory, permutation, self.samples))
    }
}

/// A compressed block, for copying.
pub(crate) struct RawBlock {
    pub(crate) compressed: Block,
    /// Before compression.
    pub(crate) bytes: usize,
    /// Number of its sample in the segment that it goes to; 0 for none.
    pub(crate) sample: u16,
}

/// What the directory says of a block.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BlockPlace {
    pub(crate) first_ordinal: u32,
    offset: u64,
    bytes: usize,
    compressed: usize,
    /// Number of the sample that it was compressed against; 0 for none.
    pub(crate) sample: u16,
}

/// The entries of one segment.
pub(crate) struct Entries {
    directory: Table,
    permutation: Table,
    pub(crate) samples: Vec<SamplePlace>,
}

impl Entries {
    pub(crate) fn new(directory: Table, permutation: Table, samples: Vec<SamplePlace>) -> Self {
        Self { directory, permutation, samples }
    }

    pub(crate) fn blocks(&self) -> u64 {
        self.directory.rows
    }

    pub(crate) fn place(&self, file: &SegmentFile, block: u64) -> Result<BlockPlace> {
        let row = self.directory.row(file, block)?;
        file.shaped(read_place(row.reader()), "a row of blocks")
    }

    /// The ordinal of the entry at `position`.
    pub(crate) fn ordinal(&self, file: &SegmentFile, position: u32) -> Result<u32> {
        let row = self.permutation.row(file, u64::from(position))?;
        let [high, middle, low] = file.shaped(row.reader().array(), "an ordinal")?;
        Ok(u32::from_be_bytes([0, high, middle, low]))
    }

    /// The permutation, read once and past the cache: the position of each ordinal.
    pub(crate) fn positions(&self, file: &SegmentFile) -> Result<Vec<u32>> {
        let count = self.permutation.rows as usize;
        let mut positions = vec![u32::MAX; count];
        let mut position = 0;
        for page in 0..self.permutation.pages() {
            for row in self.permutation.page_uncached(file, page)?.chunks_exact(ORDINAL_ROW) {
                let ordinal = u32::from_be_bytes([0, row[0], row[1], row[2]]);
                let slot = positions.get_mut(ordinal as usize).filter(|slot| **slot == u32::MAX);
                *slot.ok_or_else(|| file.corrupt("the permutation of positions is not one"))? = position;
                position += 1;
            }
        }
        Ok(positions)
    }

    /// The number of the block that holds `ordinal`.
    pub(crate) fn block_of(&self, file: &SegmentFile, ordinal: u32) -> Result<u64> {
        let beyond = self.directory.partition(file, |mut row| Ok(row.u32()? > ordinal))?;
        beyond.checked_sub(1).ok_or_else(|| file.corrupt("no block holds an entry"))
    }

    /// The decompressed block, through the cache.
    pub(crate) fn block(&self, file: &SegmentFile, place: &BlockPlace) -> Result<Block> {
        file.of_length(file.cached(place.offset, || self.block_uncached(file, place))?, place.bytes)
    }

    /// The decompressed block, past the cache.
    pub(crate) fn block_uncached(&self, file: &SegmentFile, place: &BlockPlace) -> Result<Block> {
        let sample = self.sample(file, place)?.map(|sample| sample.read(file)).transpose()?.unwrap_or_default();
        decompressed(file, place.offset, place.compressed, place.bytes, &sample)
    }

    /// The sample that a block was compressed against.
    pub(crate) fn sample(&self, file: &SegmentFile, place: &BlockPlace) -> Result<Option<&SamplePlace>> {
        let Some(index) = usize::from(place.sample).checked_sub(1) else { return Ok(None) };
        let sample = self.samples.get(index).ok_or_else(|| file.corrupt("a block is compressed against no sample"))?;
        Ok(Some(sample))
    }

    /// The compressed block, past the cache; `sample` is the number of its sample where it goes to.
    pub(crate) fn raw_block(&self, file: &SegmentFile, place: &BlockPlace, sample: u16) -> Result<RawBlock> {
        Ok(RawBlock { compressed: file.block_uncached(place.offset, place.compressed)?, bytes: place.bytes, sample })
    }

    /// The bytes of the blocks and samples: few ranges, in order.
    pub(crate) fn ranges(&self, file: &SegmentFile) -> Result<Vec<Range<u64>>> {
        let mut pieces: Vec<Range<u64>> = self.samples.iter().map(|sample| sample.offset..sample.end()).collect();
        for block in 0..self.blocks() {
            let place = self.place(file, block)?;
            pieces.push(place.offset..place.offset + place.compressed as u64 + CHECKSUM);
        }
        pieces.sort_unstable_by_key(|piece| piece.start);
        let mut ranges: Vec<Range<u64>> = Vec::new();
        for piece in pieces {
            match ranges.last_mut() {
                Some(last) if last.end == piece.start => last.end = piece.end,
                _ => ranges.push(piece),
            }
        }
        let is_sound = ranges.is_sorted_by(|one, next| one.end <= next.start)
            && ranges.last().is_none_or(|last| last.end <= file.length);
        is_sound.then_some(ranges).ok_or_else(|| file.corrupt("two of its blocks of entries begin at one place"))
    }

    /// Bytes of blocks, samples, directory and permutation in the file, checksums included.
    pub(crate) fn bytes_in_file(&self, file: &SegmentFile) -> Result<u64> {
        let mut bytes = self.directory.bytes_in_file() + self.permutation.bytes_in_file();
        bytes += self.samples.iter().map(|sample| sample.end() - sample.offset).sum::<u64>();
        for block in 0..self.blocks() {
            bytes += self.place(file, block)?.compressed as u64 + CHECKSUM;
        }
        Ok(bytes)
    }
}

fn read_place(mut row: Reader<'_>) -> Result<BlockPlace, Malformed> {
    let first_ordinal = row.u32()?;
    let [a, b, c, d, e, f] = row.array()?;
    let mut length = || row.array().map(|[a, b, c]| u32::from_be_bytes([0, a, b, c]) as usize);
    let (bytes, compressed) = (length()?, length()?);
    let offset = u64::from_be_bytes([0, 0, a, b, c, d, e, f]);
    let sample = if row.is_empty() { 0 } else { row.u16()? };
    Ok(BlockPlace { first_ordinal, offset, bytes, compressed, sample })
}

/// The entries of a decompressed block, in order.
pub(crate) fn read_block(block: &[u8]) -> impl Iterator<Item = Result<StoredEntry<'_>, Malformed>> {
    let mut reader = Reader::new(block);
    let mut seq = 0u64;
    std::iter::from_fn(move || {
        (!reader.is_empty()).then(|| {
            seq = seq.wrapping_add(unzigzag(reader.varint()?) as u64);
            Ok(StoredEntry { seq, content: Content::read(&mut reader)? })
        })
    })
}

/// The number of an entry of a decompressed block, and where its content stands in the block.
pub(crate) fn find_in_block(block: &[u8], nth: usize) -> Result<(u64, std::ops::Range<usize>), Malformed> {
    let mut reader = Reader::new(block);
    let mut seq = 0u64;
    for at in 0..=nth {
        seq = seq.wrapping_add(unzigzag(reader.varint()?) as u64);
        let start = block.len() - reader.remaining();
        Content::read(&mut reader)?;
        if at == nth {
            return Ok((seq, start..block.len() - reader.remaining()));
        }
    }
    Err(Malformed)
}
