//! [`Event`] → [`Draft`]: check, bound, redact, canonicalise.

use crate::{Event, Result};

/// What an event may measure.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Bytes of the canonical form.
    pub canonical_bytes_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { canonical_bytes_max: 256 * 1024 }
    }
}

/// A checked event in canonical form, ready to be appended.
#[derive(Clone, Debug)]
pub struct Draft {
    event: Event,
    canonical: Vec<u8>,
    id_origin: IdOrigin,
}

/// Who chose the id of a draft.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdOrigin {
    /// The caller: the event may be a repetition.
    Given,
    /// [`prepare`], from fresh random bytes: no other event has it.
    Generated,
}

impl Draft {
    /// The event after defaults and redaction; `id` and `tenant` are present.
    pub fn event(&self) -> &Event {
        &self.event
    }
    /// Its canonical bytes.
    pub fn canonical(&self) -> &[u8] {
        &self.canonical
    }
    /// Its id.
    pub fn id(&self) -> &str {
        self.event.id.as_deref().expect("prepare sets the id")
    }
    /// Its tenant.
    pub fn tenant(&self) -> &str {
        self.event.tenant.as_deref().expect("prepare sets the tenant")
    }
    /// Who chose the id.
    pub fn id_origin(&self) -> IdOrigin {
        self.id_origin
    }
    /// Takes it apart into event and canonical bytes.
    pub fn into_parts(self) -> (Event, Vec<u8>) {
        (self.event, self.canonical)
    }
}

/// Checks `event` and makes a draft of it. `fresh_id` gives 16 random bytes and is called only where `event.id` is absent.
pub fn prepare(_event: Event, _limits: &Limits, _fresh_id: impl FnOnce() -> [u8; 16]) -> Result<Draft> {
    todo!()
}
