//! The stores that something built on a store is tried over.

use std::sync::Arc;

use deedbook_core::MemoryStore;
use deedbook_core::Store;
use deedbook_core::commitment::Key;
use deedbook_store::{Background, FileStore, Options};

use crate::Clock;
use crate::disk::SimulatedDisk;

/// Which store stands behind what is tested.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreKind {
    /// [`MemoryStore`].
    Memory,
    /// [`FileStore`] on a disk in memory, so small that it seals and merges again and again.
    File,
}

impl StoreKind {
    /// An empty one with this clock.
    ///
    /// # Panics
    /// When it cannot be opened.
    pub fn open(self, clock: &Clock) -> Arc<dyn Store> {
        match self {
            Self::Memory => Arc::new(MemoryStore::new(clock.function(), Key([7; 32]))),
            Self::File => {
                let mut options = Options::default();
                options.generation_bytes = 24 << 10;
                options.first_generation_bytes = 6 << 10;
                options.merge_fan_in = 3;
                options.cache_bytes = 64 << 10;
                options.background = Background::Inline;
                options.clock = Arc::new(clock.function());
                let disk = Arc::new(SimulatedDisk::new());
                Arc::new(FileStore::open_on(disk, "a disk in memory", options).expect("a log"))
            }
        }
    }
}

/// Makes a test for each [`StoreKind`] of each of these functions, which take one.
#[macro_export]
macro_rules! over_each_store {
    ($($test:ident),* $(,)?) => {
        mod over_memory {
            $(#[test] fn $test() { super::$test($crate::StoreKind::Memory); })*
        }
        mod over_files {
            $(#[test] fn $test() { super::$test($crate::StoreKind::File); })*
        }
    };
}
