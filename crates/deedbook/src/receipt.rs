//! What a caller of [`crate::Deedbook::record`] gets: the [`Receipt`], with as many numbers as the caller may see.

use deedbook_core::{AppendStatus, Appended, Digest, Result, Timestamp};

/// The proof of acceptance: the event with this id is durable, and this is its place in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// Id of the event, generated where the caller gave none.
    pub id: String,
    /// Tenant in whose log it is.
    pub tenant: String,
    /// Place within the tenant: 0, 1, 2 … without a gap; the index of its leaf in the tenant's tree.
    pub seq: u64,
    /// Place in the whole log, strictly rising in commit order over all tenants; `None` for a caller who may not know
    /// of other tenants.
    pub position: Option<u64>,
    /// When the log accepted it, to the microsecond; never runs backwards.
    pub recorded_at: Timestamp,
    /// Hash of its leaf in the tenant's tree.
    pub leaf_hash: Digest,
}

/// The fate of one draft that is durable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// Where it stands in the log.
    pub receipt: Receipt,
    /// Whether it is new, or stood there already with equal content.
    pub status: AppendStatus,
}

/// The fate of a batch, or of each draft of it.
pub(crate) type Fates = Result<Vec<Result<Recorded>>>;

impl From<deedbook_core::Receipt> for Receipt {
    fn from(receipt: deedbook_core::Receipt) -> Self {
        let deedbook_core::Receipt { id, tenant, seq, position, recorded_at, leaf_hash } = receipt;
        Self { id, tenant, seq, position: Some(position), recorded_at, leaf_hash }
    }
}

impl From<Appended> for Recorded {
    fn from(appended: Appended) -> Self {
        Self { receipt: appended.receipt.into(), status: appended.status }
    }
}
