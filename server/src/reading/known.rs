//! The log of a channel as far as it was verified: pure, and without bodies.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use mcp_multiplayer_protocol::channel::{ChannelState, Composition, Head, Tenure, Visibility};
use mcp_multiplayer_protocol::merkle::Frontier;
use mcp_multiplayer_protocol::operation::{BotView, Logged};
use mcp_multiplayer_protocol::{BotId, ChannelId, Entry, Hash, SlotId, SystemEvent, canonical_text};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The state of a channel that follows from entries which were verified.
///
/// `state` follows from all entries up to its size. A former member gets nothing but the hashes of later entries: they are
/// in `tree`, which is then larger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct KnownChannel {
    /// The signed checkpoint of the size of `tree`; empty before the first entry.
    pub(super) checkpoint: String,
    pub(super) state: ChannelState,
    pub(super) tree: Frontier,
    /// All bots that were ever attached.
    pub(super) bots: BTreeMap<BotId, KnownBot>,
    tenures: Vec<KnownTenure>,
    /// The seats that accepted terms, with the hash of these.
    accepted: BTreeSet<(SlotId, Hash)>,
    /// The seats that this person took, each with the entry that began the tenure.
    own: BTreeSet<(SlotId, u64)>,
    /// The entries whose bodies were deleted.
    deleted: BTreeSet<u64>,
    /// The entries without a body that the reader may read, and that nothing so far calls deleted.
    missing: BTreeSet<u64>,
}

/// A bot, as the log describes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct KnownBot {
    pub(super) slot_id: SlotId,
    pub(super) name: String,
    pub(super) version: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) preset: Option<String>,
    pub(super) code_hash: Hash,
    pub(super) manifest_hash: Hash,
    pub(super) params_hash: Hash,
    /// Its manifest, while it is attached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    manifest: Option<Map<String, Value>>,
}

/// One tenure of a seat.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct KnownTenure {
    slot_id: SlotId,
    number: u32,
    began: u64,
    /// The entries with which the time of a principal in the seat ended: those that moved it to another one, and the last one.
    ends: Vec<u64>,
    is_open: bool,
}

/// The form in which it is stored.
#[derive(Serialize, Deserialize)]
struct Stored {
    checkpoint: String,
    head: Head,
    composition: Arc<Composition>,
    tree: Frontier,
    bots: BTreeMap<BotId, KnownBot>,
    tenures: Vec<KnownTenure>,
    accepted: BTreeSet<(SlotId, Hash)>,
    own: BTreeSet<(SlotId, u64)>,
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    deleted: BTreeSet<u64>,
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    missing: BTreeSet<u64>,
}

/// Entries of a log that a relay has sent, before and after they are verified.
#[derive(Clone, Debug, Default)]
pub(super) struct Received {
    pub(super) entries: BTreeMap<u64, Logged>,
    /// The reader that they are for, as the relay says; `None` before it said so.
    pub(super) reader: Option<Vec<Tenure>>,
}

/// Two statements that cannot both be true.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Finding {
    /// Sentence that says what must be so.
    pub(super) expected: String,
    /// Sentence that says what the relay said.
    pub(super) found: String,
}

/// Reason for which a log could not be verified up to a size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// The entries after this one are needed first.
    Missing(u64),
    Contradiction(Finding),
}

impl Finding {
    pub(super) fn new(expected: impl Into<String>, found: impl Into<String>) -> Self {
        Self { expected: expected.into(), found: found.into() }
    }
}

impl From<Finding> for Stop {
    fn from(finding: Finding) -> Self {
        Self::Contradiction(finding)
    }
}

impl Received {
    pub(super) fn visibility(&self) -> Visibility {
        Visibility::of(self.reader.as_deref().unwrap_or_default())
    }

    /// The first entry, of these and of those before, without a body that the reader may read, and that the log does not call
    /// deleted.
    pub(super) fn missing_body(&self, known: &KnownChannel) -> Option<u64> {
        let visibility = self.visibility();
        let mut entries = self.entries.values().filter_map(Logged::entry);
        let is_missing = |entry: &&Entry| {
            entry.content.is_none() && visibility.may_read(entry) && !known.deleted.contains(&entry.id())
        };
        entries.find(is_missing).map(Entry::id).or(known.missing.first().copied())
    }

    /// Checks that no body is withheld that the reader may read.
    pub(super) fn check_bodies(&self, known: &KnownChannel) -> Result<(), Finding> {
        let Some(id) = self.missing_body(known) else { return Ok(()) };
        Err(Finding::new(
            "The relay shows the bodies of all public entries, and of the private ones of your own seat, unless the log says that they were deleted.",
            format!("It left out the body of entry {id}."),
        ))
    }
}

