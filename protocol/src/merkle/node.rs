/// A node of a tree that no later leaf changes: the root of a perfect subtree, of `2^level` leaves.
///
/// The last leaf of the subtree completes it. A log that stores the hashes that
/// [`Frontier::push_and_complete`](super::Frontier::push_and_complete) returns beside each entry finds this node's beside
/// entry [`completed_by`](Node::completed_by), at place `level`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Node {
    level: u8,
    index: u64,
}

impl Node {
    /// Lists the roots of the perfect subtrees that the leaves from `start` to `end` (exclusive) consist of, the largest
    /// first. `start` must be a multiple of the size of the largest one.
    pub(super) fn covering(mut start: u64, end: u64) -> Vec<Self> {
        let mut nodes = Vec::new();
        while start < end {
            let level = (end - start).ilog2();
            debug_assert!(start.is_multiple_of(1 << level), "subtrees start at multiples of their size");
            nodes.push(Self { level: u8::try_from(level).expect("at most 63"), index: start >> level });
            start += 1 << level;
        }
        nodes
    }

    /// The leaf of the entry with this id; `None` for 0, which no entry has.
    pub fn leaf(id: u64) -> Option<Self> {
        Some(Self { level: 0, index: id.checked_sub(1)? })
    }

    /// Lists the roots of the perfect subtrees that a tree of this size consists of, the largest first: the nodes of its
    /// [`Frontier`](super::Frontier).
    pub fn peaks(size: u64) -> Vec<Self> {
        Self::covering(0, size)
    }

    /// Height of the subtree: 0 for a leaf.
    pub fn level(&self) -> u8 {
        self.level
    }

    /// Number of nodes of the same level to the left of this one.
    pub fn index(&self) -> u64 {
        self.index
    }

    /// The entry, counted from 1, whose leaf is the last of the subtree. It is also the size of the smallest tree that has the node.
    pub fn completed_by(&self) -> u64 {
        (self.index + 1) << self.level
    }
}

#[cfg(test)]
mod tests {
    use super::super::definition::tree_hash;
    use super::super::{Frontier, leaf_hash};
    use super::Node;
    use crate::Hash;

    #[test]
    fn nodes_are_found_beside_the_entry_that_completes_them() {
        let leaves: Vec<Hash> = (0_u64..256).map(|n| leaf_hash(&n.to_be_bytes())).collect();
        let mut frontier = Frontier::default();
        let stored: Vec<Vec<Hash>> = leaves.iter().map(|leaf| frontier.push_and_complete(*leaf)).collect();
        assert_eq!(stored.iter().map(Vec::len).sum::<usize>(), 511);
        for level in 0..=8_u8 {
            for index in 0..256_u64 >> level {
                let node = Node { level, index };
                let place = usize::try_from(node.completed_by()).unwrap();
                let hash = stored[place - 1][usize::from(level)];
                assert_eq!(hash, tree_hash(&leaves[place - (1 << level)..place]), "{node:?}");
            }
        }
    }

    #[test]
    fn ranges_are_covered_by_few_nodes() {
        let of =
            |start, end| Node::covering(start, end).iter().map(|node| (node.level, node.index)).collect::<Vec<_>>();
        assert_eq!(of(0, 7), [(2, 0), (1, 2), (0, 6)]);
        assert_eq!(of(8, 13), [(2, 2), (0, 12)]);
        assert_eq!(of(5, 5), []);
        assert_eq!(Node::peaks(7), Node::covering(0, 7));
        assert_eq!(Node::leaf(7), Some(Node { level: 0, index: 6 }));
        assert_eq!(Node::leaf(0), None);
    }
}
