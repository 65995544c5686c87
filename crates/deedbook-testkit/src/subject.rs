//! What a store's tests implement to be examined.

use deedbook_core::commitment::Key;
use deedbook_core::{MemoryStore, Store};

use crate::Clock;

/// A store under examination. It must take its time from the [`Clock`] with which it was opened.
pub trait Subject {
    /// The store.
    fn store(&self) -> &dyn Store;

    /// Closes the store and opens it again on the same data; without effect where nothing is durable.
    fn reopen(&mut self);

    /// Whether entries outlive [`Subject::reopen`].
    fn durability(&self) -> Durability;
}

/// Whether entries outlive the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// They do: checks of persistence run.
    Durable,
    /// They do not: those checks are left out.
    Volatile,
}

/// The in-memory store as a subject.
pub struct MemorySubject(MemoryStore);

impl MemorySubject {
    /// An empty one with this clock and the key 00 01 … 1f.
    pub fn open(clock: &Clock) -> Self {
        let key = Key(std::array::from_fn(|index| index as u8));
        Self(MemoryStore::new(clock.function(), key))
    }
}

impl Subject for MemorySubject {
    fn store(&self) -> &dyn Store {
        &self.0
    }

    fn reopen(&mut self) {}

    fn durability(&self) -> Durability {
        Durability::Volatile
    }
}
