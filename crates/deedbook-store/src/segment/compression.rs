//! zstd for blocks: one level, and decompressors that are used again.

use std::cell::RefCell;

use deedbook_core::Result;
use zstd::bulk::{Compressor, Decompressor};

use crate::failure::io_error;

/// zstd's level: level 3 saves one byte in fifty and takes half as much time again.
const LEVEL: i32 = 1;

thread_local! {
    /// Making one takes as long as decompressing a small block.
    static DECOMPRESSOR: RefCell<Option<Decompressor<'static>>> = const { RefCell::new(None) };
}

/// A compressor of blocks.
pub(crate) fn compressor() -> Result<Compressor<'static>> {
    Compressor::new(LEVEL).map_err(|error| io_error("compress", "a block", error))
}

/// A block that has at most so many bytes before compression.
pub(crate) fn decompress(compressed: &[u8], bytes: usize) -> std::io::Result<Vec<u8>> {
    DECOMPRESSOR.with_borrow_mut(|kept| {
        let decompressor = match kept {
            Some(decompressor) => decompressor,
            none => none.insert(Decompressor::new()?),
        };
        decompressor.decompress(compressed, bytes)
    })
}