impl KnownChannel {
    /// The state before the first entry.
    pub(super) fn nothing(channel_id: ChannelId) -> Self {
        Self {
            checkpoint: String::new(),
            state: ChannelState::empty(channel_id),
            tree: Frontier::default(),
            bots: BTreeMap::new(),
            tenures: Vec::new(),
            accepted: BTreeSet::new(),
            own: BTreeSet::new(),
            deleted: BTreeSet::new(),
            missing: BTreeSet::new(),
        }
    }

    /// Reads the stored form; `None` if it is not one of this channel.
    pub(super) fn from_json(text: &str, channel_id: ChannelId) -> Option<Self> {
        let Stored { checkpoint, head, composition, tree, bots, tenures, accepted, own, deleted, missing } =
            serde_json::from_str(text).ok()?;
        let is_whole = composition.channel_id == channel_id
            && tree.size() >= head.frontier.size()
            && head.bots.len() == composition.bots.len();
        let state = ChannelState { head, composition };
        is_whole.then_some(Self { checkpoint, state, tree, bots, tenures, accepted, own, deleted, missing })
    }

    pub(super) fn to_json(&self) -> String {
        let Self { checkpoint, state, tree, bots, tenures, accepted, own, deleted, missing } = self.clone();
        let ChannelState { head, composition } = state;
        let stored = Stored { checkpoint, head, composition, tree, bots, tenures, accepted, own, deleted, missing };
        serde_json::to_string(&stored).expect("it is plain JSON")
    }

    /// Number of entries whose hashes are known.
    pub(super) fn size(&self) -> u64 {
        self.tree.size()
    }

    /// Moves on to the entry `size`, and returns the hashes of the leaves that are new. On an error, it is no longer usable.
    ///
    /// Received entries up to the present size must have been compared with the known hashes. What it leads to is verified
    /// only when the root of the tree has been compared with a checkpoint.
    pub(super) fn advance(&mut self, received: &Received, size: u64) -> Result<Vec<Hash>, Stop> {
        let visibility = received.visibility();
        let end = visibility.end();
        let mut leaves = Vec::new();
        let is_past_end = |state: &ChannelState| end.is_some_and(|end| end <= state.size());
        let first = if is_past_end(&self.state) { self.tree.size() } else { self.state.size() } + 1;
        for id in first..=size {
            let logged = received.entries.get(&id).ok_or(Stop::Missing(id - 1))?;
            match logged {
                Logged::Entry(entry) if id == self.state.size() + 1 => {
                    self.append(entry)?;
                    if entry.content.is_none() && visibility.may_read(entry) {
                        self.missing.insert(id);
                    }
                }
                _ if !is_past_end(&self.state) => {
                    return Err(Stop::from(Finding::new(
                        "The relay shows all entries of your time in the channel.",
                        format!("It told nothing of entry {id} but a hash."),
                    )));
                }
                Logged::Entry(entry) if !visibility.includes(entry) => {
                    return Err(Stop::from(Finding::new(
                        "After your time in the channel you read only how what was under way has ended.",
                        format!("The relay sent entry {id}, which is none of that."),
                    )));
                }
                Logged::Entry(_) | Logged::Leaf(_) => {}
            }
            if id > self.tree.size() {
                self.tree.push(logged.leaf_hash());
                leaves.push(logged.leaf_hash());
            }
        }
        Ok(leaves)
    }

    fn append(&mut self, entry: &Entry) -> Result<(), Finding> {
        let id = entry.id();
        self.state.append(entry).map_err(|refusal| {
            Finding::new(
                "Every entry of a channel's log follows the rules of channels.",
                format!("Entry {id} breaks them: {}", refusal.message),
            )
        })?;
        match entry.event() {
            Some(event) => self.note(id, event),
            None => Ok(()),
        }
    }

