use thiserror::Error;

use super::{TreeHead, node_hash};
use crate::Hash;

/// Reasons why a proof proves nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ProofError {
    /// There is no such leaf: an inclusion proof needs an index below the size.
    #[error("a tree of {size} leaves has no leaf with the index {index}")]
    NoSuchLeaf {
        /// The index of the leaf, from 0.
        index: u64,
        /// Number of leaves.
        size: u64,
    },
    /// The sizes of a consistency proof do not follow each other.
    #[error(
        "a tree of {new} leaves cannot be the continuation of one of {old} leaves; sizes are at least 1 and do not fall"
    )]
    SizesOutOfOrder {
        /// Size of the earlier tree.
        old: u64,
        /// Size of the later tree.
        new: u64,
    },
    /// The proof has more or fewer hashes than the position demands.
    #[error("the proof has {found} hashes, which are too few or too many for its place in the tree")]
    WrongLength {
        /// Number of hashes.
        found: usize,
    },
    /// The proof leads to another root than that of the tree.
    #[error("the proof leads to another root than that of the tree")]
    OtherRoot,
    /// The proof leads to another root than that of the earlier tree.
    #[error("the proof leads to another root than that of the earlier tree")]
    OtherOldRoot,
}

/// Verifies that a tree contains the leaf with this hash at `index`, counted from 0 (RFC 9162, section 2.1.3.2).
///
/// Size and root must come from the same signed checkpoint: a proof alone does not tell trees of similar sizes apart.
pub fn verify_inclusion(leaf: Hash, index: u64, tree: TreeHead, proof: &[Hash]) -> Result<(), ProofError> {
    let TreeHead { size, root } = tree;
    if index >= size {
        return Err(ProofError::NoSuchLeaf { index, size });
    }
    let wrong_length = ProofError::WrongLength { found: proof.len() };
    let mut path = Path { node: index, last: size - 1 };
    let mut hash = leaf;
    for sibling in proof {
        match path.ascend().ok_or(wrong_length)? {
            Side::Left => hash = node_hash(sibling, &hash),
            Side::Right => hash = node_hash(&hash, sibling),
        }
    }
    if path.last != 0 {
        return Err(wrong_length);
    }
    if hash == root { Ok(()) } else { Err(ProofError::OtherRoot) }
}

/// Verifies that the entries of an earlier tree are the beginning of a later one (RFC 9162, section 2.1.4.2).
pub fn verify_consistency(old: TreeHead, new: TreeHead, proof: &[Hash]) -> Result<(), ProofError> {
    if old.size == 0 || old.size > new.size {
        return Err(ProofError::SizesOutOfOrder { old: old.size, new: new.size });
    }
    let wrong_length = ProofError::WrongLength { found: proof.len() };
    if old.size == new.size {
        return match (proof, old.root == new.root) {
            ([], true) => Ok(()),
            ([], false) => Err(ProofError::OtherRoot),
            _ => Err(wrong_length),
        };
    }
    let mut path = Path { node: old.size - 1, last: new.size - 1 };
    // The largest subtree that ends with the old tree, and is a part of the new one.
    path.shift(path.node.trailing_ones());
    let (first, siblings) = if path.node == 0 {
        // It is the old tree as a whole, so the proof does not repeat its root.
        (old.root, proof)
    } else {
        let (first, siblings) = proof.split_first().ok_or(wrong_length)?;
        (*first, siblings)
    };
    let (mut old_hash, mut new_hash) = (first, first);
    for sibling in siblings {
        match path.ascend().ok_or(wrong_length)? {
            Side::Left => {
                old_hash = node_hash(sibling, &old_hash);
                new_hash = node_hash(sibling, &new_hash);
            }
            Side::Right => new_hash = node_hash(&new_hash, sibling),
        }
    }
    if path.last != 0 {
        return Err(wrong_length);
    }
    if old_hash != old.root {
        return Err(ProofError::OtherOldRoot);
    }
    if new_hash == new.root { Ok(()) } else { Err(ProofError::OtherRoot) }
}

/// The way from a node up to the root.
struct Path {
    /// Index of the node among those of its level.
    node: u64,
    /// Index of the last node of that level; 0 at the root.
    last: u64,
}

/// The side of a sibling.
enum Side {
    Left,
    Right,
}

impl Path {
    /// Goes up to the parent that joins the node with its next sibling, and returns the sibling's side; `None` at the root.
    fn ascend(&mut self) -> Option<Side> {
        if self.last == 0 {
            return None;
        }
        if self.node & 1 == 1 {
            self.shift(1);
            return Some(Side::Left);
        }
        if self.node == self.last {
            // A last node without a sibling on its right is its own parent, for as many levels as that is so. Then its
            // sibling is on the left.
            self.shift(self.node.trailing_zeros() + 1);
            return Some(Side::Left);
        }
        self.shift(1);
        Some(Side::Right)
    }

