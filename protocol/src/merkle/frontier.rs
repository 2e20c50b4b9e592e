use serde::{Deserialize, Serialize};

use super::{TreeHead, node_hash};
use crate::Hash;

/// The right edge of a tree: the hashes needed to append to it and to compute its root.
///
/// There is one hash for each bit that is set in `size`, with that of the largest subtree first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "SerializedFrontier")]
pub struct Frontier {
    size: u64,
    peaks: Vec<Hash>,
}

/// A frontier as serialized; refused if the number of hashes does not match the size.
#[derive(Deserialize)]
struct SerializedFrontier {
    size: u64,
    peaks: Vec<Hash>,
}

impl TryFrom<SerializedFrontier> for Frontier {
    type Error = &'static str;

    fn try_from(SerializedFrontier { size, peaks }: SerializedFrontier) -> Result<Self, Self::Error> {
        Self::from_parts(size, peaks).ok_or("a frontier has one hash for each bit that is set in its size")
    }
}

impl Frontier {
    /// Restores a frontier; `None` if the number of hashes does not match the size.
    pub fn from_parts(size: u64, peaks: Vec<Hash>) -> Option<Self> {
        (peaks.len() == size.count_ones() as usize).then_some(Self { size, peaks })
    }

    /// Returns the number of leaves.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Returns the roots of the perfect subtrees, the largest first.
    pub fn peaks(&self) -> &[Hash] {
        &self.peaks
    }

    /// Appends a leaf by its [`leaf_hash`](super::leaf_hash).
    pub fn push(&mut self, leaf: Hash) {
        self.append(leaf, |_| {});
    }

    /// Appends a leaf, and returns the hashes of the perfect subtrees that end with it: of the leaf itself, of the two last
    /// leaves, of the four last ones, and so on. A log that keeps them can make every proof, see [`Node`](super::Node).
    pub fn push_and_complete(&mut self, leaf: Hash) -> Vec<Hash> {
        let mut completed = Vec::with_capacity(self.size.trailing_ones() as usize + 1);
        self.append(leaf, |node| completed.push(node));
        completed
    }

    fn append(&mut self, leaf: Hash, mut complete: impl FnMut(Hash)) {
        let mut node = leaf;
        complete(node);
        for _ in 0..self.size.trailing_ones() {
            let left = self.peaks.pop().expect("one peak for each bit of the size");
            node = node_hash(&left, &node);
            complete(node);
        }
        self.peaks.push(node);
        self.size += 1;
    }

    /// Returns the root of the tree; the root of an empty tree is the hash of the empty string.
    pub fn root(&self) -> Hash {
        let mut peaks = self.peaks.iter().rev();
        let Some(&smallest) = peaks.next() else { return Hash::of(&[]) };
        peaks.fold(smallest, |right, left| node_hash(left, &right))
    }

    /// Returns size and root of the tree.
    pub fn tree_head(&self) -> TreeHead {
        TreeHead { size: self.size, root: self.root() }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::definition::tree_hash;
    use super::super::leaf_hash;
    use super::Frontier;
    use crate::Hash;

    /// Uses the test vectors that other implementations of RFC 6962 share.
    #[test]
    fn roots_match_the_published_test_vectors() {
        let leaves: [&[u8]; 8] = [
            b"",
            &[0x00],
            &[0x10],
            &[0x20, 0x21],
            &[0x30, 0x31],
            &[0x40, 0x41, 0x42, 0x43],
            &[0x50, 0x51, 0x52, 0x53, 0x54, 0x55, 0x56, 0x57],
            &[0x60, 0x61, 0x62, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68, 0x69, 0x6a, 0x6b, 0x6c, 0x6d, 0x6e, 0x6f],
        ];
        let roots = [
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
            "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
            "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
            "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
            "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
            "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
            "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
        ];
        let mut frontier = Frontier::default();
        assert_eq!(
            frontier.root().to_string(),
            "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        );
        for (leaf, root) in leaves.iter().zip(roots) {
            frontier.push(leaf_hash(leaf));
            assert_eq!(frontier.root().to_string(), format!("sha256:{root}"));
        }
    }

    #[test]
    fn frontiers_with_a_wrong_number_of_hashes_are_refused() {
        let leaf = leaf_hash(b"");
        for text in [r#"{"size":3,"peaks":[]}"#.to_owned(), format!(r#"{{"size":0,"peaks":["{leaf}"]}}"#)] {
            assert!(serde_json::from_str::<Frontier>(&text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn roots_match_the_definition(size in 0_usize..300) {
            let leaves: Vec<Hash> = (0..size).map(|n| leaf_hash(&n.to_be_bytes())).collect();
            let mut frontier = Frontier::default();
            for leaf in &leaves {
                frontier.push(*leaf);
            }
            prop_assert_eq!(frontier.root(), tree_hash(&leaves));
            prop_assert_eq!(Frontier::from_parts(frontier.size(), frontier.peaks().to_vec()), Some(frontier));
        }
    }
}
