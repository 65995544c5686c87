//! The tree, against a naive reading of RFC 6962.

use deedbook_core::tree::{
    Frontier, consistency_proof, empty_root, inclusion_proof, leaf_hash, node_hash, root, verify_consistency,
    verify_inclusion,
};
use deedbook_core::{Digest, Timestamp};
use proptest::prelude::*;

/// MTH of RFC 6962, section 2.1.
fn naive_root(leaves: &[Digest]) -> Digest {
    match leaves {
        [] => empty_root(),
        [leaf] => *leaf,
        _ => {
            let (left, right) = leaves.split_at(leaves.len().next_power_of_two() / 2);
            node_hash(&naive_root(left), &naive_root(right))
        }
    }
}

/// PATH of RFC 6962, section 2.1.1.
fn naive_path(index: usize, leaves: &[Digest]) -> Vec<Digest> {
    if leaves.len() == 1 {
        return Vec::new();
    }
    let (left, right) = leaves.split_at(leaves.len().next_power_of_two() / 2);
    if index < left.len() {
        [naive_path(index, left), vec![naive_root(right)]].concat()
    } else {
        [naive_path(index - left.len(), right), vec![naive_root(left)]].concat()
    }
}

/// SUBPROOF of RFC 6962, section 2.1.2.
fn naive_proof(size: usize, leaves: &[Digest], is_known: bool) -> Vec<Digest> {
    if size == leaves.len() {
        return if is_known { Vec::new() } else { vec![naive_root(leaves)] };
    }
    let (left, right) = leaves.split_at(leaves.len().next_power_of_two() / 2);
    if size <= left.len() {
        [naive_proof(size, left, is_known), vec![naive_root(right)]].concat()
    } else {
        [naive_proof(size - left.len(), right, false), vec![naive_root(left)]].concat()
    }
}

fn leaves(count: usize) -> Vec<Digest> {
    (0..count).map(|index| leaf_hash(Timestamp::from_microsecond(index as i64).unwrap(), &Digest([7; 32]))).collect()
}

#[test]
fn the_root_of_nothing_is_the_hash_of_nothing() {
    assert_eq!(
        Frontier::default().root().to_string(),
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    );
}

#[test]
fn small_trees_agree_with_the_rfc_in_everything() {
    let all = leaves(70);
    let mut frontier = Frontier::default();
    for size in 0..=all.len() {
        let tree = &all[..size];
        let tree_root = naive_root(tree);
        assert_eq!(frontier.root(), tree_root, "{size}");
        assert_eq!(root(tree), tree_root);
        assert_eq!(frontier.size(), size as u64);
        let parts = Frontier::from_parts(frontier.size(), frontier.subtree_roots().to_vec()).unwrap();
        assert_eq!(parts, frontier);
        for index in 0..size {
            let proof = inclusion_proof(tree, index as u64).unwrap();
            assert_eq!(proof, naive_path(index, tree), "{index} of {size}");
            assert!(verify_inclusion(&tree[index], index as u64, size as u64, &tree_root, &proof));
        }
        assert_eq!(inclusion_proof(tree, size as u64), None);
        for old in 1..=size {
            let proof = consistency_proof(tree, old as u64).unwrap();
            assert_eq!(proof, naive_proof(old, tree, true), "{old} of {size}");
            let old_root = naive_root(&tree[..old]);
            assert!(verify_consistency(old as u64, &old_root, size as u64, &tree_root, &proof), "{old} of {size}");
        }
        assert!(verify_consistency(0, &empty_root(), size as u64, &tree_root, &[]));
        assert_eq!(consistency_proof(tree, size as u64 + 1), None);
        if let Some(leaf) = all.get(size) {
            frontier.push(*leaf);
        }
    }
    assert_eq!(Frontier::from_parts(3, vec![all[0]]), None);
}

proptest! {
    #[test]
    fn a_changed_proof_is_refused(size in 2_usize..200, pick in any::<prop::sample::Index>(), flip in any::<prop::sample::Index>(), bit in 0..256_usize) {
        let tree = leaves(size);
        let tree_root = root(&tree);
        let index = pick.index(size);
        let mut proof = inclusion_proof(&tree, index as u64).unwrap();
        prop_assert!(verify_inclusion(&tree[index], index as u64, size as u64, &tree_root, &proof));
        prop_assert!(!verify_inclusion(&tree[index], index as u64 + 1, size as u64, &tree_root, &proof));
        prop_assert!(!verify_inclusion(&tree[(index + 1) % size], index as u64, size as u64, &tree_root, &proof));
        prop_assert!(!verify_inclusion(&tree[index], index as u64, size as u64, &tree_root, &proof[1..]));
        let at = flip.index(proof.len());
        proof[at].0[bit / 8] ^= 1 << (bit % 8);
        prop_assert!(!verify_inclusion(&tree[index], index as u64, size as u64, &tree_root, &proof));
        proof.push(tree_root);
        prop_assert!(!verify_inclusion(&tree[index], index as u64, size as u64, &tree_root, &proof));
    }

    #[test]
    fn a_rewritten_past_is_refused(size in 2_usize..200, pick in any::<prop::sample::Index>(), changed in any::<prop::sample::Index>()) {
        let tree = leaves(size);
        let old = 1 + pick.index(size - 1);
        let proof = consistency_proof(&tree, old as u64).unwrap();
        let (old_root, new_root) = (root(&tree[..old]), root(&tree));
        prop_assert!(verify_consistency(old as u64, &old_root, size as u64, &new_root, &proof));
        let mut rewritten = tree.clone();
        rewritten[changed.index(old)].0[0] ^= 1;
        let proof = consistency_proof(&rewritten, old as u64).unwrap();
        prop_assert!(!verify_consistency(old as u64, &old_root, size as u64, &root(&rewritten), &proof));
        prop_assert!(!verify_consistency(size as u64, &new_root, old as u64, &old_root, &proof));
    }

    #[test]
    fn no_proof_makes_the_verifier_panic(index in any::<u64>(), size in any::<u64>(), other in any::<u64>(), count in 0_usize..70) {
        let proof = leaves(count);
        let hash = Digest([1; 32]);
        verify_inclusion(&hash, index, size, &hash, &proof);
        verify_consistency(other, &hash, size, &hash, &proof);
    }
}

#[test]
fn a_digest_reads_back_from_its_text() {
    let digest = Digest(std::array::from_fn(|index| (index * 9) as u8));
    assert_eq!(digest.to_string().parse::<Digest>().unwrap(), digest);
    for text in ["", "00", &"0".repeat(63), &"0".repeat(65), &"A".repeat(64), &"0g".repeat(32)] {
        assert_eq!(text.parse::<Digest>().expect_err(text).problems()[0].code, "bad_digest");
    }
}
