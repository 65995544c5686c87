//! The RFC 6962 tree of one tenant.

use crate::{Digest, Timestamp};

/// Hash of the leaf of an entry.
pub fn leaf_hash(_recorded_at: Timestamp, _event_root: &Digest) -> Digest {
    todo!()
}

/// The right edge of a tree: all that is needed to append leaves and know the root, O(log n) digests.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frontier {
    size: u64,
    /// Roots of the perfect subtrees, largest first: one for each bit set in `size`.
    roots: Vec<Digest>,
}

impl Frontier {
    /// How many leaves.
    pub fn size(&self) -> u64 {
        self.size
    }
    /// Roots of the perfect subtrees, largest first.
    pub fn subtree_roots(&self) -> &[Digest] {
        &self.roots
    }
    /// A frontier from its parts, or `None` where their number does not fit `size`.
    pub fn from_parts(size: u64, roots: Vec<Digest>) -> Option<Self> {
        (roots.len() == size.count_ones() as usize).then_some(Self { size, roots })
    }
    /// Appends a leaf.
    pub fn push(&mut self, _leaf_hash: Digest) {
        todo!()
    }
    /// The root of the tree.
    pub fn root(&self) -> Digest {
        todo!()
    }
}
