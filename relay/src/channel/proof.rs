use std::sync::Arc;

use mcp_multiplayer_protocol::merkle::{Frontier, Node, ProofPlan, TreeHead};
use mcp_multiplayer_protocol::{Error, Hash};
use thiserror::Error as ThisError;

use super::live::LiveChannel;
use crate::error::{internal, store_failed};

/// The store lacks hashes of a durable part of a log.
#[derive(Debug, ThisError)]
#[error("the Merkle tree of {0} is incomplete")]
struct IncompleteTree(mcp_multiplayer_protocol::ChannelId);

impl LiveChannel {
    /// Returns the checkpoint of the durable log, and its size: it covers every entry that was shown or acknowledged before.
    ///
    /// `sign` runs on the caller's thread, never on the one that writes to the store.
    pub(crate) fn checkpoint(&self, sign: impl FnOnce(TreeHead) -> String) -> (u64, Arc<str>) {
        let frontier = self.tip().durable.head.frontier.clone();
        self.last_checkpoint.get(frontier.size(), || sign(frontier.tree_head()))
    }

    /// Makes a proof over durable entries.
    pub(crate) async fn prove(&self, plan: &ProofPlan) -> Result<Vec<Hash>, Error> {
        let hashes = self.nodes(plan.nodes()).await?;
        plan.prove(&hashes).ok_or_else(|| self.incomplete())
    }

    /// Hash of the leaf of a durable entry.
    pub(crate) async fn leaf_hash(&self, id: u64) -> Result<Hash, Error> {
        let leaf = Node::leaf(id).ok_or_else(|| self.incomplete())?;
        self.nodes(vec![leaf]).await?.pop().ok_or_else(|| self.incomplete())
    }

    /// The tree of the first `size` entries, all of which must be durable.
    pub(crate) async fn tree_of(&self, size: u64) -> Result<TreeHead, Error> {
        let present = self.durable().head.frontier;
        if present.size() == size {
            return Ok(present.tree_head());
        }
        let peaks = self.nodes(Node::peaks(size)).await?;
        let frontier = Frontier::from_parts(size, peaks).ok_or_else(|| self.incomplete())?;
        Ok(frontier.tree_head())
    }

    async fn nodes(&self, nodes: Vec<Node>) -> Result<Vec<Hash>, Error> {
        if nodes.is_empty() {
            return Ok(Vec::new());
        }
        let hashes = self.store.list_nodes(self.channel_id(), nodes).await.map_err(store_failed)?;
        hashes.ok_or_else(|| self.incomplete())
    }

    fn incomplete(&self) -> Error {
        internal(&IncompleteTree(self.channel_id()))
    }
}
