//! What a segment says of itself: what it covers, its secrets, and where its sections stand.

use deedbook_core::Result;
use deedbook_core::commitment::Key;

use super::dictionary::DictionaryPlace;
use super::entries::{BLOCK_ROW, BLOCK_ROW_ALONE, ORDINAL_ROW};
use super::file::{CHECKSUM, SegmentFile};
use super::halves::IdHalves;
use super::ids::{FILTER_ROW, ID_ROW};
use super::sample::{SamplePlace, put_samples, read_samples};
use super::table::Table;
use super::times::TIMES_ROW;
use crate::bytes::{Malformed, Reader, is_checksum, placed_checksum, put_varint};

pub(crate) const HEADER_MAGIC: &[u8; 8] = b"DEEDSEG1";
const TRAILER_MAGIC: &[u8; 8] = b"DEEDEND1";
/// Magic (8), identity (16), checksum.
pub(crate) const HEADER: u64 = 8 + 16 + CHECKSUM;
/// Offset and length of the footer (8 + 8), magic (8), checksum.
pub(crate) const TRAILER: u64 = 8 + 8 + 8 + CHECKSUM;

/// The key of a range of positions: those that one generation of the write-ahead log held.
#[derive(Clone)]
pub(crate) struct KeyRange {
    pub(crate) positions: u64,
    /// `None` where something was erased in the range.
    pub(crate) key: Option<Key>,
}

/// The footer of a segment.
pub(crate) struct Footer {
    pub(crate) first_position: u64,
    pub(crate) positions: u32,
    pub(crate) keys: Vec<KeyRange>,
    /// Where the second copy of the keys stands.
    pub(crate) keys_copy: u64,
    pub(crate) blocks: Table,
    pub(crate) permutation: Table,
    pub(crate) times: Table,
    pub(crate) ids: Table,
    pub(crate) filter: Table,
    pub(crate) tenants: DictionaryPlace,
    pub(crate) terms: DictionaryPlace,
    pub(crate) tallies: DictionaryPlace,
    /// Bytes of all chunks of postings, checksums included.
    pub(crate) postings_bytes: u64,
    /// What blocks of entries are compressed against.
    pub(crate) samples: Vec<SamplePlace>,
}

impl Footer {
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        put_varint(&mut out, self.first_position);
        put_varint(&mut out, self.positions.into());
        out.extend_from_slice(&keys_to_bytes(&self.keys));
        put_varint(&mut out, self.keys_copy);
        for table in [&self.blocks, &self.permutation, &self.times, &self.ids, &self.filter] {
            table.write(&mut out);
        }
        for dictionary in [&self.tenants, &self.terms, &self.tallies] {
            dictionary.write(&mut out);
        }
        put_varint(&mut out, self.postings_bytes);
        if self.blocks.width != BLOCK_ROW_ALONE {
            put_samples(&self.samples, &mut out);
        }
        out
    }

    fn from_bytes(bytes: &[u8]) -> Result<Self, Malformed> {
        let reader = &mut Reader::new(bytes);
        let first_position = reader.varint()?;
        let positions = reader.varint_u32()?;
        first_position.checked_add(positions.into()).ok_or(Malformed)?;
        let mut footer = Self {
            first_position,
            positions,
            keys: read_keys(reader)?,
            keys_copy: reader.varint()?,
            blocks: Table::read_of(reader, &[BLOCK_ROW, BLOCK_ROW_ALONE])?,
            permutation: Table::read(reader, ORDINAL_ROW)?,
            times: Table::read(reader, TIMES_ROW)?,
            ids: Table::read(reader, ID_ROW)?,
            filter: Table::read(reader, FILTER_ROW)?,
            tenants: DictionaryPlace::read(reader)?,
            terms: DictionaryPlace::read(reader)?,
            tallies: DictionaryPlace::read(reader)?,
            postings_bytes: reader.varint()?,
            samples: Vec::new(),
        };
        if footer.blocks.width != BLOCK_ROW_ALONE {
            footer.samples = read_samples(reader, positions)?;
        }
        let covered = footer.keys.iter().try_fold(0u64, |sum, range| sum.checked_add(range.positions));
        let fits = covered == Some(positions.into())
            && footer.permutation.rows == u64::from(positions)
            && footer.ids.rows <= u64::from(positions);
        if reader.is_empty() && fits && positions > 0 && footer.filter.rows > 0 { Ok(footer) } else { Err(Malformed) }
    }

    fn is_within(&self, file: &SegmentFile) -> bool {
        let tables = [&self.blocks, &self.permutation, &self.times, &self.ids, &self.filter];
        tables.iter().all(|table| table.is_within(file)) && self.postings_bytes <= file.length
    }

    /// The key of the entry at `position`, where its range has one.
    pub(crate) fn key(&self, position: u32) -> Option<&Key> {
        let mut before = 0;
        let range = self.keys.iter().find(|range| {
            before += range.positions;
            u64::from(position) < before
        });
        range.expect("the ranges cover all positions, as was checked when the footer was read").key.as_ref()
    }
}

