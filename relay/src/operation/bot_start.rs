use std::num::NonZeroU32;

use std::time::Duration;

use mcp_multiplayer_protocol::channel::Hook;
use mcp_multiplayer_protocol::{Error, ErrorCode, HookOutcome, Sender, SystemEvent};
use tokio::time::Instant;

use super::Caller;
use super::bot_attachment::AttachedBot;
use super::bot_source::bot_rejected;
use crate::channel::{LiveChannel, wait_for_change};
use crate::error::store_failed;

/// Longest time that an answer waits for a bot's `on_init`. Other bots' hooks may be ahead of it, at up to 5 s each.
const START_WAIT: Duration = Duration::from_secs(30);

impl Caller {
    /// Waits until a bot's `on_init` is durable. The error says why the bot was detached instead.
    pub(super) async fn wait_until_started(&self, channel: &LiveChannel, attached: &AttachedBot) -> Result<(), Error> {
        let mut progress = channel.progress();
        let deadline = Instant::now() + START_WAIT;
        loop {
            progress.mark_unchanged();
            match channel.is_started(&attached.bot_id) {
                Some(true) => return Ok(()),
                None => return start_result_in_log(channel, attached).await,
                Some(false) => {}
            }
            if !wait_for_change(&mut progress, deadline, &self.relay.shutdown).await {
                return Err(Error::new(
                    ErrorCode::BotsUnavailable,
                    format!("{} is attached, but has not started yet; the relay keeps trying.", attached.bot_id),
                    "Read on with sync_messages; if its first message stays away, tell the relay's operator.",
                ));
            }
        }
    }
}

/// Reads from the log whether a bot that is no longer attached had started, and if not, why.
async fn start_result_in_log(channel: &LiveChannel, attached: &AttachedBot) -> Result<(), Error> {
    let mut after = attached.entry - 1;
    loop {
        let entries = channel.entries_after(after).await.map_err(store_failed)?;
        let Some(last) = entries.last() else { break };
        after = last.id();
        // The attach itself, and what the relay stated because of it.
        let events = entries.iter().filter(|entry| {
            let caused = entry.id() == attached.entry || entry.envelope.cause == Some(attached.entry);
            caused && entry.envelope.sender == Sender::System
        });
        for event in events.filter_map(|entry| entry.body()?.parse().ok()) {
            match event {
                SystemEvent::BotAttach { hooks, .. } if !hooks.contains(&Hook::OnInit) => return Ok(()),
                SystemEvent::BotRan { hook: Hook::OnInit, result: Some(result), .. }
                    if result.outcome == HookOutcome::Ok =>
                {
                    return Ok(());
                }
                SystemEvent::BotError { hook: Hook::OnInit, failure, .. } => {
                    // The log has only the type of an exception. Its message is for the caller alone.
                    let reason = channel.start_failure(&attached.bot_id).unwrap_or(failure.reason);
                    return Err(bot_rejected(
                        &format!("on_init failed: {reason}"),
                        failure.line.map(NonZeroU32::get),
                        None,
                    ));
                }
                _ => {}
            }
        }
    }
    Err(bot_rejected("it was removed before it started", None, None))
}
