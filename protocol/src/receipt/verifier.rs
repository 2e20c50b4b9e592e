use std::collections::BTreeMap;

use serde_json::Value;

use super::later::{LaterLog, LaterSummary};
use super::line::{Header, LaterEntry, Line, LineError, Order, ReceiptBot, ReceiptExchange, ReceiptSeed};
use super::report::{Agreed, BotSummary, Ending, PlayerSummary, Report};
use crate::channel::{Audit, ChannelState, Terms, Violation};
use crate::checkpoint::{Checkpoint, Policy, Witnessed};
use crate::{
    BotId, Entry, Hash, HookResult, NetworkExchange, PrivateResult, PublicKey, Sender, SlotId, SystemEvent,
    canonical_text, record_hash, seed,
};

/// Verifies a receipt, line by line, in memory that does not grow with it (but for one byte for each entry).
///
/// It judges the log and its signature. That the bots' code has exactly the effects in the log is shown by a replay.
#[derive(Debug)]
pub struct Verifier {
    known_key: Option<PublicKey>,
    policy: Option<Policy>,
    order: Order,
    header: Option<Header>,
    audit: Option<Audit>,
    later: Option<LaterSummary>,
    /// Hashes of source and params of every bot that was ever attached.
    attached: BTreeMap<BotId, Attached>,
    /// Hashes of the network traffic of hooks that no line has shown yet, by bot, trigger and step.
    exchanged: BTreeMap<(BotId, u64, u32), NetworkExchange>,
    /// The result of a hook that a DM started, from its last effect until its `bot:ran`.
    private_result: Option<HookResult>,
    report: Report,
    /// The acceptances that are in force, by their places in the report.
    in_force: BTreeMap<SlotId, usize>,
    /// The seats of the holder of the file.
    seats_of_holder: Vec<SlotId>,
    /// Private entries without a body, to and from the holder of the file in the last tenure, with the seat.
    of_holder: BTreeMap<u64, SlotId>,
    has_players_entries: bool,
    has_checkpoint: bool,
    /// The cosignatures under the checkpoint, as the policy judges them.
    witnessed: Option<Witnessed>,
    /// The first problem of the file or its log. What follows it is not judged.
    is_broken: bool,
}

#[derive(Debug)]
struct Attached {
    code_hash: Hash,
    params_hash: Hash,
    seeds: seed::Commitments,
    is_shown: bool,
}

impl Verifier {
    /// A verifier. With `known_key`, the receipt must be signed with this key of the relay.
    pub fn new(known_key: Option<PublicKey>) -> Self {
        Self {
            known_key,
            policy: None,
            order: Order::default(),
            header: None,
            audit: None,
            later: None,
            attached: BTreeMap::new(),
            exchanged: BTreeMap::new(),
            in_force: BTreeMap::new(),
            seats_of_holder: Vec::new(),
            of_holder: BTreeMap::new(),
            private_result: None,
            report: Report::default(),
            has_players_entries: false,
            has_checkpoint: false,
            witnessed: None,
            is_broken: false,
        }
    }

    /// Also demands a known log and cosignatures, as the policy says.
    #[must_use]
    pub fn with_policy(self, policy: Option<Policy>) -> Self {
        Self { policy, ..self }
    }

    /// Reads the next line. After a line that breaks a rule, the rest is ignored: it could say anything.
    pub fn read(&mut self, text: &str) {
        if self.is_broken {
            return;
        }
        let read = match self.order.parse(text) {
            Ok(Line::Header(header)) => {
                self.start(header);
                Ok(())
            }
            Ok(Line::Entry(entry)) => self.read_entry(&entry),
            Ok(Line::Later(later)) => {
                let log = self.header.as_ref().and_then(|header| header.log.as_ref());
                let state = self.audit.as_ref().expect("the header comes first").state();
                LaterLog::read(&later, log, state).map(|later| self.later = Some(LaterSummary::new(later)))
            }
            Ok(Line::LaterEntry(later)) => self.read_later_entry(&later),
            Ok(Line::Bot(bot)) => self.read_bot(&bot),
            Ok(Line::Exchange(exchange)) => self.read_exchange(&exchange),
            Ok(Line::Checkpoint(note)) => self.read_checkpoint(&note),
            Err(LineError { line, reason }) => Err(format!("Line {line} of the file: {reason}.")),
        };
        if let Err(failure) = read {
            self.report.fails.push(failure);
            self.is_broken = true;
        }
    }

