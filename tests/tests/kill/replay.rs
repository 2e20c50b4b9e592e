use std::collections::BTreeMap;

use mcp_multiplayer_protocol::channel::{ChannelState, Hook, allowed, draft, evolve, plan};
use mcp_multiplayer_protocol::operation::Message;
use mcp_multiplayer_protocol::{BotId, Content, Entry, HookOutcome, Salt, Sender, SystemEvent};

/// A hook of a bot that an entry starts, or that the log says ran.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Call {
    pub(crate) trigger: u64,
    pub(crate) hook: Hook,
}

/// What a log leads to by the protocol's own rules.
#[derive(Debug)]
pub(crate) struct Replay {
    pub(crate) state: ChannelState,
    /// The causes of the entries, by place.
    pub(crate) causes: Vec<Option<u64>>,
    /// Each bot's calls that the log starts, in their order.
    pub(crate) planned: BTreeMap<BotId, Vec<Call>>,
    /// Each bot's calls that the log says were done.
    pub(crate) ran: BTreeMap<BotId, Vec<Call>>,
}

impl Replay {
    /// Folds the rules over a whole log, which must keep all of them.
    ///
    /// Salts are not shown to members, so the Merkle tree is another; nothing else depends on them.
    pub(crate) fn of(log: &[Message]) -> Self {
        let mut replay = Self {
            state: ChannelState::empty(log[0].channel_id),
            causes: causes(log),
            planned: BTreeMap::new(),
            ran: BTreeMap::new(),
        };
        for (message, cause) in log.iter().zip(replay.causes.clone()) {
            let (sender, kind) = (message.sender.clone(), message.kind.clone());
            let content = Content { salt: Salt([0; 32]), body: message.body.clone().expect("nothing was deleted") };
            let entry = draft(&replay.state, message.ts, sender, kind, message.to_slot, cause, content);
            assert_eq!(
                (entry.id(), entry.envelope.ts),
                (message.id, message.ts),
                "the log goes on one by one: {message:?}"
            );
            if let Err(error) = allowed(&replay.state, &entry) {
                panic!("{message:?} may not follow: {error}");
            }
            replay.state = evolve(replay.state, &entry);
            replay.note(log, &entry);
        }
        replay
    }

    /// The bots that have hooks to run yet.
    pub(crate) fn is_settled(&self) -> bool {
        self.planned.iter().all(|(bot, calls)| self.ran.get(bot).map_or(0, Vec::len) >= calls.len())
    }

    fn note(&mut self, log: &[Message], entry: &Entry) {
        let depth = self.depth(log, entry);
        for bot in &self.state.composition.bots {
            let calls = plan(bot, entry, depth).into_iter();
            let calls = calls.map(|call| Call { trigger: entry.id(), hook: call.hook() });
            self.planned.entry(bot.bot_id.clone()).or_default().extend(calls);
        }
        if let Some(SystemEvent::BotRan { bot_id, hook, trigger, outcome, .. }) = event(&log[place(entry.id())]) {
            assert_eq!(outcome, HookOutcome::Ok, "{bot_id} on {trigger}");
            self.ran.entry(bot_id).or_default().push(Call { trigger, hook });
        }
    }

    /// How many bot posts led to an entry, itself included.
    fn depth(&self, log: &[Message], entry: &Entry) -> u32 {
        let (mut id, mut depth) = (entry.id(), 0);
        while matches!(log[place(id)].sender, Sender::Bot(_)) {
            depth += 1;
            id = self.causes[place(id)].expect("a bot's entry has a cause");
        }
        depth
    }
}

/// The causes of a log's entries. Effects of a hook and its `bot:ran`, which tells the trigger, stand together.
fn causes(log: &[Message]) -> Vec<Option<u64>> {
    let mut causes = vec![None; log.len()];
    let mut call = None;
    for (message, cause) in log.iter().zip(&mut causes).rev() {
        match (&message.sender, event(message)) {
            (_, Some(SystemEvent::BotRan { bot_id, trigger, .. })) => {
                *cause = Some(trigger);
                call = Some((bot_id, trigger));
            }
            (Sender::Bot(sender), _) => {
                let (bot_id, trigger) = call.as_ref().expect("a bot's post is followed by its bot:ran");
                assert_eq!(sender, bot_id, "the effects of a hook and its bot:ran are one batch: {message:?}");
                *cause = Some(*trigger);
            }
            // What the relay says for a bot that opens its stream or reveals its seed stands among its posts.
            (_, Some(SystemEvent::EntropyOpened { bot_id: of, .. } | SystemEvent::SeedRevealed { bot_id: of, .. })) => {
                let (bot_id, trigger) = call.as_ref().expect("a stream's change is followed by its bot:ran");
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

/// Where an entry is in its log.
pub(crate) fn place(id: u64) -> usize {
    usize::try_from(id - 1).expect("a log that fits into memory")
}
