use std::sync::Arc;

use mcp_multiplayer_bot_supervisor::referee::{Memory, Turn, Verdict};
use mcp_multiplayer_protocol::channel::{Bot, HookCall};
use mcp_multiplayer_protocol::{BotId, Entry, Error, Salt, SkipReason, SlotId, SystemEvent};

use super::backoff::Backoff;
use super::runner::{RunError, Runner};
use crate::channel::{CommitError, LiveChannel, Proposal};
use crate::state::Relay;
use crate::store::failpoint;
use crate::store::{BotChange, BotCursor, Exchange};

/// A move of a bot's cursor, which is committed together with the effects of a hook.
#[derive(Clone, Copy)]
pub(super) struct CursorMove {
    /// The cursor that the store is expected to have. If somebody else moved it, the batch is refused.
    pub(super) from: BotCursor,
    pub(super) to: BotCursor,
}

/// Result of a call whose effects were appended.
struct Committed {
    /// The bot's new memory; `None` if the call failed and the memory is unchanged.
    memory: Option<Memory>,
    /// `true` if the bot was detached, because its `on_init` failed.
    detached: bool,
}

impl Runner {
    /// Runs one call and appends its effects; the cursor is then at `to`. Returns `true` if the bot was detached.
    ///
    /// `origin` is the entry whose budget the call uses, with the seat of the player who wrote it.
    pub(super) async fn run_hook(
        &mut self,
        relay: &Relay,
        channel: &Arc<LiveChannel>,
        bot: &Bot,
        (call, trigger): (HookCall, &Entry),
        (origin, seat): (u64, Option<SlotId>),
        to: BotCursor,
    ) -> Result<bool, RunError> {
        self.announce_runtime(relay, channel, bot).await?;
        let turn = self.turn(relay, bot, (call, trigger));
        failpoint::hit("bot.before_hook");
        let request = turn.request(self.env.clone());
        let report = relay.supervisor.run(&self.key, &self.program, request).await?;
        failpoint::hit("bot.after_hook");
        let ran = report.ran;
        let failure = report.outcome.failure_text();
        // Output of a hook for a private message may quote the message, so it is not logged. Neither is what its
        // exception says.
        if !matches!(call, HookCall::PrivateMessage(_)) {
            for line in &report.log {
                tracing::debug!(channel_id = %channel.channel_id(), bot_id = %bot.bot_id, line, "bot output");
            }
            if let Some(failure) = &failure {
                let hook = call.hook().name();
                tracing::debug!(channel_id = %channel.channel_id(), bot_id = %bot.bot_id, hook, error.cause = failure, "hook failed");
            }
        }
        if let (HookCall::Init, Some(failure)) = (call, failure) {
            channel.set_start_failure(&bot.bot_id, failure);
        }
        let cursor = CursorMove { from: self.stored, to };
        let verdict = turn.judge(report);
        let bytes = verdict.posted_bytes();
        channel.add_hook_to_trigger(origin, bytes);
        relay.quotas.add_hook_in(channel.channel_id(), seat, bytes);
        let committed = self.commit_verdict(relay, channel, &turn, verdict, cursor).await?;
        failpoint::hit("bot.after_commit");
        if channel.composition().close_requested.is_some() {
            self.closing_time += ran;
        }
        Ok(self.move_on(committed, to))
    }

    /// Appends that a call does not run, and why; the cursor is then at `to`. Returns `true` if the bot was detached.
    pub(super) async fn skip_hook(
        &mut self,
        relay: &Relay,
        channel: &Arc<LiveChannel>,
        bot: &Bot,
        (call, trigger): (HookCall, &Entry),
        to: BotCursor,
        reason: SkipReason,
    ) -> Result<bool, RunError> {
        let turn = self.turn(relay, bot, (call, trigger));
        let cursor = CursorMove { from: self.stored, to };
        let committed = self.commit_verdict(relay, channel, &turn, turn.skipped(reason), cursor).await?;
        Ok(self.move_on(committed, to))
    }

