//! The write-ahead log: one file per generation, one frame per sync.
//!
//! A generation's file is filled with zeros and synced before it is used and is never used again, so that appending a
//! frame changes no metadata of the file system and a torn frame shows as a sector of zeros. `docs/format.md`,
//! "Write-ahead log", is the authority on the bytes.

use std::io;
use std::sync::Arc;

use deedbook_core::commitment::Key;
use deedbook_core::{Error, ErrorKind, Result};

use crate::bytes::{Malformed, Reader, put_bytes, put_varint};
use crate::disk::{Disk, DiskFile, SYNC_BYTES, read_exact_at, write_all_at};
use crate::failure::{corrupt, io_error};

/// What a disk writes as a whole.
pub(crate) const SECTOR: usize = 512;
/// Frames begin here: two copies of the header in sectors of their own, then zeros to the end of the page.
pub(crate) const FRAMES_AT: u64 = 4096;

const FILE_MAGIC: &[u8; 8] = b"DEEDWAL1";
const FRAME_MAGIC: &[u8; 8] = b"DEEDFRM1";
const PAGE: usize = 4096;
static ZEROS: [u8; 64 * 1024] = [0; 64 * 1024];

/// One file of the log and the secrets that it holds.
pub(crate) struct Generation {
    pub(crate) name: String,
    pub(crate) nonce: [u8; 16],
    pub(crate) key: Key,
    pub(crate) capacity: u64,
    file: Arc<dyn DiskFile>,
}

/// One entry of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Record<'a> {
    pub(crate) tenant: &'a str,
    pub(crate) seq: u64,
    pub(crate) canonical: &'a [u8],
}

impl Record<'_> {
    /// At most as many bytes as the record takes in a frame.
    pub(crate) fn size_max(&self) -> usize {
        self.tenant.len() + self.canonical.len() + 30
    }
}

impl Generation {
    /// Makes a file for `capacity` bytes of frames, filled with zeros and synced. The name is not yet durable.
    pub(crate) fn create(disk: &dyn Disk, name: String, capacity: u64, random: [u8; 48]) -> Result<Self> {
        let (nonce, key) = random.split_at(16);
        let nonce = nonce.try_into().expect("16 of 48 bytes");
        let key_bytes: [u8; 32] = key.try_into().expect("32 of 48 bytes");
        let failed = |error| io_error("create", &name, error);
        let file = disk.create(&name).map_err(failed)?;
        let header = file_header(&nonce, &key_bytes, capacity);
        let filled = write_all_at(&*file, &header, 0)
            .and_then(|()| write_all_at(&*file, &header, SECTOR as u64))
            .and_then(|()| fill_with_zeros(&*file, 2 * SECTOR as u64, FRAMES_AT + capacity));
        if let Err(error) = filled {
            // What was made is of no use; that it may stay behind is told by the same error.
            let _ = disk.remove(&name);
            return Err(failed(error));
        }
        Ok(Self { key: Key(key_bytes), nonce, capacity, file, name })
    }

    /// Reads and judges a whole file.
    pub(crate) fn scan(disk: &dyn Disk, name: &str, nonce: &[u8; 16]) -> Result<Scan> {
        let failed = |error| io_error("read", name, error);
        let file = disk.open(name).map_err(failed)?;
        let length = file.length().map_err(failed)?;
        if length < FRAMES_AT {
            return Err(corrupt(name, "it is shorter than its header"));
        }
        let mut bytes = vec![0; usize::try_from(length).expect("a file of the log fits in memory")];
        read_exact_at(&*file, &mut bytes, 0).map_err(failed)?;
        let (header, header_damage) = read_file_header(&bytes, nonce).map_err(|what| corrupt(name, what))?;
        let (frames, cut) = read_frames(&bytes, nonce).map_err(|what| corrupt(name, what))?;
        Ok(Scan { key: header, frames, cut, header_damage, bytes })
    }
}

