//! The RFC 6962 tree of one tenant: leaves, the right edge, and proofs.
//!
//! Nothing here knows events; a leaf commits to an event root and the time of recording, and that is all.

use sha2::{Digest as _, Sha256};

use crate::{Digest, Timestamp, time};

/// Version of the leaf data, its first byte.
const LEAF_VERSION: u8 = 1;

/// Hash of the leaf of an entry: `SHA-256(0x00 ‖ 0x01 ‖ recorded_at ‖ event_root)`, where `recorded_at` is a big-endian
/// u64 of microseconds since 1970 (0 for earlier times).
///
/// Source: RFC 6962, section 2.1.
pub fn leaf_hash(recorded_at: Timestamp, event_root: &Digest) -> Digest {
    let microseconds = u64::try_from(time::microseconds(recorded_at)).unwrap_or(0);
    let mut data = [0; 42];
    data[1] = LEAF_VERSION;
    data[2..10].copy_from_slice(&microseconds.to_be_bytes());
    data[10..].copy_from_slice(&event_root.0);
    Digest(Sha256::digest(data).into())
}

/// Hash of a node: `SHA-256(0x01 ‖ left ‖ right)`.
///
/// Source: RFC 6962, section 2.1.
pub fn node_hash(left: &Digest, right: &Digest) -> Digest {
    let mut data = [1; 65];
    data[1..33].copy_from_slice(&left.0);
    data[33..].copy_from_slice(&right.0);
    Digest(Sha256::digest(data).into())
}

/// Root of the tree without leaves: the SHA-256 of nothing.
pub fn empty_root() -> Digest {
    Digest(Sha256::digest(b"").into())
}

/// Root of the tree over these leaf hashes.
///
/// Source: RFC 6962, section 2.1 (MTH).
pub fn root(leaves: &[Digest]) -> Digest {
    let mut frontier = Frontier::default();
    leaves.iter().for_each(|leaf| frontier.push(*leaf));
    frontier.root()
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
    pub fn push(&mut self, leaf_hash: Digest) {
        let mut carried = leaf_hash;
        // One subtree is completed for each trailing bit set in the former size.
        for _ in 0..self.size.trailing_ones() {
            if let Some(left) = self.roots.pop() {
                carried = node_hash(&left, &carried);
            }
        }
        self.roots.push(carried);
        self.size += 1;
    }

    /// The root of the tree.
    pub fn root(&self) -> Digest {
        let smaller_first = self.roots.iter().rev().copied();
        smaller_first.reduce(|right, left| node_hash(&left, &right)).unwrap_or_else(empty_root)
    }
}

/// The audit path of leaf `index` in the tree over `leaves`, from the leaf upwards, or `None` beyond the last leaf.
///
/// Source: RFC 6962, section 2.1.1.
pub fn inclusion_proof(leaves: &[Digest], index: u64) -> Option<Vec<Digest>> {
    let mut index = usize::try_from(index).ok().filter(|index| *index < leaves.len())?;
    let mut rest = leaves;
    let mut path = Vec::new();
    while rest.len() > 1 {
        let (left, right) = rest.split_at(split(rest.len() as u64) as usize);
        if index < left.len() {
            path.push(root(right));
            rest = left;
        } else {
            path.push(root(left));
            index -= left.len();
            rest = right;
        }
    }
    path.reverse();
    Some(path)
}

/// Whether `proof` shows that `leaf` stands at `index` in the tree of `size` leaves with this root.
///
/// Source: RFC 9162, section 2.1.3.2 (the algorithm that RFC 6962 leaves to the reader).
pub fn verify_inclusion(leaf: &Digest, index: u64, size: u64, root: &Digest, proof: &[Digest]) -> bool {
    if index >= size {
        return false;
    }
    let (mut node, mut last, mut hash) = (index, size - 1, *leaf);
    for sibling in proof {
        if last == 0 {
            return false;
        }
        if node & 1 == 1 || node == last {
            hash = node_hash(sibling, &hash);
            while node & 1 == 0 && node != 0 {
                node >>= 1;
                last >>= 1;
            }
        } else {
            hash = node_hash(&hash, sibling);
        }
        node >>= 1;
        last >>= 1;
    }
    last == 0 && hash == *root
}

/// The proof that the tree over the first `size` of `leaves` is a prefix of the tree over all of them; empty for size 0
/// and for all of them, `None` where there are fewer leaves.
///
/// Source: RFC 6962, section 2.1.2.
pub fn consistency_proof(leaves: &[Digest], size: u64) -> Option<Vec<Digest>> {
    let mut size = usize::try_from(size).ok().filter(|size| *size <= leaves.len())?;
    let mut path = Vec::new();
    if size == 0 || size == leaves.len() {
        return Some(path);
    }
    let mut rest = leaves;
    // Whether the smaller tree is still the whole left edge, whose root the verifier knows.
    let mut is_known = true;
    while size < rest.len() {
        let (left, right) = rest.split_at(split(rest.len() as u64) as usize);
        if size <= left.len() {
            path.push(root(right));
            rest = left;
        } else {
            path.push(root(left));
            size -= left.len();
            rest = right;
            is_known = false;
        }
    }
    if !is_known {
        path.push(root(rest));
    }
    path.reverse();
    Some(path)
}

/// Whether `proof` shows that the tree of `old_size` leaves is a prefix of the tree of `new_size` leaves.
///
/// A tree without leaves is a prefix of every tree, without any proof.
///
/// Source: RFC 9162, section 2.1.4.2.
pub fn verify_consistency(
    old_size: u64,
    old_root: &Digest,
    new_size: u64,
    new_root: &Digest,
    proof: &[Digest],
) -> bool {
    if old_size == 0 {
        return *old_root == empty_root() && proof.is_empty();
    }
    if old_size == new_size {
        return old_root == new_root && proof.is_empty();
    }
    if old_size > new_size {
        return false;
    }
    let mut proof = proof.iter();
    let start = if old_size.is_power_of_two() { Some(old_root) } else { proof.next() };
    let Some(start) = start else { return false };
    let trailing = (old_size - 1).trailing_ones();
    let (mut node, mut last) = ((old_size - 1) >> trailing, (new_size - 1) >> trailing);
    let (mut old_hash, mut new_hash) = (*start, *start);
    for sibling in proof {
        if last == 0 {
            return false;
        }
        if node & 1 == 1 || node == last {
            old_hash = node_hash(sibling, &old_hash);
            new_hash = node_hash(sibling, &new_hash);
            while node & 1 == 0 && node != 0 {
                node >>= 1;
                last >>= 1;
            }
        } else {
            new_hash = node_hash(&new_hash, sibling);
        }
        node >>= 1;
        last >>= 1;
    }
    last == 0 && old_hash == *old_root && new_hash == *new_root
}

/// The largest power of two that is smaller than `size`, which is at least 2.
fn split(size: u64) -> u64 {
    1 << (63 - (size - 1).leading_zeros())
}
