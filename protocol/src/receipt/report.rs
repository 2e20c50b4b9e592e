use std::fmt;

use serde::Serialize;

use crate::{BotId, ChannelId, Hash, SlotId, Timestamp, printable};

/// The result of verifying a receipt: the players, their agreements and the course of the channel, with the lists of
/// what holds, what fails and what cannot be known.
///
/// The texts of the three lists are sentences. They may quote names from the log.
#[derive(Debug, Default, Serialize)]
pub struct Report {
    /// The channel.
    pub channel_id: Option<ChannelId>,
    /// Its name, at the beginning.
    pub name: String,
    /// For whom the receipt was made.
    pub holder: String,
    /// The tenures, in the order in which they began.
    pub players: Vec<PlayerSummary>,
    /// The bots, in the order in which they were attached.
    pub bots: Vec<BotSummary>,
    /// Hash of the terms at the end.
    pub terms_hash: Option<Hash>,
    /// The acceptances of terms, in the order of the log, without repetitions while one is in force.
    pub agreed: Vec<Agreed>,
    /// Number of entries that follow the rules.
    pub entries: u64,
    /// Time of the first entry.
    pub began: Option<Timestamp>,
    /// Time of the last entry.
    pub ended: Option<Timestamp>,
    /// The state of the channel at the end of the log.
    pub ending: Ending,
    /// Number of hooks that ran.
    pub hooks: u64,
    /// Number of hooks that were due but did not run.
    pub skipped: u64,
    /// Number of hooks that had not run yet when the log ended.
    pub pending: u64,
    /// The statements that are proven.
    pub holds: Vec<String>,
    /// The statements that are refuted.
    pub fails: Vec<String>,
    /// The statements that this file can neither prove nor refute, each with the reason.
    pub unknown: Vec<String>,
}

/// A tenure.
#[derive(Debug, Serialize)]
pub struct PlayerSummary {
    /// The seat.
    pub slot_id: SlotId,
    /// Its label.
    pub label: String,
    /// The entry that began the tenure.
    pub joined: u64,
    /// The entry that ended it.
    pub left: Option<u64>,
    /// True if the player was removed.
    pub was_kicked: bool,
    /// True if the player is a program of the relay, says the relay.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub is_program: bool,
    /// Number of times that the seat moved to another principal.
    pub moved: u32,
    /// Number of the player's entries.
    pub entries: u64,
}

/// A bot.
#[derive(Debug, Serialize)]
pub struct BotSummary {
    /// Its id.
    pub bot_id: BotId,
    /// Its name.
    pub name: String,
    /// Name of the preset, if it is one.
    pub preset: Option<String>,
    /// Hash of its source.
    pub code_hash: Hash,
    /// True if its source passed the policy, says the relay.
    pub has_policy: bool,
    /// Level of the sandbox around it at the end, says the relay.
    pub sandbox: String,
    /// The entry that attached it.
    pub attached: u64,
    /// The entry that detached it.
    pub detached: Option<u64>,
    /// The entries that say that its software, its sandbox, or the rules for its connections changed.
    pub changed: Vec<u64>,
    /// Number of its public posts.
    pub posts: u64,
    /// Text of the last one.
    pub last_words: Option<String>,
}

/// An acceptance of terms.
#[derive(Debug, Serialize)]
pub struct Agreed {
    /// The seat whose player accepted.
    pub slot_id: SlotId,
    /// Hash of the terms.
    pub terms_hash: Hash,
    /// The entry.
    pub entry: u64,
    /// The entry since which the acceptance is no longer in force: the terms changed, or the player left or handed over the
    /// seat.
    pub ended: Option<u64>,
}

/// The state of a channel at the end of its log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// It had not ended.
    #[default]
    Open,
    /// Somebody closed it.
    Closed,
    /// The operator of the relay stopped it.
    Stopped,
}

/// Beginning of the sentence about a bot that was not run again.
const NOT_REPLAYED: &str = "Whether this source of";

impl Report {
    /// Notes that the log alone does not show what a bot's source does.
    pub(super) fn needs_replay(&mut self, bot_id: &BotId) {
        self.unknown.push(format!(
            "{NOT_REPLAYED} {bot_id} had exactly these effects: 'mcp-multiplayer verify --replay' shows it."
        ));
    }