    fn shift(&mut self, levels: u32) {
        self.node = self.node.checked_shr(levels).unwrap_or(0);
        self.last = self.last.checked_shr(levels).unwrap_or(0);
    }
}

#[cfg(test)]
mod tests {
    use data_encoding::{BASE64, HEXLOWER};
    use proptest::prelude::*;

    use super::super::{definition, leaf_hash};
    use super::{ProofError, TreeHead, verify_consistency, verify_inclusion};
    use crate::Hash;

    fn leaves(size: usize) -> Vec<Hash> {
        (0..size).map(|n| leaf_hash(&n.to_be_bytes())).collect()
    }

    fn tree(leaves: &[Hash]) -> TreeHead {
        TreeHead { size: leaves.len() as u64, root: definition::tree_hash(leaves) }
    }

    fn other(hash: Hash) -> Hash {
        let mut bytes = *hash.as_bytes();
        bytes[7] ^= 4;
        Hash::from_bytes(bytes)
    }

    /// Checks a proof that holds, and each way to break it by one hash.
    fn check(proof: &[Hash], verify: impl Fn(&[Hash]) -> Result<(), ProofError>) {
        verify(proof).unwrap();
        let wrong_length = |found| Err(ProofError::WrongLength { found });
        let length = proof.len();
        for place in 0..=length {
            let mut longer = proof.to_vec();
            longer.insert(place, Hash::of(&[b"more"]));
            assert_eq!(verify(&longer), wrong_length(length + 1));
        }
        for place in 0..length {
            let mut shorter = proof.to_vec();
            shorter.remove(place);
            assert_eq!(verify(&shorter), wrong_length(length - 1));
            let mut altered = proof.to_vec();
            altered[place] = other(altered[place]);
            assert!(matches!(verify(&altered), Err(ProofError::OtherRoot | ProofError::OtherOldRoot)));
        }
    }

    fn check_inclusion(index: usize, leaves: &[Hash]) {
        let (tree, proof) = (tree(leaves), definition::inclusion_proof(index, leaves));
        check(&proof, |proof| verify_inclusion(leaves[index], index as u64, tree, proof));
        let verify = |leaf, index, tree| verify_inclusion(leaf, index, tree, &proof);
        let refused = Err(ProofError::OtherRoot);
        assert_eq!(verify(other(leaves[index]), index as u64, tree), refused);
        assert_eq!(verify(leaves[index], index as u64, TreeHead { root: other(tree.root), ..tree }), refused);
        for wrong in (0..leaves.len()).filter(|wrong| *wrong != index) {
            assert!(verify(leaves[index], wrong as u64, tree).is_err(), "{wrong} for {index}");
        }
        for (index, size) in [(tree.size, tree.size), (u64::MAX, tree.size), (0, 0)] {
            let no_such_leaf = Err(ProofError::NoSuchLeaf { index, size });
            assert_eq!(verify(leaves[0], index, TreeHead { size, ..tree }), no_such_leaf);
        }
    }

    fn check_consistency(old: usize, leaves: &[Hash]) {
        let (old, new) = (tree(&leaves[..old]), tree(leaves));
        let proof = definition::consistency_proof(usize::try_from(old.size).unwrap(), leaves);
        check(&proof, |proof| verify_consistency(old, new, proof));
        let verify = |old, new| verify_consistency(old, new, &proof);
        assert!(verify(TreeHead { root: other(old.root), ..old }, new).is_err());
        assert!(verify(old, TreeHead { root: other(new.root), ..new }).is_err());
        for wrong in (0..new.size + 2).filter(|wrong| *wrong != old.size) {
            assert!(verify(TreeHead { size: wrong, ..old }, new).is_err(), "{wrong} for {}", old.size);
        }
    }

    #[test]
    fn proofs_of_all_small_sizes_hold_and_altered_ones_do_not() {
        let leaves = leaves(40);
        for size in 1..=leaves.len() {
            for index in 0..size {
                check_inclusion(index, &leaves[..size]);
                check_consistency(index + 1, &leaves[..size]);
            }
        }
    }

    #[test]
    fn sizes_out_of_order_are_refused() {
        let root = Hash::of(&[b"root"]);
        for (old, new) in [(0, 0), (0, 1), (2, 1), (u64::MAX, 1)] {
            let refused = verify_consistency(TreeHead { size: old, root }, TreeHead { size: new, root }, &[]);
            assert_eq!(refused, Err(ProofError::SizesOutOfOrder { old, new }));
        }
    }

