//! What was accepted: the [`Entry`] and the [`Receipt`] that its caller got.

use std::fmt::{self, Write};
use std::str::FromStr;

use jiff::Timestamp;

use crate::{Error, Event, Result};

/// A SHA-256 digest: an event root, a leaf hash, a node of the tree.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Digest(pub [u8; 32]);

impl Digest {
    /// Its 64 digits.
    pub(crate) fn hexadecimal(&self) -> [u8; 64] {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut text = [0; 64];
        for (byte, pair) in self.0.iter().zip(text.as_chunks_mut::<2>().0) {
            *pair = [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]];
        }
        text
    }
}

impl fmt::Display for Digest {
    /// Lower-case hexadecimal, 64 characters.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.hexadecimal().iter().try_for_each(|&digit| f.write_char(char::from(digit)))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Digest {
    type Err = Error;

    /// Reads what [`Display`](fmt::Display) writes.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) with `bad_digest`.
    fn from_str(text: &str) -> Result<Self> {
        let bad = || Error::invalid("", "bad_digest", "expected a SHA-256 digest: 64 digits of 0-9 and a-f");
        let (pairs, rest) = text.as_bytes().as_chunks::<2>();
        if pairs.len() != 32 || !rest.is_empty() {
            return Err(bad());
        }
        let mut digest = [0; 32];
        for (byte, [high, low]) in digest.iter_mut().zip(pairs) {
            *byte = nibble(*high).zip(nibble(*low)).map(|(high, low)| high << 4 | low).ok_or_else(bad)?;
        }
        Ok(Self(digest))
    }
}

fn nibble(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
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