    fn start(&mut self, header: Header) {
        self.audit = Some(Audit::new(ChannelState::empty(header.channel_id)));
        self.report.channel_id = Some(header.channel_id);
        self.report.holder.clone_from(&header.holder);
        self.seats_of_holder = header.holder.split(", ").filter_map(|seat| seat.parse().ok()).collect();
        self.header = Some(header);
    }

    fn read_entry(&mut self, entry: &Entry) -> Result<(), String> {
        let audit = self.audit.as_mut().expect("the header comes first");
        audit.append(entry).map_err(|violation| format!("Entry {}: {}.", violation.entry, violation.reason))?;
        let is_private = entry.envelope.to_slot.is_some();
        self.report.entries = entry.id();
        self.report.began.get_or_insert(entry.envelope.ts);
        self.report.ended = Some(entry.envelope.ts);
        let sender = match entry.envelope.sender {
            Sender::Slot(slot_id) => Some(slot_id),
            _ => None,
        };
        let is_of_holder = |slot_id: &SlotId| self.seats_of_holder.contains(slot_id);
        if entry.content.is_none()
            && let Some(to_slot) = entry.envelope.to_slot
            && let Some(seat) = [Some(to_slot), sender].into_iter().flatten().find(is_of_holder)
        {
            self.of_holder.insert(entry.id(), seat);
        }
        match &entry.envelope.sender {
            Sender::System => {
                if let Some(event) = entry.body().and_then(|body| body.parse().ok()) {
                    self.read_event(entry, &event);
                    self.end_acceptances(entry.id());
                    if let SystemEvent::ChannelCreated { log, .. } = &event
                        && self.header.as_ref().is_some_and(|header| header.log != *log)
                    {
                        return Err("The header names another relay, or another key, than entry 1.".to_owned());
                    }
                }
            }
            Sender::Slot(slot_id) => {
                self.has_players_entries = true;
                let tenure = self.report.players.iter_mut().rev().find(|player| player.slot_id == *slot_id);
                if let Some(player) = tenure {
                    player.entries += 1;
                }
            }
            Sender::Bot(bot_id) => {
                let result = entry.direct_message().as_ref().and_then(PrivateResult::of_message);
                self.private_result = result.map(|PrivateResult { result, .. }| result);
                let bot = self.report.bots.iter_mut().find(|bot| bot.bot_id == *bot_id);
                if let (Some(bot), false) = (bot, is_private) {
                    bot.posts += 1;
                    let text = entry.body().and_then(|body| body.parse::<BTreeMap<String, Value>>().ok());
                    let text = text.and_then(|fields| fields.get("text")?.as_str().map(str::to_owned));
                    bot.last_words = text.or(bot.last_words.take());
                }
            }
        }
        Ok(())
    }

