//! Compressing small blocks well: every segment carries a dictionary, a sample of entries that its blocks are like.
//!
//! A dictionary is handed on from segment to segment, so that merging can copy blocks as they are, until a sample of
//! newer entries serves them clearly better.

use std::sync::{Arc, Mutex};

use deedbook_core::Result;
use zstd::bulk::{Compressor, Decompressor};

use crate::failure::io_error;

/// zstd's level: higher ones cost more than they save once there is a dictionary.
const LEVEL: i32 = 1;
/// The dictionary itself is compressed once for each segment.
const DICTIONARY_LEVEL: i32 = 9;
/// Bytes of a dictionary. Twice as many save one byte in thirty and take twice the memory.
const DICTIONARY: usize = 32 * 1024;
/// So much must be there before a sample of it is worth its place.
const SAMPLED_MIN: usize = 8 * DICTIONARY;
/// A new dictionary takes the place of the former one if it saves one byte in so many.
const GAIN: usize = 10;
/// Blocks on which two dictionaries are compared.
const TRIALS: usize = 8;
/// Decompressors that are kept for the next reader.
const KEPT: usize = 4;

/// Entries that blocks are compressed against; empty for none.
pub(crate) type Dictionary = Arc<[u8]>;

fn failed(error: std::io::Error) -> deedbook_core::Error {
    io_error("compress", "a block", error)
}

/// A compressor of blocks.
pub(crate) fn compressor(dictionary: &[u8]) -> Result<Compressor<'static>> {
    let made =
        if dictionary.is_empty() { Compressor::new(LEVEL) } else { Compressor::with_dictionary(LEVEL, dictionary) };
    made.map_err(failed)
}

/// The dictionary as it is stored.
pub(crate) fn pack_dictionary(dictionary: &[u8]) -> Result<Vec<u8>> {
    zstd::bulk::compress(dictionary, DICTIONARY_LEVEL).map_err(failed)
}

/// A stored dictionary of so many bytes, which are bounded by what [`choose`] makes.
pub(crate) fn unpack_dictionary(packed: &[u8], bytes: usize) -> Option<Dictionary> {
    if bytes > DICTIONARY {
        return None;
    }
    zstd::bulk::decompress(packed, bytes).ok().filter(|found| found.len() == bytes).map(Into::into)
}

/// Decompresses the blocks of one segment, for several readers at a time.
pub(crate) struct Decompression {
    pub(crate) dictionary: Dictionary,
    spare: Mutex<Vec<Decompressor<'static>>>,
}

impl Decompression {
    pub(crate) fn new(dictionary: Dictionary) -> Self {
        Self { dictionary, spare: Mutex::default() }
    }

    /// The block that has so many bytes.
    pub(crate) fn decompress(&self, compressed: &[u8], bytes: usize) -> std::io::Result<Vec<u8>> {
        let spare = crate::locked(&self.spare).pop();
        let mut decompressor = match spare {
            Some(spare) => spare,
            None if self.dictionary.is_empty() => Decompressor::new()?,
            None => Decompressor::with_dictionary(&self.dictionary)?,
        };
        let block = decompressor.decompress(compressed, bytes);
        let mut spares = crate::locked(&self.spare);
        if spares.len() < KEPT {
            spares.push(decompressor);
        }
        block
    }
}

/// The dictionary for a segment of these entries: the former one, unless a sample of them serves clearly better.
pub(crate) fn choose<'e>(
    former: Option<&Dictionary>,
    entries: impl ExactSizeIterator<Item = &'e [u8]> + Clone,
) -> Result<Dictionary> {
    let none = || former.cloned().unwrap_or_else(|| Arc::from([]));
    if entries.clone().map(<[u8]>::len).sum::<usize>() < SAMPLED_MIN {
        return Ok(none());
    }
    let sample: Dictionary = spread(entries.clone(), 0, DICTIONARY).concat().into();
    let Some(former) = former.filter(|former| !former.is_empty()) else { return Ok(sample) };
    let trials: Vec<Vec<u8>> =
        (1..=TRIALS).map(|offset| spread(entries.clone(), offset, super::entries::BLOCK).concat()).collect();
    let (new, old) = (compressed_bytes(&sample, &trials)?, compressed_bytes(former, &trials)?);
    Ok(if new < old - old / GAIN { sample } else { former.clone() })
}

/// Entries from everywhere, of together at most so many bytes.
fn spread<'e>(entries: impl ExactSizeIterator<Item = &'e [u8]>, offset: usize, bytes_max: usize) -> Vec<&'e [u8]> {
    let mut bytes = 0;
    // Entries have some hundred bytes; where they are larger, fewer come from the end.
    let step = (entries.len() / (bytes_max / 512)).max(1);
    let fits = |entry: &&[u8]| {
        bytes += entry.len();
        bytes <= bytes_max
    };
    entries.skip(offset).step_by(step).take_while(fits).collect()
}

fn compressed_bytes(dictionary: &[u8], blocks: &[Vec<u8>]) -> Result<usize> {
    let mut compressor = compressor(dictionary)?;
    let sizes =
        blocks.iter().map(|block| compressor.compress(block).map(|compressed| compressed.len()).map_err(failed));
    sizes.sum()
}
