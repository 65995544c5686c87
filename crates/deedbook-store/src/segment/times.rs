//! When each position was recorded and when its act occurred, in chunks of 256 positions.

use std::sync::OnceLock;

use deedbook_core::{Order, Result};

use super::file::{CHECKSUM, SegmentFile, SegmentSink};
use super::table::{Table, TableWriter};
use crate::bytes::{Malformed, Reader, put_varint, unzigzag, zigzag};
use crate::cursor::beyond;

/// Positions in a chunk.
pub(crate) const TIMES_CHUNK: usize = 256;
/// Offset (6), length (2), earliest and latest occurrence, first recording (8 each).
pub(crate) const TIMES_ROW: usize = 32;

/// Microseconds since 1970: when the log accepted an entry, when its act occurred.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Times {
    pub(crate) recorded_at: i64,
    pub(crate) occurred_at: i64,
}

/// The range of `occurred_at` of a chunk, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Zone {
    pub(crate) chunk: u32,
    pub(crate) earliest: i64,
    pub(crate) latest: i64,
}

/// Writes the times in the order of positions.
pub(crate) struct TimesWriter {
    directory: TableWriter,
    chunk: Vec<Times>,
}

impl TimesWriter {
    pub(crate) fn new() -> Self {
        Self { directory: TableWriter::new(TIMES_ROW), chunk: Vec::with_capacity(TIMES_CHUNK) }
    }

    pub(crate) fn push(&mut self, sink: &mut SegmentSink, times: Times) -> Result<()> {
        self.chunk.push(times);
        if self.chunk.len() == TIMES_CHUNK { self.end_chunk(sink) } else { Ok(()) }
    }

    fn end_chunk(&mut self, sink: &mut SegmentSink) -> Result<()> {
        let Some(first) = self.chunk.first().copied() else { return Ok(()) };
        let bytes = encode(&self.chunk);
        let offset = sink.put_block(&bytes)?;
        let earliest = self.chunk.iter().map(|times| times.occurred_at).min().unwrap_or_default();
        let latest = self.chunk.iter().map(|times| times.occurred_at).max().unwrap_or_default();
        let mut row = [0; TIMES_ROW];
        row[..6].copy_from_slice(&offset.to_be_bytes()[2..]);
        row[6..8].copy_from_slice(&(bytes.len() as u16).to_be_bytes());
        row[8..16].copy_from_slice(&earliest.to_be_bytes());
        row[16..24].copy_from_slice(&latest.to_be_bytes());
        row[24..].copy_from_slice(&first.recorded_at.to_be_bytes());
        self.directory.push(&row);
        self.chunk.clear();
        Ok(())
    }

    pub(crate) fn finish(mut self, sink: &mut SegmentSink) -> Result<Table> {
        self.end_chunk(sink)?;
        self.directory.finish(sink)
    }
}

/// Runs of equal `recorded_at`, then the differences of `occurred_at` from one position to the next.
fn encode(chunk: &[Times]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(4 * chunk.len());
    let mut previous = chunk[0].recorded_at;
    for run in chunk.chunk_by(|a, b| a.recorded_at == b.recorded_at) {
        put_varint(&mut bytes, run.len() as u64);
        put_varint(&mut bytes, run[0].recorded_at.abs_diff(previous));
        previous = run[0].recorded_at;
    }
    let mut previous = chunk[0].recorded_at;
    for times in chunk {
        put_varint(&mut bytes, zigzag(times.occurred_at.wrapping_sub(previous)));
        previous = times.occurred_at;
    }
    bytes
}

/// The `recorded_at` of one position of a chunk.
fn decode_recorded_at(bytes: &[u8], index: usize, first_recorded_at: i64) -> Result<i64, Malformed> {
    let mut reader = Reader::new(bytes);
    let mut recorded_at = first_recorded_at;
    let mut covered = 0usize;
    while covered <= index {
        covered = covered.checked_add(reader.count()?).ok_or(Malformed)?;
        recorded_at = recorded_at.checked_add_unsigned(reader.varint()?).ok_or(Malformed)?;
    }
    Ok(recorded_at)
}

