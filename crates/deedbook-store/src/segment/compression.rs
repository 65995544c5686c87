//! zstd for blocks: one level, and decompressors that are used again.

use std::cell::RefCell;

use deedbook_core::Result;
use zstd::bulk::{Compressor, Decompressor};

use super::file::SegmentFile;
use crate::cache::Block;
use crate::failure::io_error;

/// zstd's level: level 3 saves one byte in fifty and takes half as much time again.
const LEVEL: i32 = 1;

thread_local! {
    /// Making a decompressor takes as long as decompressing a small block.
    static KEPT: RefCell<Option<Kept>> = const { RefCell::new(None) };
}

/// What a thread uses for one block after the other.
struct Kept {
    decompressor: Decompressor<'static>,
    compressed: Vec<u8>,
}

impl Kept {
    fn new() -> Result<Self> {
        let decompressor = Decompressor::new().map_err(|error| io_error("decompress", "a block", error))?;
        Ok(Self { decompressor, compressed: Vec::new() })
    }
}

/// A compressor of blocks.
pub(crate) fn compressor() -> Result<Compressor<'static>> {
    Compressor::new(LEVEL).map_err(|error| io_error("compress", "a block", error))
}

/// The block of `compressed` bytes at `offset`, which has exactly so many `bytes` before compression.
pub(crate) fn decompressed(file: &SegmentFile, offset: u64, compressed: usize, bytes: usize) -> Result<Block> {
    KEPT.with_borrow_mut(|kept| {
        let kept = match kept {
            Some(kept) => kept,
            none => none.insert(Kept::new()?),
        };
        file.read_block(offset, compressed, &mut kept.compressed)?;
        let block = kept.decompressor.decompress(&kept.compressed, bytes).map_err(|error| file.corrupt(error))?;
        if block.len() != bytes {
            return Err(file.corrupt("a block has another length than its directory says"));
        }
        Ok(block.into())
    })
}
