//! Compressing small blocks well: every segment carries a dictionary, a sample of what its entries have in common.
//!
//! A dictionary is handed on from segment to segment, so that merging can copy blocks as they are, until a sample of
//! newer entries serves them clearly better.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use deedbook_core::Result;
use deedbook_core::commitment::{self, FieldKind};
use zstd::bulk::{Compressor, Decompressor};

use crate::failure::io_error;

/// zstd's level: higher ones cost more than they save once there is a dictionary.
const LEVEL: i32 = 1;
/// The dictionary itself is compressed once for each segment.
const DICTIONARY_LEVEL: i32 = 9;
/// Bytes of a dictionary. Twice as many save one byte in thirty and take twice the memory.
const DICTIONARY: usize = 32 * 1024;
/// Bytes of the entries that a sample is made of.
const LOOKED_AT: usize = 512 * 1024;
/// A value is common that stands in more than one entry in so many.
const COMMON_SHARE: usize = 100;
/// So much must be there before a sample of it is worth its place.
const SAMPLED_MIN: usize = 8 * DICTIONARY;
/// A new dictionary takes the place of the former one if it saves one byte in so many.
const GAIN: usize = 10;
/// Blocks on which two dictionaries are compared.
const TRIALS: usize = 8;
/// Decompressors that are kept for the next reader.
const KEPT: usize = 4;

/// What blocks are compressed against; empty for nothing.
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
    if entries.clone().map(<[u8]>::len).sum::<usize>() < SAMPLED_MIN {
        return Ok(former.cloned().unwrap_or_else(|| Arc::from([])));
    }
    let sample = sample(&spread(entries.clone(), 0, LOOKED_AT));
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

/// What the entries have in common: their structure, and the values that stand in many of them. A dictionary outlives
/// the entries it was made of, when they are erased or expire; so no personal value enters it, and no rare one.
fn sample(entries: &[&[u8]]) -> Dictionary {
    let public: Vec<Vec<u8>> = entries.iter().map(|entry| without_personal(entry)).collect();
    let mut counts: HashMap<&[u8], usize> = HashMap::new();
    for entry in &public {
        values(entry).filter(|value| is_value(value)).for_each(|value| *counts.entry(value).or_default() += 1);
    }
    let common = entries.len() / COMMON_SHARE;
    let is_common = |value: &[u8]| !is_value(value) || counts.get(value).is_some_and(|&count| count > common);
    let mut sample: Vec<u8> = Vec::with_capacity(DICTIONARY);
    for entry in &public {
        let kept: Vec<&[u8]> = values(entry).filter(|value| is_common(value)).collect();
        let kept = kept.concat();
        if sample.len() + kept.len() > DICTIONARY {
            break;
        }
        sample.extend_from_slice(&kept);
    }
    sample.into()
}

/// Canonical bytes without the values that can be erased one by one.
fn without_personal(canonical: &[u8]) -> Vec<u8> {
    let Ok(fields) = commitment::fields(canonical) else { return Vec::new() };
    let mut public = Vec::with_capacity(canonical.len());
    let mut copied = 0;
    for field in fields.iter().filter(|field| field.kind != FieldKind::Member) {
        public.extend_from_slice(&canonical[copied..field.range.start]);
        copied = field.range.end;
    }
    public.extend_from_slice(&canonical[copied..]);
    public
}

/// The bytes in pieces: strings with their quotes, runs of digits, and what stands between.
fn values(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let first = *rest.first()?;
        let length = match first {
            b'"' => string_length(rest),
            b'0'..=b'9' => rest.iter().take_while(|byte| byte.is_ascii_digit()).count(),
            _ => rest.iter().take_while(|&&byte| byte != b'"' && !byte.is_ascii_digit()).count(),
        };
        let (piece, after) = rest.split_at(length);
        rest = after;
        Some(piece)
    })
}

fn is_value(piece: &[u8]) -> bool {
    piece.first().is_some_and(|&byte| byte == b'"' || byte.is_ascii_digit())
}

/// Bytes of the string at the beginning, quotes included.
fn string_length(bytes: &[u8]) -> usize {
    let mut escaped = false;
    let end = bytes.iter().skip(1).position(|&byte| {
        let ends = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        ends
    });
    end.map_or(bytes.len(), |end| end + 2)
}

fn compressed_bytes(dictionary: &[u8], blocks: &[Vec<u8>]) -> Result<usize> {
    let mut compressor = compressor(dictionary)?;
    let sizes =
        blocks.iter().map(|block| compressor.compress(block).map(|compressed| compressed.len()).map_err(failed));
    sizes.sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_holds_what_is_common_and_nothing_personal_or_rare() {
        let entry = |n: usize| {
            format!(
                r#"{{"action":"a.b","actor":{{"id":"user_{n}","name":"Ada \"L","type":"user"}},"metadata":{{"amount":{n}77,"note":"secret {n}"}}}}"#
            )
        };
        let entries: Vec<String> = (1000..1500).map(entry).collect();
        let entries: Vec<&[u8]> = entries.iter().map(|entry| entry.as_bytes()).collect();
        let sample = String::from_utf8(sample(&entries).to_vec()).unwrap();
        assert!(
            sample.starts_with(
                r#"{"action":"a.b","actor":{"id":,"name":,"type":"user"},"metadata":{"amount":,"note":}}{"#
            )
        );
        for absent in ["Ada", "user_1", "secret", "177"] {
            assert!(!sample.contains(absent), "{absent}");
        }
    }
}