    pub(super) fn turn<'a>(&'a self, relay: &Relay, bot: &'a Bot, (call, trigger): (HookCall, &'a Entry)) -> Turn<'a> {
        Turn {
            bot,
            call,
            trigger,
            step: self.cursor.step,
            memory: &self.memory,
            seeds: &self.seeds,
            record_salt: Salt(relay.random.bytes()),
        }
    }

    /// Takes over the result of a call, and the cursor that was stored with it. Returns `true` if the bot was detached.
    fn move_on(&mut self, committed: Committed, to: BotCursor) -> bool {
        if let Some(memory) = committed.memory {
            self.memory = memory;
        }
        self.memory.mark_stored();
        (self.stored, self.cursor) = (to, to);
        committed.detached
    }

    /// Tells players if other software, or another sandbox, runs the bot than the log says so far.
    async fn announce_runtime(&mut self, relay: &Relay, channel: &Arc<LiveChannel>, bot: &Bot) -> Result<(), RunError> {
        if self.runtime_announced {
            return Ok(());
        }
        let status = relay.sandbox_status().await?;
        if bot.runtime_hash != status.runtime_hash() || bot.egress_hash != relay.egress_hash {
            let event = SystemEvent::BotRuntime {
                bot_id: bot.bot_id.clone(),
                runtime: status.runtime().clone(),
                sandbox: status.level().to_owned(),
                sandbox_report: Some(status.report().clone()),
                egress_hash: relay.egress_hash,
            };
            self.commit_memory(channel, &bot.bot_id, self.memory.clone(), Some((&event, None))).await?;
        }
        self.runtime_announced = true;
        Ok(())
    }

    /// Appends the effects of a call.
    ///
    /// The hook has run and may have talked to other hosts, so it must not run again only because its effects could not
    /// be appended at once. [`LiveChannel::commit`] therefore proposes the same verdict again whenever the
    /// log has grown, and this function does so after a pause whenever the store has failed. If the rules forbid one of
    /// the effects, for instance a DM to a slot that does not exist, the verdict is replaced by one without effects,
    /// which says why, and that is appended instead.
    ///
    /// If the store reports a failure but did append the verdict, the next attempt finds the bot's cursor moved, and the
    /// bot is loaded again. If the process ends before the verdict is durable, the cursor has not moved, and
    /// the hook does run again.
    async fn commit_verdict(
        &self,
        relay: &Relay,
        channel: &Arc<LiveChannel>,
        turn: &Turn<'_>,
        mut verdict: Verdict,
        cursor: CursorMove,
    ) -> Result<Committed, RunError> {
        let append = async |verdict: &Verdict| {
            channel.commit(|proposal| propose(proposal, turn, verdict, cursor, &self.memory)).await
        };
        let mut backoff = Backoff::new();
        let mut refused = false;
        loop {
            match append(&verdict).await {
                Ok(()) => break,
                Err(CommitError::Refused(error)) if !refused => {
                    verdict = turn.refused(&error.message, verdict.record);
                    refused = true;
                }
                Err(error @ (CommitError::Store(_) | CommitError::Contended)) => {
                    tracing::error!(channel_id = %channel.channel_id(), bot_id = %turn.bot.bot_id, error.cause = %error, "storing a hook's effects failed; retrying");
                    if !backoff.wait(&relay.shutdown).await {
                        return Err(error.into());
                    }
                }
                Err(error) => return Err(error.into()),
            }
        }
        let detached = verdict.detaches_bot(turn);
        Ok(Committed { memory: verdict.memory, detached })
    }

    /// Appends a change of the bot's memory that no hook made, with the event that explains it, if any.
    pub(super) async fn commit_memory(
        &mut self,
        channel: &Arc<LiveChannel>,
        bot_id: &BotId,
        memory: Memory,
        event: Option<(&SystemEvent, Option<u64>)>,
    ) -> Result<(), RunError> {
        let cursor = CursorMove { from: self.stored, to: self.cursor };
        channel
            .commit(|proposal| {
                if let Some((event, cause)) = event {
                    proposal.push_event(event, cause)?;
                }
                proposal.bots.push(advance(bot_id.clone(), cursor, &memory));
                Ok(())
            })
            .await?;
        self.set_stored(memory);
        Ok(())
    }

    /// Takes over a memory that was stored together with the present cursor.
    pub(super) fn set_stored(&mut self, memory: Memory) {
        self.memory = memory;
        self.memory.mark_stored();
        self.stored = self.cursor;
    }
}

/// Proposes everything that a call comes to: entries, cursor, memory and recorded network traffic.
fn propose(
    proposal: &mut Proposal,
    turn: &Turn<'_>,
    verdict: &Verdict,
    cursor: CursorMove,
    before: &Memory,
) -> Result<(), Error> {
    verdict.append_to(turn, proposal.step())?;
    let bot_id = &turn.bot.bot_id;
    if let Some(record) = &verdict.record {
        proposal.bots.push(BotChange::Exchanged(Exchange {
            bot_id: bot_id.clone(),
            trigger: turn.trigger.id(),
            step: turn.step,
            salt: turn.record_salt,
            // Traffic that contained a secret is not stored; its hash is in `bot:ran`.
            record: (!record.is_sealed()).then(|| record.text().to_owned()),
        }));
    }
    proposal.bots.push(advance(bot_id.clone(), cursor, verdict.memory.as_ref().unwrap_or(before)));
    if verdict.detaches_bot(turn) {
        proposal.bots.push(BotChange::Detach(bot_id.clone()));
    }
    Ok(())
}

/// The change that moves a bot's cursor, and stores its memory if that has changed.
fn advance(bot_id: BotId, cursor: CursorMove, memory: &Memory) -> BotChange {
    BotChange::Advance {
        bot_id,
        from: cursor.from,
        to: cursor.to,
        state: memory.has_changed().then(|| memory.to_text()),
    }
}