    fn read_event(&mut self, entry: &Entry, event: &SystemEvent) {
        match event {
            SystemEvent::ChannelCreated { name, .. } => self.report.name.clone_from(name),
            SystemEvent::BotAttach {
                bot_id,
                name,
                preset,
                code_hash,
                params_hash,
                seed_commitment,
                policy,
                sandbox,
                ..
            } => {
                let (has_policy, sandbox) = (policy.is_some(), sandbox.clone());
                let (code_hash, params_hash) = (*code_hash, *params_hash);
                let seeds = seed::Commitments::new(*seed_commitment);
                let attached = Attached { code_hash, params_hash, seeds, is_shown: false };
                self.attached.insert(bot_id.clone(), attached);
                let (bot_id, name, preset) = (bot_id.clone(), name.clone(), preset.clone());
                self.report.bots.push(BotSummary {
                    bot_id,
                    name,
                    preset,
                    code_hash,
                    has_policy,
                    sandbox,
                    attached: entry.id(),
                    detached: None,
                    changed: Vec::new(),
                    posts: 0,
                    last_words: None,
                });
            }
            SystemEvent::BotDetach { bot_id, .. } => {
                if let Some(bot) = self.report.bots.iter_mut().find(|bot| bot.bot_id == *bot_id) {
                    bot.detached = Some(entry.id());
                }
            }
            SystemEvent::BotRuntime { bot_id, sandbox, .. } => {
                if let Some(bot) = self.report.bots.iter_mut().find(|bot| bot.bot_id == *bot_id) {
                    bot.sandbox.clone_from(sandbox);
                    bot.changed.push(entry.id());
                }
            }
            SystemEvent::MemberJoin { slot_id, program, .. } => {
                // What came before is of an earlier tenure.
                self.of_holder.retain(|_, seat| seat != slot_id);
                self.report.players.push(PlayerSummary {
                    slot_id: *slot_id,
                    label: self.label_of(*slot_id),
                    joined: entry.id(),
                    left: None,
                    was_kicked: false,
                    is_program: *program,
                    moved: 0,
                    entries: 0,
                });
            }
            SystemEvent::MemberLeave { slot_id, .. } | SystemEvent::MemberKick { slot_id, .. } => {
                if let Some(player) = self.report.players.iter_mut().rev().find(|player| player.slot_id == *slot_id) {
                    player.left = Some(entry.id());
                    player.was_kicked = matches!(event, SystemEvent::MemberKick { .. });
                }
            }
            SystemEvent::MemberRejoin { slot_id, .. } => {
                if let Some(player) = self.report.players.iter_mut().rev().find(|player| player.slot_id == *slot_id) {
                    player.moved += 1;
                }
            }
            SystemEvent::TermsAccepted { slot_id, terms_hash } => {
                let (slot_id, terms_hash, entry) = (*slot_id, *terms_hash, entry.id());
                self.in_force.entry(slot_id).or_insert_with(|| {
                    self.report.agreed.push(Agreed { slot_id, terms_hash, entry, ended: None });
                    self.report.agreed.len() - 1
                });
            }
            SystemEvent::BotRan { bot_id, trigger, step, result, .. } => {
                self.report.hooks += 1;
                let result = result.clone().or(self.private_result.take());
                if let Some(exchanged) = result.and_then(|result| result.exchanged) {
                    self.exchanged.insert((bot_id.clone(), *trigger, *step), exchanged);
                }
            }
            SystemEvent::SeedRevealed { .. } => self.read_reveal(event),
            SystemEvent::BotSkipped { .. } => self.report.skipped += 1,
            SystemEvent::Closed {} => self.report.ending = Ending::Closed,
            SystemEvent::OperatorStopped {} => self.report.ending = Ending::Stopped,
            _ => {}
        }
    }

    /// Notes which acceptances of terms this entry has ended.
    fn end_acceptances(&mut self, entry: u64) {
        let Some(audit) = &self.audit else { return };
        let is_over = |slot_id: &SlotId| audit.state().composition.slot(*slot_id).is_none_or(|slot| !slot.accepted);
        for (_, place) in self.in_force.extract_if(.., |slot_id, _| is_over(slot_id)) {
            self.report.agreed[place].ended = Some(entry);
        }
    }

    fn read_later_entry(&mut self, later: &LaterEntry) -> Result<(), String> {
        let audit = self.audit.as_mut().expect("the header comes first");
        let summary = self.later.as_mut().expect("the later log comes first");
        let event = summary.log.read_entry(later, audit)?;
        summary.add(later.entry.id(), &event, &mut self.report);
        self.read_reveal(&event);
        Ok(())
    }

    fn read_reveal(&mut self, event: &SystemEvent) {
        if let SystemEvent::SeedRevealed { bot_id, epoch, next_commitment, .. } = event
            && let Some(attached) = self.attached.get_mut(bot_id)
        {
            attached.seeds.add_reveal(*epoch, *next_commitment);
        }
    }

    /// The label of a slot, which the whole channel has known since the slot was made.
    fn label_of(&self, slot_id: SlotId) -> String {
        let slot = self.audit.as_ref().and_then(|audit| audit.state().composition.slot(slot_id));
        slot.map(|slot| slot.label.clone()).unwrap_or_default()
    }

    fn read_bot(&mut self, bot: &ReceiptBot) -> Result<(), String> {
        let id = &bot.bot_id;
        let attached =
            self.attached.get_mut(id).ok_or_else(|| format!("The file has a bot {id} that was never attached."))?;
        if attached.is_shown {
            return Err(format!("The file has the bot {id} twice."));
        }
        if Hash::of(&[bot.source.as_bytes()]) != attached.code_hash {
            return Err(format!("The source of {id} in the file is not the one whose hash is in the log."));
        }
        let params = canonical_text("params", &Value::Object(bot.params.clone()));
        if !params.is_ok_and(|params| Hash::of(&[params.as_bytes()]) == attached.params_hash) {
            return Err(format!("The params of {id} in the file are not those whose hash is in the log."));
        }
        if let Some(ReceiptSeed { epoch, seed }) = &bot.seed
            && !seed::parse(seed).is_some_and(|seed| attached.seeds.fit(&seed, *epoch))
        {
            return Err(format!("The seed of {id} in the file is not the one that the relay committed to."));
        }
        attached.is_shown = true;
        Ok(())
    }

