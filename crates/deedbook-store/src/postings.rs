//! Posting lists: the rising positions, within one part of the log, of the entries that have a term.
//!
//! A list is the gaps between positions in groups of 128, each in the code that suits gaps of its mean; up to 4,096
//! postings make a chunk, the unit that is read and decoded. `docs/format.md`, "Postings", is the authority on the bytes.

use crate::bytes::{Malformed, Reader, put_varint};

/// Postings that are written into one chunk: few, because whoever looks for one position decodes all of a chunk.
pub(crate) const CHUNK: usize = 1024;
/// Postings in one chunk at most.
const CHUNK_MAX: usize = 4096;
/// Gaps coded together.
const GROUP: usize = 128;

/// Appends a chunk of rising positions; the first stands in the directory and not in the chunk.
pub(crate) fn encode_chunk(positions: &[u32], out: &mut Vec<u8>) {
    let mut previous = positions[0];
    let mut gaps = [0u32; GROUP];
    for group in positions[1..].chunks(GROUP) {
        for (gap, &position) in gaps.iter_mut().zip(group) {
            *gap = position - previous - 1;
            previous = position;
        }
        put_group(&gaps[..group.len()], out);
    }
}

/// The `count` positions of a chunk that begins with `first`.
pub(crate) fn decode_chunk(first: u32, count: usize, bytes: &[u8]) -> Result<Vec<u32>, Malformed> {
    if count == 0 || count > CHUNK_MAX {
        return Err(Malformed);
    }
    let mut reader = Reader::new(bytes);
    let mut positions = vec![first; count];
    let mut previous = first;
    for group in positions[1..].chunks_mut(GROUP) {
        previous = read_group(&mut reader, previous, group)?;
    }
    if reader.is_empty() { Ok(positions) } else { Err(Malformed) }
}

/// Appends a group of gaps in Rice's code: one byte with the parameter k plus one, then for each gap its upper part
/// (shifted right by k) as so many ones and a zero, then its k lower bits. A group of zeros is one byte of zero.
///
/// Source: R. F. Rice, "Some Practical Universal Noiseless Coding Techniques", 1979.
fn put_group(gaps: &[u32], out: &mut Vec<u8>) {
    let sum: u64 = gaps.iter().map(|&gap| u64::from(gap)).sum();
    if sum == 0 {
        return out.push(0);
    }
    let k = parameter(gaps, sum);
    out.push(k as u8 + 1);
    let mut bits = BitWriter { out, buffer: 0, filled: 0 };
    for &gap in gaps {
        bits.put_ones(gap >> k);
        // The zero that ends the ones, then the lower bits.
        bits.put(u64::from(gap & ((1u32 << k) - 1)) << 1, k + 1);
    }
    bits.finish();
}

/// The parameter that makes the group shortest: near the logarithm of the mean, for gaps that chance made.
fn parameter(gaps: &[u32], sum: u64) -> u32 {
    let mean_log = (sum / gaps.len() as u64).checked_ilog2().unwrap_or(0).min(30);
    let bits = |k: u32| gaps.iter().map(|&gap| u64::from(gap >> k) + u64::from(k)).sum::<u64>();
    (mean_log.saturating_sub(1)..=mean_log + 1).min_by_key(|&k| bits(k)).unwrap_or(mean_log)
}

/// Fills `positions` with those that follow `previous` by the gaps that [`put_group`] wrote, and gives the last.
fn read_group(reader: &mut Reader<'_>, previous: u32, positions: &mut [u32]) -> Result<u32, Malformed> {
    let k = u32::from(reader.u8()?).checked_sub(1);
    if k.is_some_and(|k| k > 31) {
        return Err(Malformed);
    }
    let mut bits = BitReader::new(reader.rest());
    let mut last = u64::from(previous);
    for position in positions {
        last = last.saturating_add(k.map_or(0, |k| bits.gap(k)) + 1);
        *position = last as u32;
    }
    // They rise, so that the last tells of all; and beyond the end there are zeros, of which none may have been taken.
    reader.take(bits.at.div_ceil(8))?;
    u32::try_from(last).map_err(|_| Malformed)
}

/// Bits into bytes, the least significant first.
struct BitWriter<'a> {
    out: &'a mut Vec<u8>,
    buffer: u64,
    filled: u32,
}

