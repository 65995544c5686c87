//! An accepted entry that is not sealed yet.

use deedbook_core::{Digest, Outcome, Receipt, Timestamp};

use crate::segment::Times;

/// Tenant, id and action of an event.
pub(crate) struct Identity {
    text: Box<str>,
    tenant_length: u32,
    id_length: u32,
}

impl Identity {
    pub(crate) fn new(tenant: &str, id: &str, action: &str) -> Self {
        let text = [tenant, id, action].concat().into();
        Self { text, tenant_length: tenant.len() as u32, id_length: id.len() as u32 }
    }

    pub(crate) fn tenant(&self) -> &str {
        &self.text[..self.tenant_length as usize]
    }

    pub(crate) fn id(&self) -> &str {
        &self.text[self.tenant_length as usize..(self.tenant_length + self.id_length) as usize]
    }

    /// Whether both are the identity of one event; the action is not a part of it.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        (self.tenant(), self.id()) == (other.tenant(), other.id())
    }

    pub(crate) fn action(&self) -> &str {
        &self.text[(self.tenant_length + self.id_length) as usize..]
    }
}

/// An accepted entry that is not sealed yet.
pub(crate) struct TailEntry {
    pub(crate) identity: Identity,
    pub(crate) seq: u64,
    pub(crate) position: u64,
    pub(crate) leaf_hash: Digest,
    pub(crate) times: Times,
    pub(crate) id_hash: u64,
    pub(crate) outcome: Outcome,
    pub(crate) canonical: Box<[u8]>,
}

impl TailEntry {
    pub(crate) fn receipt(&self) -> Receipt {
        let recorded_at = Timestamp::from_microsecond(self.times.recorded_at);
        Receipt {
            id: self.identity.id().to_owned(),
            tenant: self.identity.tenant().to_owned(),
            seq: self.seq,
            position: self.position,
            recorded_at: recorded_at.expect("the time of recording was an instant before it was a number"),
            leaf_hash: self.leaf_hash,
        }
    }
}
