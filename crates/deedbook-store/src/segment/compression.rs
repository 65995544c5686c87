//! zstd for blocks, with or without a sample, and for samples, and decompressors that are used again.

use std::cell::RefCell;

use deedbook_core::Result;
use zstd::zstd_safe::{CCtx, CDict, DCtx, compress_bound, get_error_name};

use super::file::SegmentFile;
use crate::cache::Block;
use crate::failure::io_error;

/// zstd's level: level 3 saves one byte in fifty and takes half as much time again.
const LEVEL: i32 = 1;
/// For what is decompressed far more often than it takes room: four times as fast as from level 1, and 2.5 times as large.
const LIGHT_LEVEL: i32 = -50;

thread_local! {
    /// Making a decompressor takes as long as decompressing a small block.
    static KEPT: RefCell<Option<Kept>> = const { RefCell::new(None) };
}

/// What a thread uses for one block after the other.
struct Kept {
    decompressor: DCtx<'static>,
    compressed: Vec<u8>,
}

/// Compresses blocks, all against one sample or all without any.
pub(crate) struct Compressor {
    context: CCtx<'static>,
    level: i32,
    sample: Option<CDict<'static>>,
}

impl Compressor {
    pub(crate) fn new(sample: Option<&[u8]>) -> Self {
        Self { context: CCtx::create(), level: LEVEL, sample: sample.map(|sample| CDict::create(sample, LEVEL)) }
    }

    /// For what must be decompressed quickly.
    pub(crate) fn light() -> Self {
        Self { context: CCtx::create(), level: LIGHT_LEVEL, sample: None }
    }

    /// Compresses `block` in place of what `compressed` held.
    pub(crate) fn compress(&mut self, block: &[u8], compressed: &mut Vec<u8>) -> Result<()> {
        compressed.clear();
        compressed.reserve(compress_bound(block.len()));
        let done = match &self.sample {
            Some(sample) => self.context.compress_using_cdict(compressed, block, sample),
            None => self.context.compress(compressed, block, self.level),
        };
        let failed = |code| io_error("compress", "a block", std::io::Error::other(get_error_name(code)));
        done.map(drop).map_err(failed)
    }
}

/// The block of `compressed` bytes at `offset`, which has exactly so many `bytes` before compression; `sample` is what it
/// was compressed against, if anything.
pub(crate) fn decompressed(
    file: &SegmentFile,
    offset: u64,
    compressed: usize,
    bytes: usize,
    sample: &[u8],
) -> Result<Block> {
    KEPT.with_borrow_mut(|kept| {
        let kept = kept.get_or_insert_with(|| Kept { decompressor: DCtx::create(), compressed: Vec::new() });
        file.read_block(offset, compressed, &mut kept.compressed)?;
        let mut block = Vec::with_capacity(bytes);
        let done = kept.decompressor.decompress_using_dict(&mut block, &kept.compressed, sample);
        done.map_err(|code| file.corrupt(get_error_name(code)))?;
        if block.len() != bytes {
            return Err(file.corrupt("a block has another length than its directory says"));
        }
        Ok(block.into())
    })
}