impl BitWriter<'_> {
    fn put_ones(&mut self, mut count: u32) {
        while count > 0 {
            let some = count.min(32);
            self.put((1u64 << some) - 1, some);
            count -= some;
        }
    }

    /// The lower `count` bits, at most 32, of a number that has no others.
    fn put(&mut self, bits: u64, count: u32) {
        self.buffer |= bits << self.filled;
        self.filled += count;
        while self.filled >= 8 {
            self.out.push(self.buffer as u8);
            self.buffer >>= 8;
            self.filled -= 8;
        }
    }

    /// Fills the last byte up with zeros.
    fn finish(self) {
        if self.filled > 0 {
            self.out.push(self.buffer as u8);
        }
    }
}

/// Bits out of bytes, which zeros follow.
struct BitReader<'b> {
    bytes: &'b [u8],
    /// Bits that were taken.
    at: usize,
    /// The next bits, the first of them lowest, and how many there are.
    window: u64,
    left: u32,
}

impl<'b> BitReader<'b> {
    fn new(bytes: &'b [u8]) -> Self {
        Self { bytes, at: 0, window: 0, left: 0 }
    }

    /// Bits in the window at least when it was just filled.
    const WINDOW: u32 = 57;

    fn fill(&mut self) {
        let rest = self.bytes.get(self.at / 8..).unwrap_or_default();
        let word = match rest.first_chunk() {
            Some(word) => *word,
            None => {
                let mut word = [0; 8];
                word[..rest.len()].copy_from_slice(rest);
                word
            }
        };
        let passed = (self.at % 8) as u32;
        self.window = u64::from_le_bytes(word) >> passed;
        // Never all 64, so that all can be taken by a shift.
        self.left = (u64::BITS - passed).min(u64::BITS - 1);
    }

    fn take(&mut self, count: u32) {
        self.window >>= count;
        self.left -= count;
        self.at += count as usize;
    }

    /// A number in Rice's code with the parameter `k`, at most 31.
    fn gap(&mut self, k: u32) -> u64 {
        if self.window.trailing_ones() + 1 + k > self.left {
            self.fill();
        }
        let ones = self.window.trailing_ones();
        let upper = if ones + 1 + k <= self.left {
            self.take(ones + 1);
            u64::from(ones)
        } else {
            self.many_ones()
        };
        let lower = self.window & ((1 << k) - 1);
        self.take(k);
        (upper << k) | lower
    }

    /// How many ones stand before the next zero, which is passed over; no more than `u32::MAX` are told. The window is
    /// full behind it.
    #[cold]
    fn many_ones(&mut self) -> u64 {
        let mut count = 0u32;
        loop {
            self.fill();
            let ones = self.window.trailing_ones().min(Self::WINDOW - 1);
            count = count.saturating_add(ones);
            self.take(ones);
            if self.window & 1 == 0 {
                self.take(1);
                self.fill();
                return u64::from(count);
            }
        }
    }
}

/// Where a chunk stands and what it covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ChunkPlace {
    pub(crate) first: u32,
    pub(crate) count: u32,
    pub(crate) offset: u64,
    pub(crate) bytes: u32,
}

/// What a dictionary says about the postings of a term.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum PostingsPlace {
    /// So few that they stand in the dictionary.
    Inline(Vec<u32>),
    /// In chunks of the postings section.
    Chunks(Vec<ChunkPlace>),
}

/// Postings that stand in the dictionary at most.
pub(crate) const INLINE_MAX: usize = 12;

