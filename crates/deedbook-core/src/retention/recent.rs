//! Which entries are among the last so many of one of their targets, told in one pass from the newest to the oldest.

use std::collections::HashMap;
use std::num::NonZeroU32;

use sha2::{Digest as _, Sha256};

use crate::{Entry, Error, ErrorKind, Result};

/// The most targets that are counted at once. The table holds 16 bytes of a hash and 4 of a count for each, in 2²⁴
/// places: 350 MB when it is full.
pub const TARGETS_MAX: usize = 14_000_000;

/// Counts the entries of each target, newest first.
#[derive(Debug)]
pub struct Recent {
    keep: u32,
    targets_max: usize,
    seen: HashMap<[u8; 16], u32>,
}

/// Whether an entry is still wanted for one of its targets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It is among the last of one of its targets, or has none.
    Recent,
    /// It is beyond the last of each of its targets.
    Beyond,
}

impl Recent {
    /// Keeps the last `keep` of each target.
    pub fn new(keep: NonZeroU32) -> Self {
        Self::bounded(keep, TARGETS_MAX)
    }

    fn bounded(keep: NonZeroU32, targets_max: usize) -> Self {
        Self { keep: keep.get(), targets_max, seen: HashMap::new() }
    }

    /// Whether `entry` is beyond the last of each of its targets. Each entry under the rule is entered once, newest first.
    ///
    /// # Errors
    /// [`ErrorKind::TooLarge`] where there are more than [`TARGETS_MAX`] targets.
    pub fn enter(&mut self, entry: &Entry) -> Result<Standing> {
        let mut targets: Vec<[u8; 16]> =
            entry.event.targets.iter().map(|target| hash(&entry.receipt.tenant, &target.kind, &target.id)).collect();
        targets.sort_unstable();
        targets.dedup();
        let mut standing = if targets.is_empty() { Standing::Recent } else { Standing::Beyond };
        for target in targets {
            let seen = self.seen.entry(target).or_default();
            if *seen < self.keep {
                *seen += 1;
                standing = Standing::Recent;
            }
        }
        if self.seen.len() > self.targets_max {
            let message = format!(
                "the rule is about more than {} targets, more than are counted at once; give it a tenant, a category or \
                 an action",
                self.targets_max
            );
            return Err(Error::new(ErrorKind::TooLarge, message));
        }
        Ok(standing)
    }
}

/// 128 bits of SHA-256: nobody finds two targets that share them, by chance or on purpose.
fn hash(tenant: &str, kind: &str, id: &str) -> [u8; 16] {
    let mut hasher = Sha256::new();
    // Neither a tenant nor a type has a zero byte.
    for part in [tenant.as_bytes(), &[0], kind.as_bytes(), &[0], id.as_bytes()] {
        hasher.update(part);
    }
    let mut half = [0; 16];
    half.copy_from_slice(&hasher.finalize()[..16]);
    half
}
