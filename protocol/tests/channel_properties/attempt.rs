//! Random attempts to append an entry to a channel, some permitted and some not.
//!
//! An attempt is generated without knowledge of the channel's state and becomes an entry only when it is proposed, so
//! that a sequence of attempts shrinks well. One in ten violates a rule that a correct relay always follows, such as the
//! numbering of entries. The acting party is always random.

use mcp_multiplayer_protocol::channel::{BOT_API, BotsChange, ChannelState, Draft, Hook, RULES, SlotKind, Terms};
use mcp_multiplayer_protocol::{
    Actor, Body, BotId, BotLimits, Entry, Hash, HookFailure, HookOutcome, HookResult, Kind, Runtime, Salt, Sender,
    SkipReason, SlotId, SlotSpec, SystemEvent, TimerChange, Timestamp,
};
use proptest::prelude::*;
use serde_json::{Map, json};

/// Number of slots that attempts refer to. A channel made by [`opening`] has four of them.
const SLOTS: usize = 6;
const PEOPLE: u8 = 4;
pub(super) const HOOKS: [Hook; 9] = [
    Hook::OnInit,
    Hook::OnJoin,
    Hook::OnLeave,
    Hook::OnReady,
    Hook::OnStart,
    Hook::OnMessage,
    Hook::OnPrivateMessage,
    Hook::OnTimer,
    Hook::OnClose,
];

/// Settings of a channel.
#[derive(Clone, Copy, Debug)]
pub(super) struct Options {
    pub(super) bots_change: BotsChange,
    pub(super) require_terms: bool,
}

pub(super) fn options() -> impl Strategy<Value = Options> {
    let bots_change = prop::sample::select(vec![BotsChange::Never, BotsChange::Owner]);
    (bots_change, prop::bool::weighted(0.3))
        .prop_map(|(bots_change, require_terms)| Options { bots_change, require_terms })
}

#[derive(Clone, Debug)]
pub(super) struct Attempt {
    action: Action,
    cause: Option<u8>,
    /// Milliseconds by which the relay's clock moves, possibly backwards.
    elapsed: i16,
    fault: Fault,
    /// `true` if the relay has fired the timers that are due, as it must before a member's entry.
    pub(super) fires_timers: bool,
}

/// A mistake that a faulty relay might make in an entry.
#[derive(Clone, Copy, Debug)]
enum Fault {
    None,
    SkippedId,
    EarlierTime,
    WrongBodyHash,
    WrongKind,
}

#[derive(Clone, Debug)]
enum Action {
    Post { slot: SlotId, kind: &'static str, to: Option<SlotId> },
    BotPost { bot: u8, kind: &'static str, to: Option<SlotId> },
    Create { options: Options },
    Announce,
    Attach { slot: SlotId, own_slot: bool, skew: bool, hooks: Vec<Hook>, by: Option<Actor> },
    Manifest { bot: u8 },
    Detach { bot: u8, slot: Option<SlotId>, by: Option<Actor> },
    Join { slot: SlotId, who: u8 },
    Accept { slot: SlotId, other_terms: bool },
    Start { bot: u8 },
    Rejoin { slot: SlotId, who: u8 },
    Leave { slot: SlotId, by: Option<Actor> },
    Kick { slot: SlotId, by: Actor },
    Ran { bot: u8, trigger: u8, outcome: HookOutcome, timers: Vec<(u32, Option<u16>)> },
    Skip { bot: u8, trigger: u8 },
    Runtime { bot: u8 },
    Fire { bot: u8, skew: bool },
    Hold { bot: u8, seconds: u32 },
    Release { bot: u8 },
    Unseal { bot: u8 },
    Delete { ids: Vec<u8>, by: Option<SlotId> },
    Error { bot: u8 },
    Rename { by: Actor },
    SetAdmin { slot: SlotId, admin: bool, by: Actor },
    Yield { slot: SlotId, to: SlotKind, by: Actor },
    Invite { slot: SlotId, skew: u32, by: Actor },
    CloseSlot { slot: SlotId, by: Actor },
    Close { by: Actor },
    Finish,
    Stop,
}

fn slot() -> impl Strategy<Value = SlotId> {
    (0..SLOTS).prop_map(SlotId::at)
}

fn actor() -> impl Strategy<Value = Actor> {
    prop_oneof![1 => Just(Actor::Owner), 3 => slot().prop_map(Actor::Slot)]
}

fn kind() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "user", "user", "move", "bot", "private", "private", "system", "trace", "bot:x", "control",
    ])
}

