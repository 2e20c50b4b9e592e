use serde::{Deserialize, Serialize};

/// Something about a source that its author should know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Finding {
    pub(super) level: Level,
    /// Which rule it breaks: `policy`, `misspelt-hook`.
    pub(super) rule: String,
    /// The line, where it has one.
    pub(super) line: Option<u32>,
    pub(super) message: String,
    /// What to do about it.
    pub(super) hint: Option<String>,
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Level {
    /// A relay refuses the bot, or a hook fails whenever it runs.
    Error,
    /// Most likely a mistake.
    Warning,
    /// Worth a thought.
    Note,
}

impl Finding {
    pub(super) fn error(rule: &str, line: Option<u32>, message: impl Into<String>, hint: Option<String>) -> Self {
        Self { level: Level::Error, rule: rule.to_owned(), line, message: message.into(), hint }
    }

    pub(super) fn note(rule: &str, line: Option<u32>, message: String, hint: &str) -> Self {
        Self { level: Level::Note, rule: rule.to_owned(), line, message, hint: Some(hint.to_owned()) }
    }

    /// Whether it has to be mended.
    pub(super) fn is_problem(&self) -> bool {
        self.level != Level::Note
    }

    /// `bot.py:3: policy: Import of 'os' is not allowed`, and the hint below.
    pub(super) fn in_file(&self, file: &str) -> String {
        let Self { line, rule, message, hint, .. } = self;
        let place = line.map(|line| format!(":{line}")).unwrap_or_default();
        let hint = hint.as_ref().map(|hint| format!("\n    {hint}")).unwrap_or_default();
        format!("{file}{place}: {rule}: {message}{hint}")
    }
}