/// Where the entries of a file end that may be anything; `None` where it has none.
pub(crate) fn end_of_any(disk: &dyn Disk, name: &str) -> Result<Option<u64>> {
    let failed = |error| io_error("read", name, error);
    let file = disk.open(name).map_err(failed)?;
    let mut bytes = vec![0; usize::try_from(file.length().map_err(failed)?).unwrap_or_default()];
    read_exact_at(&*file, &mut bytes, 0).map_err(failed)?;
    let (mut end, mut offset, mut frames) = (None, FRAMES_AT as usize, 0);
    let Some(nonce) = nonce_of_any(&bytes) else { return Ok(None) };
    while let Some(Ok(frame)) = (offset + SECTOR <= bytes.len()).then(|| read_frame(&bytes, offset, &nonce, frames)) {
        end = Some(frame.first_position + u64::from(frame.entries));
        offset = frame.body.start + frame.body.len().next_multiple_of(SECTOR);
        frames += 1;
    }
    Ok(end)
}

fn nonce_of_any(bytes: &[u8]) -> Option<[u8; 16]> {
    let mut copies = bytes.chunks_exact(SECTOR).take(2);
    let sound = copies.find(|sector| sector_is_sealed(sector) && sector.starts_with(FILE_MAGIC))?;
    sound[8..24].try_into().ok()
}

fn file_header(nonce: &[u8; 16], key: &[u8; 32], capacity: u64) -> [u8; SECTOR] {
    let mut header = [0; SECTOR];
    header[..8].copy_from_slice(FILE_MAGIC);
    header[8..24].copy_from_slice(nonce);
    header[24..56].copy_from_slice(key);
    header[56..64].copy_from_slice(&capacity.to_be_bytes());
    seal_sector(&mut header);
    header
}

