//! Rows of one width in pages: random access by row number with one read.

use std::ops::Range;

use deedbook_core::Result;

use super::file::{CHECKSUM, SegmentFile, SegmentSink};
use crate::bytes::{Malformed, Reader, put_varint};
use crate::cache::Block;

/// Bytes of rows in a page at most.
const PAGE: usize = 4092;

/// Collects the rows of a table.
pub(crate) struct TableWriter {
    width: usize,
    rows: Vec<u8>,
}

impl TableWriter {
    pub(crate) fn new(width: usize) -> Self {
        Self { width, rows: Vec::new() }
    }

    pub(crate) fn from_rows(width: usize, rows: Vec<u8>) -> Self {
        Self { width, rows }
    }

    pub(crate) fn push(&mut self, row: &[u8]) {
        debug_assert_eq!(row.len(), self.width);
        self.rows.extend_from_slice(row);
    }

    pub(crate) fn finish(self, sink: &mut SegmentSink) -> Result<Table> {
        let mut stream = TableStream::new(self.width, (self.rows.len() / self.width) as u64);
        self.rows.chunks(self.width).try_for_each(|row| stream.push(sink, row))?;
        Ok(stream.finish())
    }
}

/// Writes the rows of a table page by page; nothing else may be written to the file between the first row and the last.
pub(crate) struct TableStream {
    table: Table,
    /// Rows that are still to come.
    missing: u64,
    page: Vec<u8>,
}

impl TableStream {
    /// For exactly `rows` rows.
    pub(crate) fn new(width: usize, rows: u64) -> Self {
        Self { table: Table { offset: 0, width, rows: 0 }, missing: rows, page: Vec::with_capacity(PAGE) }
    }

    pub(crate) fn push(&mut self, sink: &mut SegmentSink, row: &[u8]) -> Result<()> {
        if self.table.rows == 0 {
            self.table.offset = sink.offset();
        }
        self.page.extend_from_slice(row);
        self.table.rows += 1;
        self.missing -= 1;
        if self.page.len() == self.table.page_bytes() || self.missing == 0 {
            sink.put_block(&self.page)?;
            self.page.clear();
        }
        Ok(())
    }

    /// The table, after its last row.
    pub(crate) fn finish(self) -> Table {
        debug_assert_eq!(self.missing, 0, "all rows were written");
        self.table
    }
}

/// Where a table stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Table {
    offset: u64,
    pub(crate) width: usize,
    pub(crate) rows: u64,
}

/// One row, borrowed from its page.
pub(crate) struct Row {
    page: Block,
    /// Number of the page.
    number: u64,
    start: usize,
    width: usize,
}

impl Row {
    pub(crate) fn reader(&self) -> Reader<'_> {
        Reader::new(&self.page[self.start..self.start + self.width])
    }
}

impl Table {
    /// A table of so many rows that begins at `offset`.
    pub(crate) fn at(offset: u64, width: usize, rows: u64) -> Self {
        Self { offset, width, rows }
    }

    fn rows_per_page(&self) -> u64 {
        (PAGE / self.width) as u64
    }

    fn page_bytes(&self) -> usize {
        self.rows_per_page() as usize * self.width
    }

    pub(crate) fn pages(&self) -> u64 {
        self.rows.div_ceil(self.rows_per_page())
    }

    /// The page with this number, and where it stands.
    fn page_place(&self, page: u64) -> (u64, usize) {
        let offset = self.offset + page * (self.page_bytes() as u64 + CHECKSUM);
        let rows = self.rows_per_page().min(self.rows - page * self.rows_per_page());
        (offset, rows as usize * self.width)
    }

    pub(crate) fn page_uncached(&self, file: &SegmentFile, page: u64) -> Result<Block> {
        let (offset, length) = self.page_place(page);
        file.block_uncached(offset, length)
    }

    /// The number of the page that holds a row.
    pub(crate) fn page_of(&self, row: u64) -> u64 {
        row / self.rows_per_page()
    }

    /// The numbers of the rows of a page.
    pub(crate) fn rows_of(&self, page: u64) -> Range<u64> {
        let first = page * self.rows_per_page();
        first..self.rows.min(first + self.rows_per_page())
    }

    pub(crate) fn row(&self, file: &SegmentFile, index: u64) -> Result<Row> {
        if index >= self.rows {
            return Err(file.corrupt("a row outside of its table is referred to"));
        }
        let number = self.page_of(index);
        let (offset, length) = self.page_place(number);
        let start = (index % self.rows_per_page()) as usize * self.width;
        Ok(Row { page: file.block(offset, length)?, number, start, width: self.width })
    }

    /// As [`row`](Self::row), without asking the cache again where `last` is on the same page.
    pub(crate) fn near(&self, file: &SegmentFile, index: u64, last: Option<Row>) -> Result<Row> {
        match last {
            Some(row) if row.number == self.page_of(index) && index < self.rows => {
                Ok(Row { start: (index % self.rows_per_page()) as usize * self.width, ..row })
            }
            _ => self.row(file, index),
        }
    }

    /// Whether the table lies within the file, so that its number of rows can be believed.
    pub(crate) fn is_within(&self, file: &SegmentFile) -> bool {
        file.holds(self.offset, self.bytes_in_file())
    }

    /// Bytes of the table in the file, checksums included.
    pub(crate) fn bytes_in_file(&self) -> u64 {
        self.rows * self.width as u64 + self.pages() * CHECKSUM
    }

    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        put_varint(out, self.offset);
        put_varint(out, self.width as u64);
        put_varint(out, self.rows);
    }

    pub(crate) fn read(reader: &mut Reader<'_>, width: usize) -> Result<Self, Malformed> {
        Self::read_of(reader, &[width])
    }

    /// As [`read`](Self::read), of one of several widths.
    pub(crate) fn read_of(reader: &mut Reader<'_>, widths: &[usize]) -> Result<Self, Malformed> {
        let table = Self { offset: reader.varint()?, width: reader.count()?, rows: reader.varint()? };
        let bytes =
            table.rows.checked_mul(table.width as u64 + CHECKSUM).and_then(|bytes| bytes.checked_add(table.offset));
        if widths.contains(&table.width) && bytes.is_some() { Ok(table) } else { Err(Malformed) }
    }

    /// The first row for which `is_beyond` holds, where it holds for no row before one for which it does not.
    pub(crate) fn partition(
        &self,
        file: &SegmentFile,
        mut is_beyond: impl FnMut(Reader<'_>) -> Result<bool, Malformed>,
    ) -> Result<u64> {
        let (mut low, mut high) = (0, self.rows);
        let mut row = None;
        while low < high {
            let middle = low + (high - low) / 2;
            let found = self.near(file, middle, row.take())?;
            if file.shaped(is_beyond(found.reader()), "a row")? {
                high = middle
            } else {
                low = middle + 1
            }
            row = Some(found);
        }
        Ok(low)
    }
}
