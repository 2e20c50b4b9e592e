use std::collections::VecDeque;
use std::sync::Arc;

use mcp_multiplayer_protocol::Entry;

/// Cache of a channel's last durable entries, so that readers who follow it do not query the store.
#[derive(Debug, Default)]
pub(super) struct RecentEntries {
    entries: VecDeque<Arc<Entry>>,
    bytes: usize,
}

impl RecentEntries {
    const MAX_ENTRIES: usize = 256;
    const MAX_BYTES: usize = 512 * 1024;

    /// Adds the entry that follows the last one.
    pub(super) fn push(&mut self, entry: Arc<Entry>) {
        self.bytes += approximate_size(&entry);
        self.entries.push_back(entry);
        while self.entries.len() > Self::MAX_ENTRIES || (self.bytes > Self::MAX_BYTES && self.entries.len() > 1) {
            let Some(dropped) = self.entries.pop_front() else { break };
            self.bytes -= approximate_size(&dropped);
        }
    }

    pub(super) fn clear(&mut self) {
        self.entries.clear();
        self.bytes = 0;
    }

    /// All entries after `after`; `None` when the first of them is not cached.
    pub(super) fn after(&self, after: u64) -> Option<Vec<Arc<Entry>>> {
        let first = self.entries.front()?.id();
        if after + 1 < first {
            return None;
        }
        let skip = usize::try_from(after + 1 - first).unwrap_or(usize::MAX);
        Some(self.entries.iter().skip(skip).cloned().collect())
    }
}

fn approximate_size(entry: &Entry) -> usize {
    entry.body().map_or(0, |body| body.as_str().len()) + 256
}
