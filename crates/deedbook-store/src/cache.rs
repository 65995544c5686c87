//! The bounded cache of blocks that readers share.

use std::sync::Arc;

use quick_cache::sync::Cache;
use quick_cache::{DefaultHashBuilder, Weighter};

/// Checked and, where it was compressed, decompressed bytes.
pub(crate) type Block = Arc<Vec<u8>>;

/// File and offset.
type Place = (u64, u64);

#[derive(Clone)]
struct Bytes;

impl Weighter<Place, Block> for Bytes {
    fn weight(&self, _place: &Place, block: &Block) -> u64 {
        block.len() as u64 + 96
    }
}

/// Blocks by file and offset, bounded by their bytes.
pub(crate) struct BlockCache(Cache<Place, Block, Bytes>);

impl BlockCache {
    pub(crate) fn new(bytes_max: u64) -> Self {
        let expected_blocks = (bytes_max / 8192).max(16);
        Self::of(bytes_max, expected_blocks)
    }

    /// Of few blocks, each of which is a good part of it: they share one room, not one room for each processor, of
    /// which none would hold a block.
    pub(crate) fn of_large(bytes_max: u64, block_bytes: u64) -> Self {
        Self::of(bytes_max, bytes_max / block_bytes)
    }

    fn of(bytes_max: u64, expected_blocks: u64) -> Self {
        Self(Cache::with(expected_blocks as usize, bytes_max, Bytes, DefaultHashBuilder::default(), Default::default()))
    }

    /// The block at `place`, read by `read` where it is not there.
    pub(crate) fn get_or_insert<E>(&self, place: Place, read: impl FnOnce() -> Result<Block, E>) -> Result<Block, E> {
        if let Some(block) = self.0.get(&place) {
            return Ok(block);
        }
        let block = read()?;
        self.0.insert(place, block.clone());
        Ok(block)
    }

    /// Forgets the block at `place`.
    pub(crate) fn forget(&self, place: &Place) {
        self.0.remove(place);
    }

    /// Forgets every block of a file.
    pub(crate) fn forget_file(&self, file: u64) {
        self.0.retain(|place, _| place.0 != file);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_blocks_are_kept() {
        let cache = BlockCache::of_large(8 << 20, 1 << 20);
        let mut read = 0;
        for _ in 0..3 {
            for place in 0..6 {
                let block = cache.get_or_insert((1, place), || {
                    read += 1;
                    Ok::<_, ()>(Arc::new(vec![0; 1 << 20]))
                });
                assert_eq!(block.map(|block| block.len()), Ok(1 << 20));
            }
        }
        assert_eq!(read, 6);
    }
}