    fn note(&mut self, id: u64, event: SystemEvent) -> Result<(), Finding> {
        match event {
            SystemEvent::BotAttach {
                bot_id,
                slot_id,
                name,
                version,
                preset,
                code_hash,
                manifest_hash,
                params_hash,
                ..
            } => {
                let bot =
                    KnownBot { slot_id, name, version, preset, code_hash, manifest_hash, params_hash, manifest: None };
                self.bots.insert(bot_id, bot);
            }
            SystemEvent::BotManifest { bot_id, manifest } => {
                let hash = canonical_hash(&Value::Object(manifest.clone()));
                match self.bots.get_mut(&bot_id) {
                    Some(bot) if Some(bot.manifest_hash) == hash => bot.manifest = Some(manifest),
                    _ => {
                        return Err(Finding::new(
                            "A manifest in the log has the hash that bot:attach says.",
                            format!("The manifest of {bot_id} in entry {id} is another one."),
                        ));
                    }
                }
            }
            SystemEvent::BotDetach { bot_id, .. } => {
                if let Some(bot) = self.bots.get_mut(&bot_id) {
                    bot.manifest = None;
                }
            }
            SystemEvent::MemberJoin { slot_id, .. } => {
                let number = self.state.composition.slot(slot_id).map_or(0, |slot| slot.tenure);
                self.tenures.push(KnownTenure { slot_id, number, began: id, ends: Vec::new(), is_open: true });
            }
            SystemEvent::MemberRejoin { slot_id, .. } => self.end_time_in(slot_id, id, false),
            SystemEvent::MemberLeave { slot_id, .. } | SystemEvent::MemberKick { slot_id, .. } => {
                self.end_time_in(slot_id, id, true);
            }
            SystemEvent::EntriesDeleted { ids, .. } => {
                self.missing.retain(|id| !ids.contains(id));
                self.deleted.extend(ids);
            }
            SystemEvent::TermsAccepted { slot_id, terms_hash } => {
                self.accepted.insert((slot_id, terms_hash));
            }
            _ => {}
        }
        Ok(())
    }

    fn end_time_in(&mut self, slot_id: SlotId, id: u64, is_last: bool) {
        if let Some(tenure) = self.tenures.iter_mut().rfind(|tenure| tenure.slot_id == slot_id) {
            tenure.ends.push(id);
            tenure.is_open &= !is_last;
        }
    }

    /// Checks that the reader that the relay states had these times in seats, and is in the seat that the request names.
    pub(super) fn check_reader(&self, reader: &[Tenure], slot_id: Option<SlotId>) -> Result<(), Finding> {
        for claimed in reader {
            let Tenure { slot_id: seat, number, began, ended } = *claimed;
            let is_known = self.tenures.iter().any(|tenure| {
                (tenure.slot_id, tenure.number, tenure.began) == (seat, number, began)
                    && ended.is_none_or(|ended| tenure.ends.contains(&ended))
            });
            if !is_known || slot_id.is_some_and(|wanted| wanted != seat) {
                let wanted = slot_id.map_or_else(|| "a seat as the log says".to_owned(), |slot_id| slot_id.to_string());
                return Err(Finding::new(
                    format!("You read from {wanted}."),
                    format!("The relay answered for the tenure of {seat} that began with entry {began}."),
                ));
            }
        }
        Ok(())
    }

    /// Notes that this person took a seat.
    pub(super) fn take(&mut self, slot_id: SlotId) {
        let taken = self.tenures.iter().rfind(|tenure| tenure.slot_id == slot_id);
        self.own.extend(taken.map(|tenure| (slot_id, tenure.began)));
    }

    /// Those of a reader's tenures that this person is known to have taken.
    pub(super) fn own(&self, reader: &[Tenure]) -> Vec<Tenure> {
        reader.iter().filter(|tenure| self.own.contains(&(tenure.slot_id, tenure.began))).copied().collect()
    }

    /// Returns `true` if the person has a tenure in this slot, of those known to be its own, that has not ended.
    pub(super) fn holds(&self, slot_id: SlotId) -> bool {
        self.tenures
            .iter()
            .any(|tenure| tenure.slot_id == slot_id && tenure.is_open && self.own.contains(&(slot_id, tenure.began)))
    }

    /// Returns `true` if the person took this seat at some time.
    pub(super) fn took(&self, slot_id: SlotId) -> bool {
        self.own.iter().any(|(own, _)| *own == slot_id)
    }

    /// Returns `true` if the holder of a seat accepted these terms at some time.
    pub(super) fn has_accepted(&self, slot_id: SlotId, terms_hash: Hash) -> bool {
        self.accepted.contains(&(slot_id, terms_hash))
    }

    /// The attached bots as members see them.
    pub(super) fn bot_views(&self) -> Vec<BotView> {
        let mut views: Vec<BotView> = self
            .state
            .composition
            .bots
            .iter()
            .filter_map(|attached| Some((&attached.bot_id, self.bots.get(&attached.bot_id)?)))
            .map(|(bot_id, bot)| BotView {
                bot_id: bot_id.clone(),
                slot_id: bot.slot_id,
                name: bot.name.clone(),
                version: bot.version.clone(),
                preset: bot.preset.clone(),
                inline: bot.preset.is_none(),
                manifest: bot.manifest.clone().unwrap_or_default(),
                code_hash: bot.code_hash,
                manifest_hash: bot.manifest_hash,
            })
            .collect();
        BotView::abridge(&mut views);
        views
    }
}

/// SHA-256 of a value's canonical JSON; `None` if it has none.
pub(super) fn canonical_hash(value: &Value) -> Option<Hash> {
    canonical_text("value", value).ok().map(|text| Hash::of(&[text.as_bytes()]))
}
