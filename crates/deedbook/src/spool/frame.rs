//! The bytes of a spool: files of frames, each frame some events. Pure; `docs/format.md` specifies every byte.
//!
//! A frame is written with one write and one sync, and one is under way at a time. So a bad frame is a torn one only if
//! it is the last and looks unfinished: it ends beyond the file, or has zeros where JSON cannot have them.

use std::ops::Range;

use bytes::Bytes;

/// What a file begins with.
const MAGIC: &[u8; 8] = b"deedspl1";
/// What the file that says where delivery stands begins with.
const PLACE_MAGIC: &[u8; 8] = b"deedspp1";
/// Bytes before the first frame.
pub(super) const FILE_HEADER_BYTES: usize = 32;
/// Bytes before the body of a frame; a multiple of it is where frames begin, so that a header lies within one sector.
const FRAME_HEADER_BYTES: usize = 16;
/// Bytes of a body at most. The one event that is larger than a body of 1 MiB should be does not exist: 256 KiB.
pub(super) const BODY_BYTES_MAX: usize = 2 << 20;

/// The header of file `number`.
pub(super) fn file_header(number: u64) -> [u8; FILE_HEADER_BYTES] {
    let mut header = [0; FILE_HEADER_BYTES];
    header[..8].copy_from_slice(MAGIC);
    header[8..16].copy_from_slice(&number.to_be_bytes());
    let checksum = crc32c::crc32c(&header[..28]);
    header[28..].copy_from_slice(&checksum.to_be_bytes());
    header
}

/// The frame of these events at `offset` of file `number`, padded to where the next one begins.
pub(super) fn frame(number: u64, offset: u64, claims: &[Bytes]) -> Vec<u8> {
    let mut frame = vec![0; FRAME_HEADER_BYTES];
    for claim in claims {
        frame.extend_from_slice(claim);
        frame.push(b'\n');
    }
    let body = &frame[FRAME_HEADER_BYTES..];
    let header = frame_header(number, offset, body.len() as u32, crc32c::crc32c(body));
    frame[..FRAME_HEADER_BYTES].copy_from_slice(&header);
    frame.resize(aligned(frame.len()), 0);
    frame
}

fn frame_header(number: u64, offset: u64, length: u32, body_checksum: u32) -> [u8; FRAME_HEADER_BYTES] {
    let mut header = [0; FRAME_HEADER_BYTES];
    header[..4].copy_from_slice(&length.to_be_bytes());
    header[4..8].copy_from_slice(&body_checksum.to_be_bytes());
    let place = [number.to_be_bytes(), offset.to_be_bytes()].concat();
    let checksum = crc32c::crc32c_append(crc32c::crc32c(&place), &header[..8]);
    header[8..12].copy_from_slice(&checksum.to_be_bytes());
    header
}

/// Bytes of a frame whose events have so many bytes in all, a line break each included.
pub(super) fn frame_bytes(body: usize) -> usize {
    aligned(FRAME_HEADER_BYTES + body)
}

fn aligned(length: usize) -> usize {
    length.next_multiple_of(FRAME_HEADER_BYTES)
}

/// Where the body of a frame lies and where the next frame begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Frame {
    pub(super) body: Range<usize>,
    pub(super) next: usize,
}

/// The frame at `at` of file `number`, if a whole one is there.
fn frame_at(bytes: &[u8], number: u64, at: usize) -> Option<Frame> {
    let found = frame_from(bytes.get(at..)?, number, at as u64)?;
    Some(Frame { body: found.body.start + at..found.body.end + at, next: found.next + at })
}

/// The frame that `bytes` begin with and that stands at `offset` of file `number`; places are relative to `bytes`.
pub(super) fn frame_from(bytes: &[u8], number: u64, offset: u64) -> Option<Frame> {
    let header = header_at(bytes, number, offset)?;
    let body = bytes.get(header.body.clone())?;
    (crc32c::crc32c(body) == header.checksum).then_some(Frame { next: aligned(header.body.end), body: header.body })
}

/// The bytes that say where delivery stands.
pub(super) fn place_bytes(number: u64, offset: u64) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(PLACE_MAGIC);
    bytes[8..16].copy_from_slice(&number.to_be_bytes());
    bytes[16..24].copy_from_slice(&offset.to_be_bytes());
    let checksum = crc32c::crc32c(&bytes[..28]);
    bytes[28..].copy_from_slice(&checksum.to_be_bytes());
    bytes
}

