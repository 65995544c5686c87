//! What a reader gets: the [`Entry`], with as many numbers as its reader may see.

use deedbook_core::{Digest, Event, Timestamp};

/// An event as the log keeps it, as this reader may see it.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// What was claimed, after checks, redaction and defaults; `id` and `tenant` are present.
    pub event: Event,
    /// When the log accepted it.
    pub recorded_at: Timestamp,
    /// Its place within the tenant; `None` for a reader who may see only a part of the tenant's entries.
    pub seq: Option<u64>,
    /// Its place in the whole log; `None` for a reader who may not see all tenants.
    pub position: Option<u64>,
    /// The hash of its leaf in the tenant's tree; `None` as for `seq`.
    pub leaf_hash: Option<Digest>,
}

impl Entry {
    /// Its id.
    pub fn id(&self) -> &str {
        self.event.id.as_deref().unwrap_or_default()
    }

    /// The tenant in whose log it is.
    pub fn tenant(&self) -> &str {
        self.event.tenant.as_deref().unwrap_or_default()
    }

    /// When it happened: `occurred_at`, else `recorded_at`.
    pub fn occurred_at(&self) -> Timestamp {
        self.event.occurred_at.unwrap_or(self.recorded_at)
    }
}

impl From<deedbook_core::Entry> for Entry {
    fn from(entry: deedbook_core::Entry) -> Self {
        let receipt = entry.receipt;
        Self {
            event: entry.event,
            recorded_at: receipt.recorded_at,
            seq: Some(receipt.seq),
            position: Some(receipt.position),
            leaf_hash: Some(receipt.leaf_hash),
        }
    }
}
