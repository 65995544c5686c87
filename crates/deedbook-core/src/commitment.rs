//! Canonical bytes → event root: salted commitments of members and personal leaves.

use crate::{Digest, Result};

/// Secret of one generation of a write-ahead log (K), or of a store: 32 random bytes from which seeds are derived.
#[derive(Clone)]
pub struct Key([u8; 32]);

impl Key {
    /// A key.
    pub fn new(b: [u8; 32]) -> Self { Self(b) }
    /// bytes
    pub fn bytes(&self) -> &[u8; 32] { &self.0 }
}

/// Secret of one event, from which the salts of its fields are derived.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Seed(pub [u8; 16]);

impl Key {
    /// The seed of an event.
    pub fn seed(&self, _tenant: &str, _id: &str) -> Seed {
        todo!()
    }
}

impl Seed {
    /// The salt of the field at `path`.
    pub fn salt(&self, _path: &str) -> [u8; 16] {
        todo!()
    }
}

/// c(path, v).
pub fn commit(_salt: &[u8; 16], _path: &str, _value: &[u8]) -> Digest {
    todo!()
}

/// The event root of canonical bytes.
pub fn event_root(_canonical: &[u8], _seed: &Seed) -> Result<Digest> {
    todo!()
}
