use super::{Node, node_hash};
use crate::Hash;

/// The recipe of a proof: which stored nodes each of its hashes is computed from.
///
/// It is made without the log: list the [`nodes`](Self::nodes), look their hashes up, and pass these to
/// [`prove`](Self::prove). There are at most two nodes for each level of the tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProofPlan {
    /// For each hash of the proof, the nodes that it covers, from the left to the right.
    hashes: Vec<Vec<Node>>,
}

impl ProofPlan {
    /// Plans the proof that the leaf at `index` is in the tree of `size` leaves (RFC 6962, section 2.1.1); `None` if the tree has
    /// no such leaf.
    pub fn inclusion(index: u64, size: u64) -> Option<Self> {
        if index >= size {
            return None;
        }
        let mut hashes = Vec::new();
        let (mut start, mut end) = (0, size);
        while end - start > 1 {
            let middle = middle(start, end);
            if index < middle {
                hashes.push(Node::covering(middle, end));
                end = middle;
            } else {
                hashes.push(Node::covering(start, middle));
                start = middle;
            }
        }
        hashes.reverse();
        Some(Self { hashes })
    }

    /// Plans the proof that the tree of `old` leaves is the beginning of the tree of `new` leaves (RFC 6962, section 2.1.2); `None`
    /// unless 0 < `old` ≤ `new`.
    pub fn consistency(old: u64, new: u64) -> Option<Self> {
        if old == 0 || old > new {
            return None;
        }
        let mut hashes = Vec::new();
        let (mut start, mut end) = (0, new);
        while old != end {
            let middle = middle(start, end);
            if old <= middle {
                hashes.push(Node::covering(middle, end));
                end = middle;
            } else {
                hashes.push(Node::covering(start, middle));
                start = middle;
            }
        }
        // The old tree as a whole is what the verifier knows already.
        if start > 0 {
            hashes.push(Node::covering(start, end));
        }
        hashes.reverse();
        Some(Self { hashes })
    }

    /// Lists the nodes whose hashes the proof needs.
    pub fn nodes(&self) -> Vec<Node> {
        self.hashes.iter().flatten().copied().collect()
    }

    /// Makes the proof from the hashes of the [`nodes`](Self::nodes), in the same order; `None` if their number is another.
    pub fn prove(&self, stored: &[Hash]) -> Option<Vec<Hash>> {
        let mut rest = stored;
        let mut proof = Vec::with_capacity(self.hashes.len());
        for nodes in &self.hashes {
            let (covering, after) = rest.split_at_checked(nodes.len())?;
            let (last, left) = covering.split_last()?;
            proof.push(left.iter().rfold(*last, |right, left| node_hash(left, &right)));
            rest = after;
        }
        rest.is_empty().then_some(proof)
    }
}

/// Returns the end of the left subtree: the largest power of two below the number of leaves, after `start`.
fn middle(start: u64, end: u64) -> u64 {
    start + (1 << (end - start - 1).ilog2())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::{Frontier, definition, leaf_hash};
    use super::ProofPlan;
    use crate::Hash;

    /// A log with the hashes that it stores beside each entry.
    struct Log {
        leaves: Vec<Hash>,
        stored: Vec<Vec<Hash>>,
    }

    impl Log {
        fn new(size: u64) -> Self {
            let leaves: Vec<Hash> = (0..size).map(|n| leaf_hash(&n.to_be_bytes())).collect();
            let mut frontier = Frontier::default();
            let stored = leaves.iter().map(|leaf| frontier.push_and_complete(*leaf)).collect();
            Self { leaves, stored }
        }

        fn prove(&self, plan: &ProofPlan) -> Vec<Hash> {
            let place = |completed_by: u64| usize::try_from(completed_by - 1).unwrap();
            let nodes = plan.nodes();
            let hashes: Vec<Hash> =
                nodes.iter().map(|node| self.stored[place(node.completed_by())][usize::from(node.level())]).collect();
            plan.prove(&hashes).unwrap()
        }
    }

    #[test]
    fn proofs_are_those_of_the_definition_for_all_small_sizes() {
        let log = Log::new(130);
        for size in 1..=log.leaves.len() {
            let leaves = &log.leaves[..size];
            for index in 0..size {
                let plan = ProofPlan::inclusion(index as u64, size as u64).unwrap();
                assert_eq!(log.prove(&plan), definition::inclusion_proof(index, leaves), "{index} of {size}");
                let plan = ProofPlan::consistency(index as u64 + 1, size as u64).unwrap();
                assert_eq!(log.prove(&plan), definition::consistency_proof(index + 1, leaves), "{index} + 1 of {size}");
            }
        }
    }

    #[test]
    fn there_is_no_proof_of_what_is_not_in_the_tree() {
        for (index, size) in [(0, 0), (1, 1), (8, 7), (u64::MAX, u64::MAX)] {
            assert_eq!(ProofPlan::inclusion(index, size), None);
        }
        for (old, new) in [(0, 0), (0, 5), (6, 5), (u64::MAX, 1)] {
            assert_eq!(ProofPlan::consistency(old, new), None);
        }
    }

    #[test]
    fn a_proof_needs_exactly_its_hashes() {
        let plan = ProofPlan::inclusion(2, 7).unwrap();
        let mut hashes = vec![Hash::of(&[]); plan.nodes().len()];
        assert!(plan.prove(&hashes).is_some());
        assert_eq!(plan.prove(&hashes[1..]), None);
        hashes.push(Hash::of(&[]));
        assert_eq!(plan.prove(&hashes), None);
    }

    #[test]
    fn proofs_in_the_largest_logs_need_few_nodes() {
        for size in [1 << 20, (1 << 20) - 1, u64::MAX >> 1, u64::MAX] {
            let levels = size.ilog2() as usize + 1;
            for place in [1, size / 3, size / 2, size - 1] {
                assert!(ProofPlan::inclusion(place, size).unwrap().nodes().len() <= 2 * levels);
                assert!(ProofPlan::consistency(place, size).unwrap().nodes().len() <= 2 * levels);
            }
        }
    }

    proptest! {
        #[test]
        fn proofs_are_those_of_the_definition(size in 1_usize..700, place: prop::sample::Index) {
            let (log, index) = (Log::new(size as u64), place.index(size));
            let plan = ProofPlan::inclusion(index as u64, size as u64).unwrap();
            prop_assert_eq!(log.prove(&plan), definition::inclusion_proof(index, &log.leaves));
            let plan = ProofPlan::consistency(index as u64 + 1, size as u64).unwrap();
            prop_assert_eq!(log.prove(&plan), definition::consistency_proof(index + 1, &log.leaves));
        }
    }
}
