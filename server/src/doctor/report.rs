//! The results of the checks, for people and as JSON.

use std::fmt;

use mcp_multiplayer_protocol::{Error, printable};
use serde::Serialize;

/// Result of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Verdict {
    Ok,
    Problem,
    /// Something else has to work first, or nothing says how it should be.
    Unknown,
}

/// One thing that was checked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Check {
    subject: &'static str,
    pub(super) verdict: Verdict,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    advice: Option<String>,
}

/// All results, in the order of the checks.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Report {
    checks: Vec<Check>,
}

impl Report {
    pub(super) fn ok(&mut self, subject: &'static str, message: impl Into<String>) {
        self.checks.push(Check { subject, verdict: Verdict::Ok, message: message.into(), advice: None });
    }

    pub(super) fn problem(&mut self, subject: &'static str, message: impl Into<String>, advice: impl Into<String>) {
        let (message, advice) = (message.into(), Some(advice.into()));
        self.checks.push(Check { subject, verdict: Verdict::Problem, message, advice });
    }

    pub(super) fn unknown(&mut self, subject: &'static str, message: impl Into<String>, advice: Option<String>) {
        self.checks.push(Check { subject, verdict: Verdict::Unknown, message: message.into(), advice });
    }

    /// Adds a problem with the message and the hint of an error.
    pub(super) fn error(&mut self, subject: &'static str, error: &Error) {
        self.problem(subject, &*error.message, &*error.hint);
    }

    pub(super) fn has_problem(&self) -> bool {
        self.checks.iter().any(|check| check.verdict == Verdict::Problem)
    }

    /// The results as JSON, in one line.
    pub(super) fn to_json(&self) -> String {
        #[derive(Serialize)]
        struct Json<'a> {
            ok: bool,
            #[serde(flatten)]
            report: &'a Report,
        }
        serde_json::to_string(&Json { ok: !self.has_problem(), report: self }).expect("a report is plain JSON")
    }
}

/// Width of the column with the verdicts.
const COLUMN: usize = "cannot be checked".len() + 2;

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Check { subject, verdict, message, advice } in &self.checks {
            let verdict = match verdict {
                Verdict::Ok => "ok",
                Verdict::Problem => "problem",
                Verdict::Unknown => "cannot be checked",
            };
            writeln!(f, "{verdict:COLUMN$}{subject}: {}", printable(message))?;
            if let Some(advice) = advice {
                writeln!(f, "{:COLUMN$}→ {}", "", printable(advice))?;
            }
        }
        Ok(())
    }
}
