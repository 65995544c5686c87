//! Samples: some entries of a segment once more, against which its blocks of entries are compressed. So a block can be
//! small, and an entry be found quickly, though by itself so small a block would compress badly.
//!
//! A sample is of entries of its own segment. Where one of them goes, the sample goes with it, and the blocks that were
//! compressed against it are compressed anew.

use std::ops::RangeInclusive;

use deedbook_core::Result;

use super::compression::decompressed;
use super::file::{CHECKSUM, SegmentFile};
use crate::bytes::{Malformed, Reader, put_bytes, put_varint};
use crate::cache::Block;

/// A sample is ended when it has this many bytes. Half of them cost one byte of an entry in thirty, twice as many save
/// none.
const SAMPLE: usize = 64 * 1024;
/// Entries for one that is in a sample, so that a small segment has a small one.
const SPARSENESS: u32 = 16;
/// Fewer entries are no sample.
const ENTRIES_MIN: u32 = 2;
/// A longer entry takes the place of several others.
const ENTRY_MAX: usize = SAMPLE / 8;
/// Samples of one segment; their numbers in the directory of blocks have two bytes.
const SAMPLES_MAX: usize = u16::MAX as usize;

/// A sample that is not written yet.
pub(crate) struct Sample {
    pub(crate) bytes: Vec<u8>,
    /// Between which positions of the segment its entries are.
    pub(crate) positions: RangeInclusive<u32>,
}

impl Sample {
    /// Of entries whose positions are within `positions`; `canonical` gives their bytes, `None` for one that must not be
    /// in it. `None` where there are too few.
    ///
    /// It is of the last quarter: retention takes the oldest first.
    pub(crate) fn of(
        positions: RangeInclusive<u32>,
        mut canonical: impl FnMut(u32, &mut Vec<u8>) -> Result<bool>,
    ) -> Result<Option<Self>> {
        let (start, end) = (*positions.start(), *positions.end());
        let count = end - start + 1;
        let positions = end - count / 4..=end;
        let (mut bytes, mut entry, mut taken) = (Vec::with_capacity(SAMPLE + ENTRY_MAX), Vec::new(), 0);
        for position in spread(positions.clone()).take((count / SPARSENESS) as usize) {
            entry.clear();
            if canonical(position, &mut entry)? && entry.len() <= ENTRY_MAX {
                put_bytes(&mut bytes, &entry);
                taken += 1;
            }
            if bytes.len() >= SAMPLE {
                break;
            }
        }
        Ok((taken >= ENTRIES_MIN).then_some(Self { bytes, positions }))
    }
}

/// All of `range`, in an order of which every beginning is spread evenly over it.
fn spread(range: RangeInclusive<u32>) -> impl Iterator<Item = u32> {
    let (start, count) = (*range.start(), u64::from(range.end() - range.start()) + 1);
    // Halving and mirroring the bits of a counter.
    let bits = count.next_power_of_two().trailing_zeros();
    let mirrored =
        (0..1u64 << bits).map(move |number| if bits == 0 { 0 } else { number.reverse_bits() >> (64 - bits) });
    mirrored.filter(move |&offset| offset < count).map(move |offset| start + offset as u32)
}

/// Where a sample stands in its segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SamplePlace {
    pub(crate) offset: u64,
    pub(crate) compressed: usize,
    /// Before compression.
    pub(crate) bytes: usize,
    pub(crate) positions: RangeInclusive<u32>,
}

impl SamplePlace {
    pub(crate) fn end(&self) -> u64 {
        self.offset + self.compressed as u64 + CHECKSUM
    }

    /// The decompressed sample, through the cache.
    pub(crate) fn read(&self, file: &SegmentFile) -> Result<Block> {
        let read = || decompressed(file, self.offset, self.compressed, self.bytes, &[]);
        file.of_length(file.cached(self.offset, read)?, self.bytes)
    }
}

/// The canonical bytes of the entries of a sample.
pub(crate) fn read_sample(sample: &[u8]) -> impl Iterator<Item = Result<&[u8], Malformed>> {
    let mut reader = Reader::new(sample);
    std::iter::from_fn(move || (!reader.is_empty()).then(|| reader.bytes()))
}

/// As they stand in the footer.
pub(crate) fn put_samples(samples: &[SamplePlace], out: &mut Vec<u8>) {
    put_varint(out, samples.len() as u64);
    for SamplePlace { offset, compressed, bytes, positions } in samples {
        let (first, last) = (u64::from(*positions.start()), u64::from(*positions.end()));
        [*offset, *compressed as u64, *bytes as u64, first, last]
            .into_iter()
            .for_each(|number| put_varint(out, number));
    }
}

/// As they stand in the footer of a segment of so many positions.
pub(crate) fn read_samples(reader: &mut Reader<'_>, positions: u32) -> Result<Vec<SamplePlace>, Malformed> {
    let count = reader.count()?;
    if count > SAMPLES_MAX {
        return Err(Malformed);
    }
    let mut samples = Vec::new();
    for _ in 0..count {
        let offset = reader.varint()?;
        let (compressed, bytes) = (reader.varint_u32()?, reader.varint_u32()?);
        let (first, last) = (reader.varint_u32()?, reader.varint_u32()?);
        if offset >= 1 << 48 || compressed.max(bytes) >= 1 << 24 || last >= positions {
            return Err(Malformed);
        }
        let (compressed, bytes) = (compressed as usize, bytes as usize);
        samples.push(SamplePlace { offset, compressed, bytes, positions: first..=last });
    }
    Ok(samples)
}