/// The key, and which of the header's two copies is damaged.
fn read_file_header(bytes: &[u8], nonce: &[u8; 16]) -> Result<(Key, Option<&'static str>), &'static str> {
    let copies = [&bytes[..SECTOR], &bytes[SECTOR..2 * SECTOR]].map(|sector| {
        let sound = sector_is_sealed(sector) && &sector[..8] == FILE_MAGIC && sector[8..24] == nonce[..];
        let key = || <[u8; 32]>::try_from(&sector[24..56]).expect("32 bytes");
        let capacity = || u64::from_be_bytes(sector[56..64].try_into().expect("8 bytes"));
        sound.then(|| (key(), capacity()))
    });
    // A file that was cut between two frames would look like one that ends there.
    let length = bytes.len() as u64;
    if copies.iter().flatten().any(|(_, capacity)| FRAMES_AT.checked_add(*capacity) != Some(length)) {
        return Err("it does not have the length that its header says");
    }
    let copies = copies.map(|copy| copy.map(|(key, _)| key));
    let padding_is_zero = bytes[2 * SECTOR..FRAMES_AT as usize].iter().all(|&byte| byte == 0);
    match copies {
        [Some(first), Some(second)] if first == second => {
            let damage = (!padding_is_zero).then_some("the padding after the header is not zero");
            Ok((Key(first), damage))
        }
        [Some(key), None] => Ok((Key(key), Some("the second copy of the header is damaged"))),
        [None, Some(key)] => Ok((Key(key), Some("the first copy of the header is damaged"))),
        _ => Err("both copies of its header are damaged, or it is the file of another log"),
    }
}

/// Writes zeros up to `end` and makes the whole file durable.
fn fill_with_zeros(file: &dyn DiskFile, mut offset: u64, end: u64) -> io::Result<()> {
    while offset < end {
        let piece_end = end.min(offset + SYNC_BYTES as u64);
        while offset < piece_end {
            let count = (piece_end - offset).min(ZEROS.len() as u64) as usize;
            write_all_at(file, &ZEROS[..count], offset)?;
            offset += count as u64;
        }
        file.sync()?;
    }
    Ok(())
}

/// Ends a sector with the CRC32C of what stands before.
fn seal_sector(sector: &mut [u8; SECTOR]) {
    let checksum = crc32c::crc32c(&sector[..SECTOR - 4]);
    sector[SECTOR - 4..].copy_from_slice(&checksum.to_be_bytes());
}

fn sector_is_sealed(sector: &[u8]) -> bool {
    let (content, checksum) = sector.split_at(SECTOR - 4);
    crc32c::crc32c(content).to_be_bytes() == checksum
}

/// Writes frames into one generation, one at a time.
pub(crate) struct FrameWriter {
    generation: Arc<Generation>,
    offset: u64,
    number: u64,
    storage: Vec<u8>,
}

impl FrameWriter {
    pub(crate) fn new(generation: Arc<Generation>) -> Self {
        Self { generation, offset: FRAMES_AT, number: 0, storage: Vec::new() }
    }

    pub(crate) fn generation(&self) -> &Arc<Generation> {
        &self.generation
    }

    /// Whether no frame was written yet.
    pub(crate) fn is_empty(&self) -> bool {
        self.number == 0
    }

    /// Bytes left for frames.
    pub(crate) fn room(&self) -> u64 {
        (FRAMES_AT + self.generation.capacity).saturating_sub(self.offset)
    }

    /// Writes one frame and returns when it is durable. After an error nothing is known of what is durable.
    pub(crate) fn append(&mut self, first_position: u64, recorded_at: i64, records: &[Record<'_>]) -> Result<()> {
        let start = self.build(first_position, recorded_at, records);
        let frame = &self.storage[start..];
        let file = &*self.generation.file;
        write_all_at(file, frame, self.offset)
            .and_then(|()| file.sync())
            .map_err(|error| io_error("append to", &self.generation.name, error))?;
        self.offset += frame.len() as u64;
        self.number += 1;
        Ok(())
    }

    /// Builds the frame at a page's start within `storage`, so that a process that is killed while the kernel copies
    /// the bytes leaves whole sectors behind, and returns where it begins.
    fn build(&mut self, first_position: u64, recorded_at: i64, records: &[Record<'_>]) -> usize {
        let storage = &mut self.storage;
        storage.clear();
        storage.reserve(frame_size_max(records) + PAGE);
        let start = storage.as_ptr().align_offset(PAGE);
        storage.resize(start + SECTOR, 0);
        for record in records {
            put_bytes(storage, record.tenant.as_bytes());
            put_varint(storage, record.seq);
            put_bytes(storage, record.canonical);
        }
        let body_length = storage.len() - start - SECTOR;
        storage.resize((storage.len() - start).next_multiple_of(SECTOR) + start, 0);
        let body_checksum = crc32c::crc32c(&storage[start + SECTOR..]);
        let header = FrameHeader {
            nonce: self.generation.nonce,
            number: self.number,
            first_position,
            recorded_at,
            entries: records.len() as u32,
            body_length: body_length as u32,
            body_checksum,
        };
        storage[start..start + SECTOR].copy_from_slice(&header.to_sector());
        start
    }
}

/// At most as many bytes as a frame of these records takes.
pub(crate) fn frame_size_max(records: &[Record<'_>]) -> usize {
    2 * SECTOR + records.iter().map(Record::size_max).sum::<usize>()
}

struct FrameHeader {
    nonce: [u8; 16],
    number: u64,
    first_position: u64,
    recorded_at: i64,
    entries: u32,
    body_length: u32,
    body_checksum: u32,
}

impl FrameHeader {
    fn to_sector(&self) -> [u8; SECTOR] {
        let mut content = Vec::with_capacity(SECTOR);
        content.extend_from_slice(FRAME_MAGIC);
        content.extend_from_slice(&self.nonce);
        content.extend_from_slice(&self.number.to_be_bytes());
        content.extend_from_slice(&self.first_position.to_be_bytes());
        content.extend_from_slice(&self.recorded_at.to_be_bytes());
        content.extend_from_slice(&self.entries.to_be_bytes());
        content.extend_from_slice(&self.body_length.to_be_bytes());
        content.extend_from_slice(&self.body_checksum.to_be_bytes());
        let mut sector = [0; SECTOR];
        sector[..content.len()].copy_from_slice(&content);
        seal_sector(&mut sector);
        sector
    }

    /// The header in this sector, if there is one of the file with this nonce.
    fn read(sector: &[u8], nonce: &[u8; 16]) -> Option<Self> {
        if &sector[..8] != FRAME_MAGIC || sector[8..24] != nonce[..] || !sector_is_sealed(sector) {
            return None;
        }
        let mut reader = Reader::new(&sector[24..]);
        Some(Self {
            nonce: *nonce,
            number: reader.u64().ok()?,
            first_position: reader.u64().ok()?,
            recorded_at: reader.u64().ok()? as i64,
            entries: reader.u32().ok()?,
            body_length: reader.u32().ok()?,
            body_checksum: reader.u32().ok()?,
        })
    }

    fn padded_body_length(&self) -> usize {
        (self.body_length as usize).next_multiple_of(SECTOR)
    }
}

/// What was found in a file of the log.
pub(crate) struct Scan {
    pub(crate) key: Key,
    pub(crate) frames: Vec<Frame>,
    /// Bytes of a torn frame that were left out, none of them acknowledged.
    pub(crate) cut: Option<u64>,
    /// A harmless damage of the header.
    pub(crate) header_damage: Option<&'static str>,
    pub(crate) bytes: Vec<u8>,
}

/// Where the records of one frame stand.
pub(crate) struct Frame {
    pub(crate) first_position: u64,
    pub(crate) recorded_at: i64,
    pub(crate) entries: u32,
    body: std::ops::Range<usize>,
}

impl Scan {
    /// The generation that was read, for those who need its key.
    pub(crate) fn into_generation(self, disk: &dyn Disk, name: &str, nonce: [u8; 16]) -> Result<Generation> {
        let file = disk.open(name).map_err(|error| io_error("open", name, error))?;
        Ok(Generation { name: name.into(), nonce, key: self.key, capacity: 0, file })
    }

    /// The records of `frame`, in order.
    pub(crate) fn records(&self, frame: &Frame) -> Result<Vec<Record<'_>>, Malformed> {
        let mut reader = Reader::new(&self.bytes[frame.body.clone()]);
        let mut records = Vec::with_capacity(frame.entries as usize);
        while !reader.is_empty() {
            records.push(Record { tenant: reader.text()?, seq: reader.varint()?, canonical: reader.bytes()? });
        }
        (records.len() == frame.entries as usize).then_some(records).ok_or(Malformed)
    }
}

/// The frames from the beginning, and how many bytes of a torn one follow them.
fn read_frames(bytes: &[u8], nonce: &[u8; 16]) -> Result<(Vec<Frame>, Option<u64>), String> {
    let mut frames = Vec::new();
    let mut offset = FRAMES_AT as usize;
    while offset + SECTOR <= bytes.len() {
        match read_frame(bytes, offset, nonce, frames.len() as u64) {
            Ok(frame) => {
                offset = frame.body.start + (frame.body.len()).next_multiple_of(SECTOR);
                frames.push(frame);
            }
            Err(bad) => return judge_bad_frame(bytes, offset, nonce, bad).map(|cut| (frames, cut)),
        }
    }
    if bytes[offset.min(bytes.len())..].iter().any(|&byte| byte != 0) {
        return Err(format!("there are bytes after its last frame, at {offset}"));
    }
    Ok((frames, None))
}

/// Why no frame can be read at a place.
enum BadFrame {
    /// The header is not one.
    Header,
    /// The header is sound, the body in this range is not.
    Body(std::ops::Range<usize>),
    /// The header is sound but cannot stand here.
    Misplaced,
}

fn read_frame(bytes: &[u8], offset: usize, nonce: &[u8; 16], number: u64) -> Result<Frame, BadFrame> {
    let header = FrameHeader::read(&bytes[offset..offset + SECTOR], nonce).ok_or(BadFrame::Header)?;
    let start = offset + SECTOR;
    let padded = start..start + header.padded_body_length();
    if header.number != number || padded.end > bytes.len() {
        return Err(BadFrame::Misplaced);
    }
    if crc32c::crc32c(&bytes[padded.clone()]) != header.body_checksum {
        return Err(BadFrame::Body(padded));
    }
    Ok(Frame {
        first_position: header.first_position,
        recorded_at: header.recorded_at,
        entries: header.entries,
        body: start..start + header.body_length as usize,
    })
}

/// A bad frame is the torn end of the log only if nothing sound follows and it misses whole sectors; then the number
/// of bytes that are cut, `None` where nothing was begun. Anything else is damage.
fn judge_bad_frame(bytes: &[u8], offset: usize, nonce: &[u8; 16], bad: BadFrame) -> Result<Option<u64>, String> {
    let later = (offset + SECTOR..bytes.len().saturating_sub(SECTOR - 1)).step_by(SECTOR);
    if let Some(at) = later.clone().find(|&at| FrameHeader::read(&bytes[at..at + SECTOR], nonce).is_some()) {
        return Err(format!("the frame at byte {offset} is not sound, but another one follows at byte {at}"));
    }
    let is_zero = |at: usize| bytes[at..at + SECTOR].iter().all(|&byte| byte == 0);
    let torn = match bad {
        BadFrame::Header => is_zero(offset),
        BadFrame::Body(range) => range.step_by(SECTOR).any(is_zero),
        BadFrame::Misplaced => false,
    };
    if !torn {
        return Err(format!("the frame at byte {offset} is not sound, and not by an interrupted write"));
    }
    let end = bytes[offset..].iter().rposition(|&byte| byte != 0);
    Ok(end.map(|last| last as u64 + 1))
}

/// The batch does not fit any frame.
pub(crate) fn check_frame_size(records_bytes: usize, bytes_max: usize) -> Result<()> {
    if records_bytes <= bytes_max {
        return Ok(());
    }
    let message = format!(
        "the batch has {records_bytes} bytes and must be entered as one; at most {bytes_max} are possible: split it"
    );
    Err(Error::new(ErrorKind::TooLarge, message))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::RealDisk;

    fn written(frames: &[&[Record<'_>]]) -> (tempfile::TempDir, Vec<u8>, [u8; 16]) {
        let directory = tempfile::tempdir().unwrap();
        let disk = RealDisk::open(directory.path());
        let generation = Generation::create(&disk, "wal".into(), 64 * 1024, [7; 48]).unwrap();
        let mut writer = FrameWriter::new(Arc::new(generation));
        let mut position = 0;
        for records in frames {
            writer.append(position, 5, records).unwrap();
            position += records.len() as u64;
        }
        let bytes = std::fs::read(directory.path().join("wal")).unwrap();
        (directory, bytes, [7; 16])
    }

    fn record(canonical: &[u8]) -> Record<'_> {
        Record { tenant: "acme", seq: 3, canonical }
    }

    #[test]
    fn frames_are_read_back() {
        let long = vec![b'x'; 2000];
        let (directory, _, nonce) = written(&[&[record(b"{}"), record(&long)], &[record(b"[]")]]);
        let scan = Generation::scan(&RealDisk::open(directory.path()), "wal", &nonce).unwrap();
        assert_eq!(scan.frames.iter().map(|frame| frame.first_position).collect::<Vec<_>>(), [0, 2]);
        assert_eq!(scan.records(&scan.frames[0]).unwrap(), [record(b"{}"), record(&long)]);
        assert_eq!(scan.records(&scan.frames[1]).unwrap(), [record(b"[]")]);
        assert_eq!(scan.cut, None);
    }

    /// Every subset of zeroed sectors of the last frame is a torn tail; the first frame always survives.
    #[test]
    fn missing_sectors_of_the_last_frame_are_a_torn_tail() {
        let long = vec![b'x'; 1200];
        let (_directory, bytes, nonce) = written(&[&[record(b"{}")], &[record(&long)]]);
        let last = FRAMES_AT as usize + 2 * SECTOR;
        for missing in 1u32..16 {
            let mut torn = bytes.clone();
            for sector in (0..4).filter(|sector| missing & (1 << sector) != 0) {
                torn[last + sector * SECTOR..][..SECTOR].fill(0);
            }
            let (frames, cut) = read_frames(&torn, &nonce).unwrap();
            assert_eq!(frames.len(), 1, "{missing:b}");
            assert_eq!(cut.is_none(), missing == 15, "{missing:b}");
        }
    }

    #[test]
    fn a_flipped_bit_is_damage_and_never_a_torn_tail() {
        let (_directory, bytes, nonce) = written(&[&[record(b"{\"a\":1}")], &[record(b"{\"b\":2}")]]);
        let end = FRAMES_AT as usize + 4 * SECTOR;
        for at in FRAMES_AT as usize..end {
            let mut flipped = bytes.clone();
            flipped[at] ^= 1 << (at % 8);
            assert!(read_frames(&flipped, &nonce).is_err(), "byte {at}");
        }
    }

    #[test]
    fn a_frame_after_a_missing_one_is_damage() {
        let (_directory, mut bytes, nonce) = written(&[&[record(b"{}")], &[record(b"[]")]]);
        bytes[FRAMES_AT as usize..][..2 * SECTOR].fill(0);
        assert!(read_frames(&bytes, &nonce).is_err());
    }

    #[test]
    fn one_damaged_copy_of_the_header_is_survived_two_are_not() {
        let (_directory, mut bytes, nonce) = written(&[]);
        bytes[30] ^= 1;
        assert!(read_file_header(&bytes, &nonce).unwrap().1.is_some());
        bytes[SECTOR + 30] ^= 1;
        assert!(read_file_header(&bytes, &nonce).is_err());
    }
}

/// The test vector of `docs/format.md`, "Write-ahead log".
#[cfg(test)]
mod format_vectors {
    use super::*;
    use crate::disk::RealDisk;

    const BODY: &[u8] = b"\x04acme\x03\x65{\"action\":\"document.shared\",\"actor\":{\"type\":\"system\"},\
        \"id\":\"e-1\",\"outcome\":\"success\",\"tenant\":\"acme\"}";

    fn padded(parts: &[&[u8]]) -> Vec<u8> {
        let mut sector = parts.concat();
        sector.resize(SECTOR - 4, 0);
        sector
    }

    #[test]
    fn a_file_with_one_frame() {
        let directory = tempfile::tempdir().unwrap();
        let disk = RealDisk::open(directory.path());
        let random = std::array::from_fn(|byte| byte as u8);
        let generation = Generation::create(&disk, "wal".into(), 4096, random).unwrap();
        let record = Record { tenant: "acme", seq: 3, canonical: &BODY[7..] };
        FrameWriter::new(Arc::new(generation)).append(7, 1_790_000_000_000_000, &[record]).unwrap();
        let bytes = std::fs::read(directory.path().join("wal")).unwrap();

        let capacity = 4096_u64.to_be_bytes();
        let header = [padded(&[b"DEEDWAL1", &random, &capacity]), vec![0x08, 0xb6, 0xd7, 0xb8]].concat();
        assert_eq!(bytes[..SECTOR], header);
        assert_eq!(bytes[SECTOR..2 * SECTOR], header);

        let numbers = [0, 7, 1_790_000_000_000_000].map(u64::to_be_bytes).concat();
        let lengths = [1, 108, 0xa0a3_791e].map(u32::to_be_bytes).concat();
        let header = [padded(&[b"DEEDFRM1", &random[..16], &numbers, &lengths]), vec![0xeb, 0x35, 0x3d, 0x36]].concat();
        let frame = FRAMES_AT as usize;
        assert_eq!(bytes[frame..frame + SECTOR], header);
        assert_eq!(bytes[frame + SECTOR..][..BODY.len()], *BODY);

        let zeros = |range: &[u8]| range.iter().all(|&byte| byte == 0);
        assert!(zeros(&bytes[2 * SECTOR..frame]) && zeros(&bytes[frame + SECTOR + BODY.len()..]));
        assert_eq!(bytes.len(), 2 * frame);
    }
}