fn optional_slot() -> impl Strategy<Value = Option<SlotId>> {
    prop::option::weighted(0.4, prop_oneof![Just(SlotId::at(0)), slot()])
}

fn action() -> impl Strategy<Value = Action> {
    let outcome =
        prop::sample::select(vec![HookOutcome::Ok, HookOutcome::Error, HookOutcome::Timeout, HookOutcome::Refused]);
    let hooks = prop::sample::subsequence(HOOKS.to_vec(), 0..=HOOKS.len());
    let timer = (prop_oneof![9 => Just(1_u32), 1 => 0..3_u32], prop::option::weighted(0.9, 900..10_000_u16));
    let timers = prop::collection::vec(timer, 1..3);
    let slot_kind = prop::sample::select(vec![SlotKind::Bot, SlotKind::Invite]);
    prop_oneof![
        6 => (slot(), kind(), optional_slot()).prop_map(|(slot, kind, to)| Action::Post { slot, kind, to }),
        16 => (slot(), optional_slot()).prop_map(|(slot, to)| Action::Post { slot, kind: "private", to }),
        4 => (0..3_u8, kind(), optional_slot()).prop_map(|(bot, kind, to)| Action::BotPost { bot, kind, to }),
        1 => options().prop_map(|options| Action::Create { options }),
        1 => Just(Action::Announce),
        4 => (slot(), any::<bool>(), prop::bool::weighted(0.1), hooks, prop::option::of(actor()))
            .prop_map(|(slot, own_slot, skew, hooks, by)| Action::Attach { slot, own_slot, skew, hooks, by }),
        1 => (0..3_u8).prop_map(|bot| Action::Manifest { bot }),
        2 => (0..3_u8, prop::option::weighted(0.2, slot()), prop::option::of(actor()))
            .prop_map(|(bot, slot, by)| Action::Detach { bot, slot, by }),
        8 => (slot(), 0..PEOPLE).prop_map(|(slot, who)| Action::Join { slot, who }),
        18 => (slot(), prop::bool::weighted(0.1)).prop_map(|(slot, other_terms)| Action::Accept { slot, other_terms }),
        2 => (0..3_u8).prop_map(|bot| Action::Start { bot }),
        2 => (slot(), 0..PEOPLE).prop_map(|(slot, who)| Action::Rejoin { slot, who }),
        3 => (slot(), prop::option::weighted(0.2, actor())).prop_map(|(slot, by)| Action::Leave { slot, by }),
        3 => (slot(), actor()).prop_map(|(slot, by)| Action::Kick { slot, by }),
        3 => (0..3_u8, any::<u8>(), outcome, timers)
            .prop_map(|(bot, trigger, outcome, timers)| Action::Ran { bot, trigger, outcome, timers }),
        1 => (0..3_u8, any::<u8>()).prop_map(|(bot, trigger)| Action::Skip { bot, trigger }),
        1 => (0..3_u8).prop_map(|bot| Action::Runtime { bot }),
        4 => (0..3_u8, prop::bool::weighted(0.1)).prop_map(|(bot, skew)| Action::Fire { bot, skew }),
        1 => (0..3_u8, prop_oneof![4 => 0..10_u32, 1 => 86_000..90_000_u32])
            .prop_map(|(bot, seconds)| Action::Hold { bot, seconds }),
        1 => (0..3_u8).prop_map(|bot| Action::Release { bot }),
        2 => (0..3_u8).prop_map(|bot| Action::Unseal { bot }),
        2 => (prop::collection::vec(1..60_u8, 1..3), optional_slot()).prop_map(|(ids, by)| Action::Delete { ids, by }),
        1 => (0..3_u8).prop_map(|bot| Action::Error { bot }),
        1 => actor().prop_map(|by| Action::Rename { by }),
        4 => (slot(), any::<bool>(), actor()).prop_map(|(slot, admin, by)| Action::SetAdmin { slot, admin, by }),
        3 => (slot(), slot_kind, actor()).prop_map(|(slot, to, by)| Action::Yield { slot, to, by }),
        6 => (slot(), prop_oneof![4 => Just(1_u32), 1 => 0..4_u32], actor())
            .prop_map(|(slot, skew, by)| Action::Invite { slot, skew, by }),
        1 => (slot(), actor()).prop_map(|(slot, by)| Action::CloseSlot { slot, by }),
        1 => actor().prop_map(|by| Action::Close { by }),
        1 => prop_oneof![9 => Just(Action::Finish), 1 => Just(Action::Stop)],
    ]
}

