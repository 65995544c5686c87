//! The door to the log: where the sequencer brings what it read.

use deedbook_core::{Atomicity, Draft, Reply, Store};

/// A log that takes events; every [`Store`] is one.
pub trait Log: Send + Sync {
    /// Hands `drafts` over in this order, each with its own fate; `reply` is called exactly once, and `Ok` in a place
    /// means that this one is durable. It may compute on the calling thread and wait for room.
    ///
    /// # Errors
    /// To `reply`, as [`Store::submit`].
    fn submit(&self, drafts: Vec<Draft>, reply: Reply);
}

impl<S: Store + ?Sized> Log for S {
    fn submit(&self, drafts: Vec<Draft>, reply: Reply) {
        Store::submit(self, drafts, Atomicity::PerEvent, reply);
    }
}
