//! The HTTP API of Deedbook over any store.