fn decode(bytes: &[u8], count: usize, first_recorded_at: i64) -> Result<Vec<Times>, Malformed> {
    let mut reader = Reader::new(bytes);
    let mut chunk = Vec::with_capacity(count);
    let mut recorded_at = first_recorded_at;
    while chunk.len() < count {
        let run = reader.count()?;
        recorded_at = recorded_at.checked_add_unsigned(reader.varint()?).ok_or(Malformed)?;
        if run == 0 || run > count - chunk.len() {
            return Err(Malformed);
        }
        chunk.extend(std::iter::repeat_n(Times { recorded_at, occurred_at: 0 }, run));
    }
    let mut occurred_at = first_recorded_at;
    for times in &mut chunk {
        occurred_at = occurred_at.wrapping_add(unzigzag(reader.varint()?));
        times.occurred_at = occurred_at;
    }
    if reader.is_empty() { Ok(chunk) } else { Err(Malformed) }
}

/// What the directory says of a chunk.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ChunkZone {
    offset: u64,
    bytes: usize,
    pub(crate) earliest: i64,
    pub(crate) latest: i64,
    pub(crate) first_recorded_at: i64,
}

/// The times of one segment.
pub(crate) struct TimesColumn {
    directory: Table,
    positions: u32,
    /// Of each page of the directory, once it was read: so that a question about a short time passes over most of them.
    spans: Box<[OnceLock<(i64, i64)>]>,
}

impl TimesColumn {
    pub(crate) fn new(directory: Table, positions: u32) -> Result<Self, Malformed> {
        let fits = directory.rows == u64::from(positions).div_ceil(TIMES_CHUNK as u64);
        let spans = || (0..directory.pages()).map(|_| OnceLock::new()).collect();
        fits.then(|| Self { directory, positions, spans: spans() }).ok_or(Malformed)
    }

    pub(crate) fn chunks(&self) -> u64 {
        self.directory.rows
    }

    pub(crate) fn zone(&self, file: &SegmentFile, chunk: u64) -> Result<ChunkZone> {
        let row = self.directory.row(file, chunk)?;
        file.shaped(read_zone(row.reader()), "a row of times")
    }

    /// The first chunk from `chunk` on, in `order`, whose earliest and latest occurrence pass `wanted`, and these. What
    /// passes for a range of time passes for every longer one around it.
    pub(crate) fn find_zone(
        &self,
        file: &SegmentFile,
        chunk: u32,
        order: Order,
        wanted: &dyn Fn(i64, i64) -> bool,
    ) -> Result<Option<Zone>> {
        let (mut next, mut row) = (Some(chunk), None);
        while let Some(chunk) = next.filter(|&chunk| u64::from(chunk) < self.chunks()) {
            let page = self.directory.page_of(chunk.into());
            let (earliest, latest) = self.span(file, page)?;
            if !wanted(earliest, latest) {
                let of_page = self.directory.rows_of(page);
                let farthest = if order == Order::Ascending { of_page.end - 1 } else { of_page.start };
                next = beyond(farthest as u32, order);
                continue;
            }
            let found = self.directory.near(file, chunk.into(), row.take())?;
            let ChunkZone { earliest, latest, .. } = file.shaped(read_zone(found.reader()), "a row of times")?;
            if wanted(earliest, latest) {
                return Ok(Some(Zone { chunk, earliest, latest }));
            }
            row = Some(found);
            next = beyond(chunk, order);
        }
        Ok(None)
    }

