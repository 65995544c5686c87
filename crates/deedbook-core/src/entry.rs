//! What was accepted: the [`Entry`] and the [`Receipt`] that its caller got.

use std::fmt;

use jiff::Timestamp;

use crate::Event;

/// A SHA-256 digest: an event root, a leaf hash, a node of the tree.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Digest(pub [u8; 32]);

impl fmt::Display for Digest {
    /// Lower-case hexadecimal, 64 characters.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The proof of acceptance: the event with this id is durable, and this is its place in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// Id of the event, generated where the caller gave none.
    pub id: String,
    /// Tenant in whose log it is.
    pub tenant: String,
    /// Place within the tenant: 0, 1, 2 … without a gap; the index of its leaf in the tenant's tree.
    pub seq: u64,
    /// Place in the whole log: strictly rising in commit order over all tenants.
    pub position: u64,
    /// When the log accepted it, to the microsecond; never runs backwards.
    pub recorded_at: Timestamp,
    /// Hash of its leaf in the tenant's tree.
    pub leaf_hash: Digest,
}

/// An accepted event: what the caller claimed and what the log added.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// What the log added, and under which id.
    pub receipt: Receipt,
    /// What the caller claimed, after checks, redaction and defaults.
    pub event: Event,
    /// The canonical bytes (RFC 8785) of `event`: what is hashed and stored, never re-serialised.
    pub canonical: Vec<u8>,
}

impl Entry {
    /// The time by which queries order and filter an act: `occurred_at`, else `recorded_at`.
    pub fn occurred_at(&self) -> Timestamp {
        self.event.occurred_at.unwrap_or(self.receipt.recorded_at)
    }
}
