use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use mcp_multiplayer_protocol::merkle::{ProofPlan, TreeHead};
use mcp_multiplayer_protocol::receipt::{Later, LaterEntry, Line};

use super::{PAGE, PAGE_BYTES, Sink};
use crate::channel::LiveChannel;
use crate::store::Store;
use mcp_multiplayer_protocol::channel::is_aftermath;

/// The log that the entries of a former member's receipt are the beginning of.
pub(crate) struct LaterPlan {
    pub(crate) channel: Arc<LiveChannel>,
    pub(crate) tree: TreeHead,
    pub(crate) checkpoint: String,
}

impl LaterPlan {
    /// Passes on the proof that the first `size` entries are the beginning, and the later entries that the former member may see,
    /// each with a proof that it is in the log.
    pub(super) async fn write(self, store: &dyn Store, size: u64, sink: &mut impl Sink) -> Result<()> {
        let Self { channel, tree, checkpoint } = self;
        let plan = ProofPlan::consistency(size, tree.size).context("a log does not shrink")?;
        let proof = channel.prove(&plan).await?;
        sink.write(Line::Later(Later { checkpoint, proof })).await?;
        let mut read = size;
        while read < tree.size {
            let page = store.list_entries(channel.channel_id(), read, PAGE, PAGE_BYTES).await?;
            ensure!(!page.is_empty(), "the log of {} is incomplete", channel.channel_id());
            for entry in page.into_iter().take_while(|entry| entry.id() <= tree.size) {
                read = entry.id();
                if is_aftermath(&entry, size) {
                    let plan = ProofPlan::inclusion(read - 1, tree.size).context("an entry has an id")?;
                    let proof = channel.prove(&plan).await?;
                    sink.write(Line::LaterEntry(LaterEntry { entry, proof })).await?;
                }
            }
        }
        Ok(())
    }
}
