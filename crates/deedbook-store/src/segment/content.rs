//! What a segment holds of an entry: all of it, or what was left when something was taken away.

use std::borrow::Cow;
use std::collections::HashMap;

use deedbook_core::commitment::{Key, Seed, event_root, event_root_with, salted_paths};
use deedbook_core::tree::leaf_hash;
use deedbook_core::{Digest, Error, ErrorKind, Result, Timestamp};

use crate::bytes::{Malformed, Reader, put_bytes, put_varint};

const SEEDED: u8 = 1;
const BLANKED: u8 = 2;
const ERASED: u8 = 3;
const RETIRED: u8 = 4;
const SALT: usize = 16;

/// What is there of an entry.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Content<'a> {
    /// Canonical bytes; their seed comes from the key of their range of positions.
    Whole(&'a [u8]),
    /// Canonical bytes and their seed, because the key is gone.
    Seeded(Seed, &'a [u8]),
    /// Canonical bytes with commitments in the place of erased values, and the salts of all others, in the order of
    /// [`salted_paths`].
    Blanked { canonical: &'a [u8], salts: &'a [u8] },
    /// Nothing of the event but its id and root.
    Erased { tenant: &'a str, id: &'a str, root: Digest },
    /// Nothing but the hash of the leaf.
    Retired(Digest),
}

impl<'a> Content<'a> {
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        if let Self::Whole(canonical) = self {
            return put_bytes(out, canonical);
        }
        // Canonical bytes are never empty.
        put_varint(out, 0);
        match self {
            Self::Whole(_) => {}
            Self::Seeded(seed, canonical) => {
                out.push(SEEDED);
                out.extend_from_slice(&seed.0);
                put_bytes(out, canonical);
            }
            Self::Blanked { canonical, salts } => {
                out.push(BLANKED);
                put_bytes(out, canonical);
                put_bytes(out, salts);
            }
            Self::Erased { tenant, id, root } => {
                out.push(ERASED);
                put_bytes(out, tenant.as_bytes());
                put_bytes(out, id.as_bytes());
                out.extend_from_slice(&root.0);
            }
            Self::Retired(leaf_hash) => {
                out.push(RETIRED);
                out.extend_from_slice(&leaf_hash.0);
            }
        }
    }

    pub(crate) fn read(reader: &mut Reader<'a>) -> Result<Self, Malformed> {
        let canonical = reader.bytes()?;
        if !canonical.is_empty() {
            return Ok(Self::Whole(canonical));
        }
        match reader.u8()? {
            SEEDED => Ok(Self::Seeded(Seed(reader.array()?), reader.bytes()?)),
            BLANKED => {
                let (canonical, salts) = (reader.bytes()?, reader.bytes()?);
                (salts.len() % SALT == 0).then_some(Self::Blanked { canonical, salts }).ok_or(Malformed)
            }
            ERASED => Ok(Self::Erased { tenant: reader.text()?, id: reader.text()?, root: Digest(reader.array()?) }),
            RETIRED => Ok(Self::Retired(Digest(reader.array()?))),
            _ => Err(Malformed),
        }
    }

    /// The canonical bytes, with or without erased values; `None` of an entry that is in no answer.
    pub(crate) fn canonical(&self) -> Option<&'a [u8]> {
        match self {
            Self::Whole(canonical) | Self::Seeded(_, canonical) | Self::Blanked { canonical, .. } => Some(canonical),
            Self::Erased { .. } | Self::Retired(_) => None,
        }
    }

    /// The hash of the leaf. `key` is that of its range of positions, where it has one.
    pub(crate) fn leaf_hash(
        &self,
        key: Option<&Key>,
        (tenant, id): (&str, &str),
        recorded_at: Timestamp,
    ) -> Result<Digest> {
        match self {
            Self::Retired(leaf_hash) => Ok(*leaf_hash),
            Self::Erased { root, .. } => Ok(leaf_hash(recorded_at, root)),
            Self::Whole(canonical) | Self::Seeded(_, canonical) | Self::Blanked { canonical, .. } => {
                Ok(leaf_hash(recorded_at, &self.secret(key, (tenant, id))?.root(canonical)?))
            }
        }
    }

    /// From what the salts of its fields come.
    ///
    /// # Errors
    /// [`ErrorKind::Corrupt`] where nothing is left of the entry, or the secret that it must have is missing.
    pub(crate) fn secret(&self, key: Option<&Key>, (tenant, id): (&str, &str)) -> Result<Secret> {
        match self {
            Self::Whole(_) => Ok(Secret::Seed(key.ok_or_else(no_key)?.seed(tenant, id))),
            Self::Seeded(seed, _) => Ok(Secret::Seed(*seed)),
            Self::Blanked { canonical, salts } => Secret::of_salts(canonical, salts),
            Self::Erased { .. } | Self::Retired(_) => Err(corrupt("an entry of which nothing is left has no secret")),
        }
    }
}

/// From what the salts of the fields of an entry come.
pub(crate) enum Secret {
    Seed(Seed),
    Salts(HashMap<String, [u8; SALT]>),
}

impl Secret {
    fn of_salts(canonical: &[u8], salts: &[u8]) -> Result<Self> {
        let paths = salted_paths(canonical)?;
        let (salts, _) = salts.as_chunks::<SALT>();
        if paths.len() != salts.len() {
            return Err(corrupt("an entry with erased values has another number of salts than of fields"));
        }
        Ok(Self::Salts(paths.into_iter().zip(salts.iter().copied()).collect()))
    }

    pub(crate) fn salt(&self, path: &str) -> Option<[u8; SALT]> {
        match self {
            Self::Seed(seed) => Some(seed.salt(path)),
            Self::Salts(salts) => salts.get(path).copied(),
        }
    }

    /// The event root of canonical bytes.
    pub(crate) fn root(&self, canonical: &[u8]) -> Result<Digest> {
        match self {
            Self::Seed(seed) => event_root(canonical, seed),
            Self::Salts(salts) => event_root_with(canonical, |path| salts.get(path).copied()),
        }
    }

    /// The salts that canonical bytes still need, one after the other.
    pub(crate) fn remaining(&self, canonical: &[u8]) -> Result<Vec<u8>> {
        let mut salts = Vec::new();
        for path in salted_paths(canonical)? {
            let salt = self.salt(&path).ok_or_else(|| corrupt(format!("the salt of {path} is missing")))?;
            salts.extend_from_slice(&salt);
        }
        Ok(salts)
    }
}

fn no_key() -> Error {
    corrupt("an entry is whole, and the key of its positions is gone")
}

fn corrupt(what: impl Into<Cow<'static, str>>) -> Error {
    Error::new(ErrorKind::Corrupt, what)
}