/// The keys as they stand in the footer and, once more, in a block of their own.
pub(crate) fn keys_to_bytes(keys: &[KeyRange]) -> Vec<u8> {
    let mut out = Vec::new();
    put_varint(&mut out, keys.len() as u64);
    for range in keys {
        put_varint(&mut out, range.positions);
        out.push(range.key.is_some().into());
        range.key.iter().for_each(|key| out.extend_from_slice(&key.0));
    }
    out
}

fn read_keys(reader: &mut Reader<'_>) -> Result<Vec<KeyRange>, Malformed> {
    let count = reader.count()?;
    let mut keys = Vec::new();
    for _ in 0..count {
        let positions = reader.varint()?;
        let key = match reader.u8()? {
            0 => None,
            1 => Some(Key(reader.array()?)),
            _ => return Err(Malformed),
        };
        keys.push(KeyRange { positions, key });
    }
    Ok(keys)
}

/// The header that begins a segment.
pub(crate) fn header(file_id: &[u8; 16]) -> Vec<u8> {
    let mut header = [&HEADER_MAGIC[..], file_id].concat();
    header.extend_from_slice(&placed_checksum(file_id, 0, &header).to_be_bytes());
    header
}

/// The identity in a header.
pub(crate) fn read_header(header: &[u8; HEADER as usize]) -> Option<[u8; 16]> {
    let (content, checksum) = header.split_at(24);
    let file_id = content[8..].try_into().ok()?;
    let sound = &content[..8] == HEADER_MAGIC && is_checksum(placed_checksum(&file_id, 0, content), checksum);
    sound.then_some(file_id)
}

/// The trailer that ends a segment.
pub(crate) fn trailer(footer_offset: u64, footer_bytes: u64) -> Vec<u8> {
    [&footer_offset.to_be_bytes()[..], &footer_bytes.to_be_bytes(), TRAILER_MAGIC].concat()
}

/// Reads the footer that the trailer at the end points to, and its bytes. Between them is nothing, or what an offloaded
/// segment has besides: its trailer of before, and the lower halves of hashes.
pub(crate) fn read_footer(file: &SegmentFile) -> Result<(Footer, crate::cache::Block)> {
    let Some(trailer_at) = file.length.checked_sub(TRAILER).filter(|&at| at >= HEADER) else {
        return Err(file.corrupt("it is too short for a segment"));
    };
    let trailer = file.block_uncached(trailer_at, (TRAILER - CHECKSUM) as usize)?;
    let mut reader = Reader::new(&trailer);
    let place = (|| Ok((reader.u64()?, reader.u64()?, reader.array()?)))();
    let (offset, bytes, magic): (u64, u64, [u8; 8]) = file.shaped(place, "the trailer")?;
    let end = offset.checked_add(bytes.saturating_add(CHECKSUM));
    let Some(between) = end.and_then(|end| trailer_at.checked_sub(end)).filter(|_| &magic == TRAILER_MAGIC) else {
        return Err(file.corrupt("the trailer does not point to a footer before it"));
    };
    let block = file.block_uncached(offset, bytes as usize)?;
    let footer = file.shaped(Footer::from_bytes(&block), "the footer")?;
    if between != 0 && between != IdHalves::bytes(footer.positions) {
        return Err(file.corrupt("the trailer does not point to a footer before it"));
    }
    if !footer.is_within(file) {
        return Err(file.corrupt("its footer leads outside of it"));
    }
    Ok((footer, block))
}