    fn read_exchange(&mut self, exchange: &ReceiptExchange) -> Result<(), String> {
        let ReceiptExchange { bot_id, trigger, step, salt, record } = exchange;
        let logged = self.exchanged.remove(&(bot_id.clone(), *trigger, *step));
        let traffic = format!("The network traffic of {bot_id} for entry {trigger}");
        match logged {
            Some(NetworkExchange { sealed: true, .. }) => {
                Err(format!("{traffic} is in the file, although the log says that a secret was in it."))
            }
            Some(NetworkExchange { record_hash: logged, .. }) if logged == record_hash(salt, record) => Ok(()),
            _ => Err(format!("{traffic} in the file is not the one whose hash is in the log.")),
        }
    }

    fn read_checkpoint(&mut self, note: &str) -> Result<(), String> {
        let Some(Header { channel_id, log: Some(log), .. }) = &self.header else {
            return Err("The file has a checkpoint, but its header names no relay.".to_owned());
        };
        let origin = log.origin.channel(*channel_id);
        let checkpoint = Checkpoint::verify(note, &origin, &log.key)
            .map_err(|error| format!("The signature under the log does not hold: {error}."))?;
        let frontier = &self.audit.as_ref().expect("the header comes first").state().head.frontier;
        if checkpoint.tree.size != frontier.size() {
            let (signed, read) = (checkpoint.tree.size, frontier.size());
            return Err(format!("The signature is for a log of {signed} entries, but the file has {read}."));
        }
        if checkpoint.tree.root != frontier.root() {
            return Err("The signature is for another log: these are not the entries that the relay signed.".to_owned());
        }
        self.has_checkpoint = true;
        let judge =
            |policy: &Policy| policy.judge(note).map_err(|error| format!("The cosignatures cannot be read: {error}."));
        self.witnessed = self.policy.as_ref().map(judge).transpose()?;
        Ok(())
    }

    /// The result, after the last line.
    pub fn finish(mut self) -> Report {
        if let Some(audit) = &self.audit {
            let terms = Terms::of(&audit.state().composition).hash();
            self.report.terms_hash = (audit.state().size() > 0).then_some(terms);
            self.report.pending = audit.pending().count() as u64;
            let overdue = audit.overdue().count();
            if overdue > 0 {
                let text = format!("Why timers that were due did not fire ({overdue}).");
                self.report.unknown.push(text);
            }
            let dropped = audit.dropped().len();
            if dropped > 0 {
                let text = format!(
                    "What hooks would have done that were due when their bot was removed, or the channel stopped ({dropped})."
                );
                self.report.unknown.push(text);
            }
            if self.report.pending > 0 {
                let text = format!("What hooks do that were due at the end of the log ({}).", self.report.pending);
                self.report.unknown.push(text);
            }
        }
        let entries = self.report.entries;
        if !self.is_broken {
            let missing = self.audit.as_ref().and_then(Audit::missing_body);
            let missing = missing.map(|Violation { entry, reason }| format!("Entry {entry}: {reason}."));
            self.report.fails.extend(missing);
            if entries == 0 {
                self.report.fails.push("The file has no entries.".to_owned());
            }
            self.judge_signature(entries);
        } else if entries > 0 {
            self.report
                .unknown
                .push(format!("Whatever comes after entry {entries}: the file was not read any further."));
        }
        if entries > 0 {
            self.report.holds.push(format!(
                "Entries 1 to {entries} follow the rules of channels, and the hooks that ran ({}) were due, with all their effects.",
                self.report.hooks
            ));
        }
        if let Some(later) = self.later.take() {
            later.report(entries, &mut self.report);
        }
        self.judge_bots();
        let of_holder = |id: &u64| self.of_holder.contains_key(id);
        let (own, withheld): (Vec<u64>, Vec<u64>) = self.audit.iter().flat_map(Audit::withheld).partition(of_holder);
        let deleted = self.audit.as_ref().map_or(0, Audit::deleted);
        if !withheld.is_empty() {
            let number = withheld.len();
            let text = format!("What the private entries say that are not for the holder of this file ({number}).");
            self.report.unknown.push(text);
        }
        if !own.is_empty() {
            let number = own.len();
            let text = format!(
                "What private entries to and from the holder of this file say ({number}): they were left out, although a relay puts them into it."
            );
            self.report.unknown.push(text);
        }
        if deleted > 0 {
            self.report.unknown.push(format!("What the entries said that were deleted ({deleted})."));
        }
        if self.has_players_entries {
            let text = "Whether the players wrote what the log says that they wrote: players do not sign, it is the relay's word.";
            self.report.unknown.push(text.to_owned());
        }
        self.report
    }

