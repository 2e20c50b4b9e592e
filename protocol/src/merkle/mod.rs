//! The Merkle tree of a channel's log: RFC 6962, section 2.1, with SHA-256, and the proofs over it.
//!
//! Leaves are counted from 0, entries from 1: entry `id` is the leaf at index `id - 1`.
//!
//! - [`Frontier`] appends to a tree and knows its root, with O(log n) hashes;
//! - [`Node`] names a hash of the tree that never changes, so that a log can store it;
//! - [`ProofPlan`] says which of these a proof consists of;
//! - [`verify_inclusion`] and [`verify_consistency`] check a proof, and share no code with the plan.

#[cfg(test)]
mod definition;
mod frontier;
mod node;
mod plan;
mod verify;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use frontier::Frontier;
pub use node::Node;
pub use plan::ProofPlan;
pub use verify::{ProofError, verify_consistency, verify_inclusion};

use crate::Hash;

/// Size and root of a log's tree at some time. Two logs with the same tree head contain the same entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TreeHead {
    /// Number of leaves.
    pub size: u64,
    /// Root of the tree.
    pub root: Hash,
}

/// Returns `SHA-256(0x00 ‖ leaf)`.
pub fn leaf_hash(leaf: &[u8]) -> Hash {
    Hash::of(&[&[0], leaf])
}

fn node_hash(left: &Hash, right: &Hash) -> Hash {
    Hash::of(&[&[1], left.as_bytes(), right.as_bytes()])
}