/// Generates up to 159 attempts.
pub(super) fn attempts() -> impl Strategy<Value = Vec<Attempt>> {
    let fault = prop_oneof![
        36 => Just(Fault::None),
        1 => Just(Fault::SkippedId),
        1 => Just(Fault::EarlierTime),
        1 => Just(Fault::WrongBodyHash),
        1 => Just(Fault::WrongKind),
    ];
    let cause = prop::option::weighted(0.3, any::<u8>());
    let attempt = (action(), cause, -50..500_i16, fault, prop::bool::weighted(0.8)).prop_map(
        |(action, cause, elapsed, fault, fires_timers)| Attempt { action, cause, elapsed, fault, fires_timers },
    );
    prop::collection::vec(attempt, 0..160)
}

/// Returns the first entry of a channel that [`player`] 0 creates, with one slot for a bot and three for players.
pub(super) fn opening(state: &ChannelState, options: Options) -> Entry {
    let slots = [SlotKind::Bot, SlotKind::Invite, SlotKind::Invite, SlotKind::Invite];
    let slots = slots.map(|kind| SlotSpec { kind, label: "slot".to_owned() }).to_vec();
    let event = created("A channel", slots, 0, options);
    entry(state, 1_000, Sender::System, event.kind(), None, None, event.to_body())
}

fn created(name: &str, slots: Vec<SlotSpec>, owner: u8, options: Options) -> SystemEvent {
    let Options { bots_change, require_terms } = options;
    SystemEvent::ChannelCreated {
        rules: RULES,
        name: name.to_owned(),
        slots,
        owner: player(owner),
        bots_change,
        require_terms,
        log: None,
    }
}

pub(super) fn player(who: u8) -> Hash {
    Hash::of(&[b"player", &[who]])
}

/// Returns the entry of the next timer that is due at the latest time of a following attempt.
pub(super) fn due_timer(state: &ChannelState) -> Option<Entry> {
    let (bot, timer) = state.next_timer()?;
    let event = SystemEvent::Timer { bot_id: bot.bot_id.clone(), n: timer.n, set_by: timer.set_by };
    let elapsed = timer.due.as_millis() - state.head.ts.as_millis();
    (elapsed <= 500).then(|| entry(state, elapsed.max(0), Sender::System, event.kind(), None, None, event.to_body()))
}

fn entry(
    state: &ChannelState,
    elapsed: i64,
    sender: Sender,
    kind: Kind,
    to_slot: Option<SlotId>,
    cause: Option<u64>,
    body: Body,
) -> Entry {
    let now = Timestamp::from_millis(state.head.ts.as_millis() + elapsed);
    let salt = Salt(*Hash::of(&[&state.size().to_be_bytes()]).as_bytes());
    Draft { sender, kind, to_slot, cause, body }.seal(state, now, salt)
}

fn text(text: &str) -> Body {
    Body::new("body", Map::from_iter([("text".to_owned(), json!(text))])).expect("a body")
}

