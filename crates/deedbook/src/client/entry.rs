//! Entries on the wire → [`Entry`].

use deedbook_core::{Digest, Event, Result, Timestamp};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::answer::strange;
use crate::Entry;

/// An entry as a server gave it.
#[derive(Clone, Debug)]
pub struct Found {
    /// What it says.
    pub entry: Entry,
    /// Its JSON, as it came; numbers are there as the token may see them, and erased values are null.
    pub json: Box<str>,
}

/// What the log added.
#[derive(Deserialize)]
struct Added {
    recorded_at: Timestamp,
    seq: Option<u64>,
    position: Option<u64>,
    leaf_hash: Option<String>,
}

impl Found {
    /// Reads one entry.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`](crate::ErrorKind::Unavailable) where it is none.
    pub(super) fn read(json: &RawValue) -> Result<Self> {
        let not_one = "an entry in it cannot be read";
        let Added { recorded_at, seq, position, leaf_hash } =
            serde_json::from_str(json.get()).map_err(|error| strange(not_one).with_source(error))?;
        // Members that the log added are passed over, as those of newer versions are.
        let event =
            Event::from_canonical(json.get().as_bytes()).map_err(|error| strange(not_one).with_source(error))?;
        let leaf_hash = leaf_hash.map(|hash| hash.parse::<Digest>()).transpose();
        let leaf_hash = leaf_hash.map_err(|error| strange(not_one).with_source(error))?;
        Ok(Self { entry: Entry { event, recorded_at, seq, position, leaf_hash }, json: json.get().into() })
    }
}