    fn judge_signature(&mut self, entries: u64) {
        let Some(header) = &self.header else {
            self.report.fails.push("The file is empty.".to_owned());
            return;
        };
        let Some(log) = &header.log else {
            if self.known_key.is_some() || self.policy.is_some() {
                self.report.fails.push("No relay signed this log, but a key or a policy asks for it.".to_owned());
            }
            self.report
                .unknown
                .push("Who made this log: it was played without a relay, and nobody signed it.".to_owned());
            return;
        };
        if !self.has_checkpoint {
            self.report
                .fails
                .push(format!("The file is cut off after entry {entries}: the relay's signature is missing."));
            return;
        }
        let signed =
            format!("The relay {} signed exactly these {entries} entries, with the key {}.", log.origin, log.key);
        let channel = log.origin.channel(header.channel_id);
        let policy = self.policy.as_ref().filter(|policy| policy.has_logs());
        let is_accepted = policy.map(|policy| policy.accepts_log(&[&log.origin, &channel], &log.key));
        match self.known_key {
            Some(key) if key == log.key => self.report.holds.push(format!("{signed} It is the key that you know.")),
            Some(key) => {
                self.report.fails.push(format!("The relay's key is {}, not the one that you know, {key}.", log.key));
            }
            None if is_accepted == Some(true) => {
                self.report.holds.push(format!("{signed} It is a key of your policy."));
            }
            None => {
                self.report.holds.push(signed);
                if is_accepted.is_none() {
                    let text = "Whether this key is the relay's: compare it with the log_key that health_check shows, and give it with --key.";
                    self.report.unknown.push(text.to_owned());
                }
            }
        }
        if is_accepted == Some(false) {
            let (origin, key) = (&log.origin, &log.key);
            self.report.fails.push(format!("The policy has no log {origin} or {channel} with the key {key}."));
        }
        let text = "Whether the relay signed another log of this channel for somebody else: compare two players' receipts, with 'mcp-multiplayer compare'.";
        self.report.unknown.push(text.to_owned());
        self.judge_witnesses();
    }

    fn judge_witnesses(&mut self) {
        let (Some(policy), Some(Witnessed { by, invalid, is_quorum })) = (&self.policy, &self.witnessed) else {
            let text = "Whether witnesses saw this log: 'mcp-multiplayer verify --policy' checks the cosignatures that you ask for.";
            self.report.unknown.push(text.to_owned());
            return;
        };
        for witness in invalid {
            self.report.fails.push(format!("The cosignature of the witness {witness} is not valid."));
        }
        let witnesses = if by.is_empty() { "no witness of it".to_owned() } else { by.join(", ") };
        if !is_quorum {
            self.report.fails.push(format!("The policy's quorum is not met: {witnesses} cosigned this log."));
        } else if policy.needs_witnesses() {
            self.report.holds.push(format!("The policy's quorum is met: {witnesses} cosigned exactly this log."));
        } else {
            let text = "Whether witnesses saw this log: the policy asks for none.";
            self.report.unknown.push(text.to_owned());
        }
    }

    fn judge_bots(&mut self) {
        let attached: Vec<BotId> = self.attached.keys().cloned().collect();
        for bot_id in &attached {
            self.report.needs_replay(bot_id);
        }
        for bot in self.report.bots.iter().filter(|_| !self.is_broken) {
            let name = &bot.name;
            if self.attached.get(&bot.bot_id).is_some_and(|attached| attached.is_shown) {
                self.report.holds.push(format!(
                    "The source of {name} in this file is the one that was attached, {}.",
                    bot.code_hash
                ));
            } else {
                self.report.fails.push(format!("The file does not have the source of {name}."));
            }
        }
    }
}
