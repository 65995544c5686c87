//! The plainest store: a list in memory. The oracle of the other stores' tests.

/// A store that forgets when it is dropped.
pub struct MemoryStore {}