impl PostingsPlace {
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Inline(positions) => {
                put_varint(out, positions.len() as u64);
                let mut next = 0;
                for &position in positions {
                    put_varint(out, u64::from(position - next));
                    next = position + 1;
                }
            }
            Self::Chunks(chunks) => {
                put_varint(out, 0);
                let (mut first, mut offset) = (0, 0);
                for chunk in chunks {
                    put_varint(out, u64::from(chunk.first - first));
                    put_varint(out, u64::from(chunk.count));
                    put_varint(out, chunk.offset - offset);
                    put_varint(out, u64::from(chunk.bytes));
                    (first, offset) = (chunk.first, chunk.offset);
                }
            }
        }
    }

    pub(crate) fn read(payload: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(payload);
        match reader.count()? {
            0 => Self::read_chunks(reader),
            count if count <= INLINE_MAX => {
                let mut next = 0u32;
                let mut positions = Vec::with_capacity(count);
                for _ in 0..count {
                    let position = next.checked_add(reader.varint_u32()?).ok_or(Malformed)?;
                    positions.push(position);
                    next = position.checked_add(1).ok_or(Malformed)?;
                }
                if reader.is_empty() { Ok(Self::Inline(positions)) } else { Err(Malformed) }
            }
            _ => Err(Malformed),
        }
    }

    fn read_chunks(mut reader: Reader<'_>) -> Result<Self, Malformed> {
        let mut chunks: Vec<ChunkPlace> = Vec::new();
        let (mut first, mut offset) = (0u32, 0u64);
        while !reader.is_empty() {
            first = first.checked_add(reader.varint_u32()?).ok_or(Malformed)?;
            let count = reader.varint_u32()?;
            offset = offset.checked_add(reader.varint()?).ok_or(Malformed)?;
            let rising = chunks.last().is_none_or(|last| last.first < first);
            if !rising || count == 0 || count as usize > CHUNK_MAX {
                return Err(Malformed);
            }
            chunks.push(ChunkPlace { first, count, offset, bytes: reader.varint_u32()? });
        }
        if chunks.is_empty() { Err(Malformed) } else { Ok(Self::Chunks(chunks)) }
    }

    /// How many postings.
    pub(crate) fn count(&self) -> u64 {
        match self {
            Self::Inline(positions) => positions.len() as u64,
            Self::Chunks(chunks) => chunks.iter().map(|chunk| u64::from(chunk.count)).sum(),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn chunks_round_trip(set in prop::collection::btree_set(any::<u32>(), 1..600)) {
            let positions: Vec<u32> = set.into_iter().collect();
            let mut bytes = Vec::new();
            encode_chunk(&positions, &mut bytes);
            prop_assert_eq!(decode_chunk(positions[0], positions.len(), &bytes).unwrap(), positions);
        }

        #[test]
        fn dense_chunks_round_trip(gaps in prop::collection::vec(prop_oneof![9 => 0u32..3, 1 => 0u32..100_000], 1..600)) {
            let mut next = 0;
            let positions: Vec<u32> = gaps.iter().map(|gap| { next += gap + 1; next }).collect();
            let mut bytes = Vec::new();
            encode_chunk(&positions, &mut bytes);
            prop_assert_eq!(decode_chunk(positions[0], positions.len(), &bytes).unwrap(), positions);
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), count in 0usize..5000) {
            let _ = decode_chunk(7, count, &bytes);
            let _ = PostingsPlace::read(&bytes);
        }
    }

    #[test]
    fn gaps_that_lead_too_far_are_malformed() {
        // So many ones, shifted by 31 bits: far beyond any position.
        let mut bytes = vec![0xff; 1000];
        bytes[0] = 32;
        bytes.push(0);
        bytes.extend([0; 4]);
        assert_eq!(decode_chunk(0, 2, &bytes), Err(Malformed));
        let mut bytes = Vec::new();
        encode_chunk(&[0, u32::MAX], &mut bytes);
        assert_eq!(decode_chunk(0, 2, &bytes), Ok(vec![0, u32::MAX]));
        assert_eq!(decode_chunk(1, 2, &bytes), Err(Malformed));
        assert_eq!(decode_chunk(0, 2, &bytes[..bytes.len() - 1]), Err(Malformed));
        assert_eq!(decode_chunk(0, 2, &[&bytes[..], &[0]].concat()), Err(Malformed));
    }

    #[test]
    fn a_dense_chunk_takes_one_byte_per_group() {
        let mut bytes = Vec::new();
        encode_chunk(&(10..10 + CHUNK as u32).collect::<Vec<_>>(), &mut bytes);
        assert_eq!(bytes.len(), CHUNK.div_ceil(GROUP));
    }

    #[test]
    fn places_round_trip() {
        let chunk = |first, offset| ChunkPlace { first, count: 4096, offset, bytes: 77 };
        for place in [
            PostingsPlace::Inline(vec![0, 1, 5, u32::MAX - 1]),
            PostingsPlace::Chunks(vec![chunk(3, 900), chunk(5000, 1000)]),
        ] {
            let mut payload = Vec::new();
            place.write(&mut payload);
            assert_eq!(PostingsPlace::read(&payload), Ok(place));
        }
    }
}

/// The test vectors of `docs/format.md`, "Postings".
#[cfg(test)]
mod format_vectors {
    use super::*;

    #[test]
    fn chunks() {
        let chunk = |positions: &[u32]| {
            let mut bytes = Vec::new();
            encode_chunk(positions, &mut bytes);
            bytes
        };
        assert_eq!(chunk(&[5, 6, 8, 20, 21]), [0x02, 0xf8, 0x05]);
        assert_eq!(chunk(&(10..140).collect::<Vec<_>>()), [0x00, 0x00]);
    }
}