impl Attempt {
    /// Returns the entry that this attempt proposes in a given state.
    pub(super) fn propose(&self, state: &ChannelState) -> Entry {
        let composition = &state.composition;
        let cause = self.cause.map(|cause| u64::from(cause) % (state.size() + 2));
        let post = |sender, kind: &str, to_slot, cause| {
            let kind = kind.parse().expect("a kind");
            entry(state, self.elapsed.into(), sender, kind, to_slot, cause, text("hello"))
        };
        let attached = |bot: u8| composition.bots.get(usize::from(bot));
        let mut entry = match &self.action {
            Action::Post { slot, kind, to } => {
                post(Sender::Slot(*slot), kind, *to, cause.filter(|cause| cause % 4 == 0))
            }
            Action::BotPost { bot, kind, to } => {
                let bot_id = attached(*bot).map_or_else(|| BotId::new("Nobody", 0), |bot| bot.bot_id.clone());
                post(Sender::Bot(bot_id), kind, *to, cause)
            }
            _ => {
                let event = self.event(state);
                let cause = match (&self.action, &event) {
                    (_, SystemEvent::BotRan { trigger, .. } | SystemEvent::BotSkipped { trigger, .. }) => {
                        Some(*trigger)
                    }
                    (Action::Detach { bot, by: None, .. }, _) if cause.is_none() => {
                        attached(*bot).map(|bot| bot.attached)
                    }
                    _ => cause,
                };
                // By then every timer is due.
                let elapsed = if matches!(self.action, Action::Fire { .. }) { 10_000 } else { self.elapsed.into() };
                entry(state, elapsed, Sender::System, event.kind(), None, cause, event.to_body())
            }
        };
        let envelope = &mut entry.envelope;
        match self.fault {
            Fault::None => {}
            Fault::SkippedId => envelope.id += 1,
            Fault::EarlierTime => envelope.ts = Timestamp::from_millis(state.head.ts.as_millis() - 1),
            Fault::WrongBodyHash => envelope.body_hash = player(9),
            Fault::WrongKind => envelope.kind = Kind::TRACE,
        }
        entry
    }

