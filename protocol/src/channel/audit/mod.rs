mod bodies;
mod call;
mod keystream;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;

use serde_json::{Map, Value};

use self::bodies::Bodies;
use self::call::{CallName, OpenCall, Possible, Role};
use self::keystream::Keystream;
use super::{ChannelState, Composition, HookCall, Slot, plan};
use crate::{
    BotId, Entry, Hash, Sender, SkipReason, SlotId, SystemEvent, Timestamp, canonical_text, limits, printable,
};

/// Checks a log as a whole, entry by entry.
///
/// On top of [`allowed`](super::allowed), which needs only the state before an entry, it keeps the calls of hooks that are due.
/// Every entry by or about a bot must belong to the call that is due next for this bot. A relay can then neither invent an
/// effect nor leave out a hook, whatever the bots' code is. That a hook really has these effects is what a replay shows.
#[derive(Clone, Debug)]
pub struct Audit {
    state: ChannelState,
    bots: BTreeMap<BotId, BotAudit>,
    /// The call whose effects are being read.
    open: Option<OpenCall>,
    /// The bot that must be detached by the next entry, because its `on_init` failed.
    to_detach: Option<BotId>,
    /// The bot whose manifest must be the next entry.
    to_describe: Option<BotId>,
    /// Calls that were due when their bot was detached, or the operator stopped the channel.
    dropped: Vec<(BotId, Due)>,
    /// The bots with a timer that was due when the operator stopped the channel.
    overdue_at_stop: Vec<BotId>,
    /// The last entry that ended a tenure; 0 for none.
    last_departure: u64,
    /// Number of hooks that led to each entry, at most [`limits::CASCADE_DEPTH`].
    depths: Vec<u8>,
    bodies: Bodies,
}

/// An attached bot, as far as the audit follows it.
#[derive(Clone, Debug, Default)]
struct BotAudit {
    due: VecDeque<Due>,
    /// The timers that its hooks cancelled or replaced.
    cancelled: BTreeSet<u32>,
    keystream: Keystream,
    /// True if the manifest promises that the seed is revealed when the channel closes.
    reveals_on_close: bool,
    final_seed_revealed: bool,
}

/// A call of a hook that is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Due {
    /// The entry that started it.
    pub trigger: u64,
    /// Its number among the calls that the trigger starts for the bot, from 0.
    pub step: u32,
    /// The hook and its argument.
    pub call: HookCall,
}

/// A call that ran or was skipped, and its place in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditedCall {
    /// The bot.
    pub bot_id: BotId,
    /// The call.
    pub due: Due,
    /// The first of its entries. All entries from this one to `result` are its own.
    pub first: u64,
    /// Its `bot:ran` or `bot:skipped`.
    pub result: u64,
}

/// A rule that a log breaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The entry that breaks it.
    pub entry: u64,
    /// Description, for people.
    pub reason: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "entry {}: {}", self.entry, printable(&self.reason))
    }
}

impl Audit {
    /// An audit of a log from its first entry on, with the state before that entry.
    pub fn new(state: ChannelState) -> Self {
        Self {
            state,
            bots: BTreeMap::new(),
            open: None,
            to_detach: None,
            to_describe: None,
            dropped: Vec::new(),
            overdue_at_stop: Vec::new(),
            last_departure: 0,
            depths: Vec::new(),
            bodies: Bodies::default(),
        }
    }

    /// The state after the entries so far.
    pub fn state(&self) -> &ChannelState {
        &self.state
    }

    /// The first entry whose body is missing although everybody may read it: it is public, or its bot has unsealed it, and no
    /// entry says that it was deleted. To be asked at the end of the log.
    pub fn missing_body(&self) -> Option<Violation> {
        self.bodies.first_missing().map(|(entry, reason)| Violation { entry, reason: reason.to_owned() })
    }

    /// The private entries without a body.
    pub fn withheld(&self) -> impl Iterator<Item = u64> {
        self.bodies.withheld()
    }

    /// Number of entries that were deleted.
    pub fn deleted(&self) -> u64 {
        self.bodies.deleted
    }