    #[test]
    fn the_largest_sizes_do_not_overflow() {
        let (root, proof) = (Hash::of(&[b"root"]), vec![Hash::of(&[b"node"]); 64]);
        let tree = |size| TreeHead { size, root };
        for size in [u64::MAX, u64::MAX - 1, 1 << 63] {
            for place in [1, 1 << 62, (1 << 63) - 1, size / 2, size - 1] {
                assert!(verify_inclusion(root, place, tree(size), &proof).is_err());
                for length in 0..=proof.len() {
                    assert!(verify_consistency(tree(place), tree(size), &proof[..length]).is_err());
                }
            }
        }
    }

    /// Uses the examples that other implementations of RFC 6962 share, over the eight leaves of their test vectors.
    #[test]
    fn published_proofs_hold() {
        let hash = |text: &str| Hash::from_bytes(BASE64.decode(text.as_bytes()).unwrap().try_into().unwrap());
        let leaf = |text: &str| leaf_hash(&HEXLOWER.decode(text.as_bytes()).unwrap());
        let root = |size| {
            let root = match size {
                1 => "bjQLnP+zepicpUTmu3gKLHiQHT+zNzh2hRGjBhevoB0=",
                2 => "+sVCA+fMaWzw38tCySodnbr3CtnmIfS9jZhmLwDjwSU=",
                3 => "rra8/idLcKFPsGel5VeCZNsPqbUa9eC6FZFY8yngbnc=",
                5 => "Tju7H3tHjc/nH7YxYxUZo7yhLJrvyhYSv85ME6hiZNQ=",
                6 => "duZ9rbzfHhDht03cYIq9L5jfsW+851J3tSMqEn8gh+8=",
                7 => "3bib5AOAnjJXUNPSY814kpwpQreUKjS3fhIslZSnTIw=",
                _ => "XcnaeacGWamtVZy3Ad7ZoqudgjqtL0lgz+Nw7/RgQyg=",
            };
            TreeHead { size, root: hash(root) }
        };
        let (one, two_and_three) =
            ("lqKW0iTyhcZ77pPDD4owkVfw2qNdxbh+QQt4YwoJz8c=", "Xwg/ChozygdqlSeYMlgNs+DvRYS9/x9UyKNg9Q3jAx4=");
        let (four, four_to_seven) =
            ("vBoGQ7EuTS18d5GPROD095qDi2z57FtcKD4fTYhZnms=", "a0eq8p7jwq+a+Im8H7klTavTEXfxYjLdaqsDXKOb9uQ=");
        let (four_and_five, six) =
            ("DrxdNDf74tsVi58Sah0RjjCBgQMdCpSfje3t68VY72o=", "sIaT7C5yFZcTBkHoIR5+7cy0wmQTlj7ubB4u0W/7Gl8=");
        let (six_and_seven, zero_to_three) =
            ("yoVOoSjtBQtBs1/8G4e46yveRh6eO1WW7Oa51ZdaCuA=", "037kGJdt2VdTwcc4Yrk5j6Kiz5tP8P3+izDNlSCWFLc=");
        let (zero, zero_and_one) =
            ("bjQLnP+zepicpUTmu3gKLHiQHT+zNzh2hRGjBhevoB0=", "+sVCA+fMaWzw38tCySodnbr3CtnmIfS9jZhmLwDjwSU=");
        let inclusion: [(&str, u64, u64, &[&str]); 5] = [
            ("", 0, 1, &[]),
            ("", 0, 8, &[one, two_and_three, four_to_seven]),
            ("40414243", 5, 8, &[four, six_and_seven, zero_to_three]),
            ("10", 2, 3, &[zero_and_one]),
            ("00", 1, 5, &[zero, two_and_three, four]),
        ];
        for (text, index, size, proof) in inclusion {
            let proof: Vec<Hash> = proof.iter().map(|text| hash(text)).collect();
            verify_inclusion(leaf(text), index, root(size), &proof).unwrap();
        }
        let consistency: [(u64, u64, &[&str]); 4] = [
            (1, 8, &[one, two_and_three, four_to_seven]),
            (6, 8, &[four_and_five, six_and_seven, zero_to_three]),
            (2, 5, &[two_and_three, four]),
            (6, 7, &[four_and_five, six, zero_to_three]),
        ];
        for (old, new, proof) in consistency {
            let proof: Vec<Hash> = proof.iter().map(|text| hash(text)).collect();
            verify_consistency(root(old), root(new), &proof).unwrap();
        }
    }

    proptest! {
        #[test]
        fn proofs_of_larger_trees_hold_and_altered_ones_do_not(size in 1_usize..400, place: prop::sample::Index) {
            let (leaves, index) = (leaves(size), place.index(size));
            check_inclusion(index, &leaves);
            check_consistency(index + 1, &leaves);
        }
    }
}
