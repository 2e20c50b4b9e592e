use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use mcp_multiplayer_bot_supervisor::referee::Seeds;
use mcp_multiplayer_protocol::{BotId, ChannelId};

/// Number of bots whose seeds are kept.
const KEPT: usize = 64;

/// The seeds that were derived last.
///
/// The first seed of a bot is at the far end of a chain of 1,023 hashes. The commitment to it and the bot's first hook
/// both need it, and both come when a bot is attached.
#[derive(Default)]
pub(super) struct RecentSeeds(Mutex<VecDeque<((ChannelId, BotId), Seeds)>>);

impl RecentSeeds {
    /// Returns the seeds of a bot, by `derive` if they are not kept.
    pub(super) fn get(&self, channel_id: ChannelId, bot_id: &BotId, derive: impl FnOnce() -> Seeds) -> Seeds {
        let mut recent = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, seeds)) = recent.iter().find(|((channel, bot), _)| *channel == channel_id && bot == bot_id) {
            return seeds.clone();
        }
        let seeds = derive();
        recent.truncate(KEPT - 1);
        recent.push_front(((channel_id, bot_id.clone()), seeds.clone()));
        seeds
    }
}