    /// The earliest and latest occurrence of the chunks of one page of the directory.
    fn span(&self, file: &SegmentFile, page: u64) -> Result<(i64, i64)> {
        let known = &self.spans[page as usize];
        if let Some(span) = known.get() {
            return Ok(*span);
        }
        let (mut earliest, mut latest) = (i64::MAX, i64::MIN);
        let mut row = None;
        for chunk in self.directory.rows_of(page) {
            let found = self.directory.near(file, chunk, row.take())?;
            let zone = file.shaped(read_zone(found.reader()), "a row of times")?;
            (earliest, latest) = (earliest.min(zone.earliest), latest.max(zone.latest));
            row = Some(found);
        }
        Ok(*known.get_or_init(|| (earliest, latest)))
    }

    /// The times of a chunk, in the order of positions.
    pub(crate) fn chunk(&self, file: &SegmentFile, chunk: u64) -> Result<Vec<Times>> {
        let zone = self.zone(file, chunk)?;
        let block = file.block(zone.offset, zone.bytes)?;
        let count = (u64::from(self.positions) - chunk * TIMES_CHUNK as u64).min(TIMES_CHUNK as u64);
        file.shaped(decode(&block, count as usize, zone.first_recorded_at), "a chunk of times")
    }

    /// When the entry at `position` was recorded.
    pub(crate) fn recorded_at(&self, file: &SegmentFile, position: u32) -> Result<i64> {
        let zone = self.zone(file, u64::from(position) / TIMES_CHUNK as u64)?;
        let block = file.block(zone.offset, zone.bytes)?;
        let index = position as usize % TIMES_CHUNK;
        file.shaped(decode_recorded_at(&block, index, zone.first_recorded_at), "a chunk of times")
    }

    /// The first position that was recorded at or after `instant`.
    pub(crate) fn first_recorded_from(&self, file: &SegmentFile, instant: i64) -> Result<u32> {
        let beyond = self.directory.partition(file, |row| Ok(read_zone(row)?.first_recorded_at >= instant))?;
        let Some(chunk) = beyond.checked_sub(1) else { return Ok(0) };
        let within = self.chunk(file, chunk)?.partition_point(|times| times.recorded_at < instant);
        Ok((chunk * TIMES_CHUNK as u64) as u32 + within as u32)
    }

    /// Bytes of directory and chunks in the file, checksums included.
    pub(crate) fn bytes_in_file(&self, file: &SegmentFile) -> Result<u64> {
        let mut bytes = self.directory.bytes_in_file();
        for chunk in 0..self.chunks() {
            bytes += self.zone(file, chunk)?.bytes as u64 + CHECKSUM;
        }
        Ok(bytes)
    }
}

fn read_zone(mut row: Reader<'_>) -> Result<ChunkZone, Malformed> {
    let [a, b, c, d, e, f] = row.array()?;
    Ok(ChunkZone {
        offset: u64::from_be_bytes([0, 0, a, b, c, d, e, f]),
        bytes: row.u16()?.into(),
        earliest: row.u64()? as i64,
        latest: row.u64()? as i64,
        first_recorded_at: row.u64()? as i64,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn chunks_round_trip(
            rows in prop::collection::vec((0i64..3, any::<i64>()), 1..TIMES_CHUNK),
            start in -1_000_000i64..1_000_000,
        ) {
            let mut recorded_at = start;
            let chunk: Vec<Times> = rows
                .into_iter()
                .map(|(step, occurred_at)| {
                    recorded_at += step;
                    Times { recorded_at, occurred_at }
                })
                .collect();
            let bytes = encode(&chunk);
            for (index, times) in chunk.iter().enumerate() {
                prop_assert_eq!(decode_recorded_at(&bytes, index, chunk[0].recorded_at), Ok(times.recorded_at));
            }
            prop_assert_eq!(decode(&bytes, chunk.len(), chunk[0].recorded_at), Ok(chunk));
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..100), count in 0usize..300) {
            let _ = decode(&bytes, count, i64::MAX - 5);
            let _ = decode_recorded_at(&bytes, count, i64::MAX - 5);
        }
    }
}