/// Number and offset of where delivery stands, if that is what `bytes` say.
pub(super) fn place(bytes: &[u8]) -> Option<(u64, u64)> {
    let (number, offset) = (bytes.get(8..16)?, bytes.get(16..24)?);
    let number = u64::from_be_bytes(number.try_into().ok()?);
    let offset = u64::from_be_bytes(offset.try_into().ok()?);
    (bytes == place_bytes(number, offset)).then_some((number, offset))
}

/// The events in a body.
pub(super) fn claims(body: &Bytes) -> Vec<Bytes> {
    let mut claims = Vec::new();
    let mut from = 0;
    for at in body.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at) {
        claims.push(body.slice(from..at));
        from = at + 1;
    }
    claims
}

struct Header {
    body: Range<usize>,
    checksum: u32,
}

/// The header that `bytes` begin with, if it is that of a frame at `offset`.
fn header_at(bytes: &[u8], number: u64, offset: u64) -> Option<Header> {
    let header = bytes.first_chunk::<FRAME_HEADER_BYTES>()?;
    let word = |from: usize| u32::from_be_bytes([header[from], header[from + 1], header[from + 2], header[from + 3]]);
    let (length, checksum) = (word(0), word(4));
    let is_valid = *header == frame_header(number, offset, length, checksum);
    let body = FRAME_HEADER_BYTES..FRAME_HEADER_BYTES.checked_add(length as usize)?;
    (is_valid && (1..=BODY_BYTES_MAX).contains(&(length as usize))).then_some(Header { body, checksum })
}

/// What a file holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Contents {
    /// Every whole frame, in order.
    pub(super) frames: Vec<Frame>,
    /// Where the frames without a gap end.
    pub(super) end: usize,
    /// What comes then.
    pub(super) rest: Rest,
}

/// What follows the frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rest {
    /// Nothing.
    Nothing,
    /// A frame whose write was cut short: nobody was told that it is durable.
    Torn,
    /// Bytes that are not what was written.
    Damaged,
}

/// Reads file `number`, whose name says the number, from end to end.
pub(super) fn read(bytes: &[u8], number: u64) -> Contents {
    let header_is_good = bytes.starts_with(&file_header(number));
    let (mut frames, mut at) = (Vec::new(), FILE_HEADER_BYTES);
    while let Some(frame) = frame_at(bytes, number, at) {
        at = frame.next;
        frames.push(frame);
    }
    // The padding of the last frame may be missing.
    let end = at.min(bytes.len());
    if header_is_good && end == bytes.len() {
        return Contents { frames, end, rest: Rest::Nothing };
    }
    let later = frames_beyond(bytes, number, at);
    let is_torn = later.is_empty() && is_unfinished(bytes, number, at, header_is_good, frames.is_empty());
    frames.extend(later);
    Contents { frames, end, rest: if is_torn { Rest::Torn } else { Rest::Damaged } }
}

/// Whole frames somewhere behind a bad one.
fn frames_beyond(bytes: &[u8], number: u64, bad: usize) -> Vec<Frame> {
    let (mut frames, mut at) = (Vec::new(), aligned(bad) + FRAME_HEADER_BYTES);
    while at < bytes.len() {
        match frame_at(bytes, number, at) {
            Some(frame) => {
                at = frame.next;
                frames.push(frame);
            }
            None => at += FRAME_HEADER_BYTES,
        }
    }
    frames
}

