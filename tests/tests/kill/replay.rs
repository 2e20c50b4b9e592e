use std::collections::BTreeMap;

use mcp_multiplayer_protocol::channel::{Audit, ChannelState, Draft, Hook, plan};
use mcp_multiplayer_protocol::operation::Message;
use mcp_multiplayer_protocol::{
    BotId, DirectMessage, Entry, HookOutcome, Kind, Salt, Sender, SkipReason, SystemEvent, limits,
};

/// A call of a bot's hook: one that an entry triggers, or one that the log records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HookCall {
    pub(crate) trigger: u64,
    pub(crate) hook: Hook,
}

/// Result of applying the protocol's own rules to a log.
#[derive(Debug)]
pub(crate) struct Replay {
    pub(crate) state: ChannelState,
    audit: Audit,
    /// Causes of the entries, by index.
    pub(crate) causes: Vec<Option<u64>>,
    /// Calls that the log's entries trigger, in order, for each bot.
    pub(crate) planned: BTreeMap<BotId, Vec<HookCall>>,
    /// Calls that the log records as done, or as skipped because too many bots' posts led to them, for each bot.
    pub(crate) ran: BTreeMap<BotId, Vec<HookCall>>,
}

impl Replay {
    /// Applies the rules to a whole log. Panics at an entry that violates one.
    ///
    /// Members do not see salts, so the Merkle tree differs from the relay's. Nothing else depends on salts.
    pub(crate) fn of(log: &[Message]) -> Self {
        let mut replay = Self {
            state: ChannelState::empty(log[0].channel_id),
            audit: Audit::new(ChannelState::empty(log[0].channel_id)),
            causes: causes(log),
            planned: BTreeMap::new(),
            ran: BTreeMap::new(),
        };
        for (message, cause) in log.iter().zip(replay.causes.clone()) {
            let (sender, kind) = (message.sender.clone(), message.kind.clone());
            let (to_slot, body) = (message.to_slot, message.body.clone().expect("nothing was deleted"));
            let is_dm = to_slot.is_some() && matches!(sender, Sender::Bot(_));
            let (kind, body) = if is_dm {
                (Kind::PRIVATE, DirectMessage { kind, body }.to_body().expect("a shallow body"))
            } else {
                (kind, body)
            };
            let draft = Draft { sender, kind, to_slot, cause, body };
            let entry = draft.seal(&replay.state, message.ts, Salt([0; 32]));
            assert_eq!(
                (entry.id(), entry.envelope.ts),
                (message.id, message.ts),
                "ids and times continue the log: {message:?}"
            );
            if let Err(violation) = replay.audit.append(&entry) {
                panic!("{message:?} is not allowed here: {violation}");
            }
            replay.state = replay.audit.state().clone();
            replay.record_hooks(log, &entry);
        }
        replay
    }

    /// Returns whether no bot has hooks left to run.
    pub(crate) fn is_settled(&self) -> bool {
        self.planned.iter().all(|(bot, calls)| self.ran.get(bot).map_or(0, Vec::len) >= calls.len())
    }

    fn record_hooks(&mut self, log: &[Message], entry: &Entry) {
        for bot in &self.state.composition.bots {
            let calls = plan(&self.state.composition, bot, entry).into_iter();
            let calls = calls.map(|call| HookCall { trigger: entry.id(), hook: call.hook() });
            self.planned.entry(bot.bot_id.clone()).or_default().extend(calls);
        }
        match event(&log[index_of(entry.id())]) {
            Some(SystemEvent::BotRan { bot_id, hook, trigger, result, .. }) => {
                // The result of a hook that a DM started is for the player who sent the DM.
                let is_ok = result.is_none_or(|result| result.outcome == HookOutcome::Ok);
                assert!(is_ok, "{bot_id} on {trigger}");
                assert!(self.depth(log, trigger) < limits::CASCADE_DEPTH, "{bot_id} on {trigger}");
                self.ran.entry(bot_id).or_default().push(HookCall { trigger, hook });
            }
            Some(SystemEvent::BotSkipped { bot_id, hook, trigger, reason, .. }) => {
                assert_eq!(reason, SkipReason::Depth, "{bot_id} on {trigger}");
                assert_eq!(self.depth(log, trigger), limits::CASCADE_DEPTH, "{bot_id} on {trigger}");
                self.ran.entry(bot_id).or_default().push(HookCall { trigger, hook });
            }
            _ => {}
        }
    }

    /// Number of bot posts in the chain of causes of an entry, itself included.
    fn depth(&self, log: &[Message], mut id: u64) -> u32 {
        let mut depth = 0;
        while matches!(log[index_of(id)].sender, Sender::Bot(_)) {
            depth += 1;
            id = self.causes[index_of(id)].expect("a bot's entry has a cause");
        }
        depth
    }
}

/// Finds the causes of a log's entries. The effects of a hook directly precede its `bot:ran`, which names the trigger.
fn causes(log: &[Message]) -> Vec<Option<u64>> {
    let mut causes = vec![None; log.len()];
    let mut call = None;
    for (message, cause) in log.iter().zip(&mut causes).rev() {
        match (&message.sender, event(message)) {
            (
                _,
                Some(SystemEvent::BotRan { bot_id, trigger, .. } | SystemEvent::BotSkipped { bot_id, trigger, .. }),
            ) => {
                *cause = Some(trigger);
                call = Some((bot_id, trigger));
            }
            (Sender::Bot(sender), _) => {
                let (bot_id, trigger) = call.as_ref().expect("a bot's post is followed by its bot:ran");
                assert_eq!(sender, bot_id, "the effects of a hook and its bot:ran are one batch: {message:?}");
                *cause = Some(*trigger);
            }
            // The relay's own entries for a bot that opens its stream, reveals its seed, or holds or releases the seats are
            // among the hook's effects.
            (
                _,
                Some(
                    SystemEvent::EntropyOpened { bot_id: of, .. }
                    | SystemEvent::SeedRevealed { bot_id: of, .. }
                    | SystemEvent::SeatsHeld { bot_id: of, .. }
                    | SystemEvent::SeatsReleased { bot_id: of },
                ),
            ) => {
                let (bot_id, trigger) = call.as_ref().expect("an effect of a hook is followed by its bot:ran");
                assert_eq!(&of, bot_id, "the effects of a hook and its bot:ran are one batch: {message:?}");
                *cause = Some(*trigger);
            }
            (Sender::System, Some(SystemEvent::BotError { .. })) => panic!("no hook fails: {message:?}"),
            _ => call = None,
        }
    }
    causes
}

fn event(message: &Message) -> Option<SystemEvent> {
    if message.sender != Sender::System {
        return None;
    }
    message.body.as_ref()?.parse().ok()
}

/// Index of an entry in its log.
pub(crate) fn index_of(id: u64) -> usize {
    usize::try_from(id - 1).expect("a log that fits into memory")
}
