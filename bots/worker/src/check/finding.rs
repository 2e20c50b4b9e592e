//! A problem in a bot's source, as `check` reports it.

use mcp_multiplayer_protocol::printable;
use serde::{Deserialize, Serialize};

/// A problem or a suspicious place in a source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Finding {
    pub(super) level: Level,
    /// The rule that it breaks: `policy`, `misspelt-hook`.
    pub(super) rule: String,
    /// The line, if it belongs to one.
    pub(super) line: Option<u32>,
    pub(super) message: String,
    /// Advice on how to fix it.
    pub(super) hint: Option<String>,
}

/// Severity of a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Level {
    /// A relay rejects the bot, or a hook fails every time.
    Error,
    /// Most likely a mistake.
    Warning,
    /// Possibly unintended; does not count as a problem.
    Note,
}

impl Finding {
    pub(super) fn error(rule: &str, line: Option<u32>, message: impl Into<String>, hint: Option<String>) -> Self {
        Self { level: Level::Error, rule: rule.to_owned(), line, message: message.into(), hint }
    }

    pub(super) fn warning(rule: &str, line: Option<u32>, message: String, hint: &str) -> Self {
        Self { level: Level::Warning, ..Self::note(rule, line, message, hint) }
    }

    pub(super) fn note(rule: &str, line: Option<u32>, message: String, hint: &str) -> Self {
        Self { level: Level::Note, rule: rule.to_owned(), line, message, hint: Some(hint.to_owned()) }
    }

    /// Returns whether it should be fixed.
    pub(super) fn is_problem(&self) -> bool {
        self.level != Level::Note
    }

    /// Formats it as `bot.py:3: policy: Import of 'os' is not allowed`, with the hint on the next line.
    pub(super) fn in_file(&self, file: &str) -> String {
        let Self { line, rule, message, hint, .. } = self;
        let place = line.map(|line| format!(":{line}")).unwrap_or_default();
        let hint = hint.as_ref().map(|hint| format!("\n    {}", printable(hint))).unwrap_or_default();
        format!("{}{place}: {}: {}{hint}", printable(file), printable(rule), printable(message))
    }
}
