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
/// How many entries are looked at for one, where some must not be in a sample.
const TRIES: usize = 4;
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
        let wanted = count / SPARSENESS;
        let (mut bytes, mut entry, mut taken) = (Vec::with_capacity(SAMPLE + ENTRY_MAX), Vec::new(), 0);
        for position in spread(positions.clone()).take(TRIES * wanted as usize) {
            entry.clear();
            if canonical(position, &mut entry)? && entry.len() <= ENTRY_MAX {
                put_bytes(&mut bytes, &entry);
                taken += 1;
            }
            if bytes.len() >= SAMPLE || taken == wanted {
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

#[cfg(test)]
mod tests {
    use std::collections::{BTreeSet, HashMap};
    use std::sync::Arc;

    use deedbook_core::Digest;
    use deedbook_core::tree::Frontier;
    use proptest::prelude::*;

    use super::*;
    use crate::cache::BlockCache;
    use crate::disk::{Disk, RealDisk};
    use crate::holes::Holes;
    use crate::manifest::SegmentName;
    use crate::segment::times::Times;
    use crate::segment::{Content, Coverage, KeyRange, Segment, SegmentWriter, StoredEntry, check};
    use crate::terms::IdHasher;

    proptest! {
        #[test]
        fn every_position_comes_once(start in 0..1000u32, count in 1..700u32) {
            let all: Vec<u32> = spread(start..=start + count - 1).collect();
            prop_assert_eq!(all.len(), count as usize);
            prop_assert_eq!(all.into_iter().collect::<BTreeSet<_>>(), (start..start + count).collect());
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            let _ = read_samples(&mut Reader::new(&bytes), 7);
            read_sample(&bytes).take(100).for_each(drop);
        }
    }

    #[test]
    fn beginnings_are_spread_evenly() {
        let first: Vec<u32> = spread(100..=163).take(8).collect();
        assert_eq!(first, [100, 132, 116, 148, 108, 140, 124, 156]);
    }

    #[test]
    fn a_sample_is_of_the_newest_quarter_and_leaves_out_what_it_must() {
        let sample = Sample::of(0..=3199, |position, bytes| {
            bytes.extend_from_slice(position.to_string().as_bytes());
            Ok(position % 2 == 0)
        });
        let sample = sample.unwrap().unwrap();
        assert_eq!(sample.positions, 2399..=3199);
        let entries = read_sample(&sample.bytes).map(|entry| std::str::from_utf8(entry.unwrap()).unwrap());
        let entries: Vec<u32> = entries.map(|entry| entry.parse().unwrap()).collect();
        assert!(entries.len() > 50 && entries.iter().all(|entry| entry % 2 == 0 && sample.positions.contains(entry)));
        assert!(Sample::of(0..=30, |_, _| Ok(true)).unwrap().is_none());
    }

    /// A segment of one entry, compressed against `sampled`.
    fn problems_with_a_sample_of(sampled: &[u8]) -> Vec<String> {
        let directory = tempfile::tempdir().unwrap();
        let disk = RealDisk::open(directory.path());
        let canonical = br#"{"action":"a","actor":{"id":"u","type":"user"},"id":"e","tenant":"t"}"#;
        let mut bytes = Vec::new();
        put_bytes(&mut bytes, sampled);
        let keys = vec![KeyRange { positions: 1, key: None }];
        let coverage = Coverage { first_position: 0, positions: 1, ids: 0, keys };
        let sample = Some(Sample { bytes, positions: 0..=0 });
        let mut writer = SegmentWriter::create(&disk, "segment", [7; 16], coverage, sample).unwrap();
        let content = Content::Seeded(deedbook_core::commitment::Seed([1; 16]), canonical);
        writer.put_entry(0, StoredEntry { seq: 0, content }).unwrap();
        let mut frontier = Frontier::default();
        frontier.push(Digest([0; 32]));
        writer.end_tenant("t", &frontier).unwrap();
        writer.put_times(Times { occurred_at: 1, recorded_at: 1 }).unwrap();
        let name: SegmentName = writer.finish().unwrap();
        let file = disk.open("segment").unwrap();
        let segment = Segment::read(file, name, &Arc::new(BlockCache::new(1 << 20)), 0).unwrap();
        let mut problems = Vec::new();
        let state = (&mut HashMap::new(), &mut Holes::default());
        check(&segment, &IdHasher([7; 16]), state, &mut |problem| problems.push(problem)).unwrap();
        problems
    }

    #[test]
    fn a_sample_of_what_no_entry_holds_is_found() {
        let of_samples = |sampled: &[u8]| {
            problems_with_a_sample_of(sampled).iter().filter(|problem| problem.contains("compressed against")).count()
        };
        let own = br#"{"action":"a","actor":{"id":"u","type":"user"},"id":"e","tenant":"t"}"#;
        let another = br#"{"action":"a","actor":{"id":"v","type":"user"},"id":"e","tenant":"t"}"#;
        assert_eq!((of_samples(own), of_samples(another)), (0, 1));
    }
}
