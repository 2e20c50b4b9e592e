//! How far the bot sandbox reaches here.

use serde::{Deserialize, Serialize};

/// The wall around every bot of a supervisor, as it was found when it was tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sandbox {
    /// `full`: every layer holds. `kernel`: system calls are filtered and files out of reach. `process`: a process of
    /// its own with limits, or a forbidden act was not stopped.
    pub level: String,
    /// Its layers.
    pub layers: Vec<Layer>,
    /// What trying the forbidden acts showed; empty where that was not tried, because no layer is there.
    pub self_test: Vec<Act>,
}

/// A layer of the sandbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Layer {
    /// Its name.
    pub name: String,
    /// Whether it is active.
    pub active: bool,
    /// The reason why it is not active.
    pub reason: Option<String>,
}

/// A forbidden act that was tried from within the sandbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Act {
    /// What was tried.
    pub name: String,
    /// Whether it failed, as it must.
    pub stopped: bool,
}

/// Orders the levels.
fn rank(level: &str) -> u8 {
    match level {
        "full" => 2,
        "kernel" => 1,
        _ => 0,
    }
}

impl Sandbox {
    /// Judges what a worker told: an act that was not stopped shows that there is no sandbox.
    pub(crate) fn judged(level: &str, layers: Vec<Layer>, self_test: Vec<Act>) -> Self {
        let broken = self_test.iter().any(|act| !act.stopped);
        let level = if broken { "process" } else { level };
        Self { level: level.to_owned(), layers, self_test }
    }

    /// Whether it reaches at least as far as this level.
    pub fn reaches(&self, level: &str) -> bool {
        rank(&self.level) >= rank(level)
    }

    /// The self-test in a word: `passed`, `not tried`, or what was not stopped.
    pub fn verdict(&self) -> String {
        let failed: Vec<&str> = self.self_test.iter().filter(|act| !act.stopped).map(|act| act.name.as_str()).collect();
        if self.self_test.is_empty() {
            "not tried".to_owned()
        } else if failed.is_empty() {
            "passed".to_owned()
        } else {
            format!("not stopped: {}", failed.join(", "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_act_that_was_not_stopped_is_no_wall() {
        let act = |stopped| Act { name: "run a program".to_owned(), stopped };
        let sandbox = Sandbox::judged("full", vec![], vec![act(true)]);
        assert!(sandbox.reaches("full") && sandbox.reaches("kernel") && sandbox.reaches("process"));
        assert_eq!(sandbox.verdict(), "passed");
        let sandbox = Sandbox::judged("full", vec![], vec![act(true), act(false)]);
        assert!(!sandbox.reaches("kernel") && sandbox.reaches("process"));
        assert_eq!(sandbox.verdict(), "not stopped: run a program");
    }
}
