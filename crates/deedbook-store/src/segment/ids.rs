//! Finding an event by its id: a sorted table of 32-bit hashes, and a filter that rules out most absent ids.

use deedbook_core::Result;

use super::file::{SegmentFile, SegmentSink};
use super::table::{Table, TableStream, TableWriter};
use crate::bytes::{Malformed, Reader};

/// Hash and position: 4 + 3 bytes.
pub(crate) const ID_ROW: usize = 7;
/// One block of the filter.
pub(crate) const FILTER_ROW: usize = 64;
/// Bits per id; with six of them set, one absent id in about a hundred passes.
const FILTER_BITS_PER_ID: u64 = 10;
const FILTER_PROBES: u32 = 6;

/// Hash of (tenant, id) under the log's key, and where the entry is.
pub(crate) type IdRow = (u32, u32);

/// Writes the rows of the table, already sorted, one after the other, and then the filter.
pub(crate) struct IdsWriter {
    rows: TableStream,
    filter: Vec<u8>,
}

impl IdsWriter {
    /// For exactly `count` ids.
    pub(crate) fn new(count: u64) -> Self {
        let blocks = (count * FILTER_BITS_PER_ID).div_ceil(FILTER_ROW as u64 * 8).max(1);
        Self { rows: TableStream::new(ID_ROW, count), filter: vec![0; blocks as usize * FILTER_ROW] }
    }

    pub(crate) fn push(&mut self, sink: &mut SegmentSink, (hash, position): IdRow) -> Result<()> {
        let mut row = [0; ID_ROW];
        row[..4].copy_from_slice(&hash.to_be_bytes());
        row[4..].copy_from_slice(&position.to_be_bytes()[1..]);
        let blocks = (self.filter.len() / FILTER_ROW) as u64;
        let (block, bits) = filter_place(hash, blocks);
        let block = &mut self.filter[block as usize * FILTER_ROW..][..FILTER_ROW];
        bits.for_each(|bit| block[bit / 8] |= 1 << (bit % 8));
        self.rows.push(sink, &row)
    }

    /// The table, then the filter.
    pub(crate) fn finish(self, sink: &mut SegmentSink) -> Result<(Table, Table)> {
        let rows = self.rows.finish();
        let filter = TableWriter::from_rows(FILTER_ROW, self.filter).finish(sink)?;
        Ok((rows, filter))
    }
}

/// The block of the filter that an id belongs to and its bits there.
fn filter_place(hash: u32, blocks: u64) -> (u64, impl Iterator<Item = usize>) {
    let mixed = mix(u64::from(hash));
    let block = ((u128::from(mixed) * u128::from(blocks)) >> 64) as u64;
    let bits = mix(mixed);
    (block, (0..FILTER_PROBES).map(move |probe| (bits >> (9 * probe) & 511) as usize))
}

/// The finaliser of SplitMix64.
fn mix(mut value: u64) -> u64 {
    value = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

/// The ids of one segment.
pub(crate) struct Ids {
    rows: Table,
    filter: Table,
    /// The filter's rows, where they are kept in memory.
    resident: Option<Vec<u8>>,
}

impl Ids {
    pub(crate) fn new(rows: Table, filter: Table) -> Self {
        Self { rows, filter, resident: None }
    }

    /// How many entries have an id.
    pub(crate) fn rows(&self) -> u64 {
        self.rows.rows
    }

    /// Bytes that the filter takes in memory.
    pub(crate) fn filter_bytes(&self) -> u64 {
        self.filter.rows * FILTER_ROW as u64
    }

    pub(crate) fn is_resident(&self) -> bool {
        self.resident.is_some()
    }

    /// Keeps the filter in memory from now on.
    pub(crate) fn make_resident(&mut self, file: &SegmentFile) -> Result<()> {
        let mut bytes = Vec::with_capacity(self.filter_bytes().min(file.length) as usize);
        for page in 0..self.filter.pages() {
            bytes.extend_from_slice(&self.filter.page_uncached(file, page)?);
        }
        self.resident = Some(bytes);
        Ok(())
    }

    /// Positions of the entries whose ids have this hash: nearly always none or one.
    pub(crate) fn find(&self, file: &SegmentFile, hash: u32) -> Result<Vec<u32>> {
        if !self.may_have(file, hash)? {
            return Ok(Vec::new());
        }
        let mut index = self.rows.partition(file, |mut row| Ok(row.u32()? >= hash))?;
        let mut positions = Vec::new();
        while index < self.rows.rows {
            let row = self.rows.row(file, index)?;
            let (found, position) = file.shaped(read_row(row.reader()), "a row of ids")?;
            if found != hash {
                break;
            }
            positions.push(position);
            index += 1;
        }
        Ok(positions)
    }

    fn may_have(&self, file: &SegmentFile, hash: u32) -> Result<bool> {
        let (block, mut bits) = filter_place(hash, self.filter.rows);
        if let Some(resident) = &self.resident {
            let block = &resident[block as usize * FILTER_ROW..][..FILTER_ROW];
            return Ok(bits.all(|bit| block[bit / 8] & (1 << (bit % 8)) != 0));
        }
        let row = self.filter.row(file, block)?;
        let block = file.shaped(row.reader().take(FILTER_ROW), "a block of the filter")?;
        Ok(bits.all(|bit| block[bit / 8] & (1 << (bit % 8)) != 0))
    }

    /// All rows in order, read once and past the cache.
    pub(crate) fn scan<'a>(&'a self, file: &'a SegmentFile) -> impl Iterator<Item = Result<IdRow>> + 'a {
        let pages = (0..self.rows.pages()).map(move |page| self.rows.page_uncached(file, page));
        pages.flat_map(move |page| -> Box<dyn Iterator<Item = Result<IdRow>>> {
            match page {
                Err(error) => Box::new(std::iter::once(Err(error))),
                Ok(page) => {
                    let rows = (0..page.len() / ID_ROW).map(move |row| {
                        let row = Reader::new(&page[row * ID_ROW..][..ID_ROW]);
                        file.shaped(read_row(row), "a row of ids")
                    });
                    Box::new(rows)
                }
            }
        })
    }

    /// Bytes of table and filter in the file, checksums included.
    pub(crate) fn bytes_in_file(&self) -> u64 {
        self.rows.bytes_in_file() + self.filter.bytes_in_file()
    }

    /// Reads every page of the filter, for its checksums.
    pub(crate) fn check_filter(&self, file: &SegmentFile) -> Result<()> {
        (0..self.filter.pages()).try_for_each(|page| self.filter.page_uncached(file, page).map(drop))
    }
}

fn read_row(mut row: Reader<'_>) -> Result<IdRow, Malformed> {
    let hash = row.u32()?;
    let [high, middle, low] = row.array()?;
    Ok((hash, u32::from_be_bytes([0, high, middle, low])))
}

/// The test vector of `docs/format.md`, "Ids".
#[cfg(test)]
mod format_vectors {
    use super::*;
    use crate::terms::IdHasher;

    #[test]
    fn a_hash_and_its_place_in_the_filter() {
        let hasher = IdHasher(std::array::from_fn(|byte| byte as u8));
        let hash = hasher.event("acme", "e-1");
        assert_eq!(hash, 0x12cf_29e5_c427_77d0);
        let (block, bits) = filter_place((hash >> 32) as u32, 20);
        assert_eq!((block, bits.collect::<Vec<_>>()), (12, vec![461, 52, 344, 336, 144, 454]));
    }
}