    /// Removes that note, because the bot was run again.
    pub fn replayed(&mut self, bot_id: &str) {
        let note = format!("{NOT_REPLAYED} {bot_id} ");
        self.unknown.retain(|sentence| !sentence.starts_with(&note));
    }

    /// Returns `true` if the file begins like a receipt. Of any other file nothing can be said.
    pub fn is_of_receipt(&self) -> bool {
        self.channel_id.is_some()
    }

    /// Returns `true` if nothing fails, and something was checked.
    pub fn is_good(&self) -> bool {
        self.fails.is_empty() && self.entries > 0
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Texts that others wrote must not control the terminal.
        let name = if self.name.is_empty() { "a channel" } else { &self.name };
        write!(f, "Receipt of {:?}", printable(name))?;
        if let Some(channel_id) = self.channel_id {
            write!(f, ", {channel_id}")?;
        }
        writeln!(f, ", made for {}", printable(&self.holder))?;
        if let (Some(began), Some(ended)) = (self.began, self.ended) {
            writeln!(f, "{}, from {began} to {ended}", count(self.entries, "entry", "entries"))?;
        }
        writeln!(f, "\nWho played")?;
        for player in &self.players {
            let entries = count(player.entries, "entry", "entries");
            write!(f, "  {}  {}: {entries}", player.slot_id, printable(&player.label))?;
            if player.is_program {
                write!(f, "; the relay's own program")?;
            }
            match (player.left, player.was_kicked) {
                (Some(left), true) => write!(f, "; removed by entry {left}")?,
                (Some(left), false) => write!(f, "; left with entry {left}")?,
                (None, _) => {}
            }
            if player.moved > 0 {
                write!(f, "; the relay says that the seat moved to somebody else ({})", player.moved)?;
            }
            writeln!(f)?;
        }
        if self.players.is_empty() {
            writeln!(f, "  nobody")?;
        }
        writeln!(f, "\nWhat was agreed")?;
        for bot in &self.bots {
            let origin = if bot.preset.is_some() { "a preset, says the relay" } else { "code of its own" };
            write!(
                f,
                "  the bot {}: {origin}, {}, attached with entry {}",
                printable(&bot.name),
                bot.code_hash,
                bot.attached
            )?;
            if let Some(detached) = bot.detached {
                write!(f, ", detached with entry {detached}")?;
            }
            if !bot.has_policy {
                write!(f, ", without the policy")?;
            }
            if bot.sandbox != "full" {
                write!(f, ", in a sandbox of the level {}", printable(&bot.sandbox))?;
            }
            writeln!(f)?;
            for entry in &bot.changed {
                writeln!(f, "    entry {entry} changed its software, its sandbox, or the rules for its connections")?;
            }
        }
        if let Some(terms_hash) = self.terms_hash {
            writeln!(f, "  the terms are {terms_hash}")?;
        }
        for Agreed { slot_id, terms_hash, entry, ended } in &self.agreed {
            let which = if Some(*terms_hash) == self.terms_hash { "these" } else { "earlier" };
            write!(f, "  {slot_id} accepted {which} terms, with entry {entry}")?;
            match ended {
                Some(ended) => writeln!(f, ", which was in force until entry {ended}")?,
                None => writeln!(f)?,
            }
        }
        writeln!(f, "\nWhat happened")?;
        let hooks = count(self.hooks, "hook", "hooks");
        writeln!(f, "  {hooks} of bots ran; skipped: {}; not run yet: {}", self.skipped, self.pending)?;
        for bot in &self.bots {
            if let Some(text) = &bot.last_words {
                writeln!(f, "  {} said at last: {}", printable(&bot.name), printable(text))?;
            }
        }
        match self.ending {
            Ending::Open => writeln!(f, "  the channel was still open")?,
            Ending::Closed => writeln!(f, "  the channel was closed")?,
            Ending::Stopped => writeln!(f, "  the operator of the relay stopped the channel")?,
        }
        for (title, sentences) in
            [("Holds", &self.holds), ("Fails", &self.fails), ("Cannot be known from this file", &self.unknown)]
        {
            writeln!(f, "\n{title}")?;
            for sentence in sentences {
                writeln!(f, "  - {}", printable(sentence))?;
            }
            if sentences.is_empty() {
                writeln!(f, "  nothing")?;
            }
        }
        Ok(())
    }
}

/// A number with what it counts: `1 entry`, `2 entries`.
fn count(number: u64, one: &str, more: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { more })
}