    /// Takes note that an entry that comes after those read deletes some of them. `has_ended` is true after the close.
    pub fn delete_later(&mut self, ids: &[u64], by: Option<SlotId>, has_ended: bool) -> Result<(), &'static str> {
        let known: Vec<u64> = ids.iter().copied().filter(|id| *id <= self.state.size()).collect();
        self.bodies.delete(&self.state.composition, &known, by, has_ended)
    }

    /// Takes note that an entry that comes after those read unseals DMs of hooks up to this one.
    pub fn unseal_later(&mut self, bot_id: &BotId, up_to: u64) {
        self.bodies.unseal(bot_id, up_to);
    }

    /// The calls that never ran although they were due, because their bot was detached or the channel was stopped.
    pub fn dropped(&self) -> &[(BotId, Due)] {
        &self.dropped
    }

    /// The bots with a timer that was due before the last entry, but has not fired.
    pub fn overdue(&self) -> impl Iterator<Item = &BotId> {
        self.with_timer_before(self.state.head.ts).chain(&self.overdue_at_stop)
    }

    fn with_timer_before(&self, now: Timestamp) -> impl Iterator<Item = &BotId> {
        let bots = self.state.bots().filter(move |(_, head)| head.timers.iter().any(|timer| timer.due < now));
        bots.map(|(bot, _)| &bot.bot_id)
    }

    /// The calls that are due, in order, for each bot.
    pub fn pending(&self) -> impl Iterator<Item = (&BotId, &Due)> {
        self.bots.iter().flat_map(|(bot_id, bot)| bot.due.iter().map(move |due| (bot_id, due)))
    }

    /// Reads the next entry. Returns the call that it completes, if it does.
    pub fn append(&mut self, entry: &Entry) -> Result<Option<AuditedCall>, Violation> {
        let id = self.state.size() + 1;
        let violation = |reason: String| Violation { entry: id, reason };
        if entry.content.as_ref().is_some_and(|content| content.hash() != entry.envelope.body_hash) {
            return Err(violation("its body does not match the hash in the log".to_owned()));
        }
        let mut after = self.state.clone();
        after.append(entry).map_err(|error| violation(error.message.into_owned()))?;
        let event = match &entry.envelope.sender {
            Sender::System => entry.body().and_then(|body| body.parse::<SystemEvent>().ok()),
            _ => None,
        };
        let read = self.bodies.read(&after.composition, entry, event.as_ref());
        read.map_err(|reason| violation(reason.to_owned()))?;
        let completed = self.check(entry, event.as_ref()).map_err(|reason| violation(reason.to_owned()))?;
        match event {
            Some(SystemEvent::OperatorStopped {}) => {
                self.overdue_at_stop = self.with_timer_before(entry.envelope.ts).cloned().collect();
            }
            Some(SystemEvent::MemberLeave { .. } | SystemEvent::MemberKick { .. }) => self.last_departure = id,
            _ => {}
        }
        self.state = after;
        let depth = entry.envelope.cause.map_or(0, |cause| self.depth(cause) + 1);
        self.depths.push(depth.min(DEEPEST));
        self.follow_bots(event.as_ref()).map_err(|reason| violation(reason.to_owned()))?;
        self.add_due(entry);
        Ok(completed)
    }

    /// Number of hooks that led to an entry.
    fn depth(&self, id: u64) -> u8 {
        let place = usize::try_from(id.saturating_sub(1)).unwrap_or(usize::MAX);
        self.depths.get(place).copied().unwrap_or_default()
    }

    fn check(&mut self, entry: &Entry, event: Option<&SystemEvent>) -> Result<Option<AuditedCall>, &'static str> {
        let role = Role::of(entry, event);
        if let Some(bot_id) = &self.to_detach
            && !matches!(role, Role::FailedToStart(detached) if detached == bot_id)
        {
            return Err("a bot whose on_init failed is detached by the next entry");
        }
        if let Some(described) = self.to_describe.take() {
            let is_manifest = matches!(event, Some(SystemEvent::BotManifest { bot_id, .. }) if *bot_id == described);
            if !is_manifest {
                return Err("a bot's manifest is the entry after its bot:attach");
            }
        } else if matches!(event, Some(SystemEvent::BotManifest { .. })) {
            return Err("a bot's manifest is the entry after its bot:attach, and no other");
        }
        match role {
            Role::Effect(bot_id) if self.is_final_reveal(bot_id, entry, event) => {
                self.bots.entry(bot_id.clone()).or_default().final_seed_revealed = true;
                Ok(None)
            }
            Role::Effect(bot_id) => self.add_effect(bot_id, entry, event).map(|()| None),
            Role::Ran { bot_id, call, ran } => {
                let due = self.next_due(bot_id, entry, &call)?;
                let open = self.open.take();
                if self.depth(due.trigger) >= DEEPEST || self.is_stale(bot_id, due) {
                    return Err("the hook ran although it had to be skipped");
                }
                let possible = self.possible(bot_id, due);
                match due.call {
                    HookCall::PrivateMessage(slot_id) => {
                        let tenure = self.state.composition.slot(slot_id).and_then(Slot::tenure_began);
                        let is_there = tenure.is_some_and(|began| began <= due.trigger);
                        ran.check_private(open.as_ref(), slot_id, is_there, possible)?;
                    }
                    call => {
                        let is_ok = ran.check_public(open.as_ref(), possible)?;
                        if call == HookCall::Init && !is_ok {
                            self.to_detach = Some(bot_id.clone());
                        }
                    }
                }
                let (first, reveals) = open.map_or((entry.id(), 0), |open| (open.first, open.reveals));
                let bot = self.bots.get_mut(bot_id).ok_or("no hook of the bot was due")?;
                bot.keystream = bot.keystream.clone().after_hook(due.trigger, reveals, ran.drawn)?;
                bot.cancelled
                    .extend(ran.timers.iter().filter(|change| change.after_ms.is_none()).map(|change| change.n));
                bot.due.pop_front();
                Ok(Some(AuditedCall { bot_id: bot_id.clone(), due, first, result: entry.id() }))
            }
            Role::Skipped { bot_id, call, reason } => {
                if self.open.is_some() {
                    return Err("a hook that was skipped has no effects");
                }
                let due = self.next_due(bot_id, entry, &call)?;
                if !self.may_skip(bot_id, due, reason) {
                    return Err("the hook was skipped for a reason that does not apply");
                }
                self.bots.get_mut(bot_id).ok_or("no hook of the bot was due")?.due.pop_front();
                Ok(Some(AuditedCall { bot_id: bot_id.clone(), due, first: entry.id(), result: entry.id() }))
            }
            Role::FailedToStart(bot_id) => {
                if self.to_detach.take().is_none_or(|expected| expected != *bot_id) {
                    return Err("a bot is detached by nobody only directly after its on_init failed");
                }
                Ok(None)
            }
            Role::Other => {
                if self.open.is_some() {
                    return Err("the effects of a hook are directly before its bot:ran");
                }
                if entry.envelope.cause.is_some() {
                    return Err("an entry that is no effect of a hook has no cause");
                }
                Ok(None)
            }
        }
    }

    /// Returns `true` for the reveal of a seed that a bot's manifest promises for the close, after the bot's last hook.
    fn is_final_reveal(&self, bot_id: &BotId, entry: &Entry, event: Option<&SystemEvent>) -> bool {
        let Some(bot) = self.bots.get(bot_id) else { return false };
        matches!(event, Some(SystemEvent::SeedRevealed { .. }))
            && self.open.is_none()
            && bot.due.is_empty()
            && bot.reveals_on_close
            && !bot.final_seed_revealed
            && entry.envelope.cause.is_some()
            && entry.envelope.cause == self.state.composition.close_requested
    }

    fn add_effect(&mut self, bot_id: &BotId, entry: &Entry, event: Option<&SystemEvent>) -> Result<(), &'static str> {
        let due = self.bots.get(bot_id).and_then(|bot| bot.due.front());
        let Some(due) = due.filter(|due| entry.envelope.cause == Some(due.trigger)) else {
            return Err("no hook that was due had this effect");
        };
        let open = self.open.get_or_insert_with(|| OpenCall::new(bot_id.clone(), entry.id(), due.call));
        if open.bot_id != *bot_id {
            return Err("the effects of a hook are directly before its bot:ran");
        }
        open.add(entry, event)
    }

    /// The call that must be the next of the bot, if it is this one.
    fn next_due(&self, bot_id: &BotId, entry: &Entry, call: &CallName) -> Result<Due, &'static str> {
        if self.open.as_ref().is_some_and(|open| open.bot_id != *bot_id) {
            return Err("the effects of a hook are directly before its bot:ran");
        }
        let due = self.bots.get(bot_id).and_then(|bot| bot.due.front()).copied();
        let due = due.ok_or("no hook of the bot was due")?;
        let is_next = (due.trigger, due.step, due.call.hook()) == (call.trigger, call.step, call.hook)
            && entry.envelope.cause == Some(due.trigger);
        if is_next { Ok(due) } else { Err("another hook of the bot was due before") }
    }

    /// Returns `true` if the rules demand that the call be skipped for this reason, or leave it to the relay.
    fn may_skip(&self, bot_id: &BotId, due: Due, reason: SkipReason) -> bool {
        let closing = self.state.composition.close_requested.is_some();
        if self.depth(due.trigger) >= DEEPEST {
            return reason == SkipReason::Depth;
        }
        if self.is_stale(bot_id, due) {
            return reason == SkipReason::Stale;
        }
        match reason {
            SkipReason::Depth | SkipReason::Stale => false,
            SkipReason::Budget => !matches!(due.call, HookCall::Init | HookCall::Close),
            SkipReason::Closing => closing && due.call != HookCall::Close,
            SkipReason::Unavailable => closing,
        }
    }

    /// Returns `true` if an earlier hook cancelled or replaced the timer after it had fired.
    fn is_stale(&self, bot_id: &BotId, due: Due) -> bool {
        match due.call {
            HookCall::Timer(n) => self.bots.get(bot_id).is_some_and(|bot| bot.cancelled.contains(&n)),
            _ => false,
        }
    }

    fn possible(&self, bot_id: &BotId, due: Due) -> Possible {
        let bot = self.state.composition.bot(bot_id);
        Possible {
            has_network: bot.is_some_and(|bot| bot.egress_hash.is_some()),
            has_secrets: bot.is_some_and(|bot| !bot.env.is_empty()),
            somebody_left: self.last_departure > due.trigger,
        }
    }

    /// Takes up bots that are attached, and drops those that are gone.
    fn follow_bots(&mut self, event: Option<&SystemEvent>) -> Result<(), &'static str> {
        match event {
            Some(SystemEvent::BotAttach { bot_id, .. }) => {
                self.bots.insert(bot_id.clone(), BotAudit::default());
                self.to_describe = Some(bot_id.clone());
            }
            Some(SystemEvent::EntropyOpened { bot_id, .. }) => {
                let opened = self.state.size();
                if let Some(bot) = self.bots.get_mut(bot_id) {
                    bot.keystream.open_at(opened);
                }
            }
            Some(SystemEvent::BotManifest { bot_id, manifest }) => {
                let bot = self.state.composition.bot(bot_id);
                let is_set = |name: &str| manifest.get(name) == Some(&Value::Bool(true));
                if bot
                    .is_some_and(|bot| hash_of(manifest) != Some(bot.manifest_hash) || is_set("unseals") != bot.unseals)
                {
                    return Err("the manifest does not match bot:attach");
                }
                if let Some(bot) = self.bots.get_mut(bot_id) {
                    bot.reveals_on_close = is_set("reveal_on_close");
                }
            }
            Some(SystemEvent::BotDetach { bot_id, .. }) => {
                let due = self.bots.remove(bot_id).map(|bot| bot.due).unwrap_or_default();
                // A bot that could not start has nothing else to do.
                let dropped =
                    due.into_iter().filter(|_| self.state.composition.closed.is_none() && is_by_somebody(event));
                self.dropped.extend(dropped.map(|due| (bot_id.clone(), due)));
            }
            Some(SystemEvent::Closed {}) => {
                if self.bots.values().any(|bot| !bot.due.is_empty()) {
                    return Err("the channel was closed although hooks were due");
                }
                if self.bots.values().any(|bot| bot.reveals_on_close && !bot.final_seed_revealed) {
                    return Err("the channel was closed without a seed that a bot's manifest promises");
                }
            }
            Some(SystemEvent::OperatorStopped {}) => {
                for (bot_id, bot) in std::mem::take(&mut self.bots) {
                    self.dropped.extend(bot.due.into_iter().map(|due| (bot_id.clone(), due)));
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn add_due(&mut self, entry: &Entry) {
        let composition: &Composition = &self.state.composition;
        if composition.close_requested.is_some_and(|request| entry.id() > request) || composition.closed.is_some() {
            return;
        }
        for bot in &composition.bots {
            let calls = plan(composition, bot, entry);
            if let Some(audited) = self.bots.get_mut(&bot.bot_id) {
                let due = |(step, call)| Due { trigger: entry.id(), step, call };
                audited.due.extend((0..).zip(calls).map(due));
            }
        }
    }
}

/// The depth from which on an entry starts no hooks.
const DEEPEST: u8 = {
    let [deepest, 0, 0, 0] = limits::CASCADE_DEPTH.to_le_bytes() else { panic!("a small limit") };
    deepest
};

fn is_by_somebody(event: Option<&SystemEvent>) -> bool {
    matches!(event, Some(SystemEvent::BotDetach { by: Some(_), .. }))
}

fn hash_of(manifest: &Map<String, Value>) -> Option<Hash> {
    let text = canonical_text("manifest", &Value::Object(manifest.clone())).ok()?;
    Some(Hash::of(&[text.as_bytes()]))
}
