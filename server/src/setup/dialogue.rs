//! The conversation with the person at the terminal.

use std::io::{self, IsTerminal as _, Write as _};

use mcp_multiplayer_protocol::printable;

/// Answers to the questions whether to go on, before they are asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Consent {
    /// `--yes`.
    Given,
    /// `--print`: only show what would be done.
    Refused,
    /// Ask at the terminal.
    Ask,
    /// There is nobody to ask.
    Nobody,
}

impl Consent {
    pub(super) fn of(yes: bool, print: bool) -> Self {
        match (yes, print) {
            (_, true) => Self::Refused,
            (true, false) => Self::Given,
            _ if io::stdin().is_terminal() && io::stdout().is_terminal() => Self::Ask,
            _ => Self::Nobody,
        }
    }

    /// Asks a question that can be answered by yes or no.
    pub(super) fn confirm(self, question: &str) -> bool {
        match self {
            Self::Given => true,
            Self::Refused | Self::Nobody => false,
            Self::Ask => {
                let _ = write!(io::stdout(), "  {question} [y/N] ").and_then(|()| io::stdout().flush());
                let mut answer = String::new();
                let _ = io::stdin().read_line(&mut answer);
                matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes")
            }
        }
    }
}

/// Writes a line. Fails silently if nobody reads the output any more.
pub(super) fn say(line: &str) {
    let _ = writeln!(io::stdout(), "{}", printable(line));
}

/// Writes the lines of a text, each after a mark such as `+`.
pub(super) fn show(mark: char, text: &str) {
    for line in text.lines() {
        say(&format!("    {mark} {line}"));
    }
}
