//! The event and the entry as JSON on the wire.

use crate::{Entry, Event, Receipt, Result};

impl Event {
    /// Reads one event from JSON, as API.md describes it; unknown members at named levels are refused.
    pub fn from_json(_json: &[u8]) -> Result<Self> {
        todo!()
    }
}

impl Entry {
    /// The event's canonical members and `seq`, `position`, `recorded_at`, `leaf_hash`, as one canonical JSON object.
    pub fn to_json(&self) -> Vec<u8> {
        todo!()
    }
}

impl Receipt {
    /// `{id, tenant, seq, position, recorded_at, leaf_hash}` as canonical JSON.
    pub fn to_json(&self) -> Vec<u8> {
        todo!()
    }
}
