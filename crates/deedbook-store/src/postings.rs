//! Posting lists: the rising positions, within one part of the log, of the entries that have a term.
//!
//! A list is delta-coded in blocks of 128 numbers of as many bits as the largest needs; up to 4,096 postings make a
//! chunk, the unit that is read and decoded. `docs/format.md`, "Postings", is the authority on the bytes.

use crate::bytes::{Malformed, Reader, put_varint};

/// Postings in one chunk at most.
pub(crate) const CHUNK: usize = 4096;
/// Deltas packed together.
const BLOCK: usize = 128;

/// Appends a chunk of rising positions; the first stands in the directory and not in the chunk.
pub(crate) fn encode_chunk(positions: &[u32], out: &mut Vec<u8>) {
    let mut previous = positions[0];
    let mut gaps = [0u32; BLOCK];
    for block in positions[1..].chunks(BLOCK) {
        for (gap, &position) in gaps.iter_mut().zip(block) {
            *gap = position - previous - 1;
            previous = position;
        }
        pack(&gaps[..block.len()], out);
    }
}

/// The `count` positions of a chunk that begins with `first`.
pub(crate) fn decode_chunk(first: u32, count: usize, bytes: &[u8]) -> Result<Vec<u32>, Malformed> {
    if count == 0 || count > CHUNK {
        return Err(Malformed);
    }
    let mut reader = Reader::new(bytes);
    let mut positions = Vec::with_capacity(count);
    positions.push(first);
    let mut previous = first;
    while positions.len() < count {
        let in_block = (count - positions.len()).min(BLOCK);
        unpack(&mut reader, in_block, |gap| {
            previous = previous.checked_add(gap).and_then(|next| next.checked_add(1)).ok_or(Malformed)?;
            positions.push(previous);
            Ok(())
        })?;
    }
    if reader.is_empty() { Ok(positions) } else { Err(Malformed) }
}

/// Appends `numbers` with as many bits each as the largest needs: one byte for the width, then the bits, least
/// significant first, filled up to a whole byte.
pub(crate) fn pack(numbers: &[u32], out: &mut Vec<u8>) {
    let width = numbers.iter().fold(0, |all, number| all | number).checked_ilog2().map_or(0, |log| log + 1);
    out.push(width as u8);
    let (mut buffer, mut filled) = (0u64, 0);
    for &number in numbers {
        buffer |= u64::from(number) << filled;
        filled += width;
        while filled >= 8 {
            out.push(buffer as u8);
            buffer >>= 8;
            filled -= 8;
        }
    }
    if filled > 0 {
        out.push(buffer as u8);
    }
}

/// Calls `sink` with each of the `count` numbers that [`pack`] wrote.
pub(crate) fn unpack(
    reader: &mut Reader<'_>,
    count: usize,
    mut sink: impl FnMut(u32) -> Result<(), Malformed>,
) -> Result<(), Malformed> {
    let width = u32::from(reader.u8()?);
    if width > 32 {
        return Err(Malformed);
    }
    let bytes = reader.take((count * width as usize).div_ceil(8))?;
    let mask = (1u64 << width) - 1;
    let (mut buffer, mut filled, mut at) = (0u64, 0, 0);
    for _ in 0..count {
        while filled < width {
            buffer |= u64::from(bytes[at]) << filled;
            at += 1;
            filled += 8;
        }
        sink((buffer & mask) as u32)?;
        buffer >>= width;
        filled -= width;
    }
    Ok(())
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
            if !rising || count == 0 || count as usize > CHUNK {
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
        fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), count in 0usize..5000) {
            let _ = decode_chunk(7, count, &bytes);
            let _ = PostingsPlace::read(&bytes);
        }
    }

    #[test]
    fn a_dense_chunk_takes_one_byte_per_block() {
        let mut bytes = Vec::new();
        encode_chunk(&(10..10 + CHUNK as u32).collect::<Vec<_>>(), &mut bytes);
        assert_eq!(bytes.len(), CHUNK.div_ceil(BLOCK));
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
        assert_eq!(chunk(&[5, 6, 8, 20, 21]), [0x04, 0x10, 0x0b]);
        assert_eq!(chunk(&(10..140).collect::<Vec<_>>()), [0x00, 0x00]);
    }
}
