//! Result of a replay, and its text.

use std::collections::BTreeMap;
use std::fmt;

use mcp_multiplayer_protocol::{BotId, printable};
use serde::Serialize;

/// Result of replaying a channel.
#[derive(Debug, Default, Serialize)]
pub struct Replayed {
    /// Results by bot.
    pub bots: BTreeMap<BotId, BotReplay>,
}

/// Result of replaying one bot.
#[derive(Debug, Default, Serialize)]
pub struct BotReplay {
    /// Number of hooks that reproduced the log exactly.
    pub identical: u64,
    /// Number of hooks that did not run, according to the log.
    pub skipped: u64,
    /// Number of hooks that were due when the log ended.
    pub pending: u64,
    /// Private entries whose hooks had no visible effect. As their text is not in the file, it is assumed that they changed
    /// nothing.
    pub assumed: Vec<u64>,
    /// Hooks that did not reproduce the log.
    pub differences: Vec<Difference>,
    /// Hooks that could not be checked.
    pub unknown: Vec<Unchecked>,
}

/// A hook that did not reproduce the log.
#[derive(Debug, Serialize)]
pub struct Difference {
    /// The entry that started the hook.
    pub trigger: u64,
    /// The hook's name.
    pub hook: &'static str,
    /// Entries that only the log has.
    pub log: Vec<String>,
    /// Entries that only the replay has.
    pub replay: Vec<String>,
}

/// A hook that could not be checked against the log.
///
/// If the log says that the hook succeeded, the hooks after it could not be checked either, because the state that
/// it left behind is not known. Nor could they if it ran out of time here, because each of them could do so, too.
#[derive(Debug, Serialize)]
pub struct Unchecked {
    /// The entry that started the hook.
    pub trigger: u64,
    /// Reason why it could not be checked.
    pub reason: String,
}

impl Replayed {
    /// Returns whether a hook did not reproduce the log.
    pub fn differs(&self) -> bool {
        self.bots.values().any(|bot| !bot.differences.is_empty())
    }

    /// Returns whether every hook that ran was replayed and reproduced the log exactly. Nothing is complete if no hook ran.
    pub fn is_complete(&self) -> bool {
        self.bots.values().all(BotReplay::is_complete) && self.bots.values().any(|bot| bot.identical > 0)
    }
}

impl BotReplay {
    fn is_complete(&self) -> bool {
        self.differences.is_empty() && self.unknown.is_empty() && self.assumed.is_empty() && self.pending == 0
    }

    pub(super) fn add_unchecked(&mut self, trigger: u64, reason: String) {
        self.unknown.push(Unchecked { trigger, reason });
    }
}

impl fmt::Display for Replayed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Texts of a log that others wrote must not control the terminal.
        for (bot_id, bot) in &self.bots {
            let bot_id = printable(bot_id.as_str());
            let all = if bot.is_complete() { "all " } else { "" };
            match bot.identical {
                1 => writeln!(f, "{bot_id}: 1 hook reproduced the log exactly")?,
                hooks => writeln!(f, "{bot_id}: {all}{hooks} hooks reproduced the log exactly")?,
            }
            if bot.skipped > 0 {
                writeln!(f, "  {} did not run, according to the log", bot.skipped)?;
            }
            if !bot.assumed.is_empty() {
                writeln!(
                    f,
                    "  assuming that the hooks of these private entries, which are not in this file, changed nothing: {}",
                    list(&bot.assumed)
                )?;
            }
            match bot.pending {
                0 => {}
                1 => writeln!(f, "  1 hook or timer was due, and has not run")?,
                hooks => writeln!(f, "  {hooks} hooks or timers were due, and have not run")?,
            }
            for Difference { trigger, hook, log, replay } in &bot.differences {
                writeln!(f, "  DIFFERENT: {hook}, started by entry {trigger}")?;
                log.iter().try_for_each(|line| writeln!(f, "    only in the log     {}", printable(line)))?;
                replay.iter().try_for_each(|line| writeln!(f, "    only in the replay  {}", printable(line)))?;
            }
            for Unchecked { trigger, reason } in &bot.unknown {
                writeln!(f, "  could not be checked, entry {trigger}: {}", printable(reason))?;
            }
        }
        if self.bots.is_empty() {
            writeln!(f, "the channel never had a bot: nothing was checked")?;
        }
        Ok(())
    }
}

/// Numbers, with commas between them.
pub(super) fn list(numbers: &[u64]) -> String {
    numbers.iter().map(u64::to_string).collect::<Vec<_>>().join(", ")
}