    #[expect(clippy::too_many_lines, reason = "one match arm for each action")]
    fn event(&self, state: &ChannelState) -> SystemEvent {
        let composition = &state.composition;
        let label = "slot".to_owned();
        let bot = |bot: u8| {
            let bot = composition.bots.get(usize::from(bot));
            bot.map_or_else(|| (BotId::new("Nobody", 0), SlotId::at(0)), |bot| (bot.bot_id.clone(), bot.slot_id))
        };
        let head = |bot: u8| state.head.bots.get(usize::from(bot)).cloned().unwrap_or_default();
        match self.action.clone() {
            Action::Post { .. } | Action::BotPost { .. } => unreachable!("posts are not system events"),
            Action::Create { options } => created("slot", vec![], 1, options),
            Action::Accept { slot, other_terms } => {
                let terms_hash = if other_terms { player(9) } else { Terms::of(composition).hash() };
                SystemEvent::TermsAccepted { slot_id: slot, terms_hash }
            }
            Action::Start { bot: n } => {
                SystemEvent::EntropyOpened { bot_id: bot(n).0, epoch: 0, contributions: vec![], missing: vec![] }
            }
            Action::Announce => SystemEvent::BotsAnnounced { bots: vec![] },
            Action::Attach { slot, own_slot, skew, hooks, by } => {
                let next = composition.slots.len();
                let slot_id = if own_slot && next < SLOTS { SlotId::at(next) } else { slot };
                SystemEvent::BotAttach {
                    bot_id: BotId::new("Bot", composition.bots_attached + u32::from(skew)),
                    slot_id,
                    slot_label: own_slot.then_some(label),
                    name: "Bot".to_owned(),
                    version: "1.0".to_owned(),
                    preset: None,
                    code_hash: player(100),
                    manifest_hash: player(101),
                    params_hash: player(102),
                    env: vec![],
                    api: BOT_API,
                    hooks,
                    runtime: Runtime {
                        worker: String::new(),
                        python: String::new(),
                        lock_hash: player(103),
                        memory_bytes: 1,
                    },
                    sandbox: "process".to_owned(),
                    sandbox_report: None,
                    limits: BotLimits::default(),
                    egress_hash: None,
                    policy: None,
                    unseals: own_slot,
                    seed_commitment: player(104),
                    by,
                }
            }
            Action::Manifest { bot: n } => SystemEvent::BotManifest { bot_id: bot(n).0, manifest: Map::new() },
            Action::Detach { bot: n, slot, by } => {
                let (bot_id, slot_id) = bot(n);
                SystemEvent::BotDetach { bot_id, slot_id: slot.unwrap_or(slot_id), reason: "a test".to_owned(), by }
            }
            Action::Join { slot, who } => {
                SystemEvent::MemberJoin { slot_id: slot, label, player: player(who), entropy: None, program: false }
            }
            Action::Rejoin { slot, who } => SystemEvent::MemberRejoin { slot_id: slot, label, player: player(who) },
            Action::Leave { slot, by } => {
                SystemEvent::MemberLeave { slot_id: slot, label, by: by.unwrap_or(Actor::Slot(slot)) }
            }
            Action::Kick { slot, by } => SystemEvent::MemberKick { slot_id: slot, label, by },
            Action::Ran { bot: n, trigger, outcome, timers } => {
                let trigger = u64::from(trigger) % (state.size() + 1);
                ran(bot(n).0, trigger, outcome, timer_changes(head(n).timers_set, timers))
            }
            Action::Skip { bot: n, trigger } => SystemEvent::BotSkipped {
                bot_id: bot(n).0,
                trigger: u64::from(trigger) % (state.size() + 1),
                step: 0,
                hook: Hook::OnMessage,
                reason: SkipReason::Budget,
            },
            Action::Runtime { bot: n } => SystemEvent::BotRuntime {
                bot_id: bot(n).0,
                runtime: Runtime {
                    worker: "2".to_owned(),
                    python: String::new(),
                    lock_hash: player(103),
                    memory_bytes: 1,
                },
                sandbox: "process".to_owned(),
                sandbox_report: None,
                egress_hash: None,
            },
            Action::Fire { bot: n, skew } => {
                let timer = head(n).timers.first().map_or((1, 1), |timer| (timer.n, timer.set_by));
                SystemEvent::Timer { bot_id: bot(n).0, n: timer.0 + u32::from(skew), set_by: timer.1 }
            }
            Action::Hold { bot: n, seconds } => {
                let until = state.head.ts.after_millis(u64::from(seconds) * 1_000);
                SystemEvent::SeatsHeld { bot_id: bot(n).0, until }
            }
            Action::Release { bot: n } => SystemEvent::SeatsReleased { bot_id: bot(n).0 },
            Action::Delete { ids, by } => {
                SystemEvent::EntriesDeleted { ids: ids.into_iter().map(u64::from).collect(), by }
            }
            Action::Unseal { bot: n } => SystemEvent::DmUnsealed { bot_id: bot(n).0 },
            Action::Error { bot: n } => SystemEvent::BotError {
                bot_id: bot(n).0,
                hook: Hook::OnMessage,
                failure: HookFailure { reason: "a test".to_owned(), line: None, text: "It failed.".to_owned() },
            },
            Action::Rename { by } => SystemEvent::Renamed { name: "Renamed".to_owned(), by },
            Action::SetAdmin { slot, admin, by } => SystemEvent::AdminSet { slot_id: slot, admin, by },
            Action::Yield { slot, to, by } => SystemEvent::SlotYielded { slot_id: slot, to, by },
            Action::Invite { slot, skew, by } => {
                let generation = composition.slot(slot).map_or(0, |slot| slot.invite) + skew;
                SystemEvent::InviteIssued { slot_id: slot, generation, by }
            }
            Action::CloseSlot { slot, by } => SystemEvent::SlotClosed { slot_id: slot, by },
            Action::Close { by } => SystemEvent::CloseRequested { by: Some(by) },
            Action::Finish => SystemEvent::Closed {},
            Action::Stop => SystemEvent::OperatorStopped {},
        }
    }
}

fn ran(bot_id: BotId, trigger: u64, outcome: HookOutcome, timers: Vec<TimerChange>) -> SystemEvent {
    SystemEvent::BotRan {
        bot_id,
        trigger,
        step: 0,
        hook: Hook::OnMessage,
        effects: 0,
        drawn: vec![],
        timers,
        result: Some(HookResult { outcome, exchanged: None, undelivered: vec![] }),
    }
}

/// Timers that are set or cancelled, each numbered relative to the one before.
fn timer_changes(mut last: u32, timers: Vec<(u32, Option<u16>)>) -> Vec<TimerChange> {
    let change = |(skew, after): (u32, Option<u16>)| {
        last += skew;
        TimerChange { n: last, after_ms: after.map(u64::from) }
    };
    timers.into_iter().map(change).collect()
}
