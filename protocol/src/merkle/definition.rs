//! RFC 6962, section 2.1, word for word: slow, and what the rest of the module is tested against.

use super::node_hash;
use crate::Hash;

/// Splits leaves as the definitions do: at the largest power of two below their number.
fn split(leaves: &[Hash]) -> (&[Hash], &[Hash]) {
    let mut k = 1;
    while k * 2 < leaves.len() {
        k *= 2;
    }
    leaves.split_at(k)
}

/// The Merkle Tree Hash of these leaf hashes (`MTH`).
pub(super) fn tree_hash(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => Hash::of(&[]),
        [leaf] => *leaf,
        _ => {
            let (left, right) = split(leaves);
            node_hash(&tree_hash(left), &tree_hash(right))
        }
    }
}

/// The audit path of the leaf at `index` (`PATH`, section 2.1.1).
pub(super) fn inclusion_proof(index: usize, leaves: &[Hash]) -> Vec<Hash> {
    if leaves.len() == 1 {
        return vec![];
    }
    let (left, right) = split(leaves);
    let (mut path, last) = if index < left.len() {
        (inclusion_proof(index, left), tree_hash(right))
    } else {
        (inclusion_proof(index - left.len(), right), tree_hash(left))
    };
    path.push(last);
    path
}

/// The consistency proof from the tree of the first `old` leaves (`PROOF`, section 2.1.2).
pub(super) fn consistency_proof(old: usize, leaves: &[Hash]) -> Vec<Hash> {
    subproof(old, leaves, true)
}

fn subproof(old: usize, leaves: &[Hash], is_complete: bool) -> Vec<Hash> {
    if old == leaves.len() {
        return if is_complete { vec![] } else { vec![tree_hash(leaves)] };
    }
    let (left, right) = split(leaves);
    let (mut proof, last) = if old <= left.len() {
        (subproof(old, left, is_complete), tree_hash(right))
    } else {
        (subproof(old - left.len(), right, false), tree_hash(left))
    };
    proof.push(last);
    proof
}