/// Whether what stands at `at`, behind which nothing is whole, is a write that was cut short: by the end of the file, or
/// by sectors that were never written and read as zeros.
fn is_unfinished(bytes: &[u8], number: u64, at: usize, header_is_good: bool, is_first: bool) -> bool {
    let Some(rest) = bytes.get(at..) else { return is_first };
    if !header_is_good {
        // The header of the file is written with the first frame, and in one sector with it.
        return is_first && bytes[..FILE_HEADER_BYTES].iter().all(|byte| *byte == 0);
    }
    let Some(header) = rest.first_chunk::<FRAME_HEADER_BYTES>() else { return true };
    if *header == [0; FRAME_HEADER_BYTES] {
        return true;
    }
    match header_at(rest, number, at as u64) {
        // A raw zero byte cannot occur in JSON.
        Some(header) => rest.get(header.body).is_none_or(|body| body.contains(&0)),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NUMBER: u64 = 7;

    fn groups() -> Vec<Vec<Bytes>> {
        let event =
            |id: usize, length: usize| Bytes::from(format!("{{\"id\":\"{id}\",\"n\":\"{}\"}}", "x".repeat(length)));
        vec![vec![event(1, 3)], vec![event(2, 700), event(3, 0), event(4, 90)], vec![event(5, 40)]]
    }

    /// A file of these groups, and where each frame begins, besides the end.
    fn file(groups: &[Vec<Bytes>]) -> (Vec<u8>, Vec<usize>) {
        let (mut bytes, mut places) = (file_header(NUMBER).to_vec(), Vec::new());
        for group in groups {
            places.push(bytes.len());
            bytes.extend(frame(NUMBER, bytes.len() as u64, group));
        }
        places.push(bytes.len());
        (bytes, places)
    }

    fn events(bytes: &[u8], contents: &Contents) -> Vec<Bytes> {
        contents.frames.iter().flat_map(|frame| claims(&Bytes::copy_from_slice(&bytes[frame.body.clone()]))).collect()
    }

    #[test]
    fn the_vector_of_the_specification() {
        let (bytes, _) = file(&[vec![Bytes::from_static(b"{\"id\":\"e\"}"), Bytes::from_static(b"{}")]]);
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let document = include_str!("../../../../docs/format.md");
        assert!(document.contains(&hex), "{hex}");
    }

    #[test]
    fn what_was_written_is_read() {
        let (bytes, _) = file(&groups());
        let contents = read(&bytes, NUMBER);
        assert_eq!((contents.rest, contents.end), (Rest::Nothing, bytes.len()));
        assert_eq!(events(&bytes, &contents), groups().concat());
    }

    #[test]
    fn a_file_that_was_cut_at_any_byte_gives_all_that_was_whole() {
        let (bytes, places) = file(&groups());
        let bodies: Vec<usize> = read(&bytes, NUMBER).frames.iter().map(|frame| frame.body.end).collect();
        for length in 0..bytes.len() {
            let contents = read(&bytes[..length], NUMBER);
            let whole = bodies.iter().filter(|end| **end <= length).count();
            assert_eq!(contents.frames.len(), whole, "{length}");
            assert_ne!(contents.rest, Rest::Damaged, "{length}");
            let is_between = places.contains(&length)
                || bodies.iter().zip(&places[1..]).any(|(body, next)| (*body..*next).contains(&length));
            assert_eq!(contents.rest == Rest::Nothing, is_between, "{length}");
        }
    }

    #[test]
    fn sectors_that_were_never_written_are_a_torn_tail() {
        let (bytes, places) = file(&groups());
        let last = places[1];
        for from in (last..places[2]).filter(|at| at % 512 == 0).chain([last]) {
            let mut torn = bytes[..places[2]].to_vec();
            let until = from.next_multiple_of(512).max(from + 1).min(torn.len());
            torn[from..until.max(from + 16)].fill(0);
            let contents = read(&torn, NUMBER);
            assert_eq!((contents.frames.len(), contents.rest), (1, Rest::Torn), "{from}");
        }
    }

    #[test]
    fn every_flipped_bit_is_seen_and_costs_its_frame_at_most() {
        let (bytes, places) = file(&groups());
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let contents = read(&flipped, NUMBER);
            let lost = groups().concat().len() - events(&flipped, &contents).len();
            let at = bit / 8;
            let hit = places.windows(2).position(|frame| (frame[0]..frame[1]).contains(&at));
            let is_padding = read(&bytes, NUMBER).frames.iter().any(|frame| (frame.body.end..frame.next).contains(&at));
            match hit {
                Some(_) if is_padding => assert_eq!(lost, 0, "{bit}"),
                Some(frame) => {
                    assert_eq!((lost, contents.rest), (groups()[frame].len(), Rest::Damaged), "{bit}");
                }
                None => assert_eq!((lost, contents.rest), (0, Rest::Damaged), "{bit}"),
            }
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400), good in 0..3_usize) {
            let (mut file, _) = file(&groups()[..good]);
            file.extend(bytes);
            let contents = read(&file, NUMBER);
            prop_assert!(contents.frames.len() >= good);
            read(&file[32..], NUMBER);
        }
    }
}
