//! One segment's file as checked blocks: written once from front to back, then read by position through the cache.
//!
//! Every block ends with a CRC32C over the file's identity, the block's place and its bytes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use deedbook_core::Result;

use crate::archives::ArchivedFile;
use crate::bytes::{Malformed, is_checksum, placed_checksum};
use crate::cache::{Block, BlockCache};
use crate::disk::{Disk, DiskFile, SYNC_BYTES, read_exact_at, write_all_at};
use crate::failure::{corrupt, io_error};
use crate::manifest::Object;

/// Bytes of the checksum after each block.
pub(crate) const CHECKSUM: u64 = 4;

/// A segment's file while it is written.
pub(crate) struct SegmentSink {
    file: Arc<dyn DiskFile>,
    name: String,
    file_id: [u8; 16],
    buffer: Vec<u8>,
    flushed: u64,
}

impl SegmentSink {
    pub(crate) fn create(disk: &dyn Disk, name: &str, file_id: [u8; 16]) -> Result<Self> {
        let file = disk.create(name).map_err(|error| io_error("create", name, error))?;
        Ok(Self { file, name: name.into(), file_id, buffer: Vec::with_capacity(SYNC_BYTES), flushed: 0 })
    }

    /// Goes on with a file from `offset` on.
    pub(crate) fn behind(file: Arc<dyn DiskFile>, name: &str, file_id: [u8; 16], offset: u64) -> Self {
        Self { file, name: name.into(), file_id, buffer: Vec::with_capacity(SYNC_BYTES), flushed: offset }
    }

    /// Where the next byte goes.
    pub(crate) fn offset(&self) -> u64 {
        self.flushed + self.buffer.len() as u64
    }

    /// Appends `bytes` and their checksum, and returns where they begin.
    pub(crate) fn put_block(&mut self, bytes: &[u8]) -> Result<u64> {
        let offset = self.offset();
        self.buffer.extend_from_slice(bytes);
        self.buffer.extend_from_slice(&placed_checksum(&self.file_id, offset, bytes).to_be_bytes());
        if self.buffer.len() >= SYNC_BYTES {
            self.flush()?;
        }
        Ok(offset)
    }

    /// Writes what was collected and makes it durable.
    fn flush(&mut self) -> Result<()> {
        write_all_at(&*self.file, &self.buffer, self.flushed).map_err(|error| io_error("write", &self.name, error))?;
        self.flushed += self.buffer.len() as u64;
        self.buffer.clear();
        self.file.sync().map_err(|error| io_error("sync", &self.name, error))
    }

    /// Makes everything durable and returns the length of the file.
    pub(crate) fn finish(mut self) -> Result<u64> {
        self.flush()?;
        Ok(self.flushed)
    }
}

/// A segment's file while it is read.
pub(crate) struct SegmentFile {
    pub(crate) name: String,
    pub(crate) file_id: [u8; 16],
    pub(crate) length: u64,
    pub(crate) file: Arc<dyn DiskFile>,
    /// The same, where a part of it lies in an archive.
    pub(crate) archived: Option<Arc<ArchivedFile>>,
    pub(crate) cache: Arc<BlockCache>,
    /// Distinguishes this file's blocks in the cache.
    pub(crate) cache_key: u64,
    /// Another file took its place.
    pub(crate) gone: AtomicBool,
}

impl SegmentFile {
    /// The checked bytes of a block, from the cache if it has them.
    pub(crate) fn block(&self, offset: u64, length: usize) -> Result<Block> {
        let block = self.cached(offset, || self.block_uncached(offset, length))?;
        self.of_length(block, length)
    }

    /// The block at `offset` from the cache, else as `read` gives it.
    pub(crate) fn cached(&self, offset: u64, read: impl FnOnce() -> Result<Block>) -> Result<Block> {
        let place = (self.cache_key, offset);
        let block = self.cache.get_or_insert(place, read)?;
        // Whoever still reads a file that is gone leaves nothing of it in the cache.
        if self.gone.load(Ordering::SeqCst) {
            self.cache.forget(&place);
        }
        Ok(block)
    }

    /// This file as far as its entries go, which lie in an archive.
    pub(crate) fn elsewhere(&self, object: &Object, archived: ArchivedFile) -> Self {
        let archived = Arc::new(archived);
        Self {
            name: object.to_string(),
            file_id: self.file_id,
            length: self.length,
            file: archived.clone(),
            archived: Some(archived),
            cache: self.cache.clone(),
            cache_key: self.cache_key,
            gone: false.into(),
        }
    }

    /// Takes everything of this file out of memory, for good.
    pub(crate) fn leave_cache(&self) {
        self.gone.store(true, Ordering::SeqCst);
        self.cache.forget_file(self.cache_key);
        self.archived.iter().for_each(|archived| archived.leave_cache());
    }

    /// What the cache has for a place is what was read there first, which in a damaged file may be something else.
    pub(crate) fn of_length(&self, block: Block, length: usize) -> Result<Block> {
        if block.len() == length { Ok(block) } else { Err(self.corrupt("two blocks begin at one place")) }
    }

    /// Whether that many bytes from `offset` on lie within the file.
    pub(crate) fn holds(&self, offset: u64, bytes: u64) -> bool {
        offset.checked_add(bytes).is_some_and(|end| end <= self.length)
    }

    /// The checked bytes of a block, for those who read a file once from front to back.
    pub(crate) fn block_uncached(&self, offset: u64, length: usize) -> Result<Block> {
        let mut bytes = Vec::new();
        self.read_block(offset, length, &mut bytes)?;
        Ok(bytes.into())
    }

    /// Reads the checked bytes of a block in place of what `bytes` held.
    pub(crate) fn read_block(&self, offset: u64, length: usize, bytes: &mut Vec<u8>) -> Result<()> {
        if !self.holds(offset, (length as u64).saturating_add(CHECKSUM)) {
            return Err(self.corrupt(format_args!("a block at byte {offset} lies outside of the file")));
        }
        bytes.resize(length + CHECKSUM as usize, 0);
        read_exact_at(&*self.file, bytes, offset).map_err(|error| io_error("read", &self.name, error))?;
        let (block, checksum) = bytes.split_at(length);
        if !is_checksum(placed_checksum(&self.file_id, offset, block), checksum) {
            return Err(self.corrupt(format_args!("the block at byte {offset} does not have its checksum")));
        }
        bytes.truncate(length);
        Ok(())
    }

    pub(crate) fn corrupt(&self, what: impl std::fmt::Display) -> deedbook_core::Error {
        corrupt(&self.name, what)
    }

    /// Turns bytes of the wrong shape into an error that names the file.
    pub(crate) fn shaped<T>(&self, value: Result<T, Malformed>, what: &str) -> Result<T> {
        value.map_err(|Malformed| self.corrupt(format_args!("{what} does not have the right shape")))
    }
}
